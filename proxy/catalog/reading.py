"""A feed read from its first row to its last, and an account of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from proxy.catalog.entries import CatalogError, LeftOut
from proxy.catalog.feed import Feed
from proxy.catalog.products import Product
from proxy.catalog_rules import Rule

NOTHING = "there is no product in it"


class Products(Protocol):
    """Where the products of a feed are put."""

    def get(self, product_id: str) -> Product | None: ...

    def add(self, product: Product) -> bool:
        """Add a product; False if there is one with its id."""


@dataclass
class Reading:
    """What a feed gave. Of what was left out one is kept, the first with a fault before the first
    that no rule knows, or all where `keeps_all`."""

    format: str
    encoding: str
    rows: int = 0
    categories: Counter[str] = field(default_factory=Counter)
    left_out: int = 0
    unruled: int = 0  # of those; the others have a fault
    reasons: list[LeftOut] = field(default_factory=list)
    keeps_all: bool = False
    is_part: bool = False  # the feed goes on behind what was read

    @property
    def products(self) -> int:
        return self.categories.total()

    def leave_out(self, row: LeftOut) -> None:
        has_no_fault = self.unruled == self.left_out
        self.left_out += 1
        self.unruled += row.is_unruled
        if self.keeps_all or not self.reasons:
            self.reasons.append(row)
        elif has_no_fault and not row.is_unruled:
            self.reasons = [row]

    def demand_products(self) -> None:
        """Require that there is one, since without a catalogue every product can be tried on.

        :raises CatalogError: there is none.
        """
        if not self.products:
            why = f" ({self.reasons[0]})" if self.reasons else ""
            raise CatalogError(f"{NOTHING}{why}; to allow any, unset TRYON_CATALOG")


def read(
    path: Path,
    rules: Sequence[Rule],
    into: Products,
    *,
    keeps_all: bool = False,
    is_part: bool = False,
) -> Reading:
    """Read a file's products; of a part that was cut off, up to the cut.

    :raises CatalogError: it is no feed that can be read to its end.
    """
    feed = Feed(path)
    reading = Reading(feed.format, feed.encoding, keeps_all=keeps_all, is_part=is_part)
    reading.categories.update(dict.fromkeys((rule.category for rule in rules), 0))
    try:
        _read(feed, rules, into, reading)
    except CatalogError:
        if not (is_part and reading.products):
            raise
    reading.rows = feed.rows
    return reading


def _read(feed: Feed, rules: Sequence[Rule], into: Products, reading: Reading) -> None:
    for found in feed.products(rules, into.get):
        if isinstance(found, LeftOut):
            reading.leave_out(found)
            continue
        line, product = found
        if into.add(product):
            reading.categories[product.category] += 1
        else:
            again = f"{product.product_id} stands there twice"
            reading.leave_out(LeftOut(line, feed.title("product_id"), again))
