<?php

namespace TryOnButton;

/**
 * What the settings page sets. The secret of signed clicks is no setting: TRYON_CLICK_SECRET in
 * wp-config.php, where it is in no copy of the database.
 */
final class Settings
{
    public const OPTION = 'try_on_button';

    /** WooCommerce's hook, and the priority that comes after what is meant; of none, a shortcode. */
    public const PLACES = [
        'button' => ['woocommerce_after_add_to_cart_button', 10],
        'form' => ['woocommerce_after_add_to_cart_form', 10],
        'above' => ['woocommerce_before_add_to_cart_form', 10],
        'price' => ['woocommerce_single_product_summary', 11],
        'shortcode' => [],
    ];

    private const DEFAULTS = [
        'address' => '',
        'terms' => [],
        'category' => '',
        'label' => '',
        'place' => 'button',
    ];

    /** Where the try-on server is, without a slash at the end; while it is empty there is no button. */
    public string $address;

    /** @var int[] Product categories and tags that have the button; none: every product. */
    public array $terms;

    /** The server's category of these products; empty where its catalogue knows. */
    public string $category;

    /** What is on the button; empty: "Try it on" in the site's language. */
    public string $label;

    /** A key of PLACES. */
    public string $place;

    private function __construct(array $values)
    {
        $this->address = $values['address'];
        $this->terms = array_map('intval', $values['terms']);
        $this->category = $values['category'];
        $this->label = $values['label'];
        $this->place = $values['place'];
    }

    public static function saved(): self
    {
        return new self(array_replace(self::DEFAULTS, (array) get_option(self::OPTION, [])));
    }

    /**
     * Take what was typed, as far as it is right; what is wrong stays as it was, and is said.
     *
     * @param mixed $typed
     */
    public static function cleaned($typed): array
    {
        $typed = array_replace(self::DEFAULTS, is_array($typed) ? $typed : []);
        return [
            'address' => self::address($typed['address']),
            'terms' => array_values(array_filter(array_map('absint', (array) $typed['terms']))),
            'category' => sanitize_text_field($typed['category']),
            'label' => sanitize_text_field($typed['label']),
            'place' => isset(self::PLACES[$typed['place']]) ? $typed['place'] : 'button',
        ];
    }

    /** @param mixed $typed */
    private static function address($typed): string
    {
        $typed = rtrim(sanitize_text_field($typed), '/');
        $parts = wp_parse_url($typed);
        // Browsers block http on pages of https; on one's own machine they allow it.
        $local = in_array($parts['host'] ?? '', ['localhost', '127.0.0.1'], true);
        $schemes = $local ? ['https', 'http'] : ['https'];
        $whole = isset($parts['host']) && !isset($parts['query']) && !isset($parts['fragment']);
        if ($typed === '' || ($whole && in_array($parts['scheme'] ?? '', $schemes, true))) {
            return esc_url_raw($typed, $schemes);
        }
        $message = __('The address must begin with https:// and have neither ? nor #.', 'try-on-button');
        add_settings_error(self::OPTION, 'address', $message);
        return self::saved()->address;
    }
}
