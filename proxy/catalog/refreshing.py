"""What the process does that reads the source into a new copy."""

import os
import secrets
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from proxy.catalog.entries import CatalogError
from proxy.catalog.feed import demand_size
from proxy.catalog.fetch import fetch
from proxy.catalog.products import Product
from proxy.catalog.reading import Reading, read
from proxy.catalog.source import Copy, Source, State, Version
from proxy.catalog_rules import Rule
from storage.database import new_products
from storage.products import NewProductRows
from storage.store import StorageUnavailable

POLITENESS = 10  # of a process beside those that serve


class Products:
    """The products of a feed, stored as they come."""

    def __init__(self, rows: NewProductRows) -> None:
        self._rows = rows

    def get(self, product_id: str) -> Product | None:
        row = self._rows.get(product_id)
        return Product.of(row) if row else None

    def add(self, product: Product) -> bool:
        return self._rows.add(product.row())


def refresh(source: Source) -> None:
    """Read the source into a new copy, and say in the state how that went."""
    os.nice(POLITENESS)
    state = source.state()
    source.remove_unused(state)
    now_ms = time.time_ns() // 1_000_000
    try:
        state = State(_newest(source, state.copy, now_ms), now_ms)
    except (CatalogError, StorageUnavailable) as error:
        state = state.failed(str(error), now_ms)
    except OSError as error:
        state = state.failed(f"cannot be read: {error.strerror}", now_ms)
    source.keep(state)
    source.remove_unused(state)


def rehearse(where: Path | str, rules: Sequence[Rule], only: int | None = None) -> Reading:
    """Read a source, or `only` so many bytes of it, into a copy that nobody will use.

    :raises CatalogError: it cannot be read.
    """
    with TemporaryDirectory(prefix="tryon-") as name:
        folder = Path(name)
        if isinstance(where, str):
            fetch(where, folder / "feed", Version(), only=only)
        elif only:
            _begin(where, folder / "feed", only)
        path = where if isinstance(where, Path) and not only else folder / "feed"
        is_part = only is not None and path.stat().st_size == only
        with closing(new_products(folder / "products")) as rows:
            return read(path, rules, Products(rows), keeps_all=True, is_part=is_part)


def _begin(path: Path, copy: Path, only: int) -> None:
    try:
        with path.open("rb") as file:
            demand_size(file)
            copy.write_bytes(file.read(only))
    except OSError as error:
        raise CatalogError(f"cannot be read: {error.strerror}") from None


def _newest(source: Source, copy: Copy | None, now_ms: int) -> Copy:
    """Return a copy of the source as it is now: the one that there is, or a new one."""
    if isinstance(source.where, Path):
        stamp = source.stamp()  # before the first byte: what is written later is another state
        return _read(source, source.where, stamp, Version(), now_ms)
    is_here = copy is not None and source.file_of(copy).exists()
    feed = source.beside(f"-{secrets.token_hex(4)}.feed")
    version = fetch(source.where, feed, copy.version if copy and is_here else Version())
    if version is None and copy:
        return copy
    return _read(source, feed, "", version or Version(), now_ms)


def _read(source: Source, feed: Path, stamp: str, version: Version, now_ms: int) -> Copy:
    path = source.beside(f"-{secrets.token_hex(4)}.db")
    with closing(new_products(path)) as rows:
        reading = read(feed, source.rules, Products(rows))
        reading.demand_products()
    return Copy(
        file=path.name,
        stamp=stamp,
        version=version,
        format=reading.format,
        rows=reading.rows,
        left_out=reading.left_out,
        first_left_out=str(reading.reasons[0]) if reading.reasons else "",
        categories=dict(reading.categories),
        read_ms=now_ms,
        unruled=reading.unruled,
    )
