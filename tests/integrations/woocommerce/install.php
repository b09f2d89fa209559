<?php

/**
 * Install a shop into a WordPress that lies ready: `php install.php FOLDER ADDRESS PRODUCTS`.
 * PRODUCTS is JSON: a list of products, each with its variations. Prints their ids by name.
 */

[, $folder, $address, $products] = $argv;
$_SERVER += ['HTTP_HOST' => parse_url($address, PHP_URL_HOST), 'REQUEST_METHOD' => 'GET'];
define('WP_INSTALLING', true);
require "$folder/wp-load.php";
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
require_once ABSPATH . 'wp-admin/includes/plugin.php';

$GLOBALS['@pdo']->exec('PRAGMA synchronous = OFF'); // SQLite's connection; nothing here has to last

add_filter('pre_wp_mail', '__return_true');
// It would ask itself whether addresses can be pretty; nobody serves it yet.
add_filter('pre_http_request', fn() => new WP_Error('offline', 'offline'));
wp_install('Fern & Field', 'admin', 'admin@shop.example', true, '', 'password');
update_option('siteurl', $address);
update_option('home', $address);
update_option('permalink_structure', '');
get_role('administrator')->add_cap('manage_woocommerce');
$manager = ['read' => true, 'manage_woocommerce' => true, 'view_admin_dashboard' => true];
add_role('shop_manager', 'Shop manager', $manager);
foreach (['manager' => 'shop_manager', 'reader' => 'subscriber'] as $name => $role) {
    $user = ['user_login' => $name, 'user_email' => "$name@shop.example", 'user_pass' => 'password'];
    wp_insert_user($user + ['role' => $role]);
}
foreach (['woocommerce/woocommerce.php', 'try-on-button/try-on-button.php'] as $plugin) {
    $error = activate_plugin($plugin);
    if (is_wp_error($error)) {
        exit($error->get_error_message());
    }
}
stand_in_types();

function category(string $path): int
{
    $parent = 0;
    foreach (explode(' > ', $path) as $name) {
        $term = term_exists($name, 'product_cat', $parent)
            ?: wp_insert_term($name, 'product_cat', ['parent' => $parent]);
        $parent = (int) $term['term_id'];
    }
    return $parent;
}

function product(array $fields, string $type, int $parent = 0): int
{
    $meta = ['_sku' => $fields['sku'] ?? '', 'attribute_size' => $fields['size'] ?? ''];
    $meta['_stock_status'] = $fields['stock'] ?? 'instock';
    $meta['_form'] = $fields['form'] ?? '';
    $id = wp_insert_post([
        'post_type' => $type,
        'post_title' => $fields['name'],
        'post_status' => 'publish',
        'post_parent' => $parent,
        'meta_input' => $meta,
    ]);
    wp_set_object_terms($id, array_map('category', $fields['categories'] ?? []), 'product_cat');
    wp_set_object_terms($id, $fields['tags'] ?? [], 'product_tag');
    return $id;
}

$ids = [];
foreach (json_decode($products, true) as $fields) {
    $ids[$fields['name']] = product($fields, 'product');
    foreach ($fields['variations'] ?? [] as $variation) {
        $name = "{$fields['name']} - {$variation['size']}";
        $ids[$name] = product($variation + ['name' => $name], 'product_variation', $ids[$fields['name']]);
    }
}

// What WooCommerce's template of block themes comes down to.
$blocks = '<!-- wp:template-part {"slug":"header"} /--><!-- wp:post-title {"level":1} /-->'
    . '<!-- wp:woocommerce/add-to-cart-form /--><!-- wp:woocommerce/add-to-cart-with-options /-->'
    . '<!-- wp:template-part {"slug":"footer"} /-->';
foreach (wp_get_themes() as $theme) {
    if ($theme->is_block_theme()) {
        $template = ['post_type' => 'wp_template', 'post_name' => 'single-product', 'post_status' => 'publish'];
        $template = wp_insert_post($template + ['post_title' => 'Product', 'post_content' => $blocks]);
        wp_set_post_terms($template, $theme->get_stylesheet(), 'wp_theme');
    }
}
echo json_encode($ids);
