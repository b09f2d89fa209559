"""What can be tried on here: the catalogue and the categories, whatever a browser says."""

from collections.abc import Sequence
from datetime import UTC, datetime

from proxy.catalog.kept import Catalog
from proxy.catalog.products import Product
from proxy.tryon.keys import ClickKeys
from proxy.web.problems import Problem

UNSIGNED = "There is no signature, and TRYON_CLICK_SECRET asks for one: the attribute `signature`."
MISSIGNED = (
    "The signature is not of this product, of a day that is near, and by TRYON_CLICK_SECRET."
)


def demand_signature(keys: ClickKeys, product_id: str, signature: str | None) -> None:
    """Require the shop's signature of a product, where clicks need one.

    :raises Problem: `signature_invalid`.
    """
    if not keys.verify(product_id, signature, datetime.now(UTC)):
        raise Problem("signature_invalid", MISSIGNED if signature else UNSIGNED)


def offered(
    catalog: Catalog, categories: Sequence[str], product_id: str, category: str | None
) -> tuple[Product | None, str | None]:
    """Return the catalogue's product, where there is a catalogue, and the category to go by.

    :raises Problem: `unknown_product` or `unsupported_category`.
    :raises CatalogUnavailable: it is not known yet what is in it.
    """
    catalog.demand()
    product = catalog.get(product_id)
    if catalog and product is None:
        raise Problem("unknown_product", f"“{product_id}” is not in the catalogue (TRYON_CATALOG).")
    category = product.category if product else category
    if category is not None and category not in categories:
        offers = ", ".join(categories)
        raise Problem(
            "unsupported_category", f"“{category}” is not among TRYON_CATEGORIES: {offers}."
        )
    return product, category
