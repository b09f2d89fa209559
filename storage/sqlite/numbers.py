"""Read the numbers: from the totals where they can answer, else from the attempts.

Everything is read from one snapshot, so that no two panels of a page can disagree.
"""

# ruff: noqa: S608 - names of tables and columns come from our own code; values are bound
import json
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from itertools import groupby
from operator import add, itemgetter, neg
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from storage.events import attempt_ms
from storage.funnel import AT, COUNTS, MONTHS, Attempt, local_day, midnight_ms
from storage.numbers import (
    DIMENSIONS,
    Counts,
    Export,
    Found,
    Scope,
    UnderWay,
    answering_table,
    with_open,
)
from storage.sqlite.batch import SELECT_ATTEMPT, Terms
from storage.sqlite.connection import Connection, Cursor, Error
from storage.sqlite.listing import NAMES, RARE, Lister, Page, narrowed
from storage.sqlite.queries import query

Key = tuple[str, ...]
Row = tuple[int, ...]  # in the order of COUNTS

MONTHLY = {day: month for month, day in MONTHS.items()}
SUMS = ", ".join(f"sum({name})" for name in COUNTS)
NEWEST = """
SELECT max(day) FROM (
    SELECT max(local_day) AS day FROM totals_day_category
    UNION ALL SELECT max(local_day) FROM histograms
)
"""
OLDEST = "SELECT coalesce(min(local_day), '') FROM totals_day_category"
HOUR_MS, QUARTER_MS = 3_600_000, 900_000
NOTHING: Row = (0,) * len(COUNTS)
# The columns whose order an export has; a page goes on after the last row of the one before.
EXPORT_ORDER = {"export_attempts": ("id",), "export_events": ("received_ms", "id")}
EXPORTED = 500  # rows of a page
FEW = 100  # values of a dimension that a page shows


class Periods(NamedTuple):
    """The days of a scope as few keys of tables: months, and days to add or take away."""

    months: list[str]
    days: list[str]
    without: list[str]


# How attempts of days that are long over stood, by the question, and what the last calls came to:
# both are asked with each page, and hardly change within a minute.
Past = dict[tuple[Any, ...], list[Any]]
OVER = timedelta(2)  # after so long no session can end any more
MINUTE_MS = 60_000


