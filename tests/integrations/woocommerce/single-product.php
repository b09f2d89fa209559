<?php

/** A product page of a classic theme. */

defined('ABSPATH') || exit;

get_header();
while (have_posts()) {
    the_post();
    stand_in_product();
    do_action('woocommerce_before_single_product');
    echo '<div class="product"><div class="summary entry-summary">';
    do_action('woocommerce_single_product_summary');
    echo '</div></div>';
    do_action('woocommerce_after_single_product');
}
get_footer();
