<?php

/**
 * Plugin Name: Stand-in for WooCommerce
 * Description: For tests of the try-on button. This is not WooCommerce, which cannot be had here, and
 *   has none of its code: it does what WooCommerce documents of the hooks, functions and events that
 *   the button uses, so that a test shows the button's side of them, and no more.
 * Version: 0.1.0
 *
 * https://woocommerce.github.io/code-reference/hooks/hooks.html
 */

defined('ABSPATH') || exit;

/** A product, as far as the button asks for it. */
class WC_Product
{
    private WP_Post $post;

    public function __construct(WP_Post $post)
    {
        $this->post = $post;
    }

    public function get_id(): int
    {
        return $this->post->ID;
    }

    /** A variation's own SKU in the context `edit`; in `view` its parent's where it has none. */
    public function get_sku(string $context = 'view'): string
    {
        $sku = (string) get_post_meta($this->post->ID, '_sku', true);
        $inherits = $sku === '' && $context === 'view' && $this->get_parent_id();
        $sku = $inherits ? wc_get_product($this->get_parent_id())->get_sku() : $sku;
        return $context === 'view' ? apply_filters('woocommerce_product_get_sku', $sku, $this) : $sku;
    }

    public function get_parent_id(): int
    {
        return $this->post->post_parent;
    }

    public function get_name(): string
    {
        return $this->post->post_title;
    }

    public function get_type(): string
    {
        if ($this->post->post_type === 'product_variation') {
            return 'variation';
        }
        return $this->get_children() ? 'variable' : 'simple';
    }

    public function is_type(string $type): bool
    {
        return $this->get_type() === $type;
    }

    public function is_in_stock(): bool
    {
        return get_post_meta($this->post->ID, '_stock_status', true) !== 'outofstock';
    }

    public function get_category_ids(): array
    {
        return wp_get_post_terms($this->post->ID, 'product_cat', ['fields' => 'ids']);
    }

    public function get_tag_ids(): array
    {
        return wp_get_post_terms($this->post->ID, 'product_tag', ['fields' => 'ids']);
    }

    /** Sizes, the one attribute that products here have. */
    public function get_size(): string
    {
        return (string) get_post_meta($this->post->ID, 'attribute_size', true);
    }

    public function get_children(): array
    {
        $variations = ['post_type' => 'product_variation', 'post_parent' => $this->post->ID];
        return get_posts($variations + ['fields' => 'ids', 'numberposts' => -1, 'order' => 'ASC']);
    }

    public function get_available_variation(WC_Product $variation): array
    {
        $data = [
            'variation_id' => $variation->get_id(),
            'attributes' => ['attribute_size' => $variation->get_size()],
            'sku' => $variation->get_sku(),
        ];
        return apply_filters('woocommerce_available_variation', $data, $this, $variation);
    }
}

function wc_get_product(int $id)
{
    $post = get_post($id);
    $types = ['product', 'product_variation'];
    return $post && in_array($post->post_type, $types, true) ? new WC_Product($post) : false;
}

/** What a product is; asked for by `install.php` too, which comes too late for `init`. */
function stand_in_types(): void
{
    register_post_type('product', ['public' => true, 'label' => 'Products', 'show_in_rest' => true]);
    register_post_type('product_variation', ['public' => false]);
    register_taxonomy('product_cat', 'product', ['hierarchical' => true]);
    register_taxonomy('product_tag', 'product');
}
add_action('init', 'stand_in_types', 5);

add_action('init', function (): void {
    $blocks = ['add-to-cart-form' => 'stand_in_form', 'add-to-cart-with-options' => 'stand_in_options'];
    foreach ($blocks as $name => $callback) {
        register_block_type("woocommerce/$name", [
            'render_callback' => function () use ($callback): string {
                ob_start();
                $callback(stand_in_product());
                return ob_get_clean();
            },
        ]);
    }
    do_action('before_woocommerce_init');
});

/** A product here has one of the two forms that templates of block themes can have. */
function stand_in_has_options(WC_Product $product): bool
{
    return get_post_meta($product->get_id(), '_form', true) === 'options';
}

function stand_in_form(WC_Product $product): void
{
    if (!stand_in_has_options($product)) {
        do_action('woocommerce_' . $product->get_type() . '_add_to_cart');
    }
}

