"""Where the catalogue's products are kept for the workers: the protocols, and a row."""

from typing import NamedTuple, Protocol


class ProductRow(NamedTuple):
    """A product as it is stored; assets with spaces between them."""

    product_id: str
    category: str
    title: str
    image_url: str | None
    page_url: str | None
    asset_urls: str


class ProductRows(Protocol):
    """Products that do not change any more."""

    def get(self, product_id: str) -> ProductRow | None:
        """Find a product. :raises StorageUnavailable: the file cannot be read."""

    def first(self) -> str | None:
        """Return the id of the product that was added first."""

    def close(self) -> None: ...


class NewProductRows(Protocol):
    """Products of a feed that is being read."""

    def get(self, product_id: str) -> ProductRow | None: ...

    def add(self, row: ProductRow) -> bool:
        """Add a product; False if there is one with its id.

        :raises StorageUnavailable: the disk is full.
        """

    def close(self) -> None:
        """Bring all to the disk. :raises StorageUnavailable: the disk is full."""
