<?php

namespace TryOnButton;

use WC_Product;

/** The button on product pages, in step with the variation that is chosen. */
final class Button
{
    private const SCRIPT = 'try-on-button';

    private const VARIATIONS = 'try-on-button-variations';

    private Settings $settings;

    private string $plugin;

    public function __construct(Settings $settings, string $plugin)
    {
        $this->settings = $settings;
        $this->plugin = $plugin;
    }

    public function register(): void
    {
        add_shortcode('try_on_button', [$this, 'shortcode']);
        if ($this->settings->address === '') {
            return;
        }
        foreach (array_filter([Settings::PLACES[$this->settings->place]]) as [$hook, $priority]) {
            add_action($hook, [$this, 'show'], $priority);
        }
        add_filter('woocommerce_available_variation', [$this, 'tellVariation'], 10, 3);
        add_filter('script_loader_tag', [$this, 'makeModule'], 10, 2);
    }

    /** Print the button of the product that the page shows. */
    public function show(): void
    {
        global $product;
        if ($product instanceof WC_Product) {
            echo $this->html($product); // phpcs:ignore -- each part is escaped where it is put in
        }
    }

    /**
     * The button where a page builder has put it: [try_on_button], or [try_on_button id="12"].
     *
     * @param mixed $given
     */
    public function shortcode($given): string
    {
        global $product;
        $given = shortcode_atts(['id' => 0], $given, 'try_on_button');
        $meant = $given['id'] && function_exists('wc_get_product')
            ? wc_get_product(absint($given['id']))
            : $product;
        return $meant instanceof WC_Product ? $this->html($meant) : '';
    }

    private function html(WC_Product $product): string
    {
        $offer = new Offer($this->settings, $product);
        if ($this->settings->address === '' || !$offer->isChosen()) {
            return '';
        }
        $this->load($product);
        return sprintf(
            '<try-on-button%s><a class="button wp-element-button" href="%s">%s</a></try-on-button>',
            self::written($offer->attributes() + $this->variations($product, $offer)),
            esc_url($offer->link()),
            esc_html($this->settings->label ?: __('Try it on', 'try-on-button'))
        );
    }

    /**
     * What the script offers in place of this. WooCommerce's form tells of each variation; the block of
     * block themes tells of none, and has all of them in its page, however many.
     *
     * @return array<string, string|int>
     */
    private function variations(WC_Product $product, Offer $offer): array
    {
        if (!$product->is_type('variable')) {
            return [];
        }
        $all = ['' => $this->told($offer)];
        foreach (wp_is_block_theme() ? $product->get_children() : [] as $id) {
            $variation = wc_get_product($id);
            $all += $variation ? [$id => $this->told(new Offer($this->settings, $variation))] : [];
        }
        return ['data-product' => $product->get_id(), 'data-variations' => wp_json_encode($all)];
    }

    /** @param array<string, string|int> $attributes */
    private static function written(array $attributes): string
    {
        $written = '';
        foreach (array_filter($attributes, 'strlen') as $name => $value) {
            $written .= sprintf(' %s="%s"', esc_attr($name), esc_attr((string) $value));
        }
        return $written;
    }

    /** Load the scripts, on pages alone that have the button. */
    private function load(WC_Product $product): void
    {
        $address = $this->settings->address . '/try-on-button.js';
        wp_enqueue_script(self::SCRIPT, $address, [], null, true);
        if ($product->is_type('variable')) {
            $ours = plugins_url('variations.js', $this->plugin);
            wp_enqueue_script(self::VARIATIONS, $ours, ['jquery'], '0.1.0', true);
        }
    }

    /** WordPress has modules from 6.5 on alone. */
    public function makeModule(string $tag, string $handle): string
    {
        $module = '<script type="module" ';
        return $handle === self::SCRIPT ? str_replace('<script ', $module, $tag) : $tag;
    }

    /**
     * Tell WooCommerce's script, and so ours, what to offer where a variation is chosen; it asks the
     * server about each where a product has too many for its page.
     *
     * @param mixed $data
     * @param mixed $parent
     * @param mixed $variation
     * @return mixed
     */
    public function tellVariation($data, $parent, $variation)
    {
        if (is_array($data) && $variation instanceof WC_Product) {
            $data['try_on'] = $this->told(new Offer($this->settings, $variation));
        }
        return $data;
    }

    private function told(Offer $offer): array
    {
        return ['attributes' => $offer->attributes(), 'href' => $offer->link()];
    }
}
