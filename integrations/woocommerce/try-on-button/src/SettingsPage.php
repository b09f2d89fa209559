<?php

namespace TryOnButton;

/** WooCommerce > Try-on button: for whoever may manage the shop. */
final class SettingsPage
{
    private const PAGE = 'try-on-button';

    private const CAPABILITY = 'manage_woocommerce';

    private string $plugin;

    public function __construct(string $plugin)
    {
        $this->plugin = $plugin;
    }

    public function register(): void
    {
        add_action('admin_init', [$this, 'declareFields']);
        // After WooCommerce's own menu.
        add_action('admin_menu', [$this, 'addPage'], 60);
        add_filter('option_page_capability_' . self::PAGE, fn(): string => self::CAPABILITY);
        add_filter('plugin_action_links_' . $this->plugin, [$this, 'addLink']);
    }

    public function declareFields(): void
    {
        $option = ['sanitize_callback' => [Settings::class, 'cleaned']];
        register_setting(self::PAGE, Settings::OPTION, $option);
        add_settings_section('button', '', '__return_null', self::PAGE);
        $fields = [
            'address' => __('Address of the try-on server', 'try-on-button'),
            'terms' => __('Products', 'try-on-button'),
            'category' => __('Try-on category', 'try-on-button'),
            'label' => __('Label', 'try-on-button'),
            'place' => __('Place', 'try-on-button'),
        ];
        foreach ($fields as $name => $title) {
            $for = ['label_for' => self::id($name)];
            add_settings_field($name, $title, [$this, $name], self::PAGE, 'button', $for);
        }
    }

    public function addPage(): void
    {
        $title = __('Try-on button', 'try-on-button');
        add_submenu_page('woocommerce', $title, $title, self::CAPABILITY, self::PAGE, [$this, 'show']);
    }

    /** @param string[] $links */
    public function addLink(array $links): array
    {
        $page = esc_url(admin_url('admin.php?page=' . self::PAGE));
        $link = sprintf('<a href="%s">%s</a>', $page, esc_html__('Settings', 'try-on-button'));
        return array_merge([$link], $links);
    }

    public function show(): void
    {
        if (!current_user_can(self::CAPABILITY)) {
            return;
        }
        echo '<div class="wrap"><h1>', esc_html(get_admin_page_title()), '</h1>';
        settings_errors();
        echo '<form action="options.php" method="post">';
        settings_fields(self::PAGE);
        do_settings_sections(self::PAGE);
        submit_button();
        echo '</form>';
        $this->showServersSide();
        echo '</div>';
    }

    /** What the try-on server has to be told of this shop. */
    private function showServersSide(): void
    {
        printf('<h2>%s</h2>', esc_html__('On the server', 'try-on-button'));
        printf(
            '<p>%s</p>',
            esc_html__('Both lines belong in the settings of the try-on server:', 'try-on-button')
        );
        $lines = 'TRYON_ALLOWED_ORIGINS=' . self::origin() . "\n"
            . 'TRYON_CATALOG=/var/lib/tryon/wc-product-export.csv';
        printf('<pre><code>%s</code></pre>', esc_html($lines));
        $this->link(
            admin_url('edit.php?post_type=product&page=product_exporter'),
            __('Export the products for TRYON_CATALOG', 'try-on-button')
        );
        if (Settings::saved()->address !== '') {
            $this->link(
                Settings::saved()->address . '/embed#check-my-page',
                __('Check a product page', 'try-on-button')
            );
        }
    }

    private function link(string $address, string $text): void
    {
        printf('<p><a href="%s">%s</a></p>', esc_url($address), esc_html($text));
    }

    /** The shop's origin as browsers send it. */
    private static function origin(): string
    {
        $parts = wp_parse_url(home_url());
        $port = isset($parts['port']) ? ':' . $parts['port'] : '';
        return strtolower($parts['scheme'] . '://' . $parts['host']) . $port;
    }

    public function address(): void
    {
        $this->text('address', 'url', 'https://tryon.shop.example');
        $this->hint(__('Its TRYON_PUBLIC_URL. While it is empty, there is no button.', 'try-on-button'));
    }

    public function category(): void
    {
        $this->text('category', 'text', '');
        $this->hint(__(
            'One of its TRYON_CATEGORIES. Empty where it has a catalogue, which knows better.',
            'try-on-button'
        ));
    }

    public function label(): void
    {
        $this->text('label', 'text', __('Try it on', 'try-on-button'));
    }

    private function text(string $name, string $type, string $placeholder): void
    {
        printf(
            '<input class="regular-text" id="%s" name="%s" type="%s" value="%s" placeholder="%s">',
            esc_attr(self::id($name)),
            esc_attr(self::name($name)),
            esc_attr($type),
            esc_attr(Settings::saved()->$name),
            esc_attr($placeholder)
        );
    }

    public function terms(): void
    {
        printf(
            '<select id="%s" name="%s[]" multiple size="12">',
            esc_attr(self::id('terms')),
            esc_attr(self::name('terms'))
        );
        $this->group(__('Product categories', 'try-on-button'), 'product_cat');
        $this->group(__('Product tags', 'try-on-button'), 'product_tag');
        echo '</select>';
        $this->hint(__('Those with one of these, or below it. None chosen: every product.', 'try-on-button'));
    }

    private function group(string $label, string $taxonomy): void
    {
        $terms = get_terms(['taxonomy' => $taxonomy, 'hide_empty' => false]);
        printf('<optgroup label="%s">', esc_attr($label));
        foreach (is_array($terms) ? $terms : [] as $term) {
            $chosen = in_array($term->term_id, Settings::saved()->terms, true);
            $this->option((string) $term->term_id, $term->name, $chosen);
        }
        echo '</optgroup>';
    }

    public function place(): void
    {
        printf(
            '<select id="%s" name="%s">',
            esc_attr(self::id('place')),
            esc_attr(self::name('place'))
        );
        $names = [
            'button' => __('Beside “Add to cart”', 'try-on-button'),
            'form' => __('Below “Add to cart”', 'try-on-button'),
            'above' => __('Above “Add to cart”', 'try-on-button'),
            'price' => __('Below the price, also where a product is sold out', 'try-on-button'),
            'shortcode' => __('Only where [try_on_button] stands', 'try-on-button'),
        ];
        foreach ($names as $value => $name) {
            $this->option($value, $name, $value === Settings::saved()->place);
        }
        echo '</select>';
    }

    private function option(string $value, string $name, bool $chosen): void
    {
        $selected = $chosen ? ' selected' : '';
        printf('<option value="%s"%s>%s</option>', esc_attr($value), $selected, esc_html($name));
    }

    private function hint(string $text): void
    {
        printf('<p class="description">%s</p>', esc_html($text));
    }

    private static function id(string $name): string
    {
        return 'try-on-button-' . $name;
    }

    private static function name(string $name): string
    {
        return Settings::OPTION . '[' . $name . ']';
    }
}
