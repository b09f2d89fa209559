<?php

/**
 * Plugin Name: Try-on button
 * Description: Virtual try-on on the product pages of WooCommerce, by a try-on proxy of your own.
 * Version: 0.1.0
 * Requires at least: 6.0
 * Requires PHP: 7.4
 * Requires Plugins: woocommerce
 * WC requires at least: 7.0
 * License: Apache-2.0
 * License URI: https://www.apache.org/licenses/LICENSE-2.0
 * Text Domain: try-on-button
 * Domain Path: /languages
 * Update URI: false
 */

namespace TryOnButton;

use Automattic\WooCommerce\Utilities\FeaturesUtil;

defined('ABSPATH') || exit;

require_once __DIR__ . '/src/Settings.php';
require_once __DIR__ . '/src/SettingsPage.php';
require_once __DIR__ . '/src/Offer.php';
require_once __DIR__ . '/src/Button.php';

add_action('before_woocommerce_init', function (): void {
    // Orders are none of its business, wherever WooCommerce keeps them (HPOS).
    if (class_exists(FeaturesUtil::class)) {
        FeaturesUtil::declare_compatibility('custom_order_tables', __FILE__, true);
    }
});

add_action('init', function (): void {
    load_plugin_textdomain('try-on-button', false, basename(__DIR__) . '/languages');
    (new Button(Settings::saved(), __FILE__))->register();
});

(new SettingsPage(plugin_basename(__FILE__)))->register();
