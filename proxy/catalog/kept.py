"""The catalogue as the workers have it: products looked up in the copy that is kept on disk."""

import time
from pathlib import Path

from proxy.catalog import apart
from proxy.catalog.products import Product
from proxy.catalog.source import Source, State, source_of
from proxy.refusals import Refusal
from proxy.settings import Settings
from storage.database import open_products
from storage.products import ProductRows
from storage.store import StorageUnavailable

AGAIN_AFTER_S = 60.0  # where there is no copy, or a try ended without a word


class CatalogUnavailable(Refusal):
    """There is no copy of the catalogue yet, so that nothing is known to be in it."""

    def __init__(self) -> None:
        super().__init__("catalog_unavailable", wait_s=5)


class Catalog:
    """The products that can be tried on; without a source any can, and it is false."""

    def __init__(self, source: Source | None) -> None:
        self._source = source
        self._rows: ProductRows | None = None
        self._file: Path | None = None  # of the rows
        self._again = 0.0
        self.state = State()
        self.look()

    def __bool__(self) -> bool:
        return self._source is not None

    def __len__(self) -> int:
        return self.state.copy.products if self.state.copy else 0

    @property
    def is_open(self) -> bool:
        return self._rows is not None

    def get(self, product_id: str) -> Product | None:
        """Find a product; none is found where there is no copy."""
        row = self._rows.get(product_id) if self._rows else None
        return Product.of(row) if row else None

    def title(self, product_id: str) -> str:
        """Name a product; "" where it is not known."""
        product = self.get(product_id)
        return product.title if product else ""

    def first(self) -> str | None:
        """Return the id of the feed's first product."""
        return self._rows.first() if self._rows else None

    def demand(self) -> None:
        """Require that it is known what can be tried on.

        :raises CatalogUnavailable: it is not.
        """
        if self._source and not self.is_open:
            raise CatalogUnavailable

    def look(self) -> None:
        """Take the newest copy, if it is another than the one at hand."""
        if self._source is None:
            return
        state = self._source.state()
        if state.copy and (file := self._source.file_of(state.copy)) != self._file:
            try:
                self._rows, self._file = open_products(file), file
            except StorageUnavailable:  # it is gone already: there is a newer one, or will be
                return
        if state.copy or not self._rows:
            self.state = state

    def tend(self) -> None:
        """Take the newest copy; have one read where there is none, or a URL may have a newer."""
        self.look()
        if self._source is None or not self._is_due(self._source):
            return
        self._again = time.monotonic() + min(AGAIN_AFTER_S, self._source.refresh_s)
        with self._source.turn(wait=False) as turn:
            if turn is not None:
                apart.refresh(self._source, turn)
        self.look()

    def _is_due(self, source: Source) -> bool:
        if time.monotonic() < self._again or (self.is_open and isinstance(source.where, Path)):
            return False
        pause_s = source.refresh_s if self.is_open else min(AGAIN_AFTER_S, source.refresh_s)
        return not 0 <= _now_ms() - self.state.looked_ms < pause_s * 1_000

    def trouble(self) -> str | None:
        """Say what is wrong with the source, and how old the products are."""
        copy, failure = self.state.copy, self.state.failure
        if self._source is None or (self.is_open and not failure):
            return None
        if not copy:
            return f"there are no products yet: {failure or 'they are being read'}"
        since, age = (_hours(ms) for ms in (self.state.failing_since_ms, copy.read_ms))
        return f"it fails since {since} ({failure}); the products are {age} old"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _hours(since_ms: int) -> str:
    minutes = max(0, _now_ms() - since_ms) // 60_000
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.0f} h"


def catalog(settings: Settings) -> Catalog:
    """Open the copy for a worker; it is made where no server has prepared one.

    :raises CatalogError: it cannot be.
    """
    found = Catalog(source_of(settings))
    if found and not found.is_open:
        apart.prepare(settings)
        found.look()
    return found
