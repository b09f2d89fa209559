<?php

/** Run by phpunit inside of a WordPress, whose folder is in SITE. */

namespace TryOnButton\Tests;

use PHPUnit\Framework\TestCase;
use TryOnButton\Offer;
use TryOnButton\Settings;
use TryOnButton\SettingsPage;
use WC_Product;

$_SERVER += ['HTTP_HOST' => '127.0.0.1'];
require_once getenv('SITE') . '/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/plugin.php';
require_once ABSPATH . 'wp-admin/includes/template.php';

final class TryOnButtonTest extends TestCase
{
    protected function setUp(): void
    {
        update_option(Settings::OPTION, ['address' => 'https://tryon.shop.example']);
    }

    protected function tearDown(): void
    {
        remove_all_filters('try_on_button_id');
        remove_all_filters('try_on_button_shown');
        remove_all_filters('woocommerce_product_get_sku');
    }

    private function product(string $title, string $type = 'product'): WC_Product
    {
        $post = get_page_by_title($title, OBJECT, $type);
        return wc_get_product($post->ID);
    }

    private function offer(WC_Product $product): Offer
    {
        return new Offer(Settings::saved(), $product);
    }

    private function id(WC_Product $product): string
    {
        return $this->offer($product)->attributes()['product-id'];
    }

    public function testAVariationWithoutASkuIsItsParent(): void
    {
        $this->assertSame('ROAD-42', $this->id($this->product('Road Shoe - 42', 'product_variation')));
        $this->assertSame('ROAD', $this->id($this->product('Road Shoe - 43', 'product_variation')));
    }

    public function testASkuOfZeroIsASku(): void
    {
        $plain = $this->product('Plain Shoe');
        $this->assertSame((string) $plain->get_id(), $this->id($plain));
        update_post_meta($plain->get_id(), '_sku', '0');
        $this->assertSame('0', $this->id($plain));
        update_post_meta($plain->get_id(), '_sku', '');
    }

    public function testAnIdIsThatOfTheExportWhateverAFilterShowsAsTheSku(): void
    {
        add_filter('woocommerce_product_get_sku', fn($sku) => "No. $sku");
        $this->assertSame('ROAD', $this->id($this->product('Road Shoe')));
    }

    public function testAShopMaySayAnotherId(): void
    {
        add_filter('try_on_button_id', fn($id, $product) => "gla_{$product->get_id()}", 10, 2);
        $hat = $this->product('Hat');
        $this->assertSame("gla_{$hat->get_id()}", $this->id($hat));
        $this->assertStringContainsString("product_id=gla_{$hat->get_id()}", $this->offer($hat)->link());
    }

    public function testTheLinkCarriesAnyIdAndTheCategory(): void
    {
        $settings = ['address' => 'https://tryon.shop.example', 'category' => 'footwear'];
        update_option(Settings::OPTION, $settings);
        $this->assertSame(
            'https://tryon.shop.example/t/?product_id=R%26D%201%2F%C3%A9&category=footwear',
            preg_replace('/&signature=.*/', '', $this->offer($this->product('Trail Runner'))->link())
        );
    }

    public function testACategoryStandsForThoseBelowItAndATagForItself(): void
    {
        $shoes = get_term_by('name', 'Shoes', 'product_cat')->term_id;
        $new = get_term_by('name', 'new', 'product_tag')->term_id;
        foreach ([[$shoes, true, false], [$new, true, false], [-1, false, false]] as [$term, $trail, $hat]) {
            update_option(Settings::OPTION, ['terms' => [$term]]);
            $this->assertSame($trail, $this->offer($this->product('Trail Runner'))->isChosen());
            $this->assertSame($hat, $this->offer($this->product('Hat'))->isChosen());
        }
        add_filter('try_on_button_shown', '__return_true');
        $this->assertTrue($this->offer($this->product('Hat'))->isChosen());
    }

    public static function addresses(): array
    {
        return [
            ['https://tryon.shop.example/', 'https://tryon.shop.example'],
            [' https://shop.example/tryon ', 'https://shop.example/tryon'],
            ['http://127.0.0.1:8000', 'http://127.0.0.1:8000'],
            ['', ''],
            ['http://tryon.shop.example', null],
            ['javascript:alert(1)//x', null],
            ['tryon.shop.example', null],
            ['https://tryon.shop.example/?a', null],
            ['https://tryon.shop.example/#a', null],
            ['https://', null],
        ];
    }

    /** @dataProvider addresses */
    public function testAnAddressIsTakenOrStaysAsItWas(string $typed, ?string $taken): void
    {
        global $wp_settings_errors;
        $wp_settings_errors = [];
        $cleaned = Settings::cleaned(['address' => $typed])['address'];
        $this->assertSame($taken ?? 'https://tryon.shop.example', $cleaned);
        $this->assertCount($taken === null ? 1 : 0, get_settings_errors(Settings::OPTION));
    }

    public function testWhatIsNoSettingIsNotTaken(): void
    {
        $typed = ['terms' => ['4', 'x', '-5'], 'label' => '<b>Try</b>', 'place' => 'exec', 'more' => 'x'];
        $expected = ['address' => '', 'terms' => [4, 5], 'category' => '', 'label' => 'Try', 'place' => 'button'];
        $this->assertSame($expected, Settings::cleaned($typed));
        $this->assertSame('', Settings::cleaned('nonsense')['address']);
    }

    public function testItIsTranslated(): void
    {
        foreach (['de_DE' => 'Anprobieren', 'es_ES' => 'Pruébatelo', 'tlh' => 'Try it on'] as $locale => $label) {
            unload_textdomain('try-on-button');
            $file = "try-on-button/languages/try-on-button-$locale.mo";
            load_textdomain('try-on-button', WP_PLUGIN_DIR . "/$file");
            $this->assertSame($label, __('Try it on', 'try-on-button'));
        }
        unload_textdomain('try-on-button');
    }

    public function testItsSettingsGoWithIt(): void
    {
        $this->assertNotFalse(get_option(Settings::OPTION));
        define('WP_UNINSTALL_PLUGIN', 'try-on-button/try-on-button.php');
        require WP_PLUGIN_DIR . '/try-on-button/uninstall.php';
        $this->assertFalse(get_option(Settings::OPTION));
    }
}
