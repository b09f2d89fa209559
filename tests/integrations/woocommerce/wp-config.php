<?php

// Of the sites that tests install: a database in a file, nothing asked of elsewhere, all errors kept.
const DB_NAME = 'wordpress';
const DB_USER = '';
const DB_PASSWORD = '';
const DB_HOST = '';
const DB_CHARSET = 'utf8';
const DB_COLLATE = '';
foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $name) {
    define("{$name}_KEY", "$name key of a site for tests");
    define("{$name}_SALT", "$name salt of a site for tests");
}
const WP_DEBUG = true;
const WP_DEBUG_LOG = true;
const WP_DEBUG_DISPLAY = false;
const DISABLE_WP_CRON = true;
const WP_HTTP_BLOCK_EXTERNAL = true;
const AUTOMATIC_UPDATER_DISABLED = true;
if ($secret = getenv('TRYON_CLICK_SECRET')) {
    define('TRYON_CLICK_SECRET', $secret);
}
defined('ABSPATH') || define('ABSPATH', __DIR__ . '/');
$table_prefix = 'wp_';
require_once ABSPATH . 'wp-settings.php';