/** "Add to Cart + Options": the hooks of the form, no events, and the choice in a hidden field. */
function stand_in_options(WC_Product $product): void
{
    if (!stand_in_has_options($product)) {
        return;
    }
    echo '<form class="wp-block-add-to-cart-with-options"><select aria-label="Size" onchange="';
    echo 'this.form.elements.variation_id.value = this.value"><option value="">Choose</option>';
    foreach (array_map('wc_get_product', $product->get_children()) as $child) {
        printf('<option value="%d">%s</option>', $child->get_id(), esc_html($child->get_size()));
    }
    echo '</select>';
    do_action('woocommerce_after_add_to_cart_button');
    printf('<input type="hidden" name="product_id" value="%d">', $product->get_id());
    echo '<input type="hidden" name="variation_id"></form>';
}

add_action('admin_menu', function (): void {
    add_menu_page('WooCommerce', 'WooCommerce', 'manage_woocommerce', 'woocommerce', '__return_null');
});

/** The product of the page, in the global that WooCommerce has it in. */
function stand_in_product(): WC_Product
{
    global $product;
    $product = wc_get_product(get_queried_object_id());
    return $product;
}

/** In classic themes the plugin brings the page; in block themes a template does, with blocks. */
add_filter('template_include', function (string $template): string {
    $classic = is_singular('product') && !wp_is_block_theme();
    return $classic ? __DIR__ . '/single-product.php' : $template;
});

add_action('woocommerce_single_product_summary', function (): void {
    the_title('<h1 class="product_title entry-title">', '</h1>');
}, 5);
add_action('woocommerce_single_product_summary', function (): void {
    echo '<p class="price">€ 120</p>';
});
add_action('woocommerce_single_product_summary', function (): void {
    do_action('woocommerce_' . stand_in_product()->get_type() . '_add_to_cart');
}, 30);

add_action('woocommerce_simple_add_to_cart', function (): void {
    global $product;
    if (!$product->is_in_stock()) {
        echo '<p class="stock out-of-stock">Out of stock</p>';
        return;
    }
    do_action('woocommerce_before_add_to_cart_form');
    echo '<form class="cart" method="post">';
    do_action('woocommerce_before_add_to_cart_button');
    echo '<button type="submit" name="add-to-cart" value="', $product->get_id(), '"';
    echo ' class="single_add_to_cart_button button alt">Add to cart</button>';
    do_action('woocommerce_after_add_to_cart_button');
    echo '</form>';
    do_action('woocommerce_after_add_to_cart_form');
});

add_action('woocommerce_variable_add_to_cart', function (): void {
    global $product;
    $children = array_map('wc_get_product', $product->get_children());
    $few = count($children) <= apply_filters('woocommerce_ajax_variation_threshold', 30, $product);
    $variations = $few ? array_map([$product, 'get_available_variation'], $children) : false;
    wp_enqueue_script('wc-add-to-cart-variation', plugins_url('variation.js', __FILE__), ['jquery'], '1', true);
    do_action('woocommerce_before_add_to_cart_form');
    printf(
        '<form class="variations_form cart" method="post" data-product_id="%d" data-product_variations="%s">',
        $product->get_id(),
        esc_attr(wp_json_encode($variations))
    );
    echo '<select name="attribute_size" aria-label="Size"><option value="">Choose</option>';
    foreach ($children as $child) {
        printf('<option>%s</option>', esc_html($child->get_size()));
    }
    echo '</select> <a class="reset_variations" href="#">Clear</a>';
    echo '<div class="single_variation_wrap">';
    do_action('woocommerce_before_add_to_cart_button');
    echo '<button type="submit" class="single_add_to_cart_button button alt">Add to cart</button>';
    do_action('woocommerce_after_add_to_cart_button');
    printf('<input type="hidden" name="product_id" value="%d">', $product->get_id());
    echo '<input type="hidden" name="variation_id" class="variation_id" value="0"></div></form>';
    do_action('woocommerce_after_add_to_cart_form');
});

/** `?wc-ajax=get_variation`: asked for each choice where a product has too many for its page. */
add_action('template_redirect', function (): void {
    if (($_GET['wc-ajax'] ?? '') !== 'get_variation') {
        return;
    }
    $parent = wc_get_product(absint($_POST['product_id']));
    foreach (array_map('wc_get_product', $parent->get_children()) as $variation) {
        if ($variation->get_size() === $_POST['attribute_size']) {
            wp_send_json($parent->get_available_variation($variation));
        }
    }
    wp_send_json(false);
});
