"""The products of the catalogue, read once for all workers."""

import logging
from pathlib import Path

from proxy.catalog.entries import CatalogError, LeftOut
from proxy.catalog.feed import Feed
from proxy.catalog.products import Product
from proxy.catalog_rules import by_name
from proxy.settings import Settings

NOTHING = "there is no product in it"

Catalog = dict[str, Product]
_kept: dict[Path, Catalog] = {}

log = logging.getLogger("tryon.catalog")


def keep(settings: Settings) -> None:
    """Read the products for this process and those that are forked from it.

    :raises CatalogError: they cannot be used; what was kept before stays.
    """
    if settings.catalog:
        _kept[settings.catalog] = load(settings.catalog, settings)


def current(settings: Settings) -> Catalog:
    """Return the products that were kept, or read them; none where any can be tried on."""
    path = settings.catalog
    return (_kept.get(path) or load(path, settings)) if path else {}


def load(path: Path, settings: Settings) -> Catalog:
    """Read the products by id, and log how many rows were left out.

    :raises CatalogError: there is none, since without a catalogue every product can be tried on.
    """
    products: Catalog = {}
    left_out: list[LeftOut] = []
    rules = settings.catalog_rules or by_name(settings.categories)
    try:
        for found in Feed(path).products(rules, products.get):
            if isinstance(found, LeftOut):
                left_out.append(found)
            elif found[1].product_id in products:
                again = f"{found[1].product_id} stands there twice"
                left_out.append(LeftOut(found[0], "product_id", again))
            else:
                products[found[1].product_id] = found[1]
    except CatalogError as error:
        raise CatalogError(f"{path}: {error}") from None
    if not products:
        why = f" ({left_out[0]})" if left_out else ""
        raise CatalogError(f"{path}: {NOTHING}{why}; to allow any, unset TRYON_CATALOG")
    if left_out:
        log.warning("%s: %d rows were left out, first %s", path, len(left_out), left_out[0])
    return products
