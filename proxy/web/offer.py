"""What can be tried on here: the catalogue and the categories, whatever a browser says."""

from collections.abc import Sequence
from datetime import UTC, datetime

from proxy.catalog.products import Catalog, Product
from proxy.tryon.keys import ClickKeys
from proxy.web.problems import Problem


def demand_signature(keys: ClickKeys, product_id: str, signature: str | None) -> None:
    """Require the shop's signature of a product, where clicks need one.

    :raises Problem: `signature_invalid`.
    """
    if not keys.verify(product_id, signature, datetime.now(UTC)):
        raise Problem("signature_invalid")


def offered(
    catalog: Catalog, categories: Sequence[str], product_id: str, category: str | None
) -> tuple[Product | None, str | None]:
    """Return the catalogue's product, where there is a catalogue, and the category to go by.

    :raises Problem: `unknown_product` or `unsupported_category`.
    """
    product = catalog.get(product_id)
    if catalog and product is None:
        raise Problem("unknown_product")
    category = product.category if product else category
    if category is not None and category not in categories:
        raise Problem("unsupported_category")
    return product, category
