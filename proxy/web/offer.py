"""What can be tried on here: the catalogue and the categories, whatever a browser says."""

from collections.abc import Sequence

from proxy.catalog.products import Catalog, Product
from proxy.web.problems import Problem


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
