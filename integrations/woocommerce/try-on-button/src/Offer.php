<?php

namespace TryOnButton;

use WC_Product;

/** What the try-on server is told of a product: its id, as the catalogue has it, and the signature. */
final class Offer
{
    private Settings $settings;

    private WC_Product $product;

    private string $id;

    public function __construct(Settings $settings, WC_Product $product)
    {
        $this->settings = $settings;
        $this->product = $product;
        $this->id = (string) apply_filters('try_on_button_id', self::id($product), $product);
    }

    /**
     * The SKU, else the id, as the server reads WooCommerce's export; a variation without a SKU of
     * its own is its parent. Not get_sku()'s own context: that may be filtered, an export is not.
     */
    private static function id(WC_Product $product): string
    {
        $sku = (string) $product->get_sku('edit');
        if ($sku !== '') {
            return $sku;
        }
        $parent = $product->is_type('variation') ? wc_get_product($product->get_parent_id()) : null;
        return $parent ? self::id($parent) : (string) $product->get_id();
    }

    /** Whether one of the chosen categories, or of what is below them, or tags is the product's. */
    public function isChosen(): bool
    {
        $terms = $this->product->get_category_ids();
        foreach ($this->product->get_category_ids() as $category) {
            $terms = array_merge($terms, get_ancestors($category, 'product_cat', 'taxonomy'));
        }
        $terms = array_merge($terms, $this->product->get_tag_ids());
        $chosen = !$this->settings->terms || array_intersect($this->settings->terms, $terms);
        return (bool) apply_filters('try_on_button_shown', (bool) $chosen, $this->product);
    }

    /** @return array<string, string> Of the element, those that are empty as well. */
    public function attributes(): array
    {
        $attributes = [
            'product-id' => $this->id,
            'category' => $this->settings->category,
            'product-title' => wp_strip_all_tags($this->product->get_name()),
            'signature' => $this->signature(),
        ];
        return apply_filters('try_on_button_attributes', $attributes, $this->product);
    }

    /** Where the button leads without scripts. */
    public function link(): string
    {
        $query = [
            'product_id' => $this->id,
            'category' => $this->settings->category,
            'signature' => $this->signature(),
        ];
        $query = http_build_query(array_filter($query, 'strlen'), '', '&', PHP_QUERY_RFC3986);
        return $this->settings->address . '/t/?' . $query;
    }

    /** Of the id and the day of UTC; empty where clicks are not signed. */
    private function signature(): string
    {
        $secret = defined('TRYON_CLICK_SECRET') ? (string) TRYON_CLICK_SECRET : '';
        $signed = $this->id . "\n" . gmdate('Y-m-d');
        return $secret === '' ? '' : hash_hmac('sha256', $signed, $secret);
    }
}
