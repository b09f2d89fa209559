"""The products of the catalogue, read once for all workers."""

import logging
from pathlib import Path

from proxy.catalog.entries import CatalogError
from proxy.catalog.products import Product
from proxy.catalog.reading import Reading, read, rules_of
from proxy.settings import Settings


class Catalog(dict[str, Product]):
    """Products by their ids."""

    def add(self, product: Product) -> bool:
        return self.setdefault(product.product_id, product) is product


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
    return (_kept.get(path) or load(path, settings)) if path else Catalog()


def load(path: Path, settings: Settings) -> Catalog:
    """Read the products by id, and log how many rows were left out.

    :raises CatalogError: there is none.
    """
    products = Catalog()
    try:
        reading = read(path, rules_of(settings), products)
        reading.demand_products()
    except CatalogError as error:
        raise CatalogError(f"{path}: {error}") from None
    _say(path, reading)
    return products


def _say(path: Path, reading: Reading) -> None:
    if reading.left_out:
        number, first = reading.left_out, reading.reasons[0]
        log.warning(
            "%s: %d rows left out, first %s; `tryon catalog check` lists them", path, number, first
        )
