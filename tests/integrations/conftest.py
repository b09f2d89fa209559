"""A Chromium, and contexts of it, as the browser tests have them."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import (
    chromium,
    context,
    libraries,
    merchant,
    product,
    shelf,
    tryon,
)

__all__ = ["chromium", "context", "libraries", "merchant", "product", "shelf", "tryon"]

expect.set_options(timeout=30_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/integrations/" in str(item.path) and "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
