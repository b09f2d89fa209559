"""Lists of attempts, newest first: those behind a count, or those that a text finds.

Ids begin with the time, so that their order is that of the days, and a page goes on below the last
id of the one before: what comes meanwhile moves nothing. A page goes by indexes, looks through a
bounded number of attempts, and may be short.
"""

# ruff: noqa: S608 - names of tables and columns come from our own code; values are bound
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from storage.events import attempt_ms
from storage.funnel import local_day
from storage.numbers import ENDINGS, LISTED, Scope
from storage.sqlite.connection import Connection

# These, behind the index of their own, are found without walking through all others.
RARE = ("create_failed", "cancelled", "other", "abandoned", "failed")
IS_RARE = f"outcome IN {RARE}"
OPEN = " AND ".join(f"{name} = 0" for name in ENDINGS)
# What an attempt must be to stand behind each count.
BEHIND = {name: f"{name} > 0" for name in LISTED} | {"open": OPEN}
LOOKED_THROUGH = 20_000  # attempts a page at most
FOUND_THROUGH = 5_000  # of a search, whose rows lie apart
NAMES = 20  # products, and references, that begin with a text
AN_ID = re.compile(r"[0-9a-f]{8,32}")  # or how one begins
LAST_LETTER = "\U0010ffff"
BEGINNING = """
WITH RECURSIVE found(name) AS (
    SELECT min({name}) FROM attempts WHERE {name} >= :text AND {name} < :beyond
    UNION ALL
    SELECT (SELECT min({name}) FROM attempts WHERE {name} > found.name AND {name} < :beyond)
    FROM found WHERE found.name IS NOT NULL
)
SELECT name FROM found WHERE name IS NOT NULL LIMIT :limit
"""

BY_ID = "id >= :start AND id < :before ORDER BY id DESC"
# The view has no keys and no references.
OF_ATTEMPTS = "attempt_counts WHERE id IN (SELECT id FROM attempts WHERE {path} LIMIT {most})"
OF_ATTEMPTS += " ORDER BY id DESC"

Values = dict[str, Any]


class Walk(NamedTuple):
    """A way through the attempts, newest first, by one index."""

    path: str  # a condition, and the order
    values: Values
    source: str = "attempt_counts WHERE {path}"


class Strip(NamedTuple):
    """What one walk found, newest first, down to an id; None: to its end."""

    ids: list[str]
    down_to: str | None


class Page(NamedTuple):
    ids: list[str]
    more: str | None  # where the next one starts


@dataclass(frozen=True)
class Lister:
    """Lists the attempts of a scope behind one of LISTED, from one id on and below another."""

    db: Connection
    zone: ZoneInfo
    scope: Scope
    start: str
    before: str
    count: str

    def page(self, text: str, limit: int) -> Page:
        walks = [*self._found(text)] if text else [self._behind()]
        most = max(limit + 1, FOUND_THROUGH // len(walks) if text else LOOKED_THROUGH)
        return _merged([self._strip(walk, limit, most) for walk in walks], limit)

    def names(self, column: str, text: str) -> list[str]:
        """List the first products or references that begin with a text, one more than are looked
        for."""
        values = {"text": text, "beyond": text + LAST_LETTER, "limit": NAMES + 1}
        return [row[0] for row in self.db.execute(BEGINNING.format(name=column), values)]

    def _behind(self) -> Walk:
        """Choose the way that looks at the fewest in vain."""
        if self.count in RARE:
            path = f"outcome = :outcome AND {IS_RARE} AND {self._by_day()}"
            return Walk(path, {"outcome": self.count, **self._days()})
        if "product_id" in self.scope.filters:
            return self._of_product(self.scope.filters["product_id"])
        return Walk(BY_ID, {})

    def _found(self, text: str) -> Iterable[Walk]:
        """List the ways to what a text finds: an id, or how a product or reference begins."""
        if AN_ID.fullmatch(text.lower()):
            start, before = text.lower(), text.lower() + "g"
            yield Walk(BY_ID, {"start": max(start, self.start), "before": min(before, self.before)})
        for column in ("session_id", "public_id"):
            aside = "id || '' >= :start AND id || '' < :before"  # not by the primary key
            yield Walk(f"{column} = :text AND {aside}", {"text": text}, OF_ATTEMPTS)
        for reference in self.names("reference", text)[:NAMES]:
            yield Walk(f"reference = :reference AND {BY_ID}", {"reference": reference}, OF_ATTEMPTS)
        for product_id in self.names("product_id", text)[:NAMES]:
            yield self._of_product(product_id)

    def _of_product(self, product_id: str) -> Walk:
        path = f"product_id = :product AND {self._by_day()}"
        return Walk(path, {"product": product_id, **self._days()})

    def _by_day(self) -> str:
        bounds = "local_day BETWEEN :first AND :last AND id || '' < :before"
        return f"{bounds} ORDER BY local_day DESC, id DESC"

    def _days(self) -> Values:
        last = local_day(attempt_ms(self.before), self.zone)
        return {"first": str(self.scope.first), "last": last}

    def _strip(self, walk: Walk, limit: int, most: int) -> Strip:
        source = walk.source.format(path=walk.path, most=most)
        some = f"SELECT * FROM {source} LIMIT {most}"
        also = " ".join(f"AND {name} = :{name}" for name in self.scope.filters)
        values = {"start": self.start, "before": self.before, **self.scope.filters, **walk.values}
        sql = f"SELECT id FROM ({some}) AS some WHERE {BEHIND[self.count]} {also} LIMIT {limit + 1}"
        ids = [row[0] for row in self.db.execute(sql, values)]
        if len(ids) > limit:
            return Strip(ids, ids[-1])
        sql = f"SELECT min(id), count(*) FROM ({some}) AS some"
        last, looked = self.db.execute(sql, values).fetchone()
        return Strip(ids, last if looked == most else None)


def _merged(strips: list[Strip], limit: int) -> Page:
    """Make one page of several strips, down to where all of them have looked."""
    down_to = max((each.down_to for each in strips if each.down_to), default="")
    ids = sorted({each for strip in strips for each in strip.ids if each >= down_to}, reverse=True)
    if len(ids) > limit:
        return Page(ids[:limit], ids[limit - 1])
    return Page(ids, down_to or None)


def narrowed(
    scope: Scope, by_day: Mapping[str, Mapping[str, int]], count: str, last: str
) -> Scope | None:
    """Leave out the days around those, up to the last, that have any of a count; None: none has."""
    days = [date.fromisoformat(day) for day, n in by_day.items() if n[count] and day <= last]
    return replace(scope, first=days[0], last=days[-1]) if days else None
