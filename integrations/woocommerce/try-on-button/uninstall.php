<?php

/** With the plugin, its settings go: of each site where there are several. */

namespace TryOnButton;

defined('WP_UNINSTALL_PLUGIN') || exit;

require_once __DIR__ . '/src/Settings.php';

delete_option(Settings::OPTION);
if (is_multisite()) {
    foreach (get_sites(['fields' => 'ids', 'number' => 0]) as $site) {
        delete_blog_option($site, Settings::OPTION);
    }
}