class SQLiteNumbers:
    """See `storage.numbers.Numbers`."""

    def __init__(self, db: Connection, zone: ZoneInfo, past: Past | None = None) -> None:
        self._db = db
        self._past = {} if past is None else past
        self._terms = Terms.read(db, zone)
        self._newest: str = db.execute(NEWEST).fetchone()[0] or ""  # the last day with anything

    @property
    def zone(self) -> ZoneInfo:
        return self._terms.zone

    @property
    def raw_since(self) -> str:
        return self._terms.line

    @property
    def since(self) -> str:
        return str(self._db.execute(OLDEST).fetchone()[0])

    def totals(self, scope: Scope) -> Counts:
        return _named_counts(self._counted(scope, ()).get((), NOTHING))

    def by(
        self, scope: Scope, by: str, sort: str = "clicks", limit: int = 1_000
    ) -> tuple[dict[str, Counts], int]:
        if by == "day":
            counted = {
                day: _named_counts(row) for (day,), row in self._counted(scope, (by,)).items()
            }
            nothing = _named_counts(NOTHING)  # of ten years most days can be those before the shop
            return {day: counted.get(day, nothing) for day in map(str, scope.days)}, 0
        return self.split(scope, (by,), sort, limit)[by]

    def split(
        self, scope: Scope, dimensions: Sequence[str], sort: str = "clicks", limit: int = 1_000
    ) -> dict[str, tuple[dict[str, Counts], int]]:
        # Dimensions that one table has together are read once.
        found, rank = {}, _rank(sort)
        for group in self._together(scope, dimensions):
            table = answering_table(scope, *group)
            if group == ("product_id",) and table and sort in AT and limit <= FEW:
                found["product_id"] = self._best_products(scope, table, sort, limit)
                continue
            counted = self._counted(scope, group)
            for position, by in enumerate(group):
                sums = _summed(((key[position],), counts) for key, counts in counted.items())
                keys = sorted(sums, key=lambda key: (-rank(sums[key]), key))
                best = {key[0]: _named_counts(sums[key]) for key in keys[:limit]}
                found[by] = (best, max(0, len(keys) - limit))
        return found

    def _best_products(
        self, scope: Scope, table: str, sort: str, limit: int
    ) -> tuple[dict[str, Counts], int]:
        """Count for the best products alone.

        Of hundreds a page shows twenty: one count ranks them, and only the best have all their
        counts summed, which takes half of the time.
        """
        sums = f"sum({sort}), sum(impressions), sum(clicks)"  # without these there is nothing
        ranked = self._from_totals(scope, ("product_id",), table, sums)
        keys = sorted(ranked, key=lambda key: (-ranked[key][0], key))
        best = [product_id for (product_id,) in keys[:limit]]
        counted = self._from_totals(scope, ("product_id",), table, products=best)
        found = {product_id: _named_counts(counted[product_id,]) for product_id in best}
        return found, len(keys) - len(best)

    def _together(self, scope: Scope, dimensions: Sequence[str]) -> list[tuple[str, ...]]:
        by_table: dict[str | None, list[str]] = {}
        for by in dimensions:
            by_table.setdefault(answering_table(scope, by), []).append(by)
        return [tuple(group) for group in by_table.values()]

    def _counted(self, scope: Scope, by: tuple[str, ...]) -> dict[Key, Row]:
        """Count for each combination of some dimensions' values."""
        table = answering_table(scope, *by)
        return self._from_totals(scope, by, table) if table else self._from_attempts(scope, by)

    def _from_totals(
        self,
        scope: Scope,
        by: tuple[str, ...],
        table: str,
        sums: str = SUMS,
        products: Sequence[str] | None = None,
    ) -> dict[Key, Row]:
        """Count from a table of totals, with the help of its table of months if there is one."""
        by_month = MONTHLY.get(table, "")
        periods = Periods([], [*map(str, scope.days)], [])
        if by_month and by != ("day",):
            periods = self._periods(scope)
        counted: list[tuple[Key, Row]] = []
        for source, column, keys, negated in (
            (by_month, "local_month", periods.months, False),
            (table, "local_day", periods.days, False),
            (table, "local_day", periods.without, True),
        ):
            if keys:
                values = {"periods": json.dumps(keys), **scope.filters}
                some = ""
                if products is not None:
                    values["products"] = json.dumps(products)
                    some = "AND product_id IN (SELECT value FROM json_each(:products))"
                sql = (
                    f"SELECT {_columns(by)}{sums} FROM {source} "
                    f"WHERE {column} IN (SELECT value FROM json_each(:periods)) "
                    f"{some} {_and(scope.filters)} {_group(by)}"
                )
                for key, counts in _keyed(self._db.execute(sql, values), len(by)):
                    counted.append((key, tuple(map(neg, counts)) if negated else counts))
        # What was counted only on days that were taken away leaves nothing.
        return {key: counts for key, counts in _summed(counted).items() if any(counts)}

    def _periods(self, scope: Scope) -> Periods:
        """Read each month by its days or as a whole, whichever is less."""
        periods = Periods([], [], [])
        for month, group in groupby(map(str, scope.days), lambda day: day[:7]):
            days = [*group]
            rest = [day for day in _days_of(month) if day not in days and day <= self._newest]
            if len(rest) < len(days):
                periods.months.append(month)
                periods.without.extend(rest)
            else:
                periods.days.extend(days)
        return periods

    def _from_attempts(self, scope: Scope, by: tuple[str, ...]) -> dict[Key, Row]:
        """Count from the attempts: slower the more there are. No impression has a channel."""
        attempts = (
            f"SELECT {_columns(by)}{SUMS} FROM attempt_counts "
            f"WHERE local_day BETWEEN :first AND :last {_and(scope.filters)} {_group(by)}"
        )
        zeros = ", 0" * (len(COUNTS) - 1)
        seen = (
            f"SELECT {_columns(by)}impressions{zeros} FROM ({query('impressions')}) "
            f"WHERE true {_and(scope.filters)}"
        )
        values = {"first": str(scope.first), "last": str(scope.last), **scope.filters}
        values["days"] = json.dumps(self._bounds(scope))
        counted = self._db.execute(f"{attempts} UNION ALL {seen}", values)
        return _summed(_keyed(counted, len(by)))

    def _bounds(self, scope: Scope) -> dict[str, tuple[int, int]]:
        """Return each day's first and last millisecond."""
        edges = [
            midnight_ms(day.isoformat(), self.zone)
            for day in (*scope.days, scope.last + timedelta(1))
        ]
        return {
            str(day): (start, end - 1)
            for day, start, end in zip(scope.days, edges, edges[1:], strict=False)
        }

    def standing(self, scope: Scope, at_ms: int) -> Counts:
        (*counts, underway) = next(iter(self._stood(scope, at_ms)))
        return _named_counts([n or 0 for n in counts]) | {"underway": underway or 0}

    def hours(self, scope: Scope, at_ms: int) -> dict[str, list[Counts]]:
        bounds = self._bounds(scope)
        counted = {
            day: [(*NOTHING, 0)] * -(-(last - first) // HOUR_MS)
            for day, (first, last) in bounds.items()
        }
        for day, quarter, *counts in self._stood(scope, at_ms, "local_day", "quarter"):
            hour = (quarter * QUARTER_MS - bounds[day][0]) // HOUR_MS
            counted[day][hour] = tuple(map(add, counted[day][hour], counts))
        return {
            day: [_named_counts(counts) | {"underway": underway} for *counts, underway in hours]
            for day, hours in counted.items()
        }

    def _stood(self, scope: Scope, at_ms: int, *by: str) -> list[tuple[Any, ...]]:
        if str(scope.last + OVER) >= self._newest:
            return self._read_stood(scope, at_ms, by)
        filters = frozenset(scope.filters.items())
        key = (scope.first, scope.last, filters, at_ms // MINUTE_MS, by)
        if key not in self._past:
            self._past[key] = self._read_stood(scope, at_ms, by)
        return self._past[key]

    def _read_stood(self, scope: Scope, at_ms: int, by: tuple[str, ...]) -> list[tuple[Any, ...]]:
        start, end = self._edges(scope)
        values = {"start": f"{start:012x}", "end": f"{min(end, at_ms):012x}", "at_ms": at_ms}
        columns = f"{_columns(by)}{SUMS}, sum(underway)"
        sql = f"SELECT {columns} FROM ({query('stood')}) {_group(by)}"
        return self._db.execute(sql, values | _filters(scope)).fetchall()

    def under_way(self, scope: Scope) -> UnderWay:
        values = {"first": str(scope.first), "last": str(scope.last)} | _filters(scope)
        return UnderWay(*self._db.execute(query("under_way"), values).fetchone())

    def histograms(self, scope: Scope) -> dict[str, list[tuple[int, int]]]:
        values: dict[str, str | None] = {
            name: json.dumps(keys) for name, keys in self._periods(scope)._asdict().items()
        }
        values["channel"] = scope.filters.get("channel")
        found: dict[str, list[tuple[int, int]]] = {}
        for metric, bucket, n in self._db.execute(query("histograms"), values):
            found.setdefault(metric, []).append((bucket, n))
        return found

    def rows(self, name: str, **values: Any) -> list[dict[str, Any]]:
        if name != "vendor_answers":
            return list(_named(self._db.execute(query(name), values)))
        key = (name, values["since_ms"] // MINUTE_MS)
        if key not in self._past:
            self._past[key] = list(_named(self._db.execute(query(name), values)))
        return self._past[key]

    def export(
        self,
        name: str,
        scope: Scope,
        start: Mapping[str, Any] | None = None,
        *,
        around: bool = False,
    ) -> Export:
        values = self._export_values(name, scope) | dict(start or {})
        read = self._read_around if around else self._read_export
        columns, rows = read(name, values, EXPORTED)
        if len(rows) < EXPORTED and not (around and rows):
            return Export(columns, rows, None)
        last = dict(zip(columns, rows[-1], strict=True))
        return Export(columns, rows, {f"after_{each}": last[each] for each in EXPORT_ORDER[name]})

    def _read_export(
        self, name: str, values: Mapping[str, Any], limit: int
    ) -> tuple[list[str], list[Sequence[Any]]]:
        found = self._db.execute(query(name), {**values, "limit": limit})
        return [column[0] for column in found.description], found.fetchall()

    def _read_around(
        self, name: str, values: Mapping[str, Any], limit: int
    ) -> tuple[list[str], list[Sequence[Any]]]:
        """Read up to what cannot be read, or else one row from the next time on that can be, sought
        in longer and longer steps and then back. Both orders begin with a time."""
        for fewer in (limit, 50, 5, 1):
            with suppress(Error):
                return self._read_export(name, values, fewer)
        attempts = name == "export_attempts"
        start = attempt_ms(values["after_id"]) if attempts else values["after_received_ms"]
        end = attempt_ms(values["end"]) if attempts else values["end_ms"]

        def later(at: int) -> dict[str, Any]:
            return {**values, "after_id": f"{at:012x}" if attempts else 0, "after_received_ms": at}

        def can_be_read(at: int) -> bool:
            with suppress(Error):
                self._read_export(name, later(at), 1)
                return True
            return False

        bad, good = start, start + 1
        while good < end and not can_be_read(good):
            bad, good = good, good + 2 * (good - start)
        while good - bad > 1:
            middle = (bad + good) // 2
            bad, good = (bad, middle) if can_be_read(middle) else (middle, good)
        return self._read_export(name, later(good), 1 if can_be_read(good) else 0)

    def export_size(self, name: str, scope: Scope) -> int:
        values = self._export_values(name, scope) | {"limit": -1}
        return int(self._db.execute(f"SELECT count(*) FROM ({query(name)})", values).fetchone()[0])

    def _export_values(self, name: str, scope: Scope) -> dict[str, Any]:
        start, end = self._edges(scope)
        values = _filters(scope)
        if name == "export_attempts":  # whose ids begin with a time
            return values | {"after_id": f"{start:012x}", "end": f"{end:012x}"}
        return values | {"after_received_ms": start, "after_id": 0, "end_ms": end}

    def _edges(self, scope: Scope) -> tuple[int, int]:
        """Return the first millisecond of the scope, and the first after it."""
        start, end = (
            midnight_ms(day.isoformat(), self.zone)
            for day in (scope.first, scope.last + timedelta(1))
        )
        return start, end

    def created_by_day(self, before: date, days: int = 400) -> list[tuple[date, int]]:
        sql = (
            "SELECT local_day, sum(created) FROM totals_day_category "
            "WHERE local_day BETWEEN ? AND ? GROUP BY 1"
        )
        values = (str(before - timedelta(days)), str(before - timedelta(1)))
        return [(date.fromisoformat(day), n) for day, n in self._db.execute(sql, values)]

    def attempts(
        self, scope: Scope, count: str, before: str | None, limit: int = 50, search: str = ""
    ) -> Found:
        page = self._page(scope, count, before, limit, search)
        return Found(tuple(filter(None, map(self.attempt, page.ids))), page.more)

    def export_attempts(
        self, scope: Scope, count: str, before: str | None = None, search: str = ""
    ) -> Export:
        page = self._page(scope, count, before, EXPORTED, search)
        found = self._db.execute(query("listed_attempts"), {"ids": json.dumps(page.ids)})
        more = {"before": page.more} if page.more else None
        return Export([column[0] for column in found.description], found.fetchall(), more)

    def search_is_cut(self, search: str) -> bool:
        lister = Lister(self._db, self.zone, Scope(date.min, date.min), "", "", "clicks")
        names = (lister.names(column, search) for column in ("product_id", "reference"))
        return any(len(each) > NAMES for each in names)

    def _page(self, scope: Scope, count: str, before: str | None, limit: int, search: str) -> Page:
        start, end = (f"{edge:012x}" for edge in self._edges(scope))
        below = min(before or end, end)
        if count not in RARE and answering_table(scope):
            # Days without any are not looked through, however many attempts they have.
            last = local_day(attempt_ms(below), self.zone)
            some = narrowed(scope, self.by(scope, "day")[0], count, last)
            if some is None:
                return Page([], None)
            start, end = (f"{edge:012x}" for edge in self._edges(some))
            scope, below = some, min(below, end)
        return Lister(self._db, self.zone, scope, start, below, count).page(search, limit)

    def attempt(self, attempt_id: str) -> Attempt | None:
        row = self._db.execute(f"{SELECT_ATTEMPT} WHERE id = ?", (attempt_id,)).fetchone()
        return Attempt._make(row) if row else None

    def about(self, table: str, attempt_id: str) -> list[dict[str, Any]]:
        sql = f"SELECT * FROM {table} WHERE attempt_id = ? ORDER BY id"
        return list(_named(self._db.execute(sql, (attempt_id,))))


def _columns(by: Iterable[str]) -> str:
    return "".join(f"{'local_day' if each == 'day' else each}, " for each in by)


def _group(by: Sequence[str]) -> str:
    return f"GROUP BY {', '.join(str(n + 1) for n in range(len(by)))}" if by else ""


def _and(filters: Iterable[str]) -> str:
    return " ".join(f"AND {name} = :{name}" for name in filters)


def _filters(scope: Scope) -> dict[str, Any]:
    """Return a value for each dimension; None where it may be any."""
    return dict.fromkeys(DIMENSIONS) | dict(scope.filters)


def _keyed(rows: Iterable[tuple[Any, ...]], width: int) -> Iterator[tuple[Key, Row]]:
    """Yield (key, counts) of rows that begin with their key; a sum of nothing is left out."""
    return ((row[:width], row[width:]) for row in rows if row[width] is not None)


def _summed(rows: Iterable[tuple[Key, Row]]) -> dict[Key, Row]:
    sums: dict[Key, Row] = {}
    for key, counts in rows:
        before = sums.get(key)
        sums[key] = tuple(map(add, before, counts)) if before else counts
    return sums


def _named_counts(counts: Sequence[int]) -> Counts:
    return with_open(dict(zip(COUNTS, counts, strict=True)))


def _rank(sort: str) -> Callable[[Row], int]:
    """Return what to sort by: a count, or "open"."""
    if sort in AT:
        return itemgetter(AT[sort])
    return lambda counts: _named_counts(counts)[sort]


def _named(rows: Cursor) -> Iterator[dict[str, Any]]:
    names = [column[0] for column in rows.description]
    return (dict(zip(names, row, strict=True)) for row in rows)


def _days_of(month: str) -> list[str]:
    year, number = map(int, month.split("-"))
    return [f"{month}-{day:02}" for day in range(1, monthrange(year, number)[1] + 1)]
