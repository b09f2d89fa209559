"""Questions about the totals: the scope of one, and the protocol that answers it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from storage.funnel import COUNTS, TOTALS, Attempt

Counts = dict[str, int]  # of COUNTS, and "open"

DIMENSIONS = ("product_id", "category", "locale", "device", "channel", "offered")
ENDINGS = (
    "completed", "abandoned", "failed", "cancelled", "other",
    "expired_unlaunched", "expired_unreported", "create_failed",
)  # fmt: skip
LISTED = (*COUNTS[1:-2], "open")  # counts whose attempts can be listed
# Tables that count by day, the smallest first.
DAILY = ("totals_day_category", "totals_day", "totals_day_product")


@dataclass(frozen=True)
class Scope:
    """Which part of the numbers: local days, both included, and what properties must be."""

    first: date
    last: date
    filters: Mapping[str, str] = field(default_factory=dict)  # of DIMENSIONS

    @cached_property
    def days(self) -> list[date]:
        return [self.first + timedelta(n) for n in range((self.last - self.first).days + 1)]


@dataclass(frozen=True)
class Found:
    """A page of attempts, newest first; `more` is where the next one starts, None at the end."""

    attempts: tuple[Attempt, ...]
    more: str | None


def with_open(counts: Mapping[str, int]) -> Counts:
    """Add how many attempts can still end."""
    return {**counts, "open": counts["clicks"] - sum(counts[name] for name in ENDINGS)}


class UnderWay(NamedTuple):
    """Try-ons that can still end, by how far they got."""

    waiting: int  # have a session that nobody launched yet
    launched: int


def answering_table(scope: Scope, *by: str) -> str | None:
    """Find the smallest table of totals that answers a question; None: only attempts do."""
    wanted = {*scope.filters, *by} - {"day"}
    return next((table for table in DAILY if wanted <= {*TOTALS[table]}), None)


class Export(NamedTuple):
    """A page of an export; `more` is where the next one starts, None at the end."""

    columns: list[str]
    rows: list[Sequence[Any]]
    more: Mapping[str, Any] | None


class Numbers(Protocol):
    """The totals and attempts of one state of the store."""

    @property
    def zone(self) -> ZoneInfo:
        """The zone whose days are counted."""

    @property
    def raw_since(self) -> str:
        """The first local day whose attempts are kept; "" where none were purged."""

    @property
    def since(self) -> str:
        """The first local day on which anything was counted; "" where nothing was."""

    def totals(self, scope: Scope) -> Counts: ...

    def by(
        self, scope: Scope, by: str, sort: str = "clicks", limit: int = 1_000
    ) -> tuple[dict[str, Counts], int]:
        """Count for each value of a dimension; also, how many values the limit left out.

        By "day" in order and with every day of the scope, else the greatest of `sort` first.
        """

    def split(
        self, scope: Scope, dimensions: Sequence[str], sort: str = "clicks", limit: int = 1_000
    ) -> dict[str, tuple[dict[str, Counts], int]]:
        """Count `by` each of some dimensions."""

    def standing(self, scope: Scope, at_ms: int) -> Counts:
        """Count from the attempts as they stood at a moment; also "underway": those launched that
        could still end."""

    def hours(self, scope: Scope, at_ms: int) -> dict[str, list[Counts]]:
        """Count so for each day of the scope, by hours since its midnight."""

    def under_way(self, scope: Scope) -> UnderWay:
        """Count the try-ons that can still end. Quick: they are found by an index."""

    def histograms(self, scope: Scope) -> dict[str, list[tuple[int, int]]]:
        """Return (bucket, how many), in order, for each metric: launch, complete, vendor.

        Of the filters only the channel's is known here.
        """

    def rows(self, name: str, **values: Any) -> list[dict[str, Any]]:
        """Run a report by its name; each row by its columns' names."""

    def export(
        self,
        name: str,
        scope: Scope,
        start: Mapping[str, Any] | None = None,
        *,
        around: bool = False,
    ) -> Export:
        """Read some rows of an export, from a `more` on; `around`: leave out what is damaged."""

    def export_size(self, name: str, scope: Scope) -> int:
        """Count the rows of an export."""

    def created_by_day(self, before: date, days: int = 400) -> list[tuple[date, int]]:
        """Count the sessions created on each finished day, for a forecast."""

    def attempts(
        self, scope: Scope, count: str, before: str | None, limit: int = 50, search: str = ""
    ) -> Found:
        """List the attempts behind one of LISTED, of all, or of those that a text finds.

        It finds an id (ours, the shopper's or the vendor's) and what a reference or product begins
        with. A page looks through a bounded number of them, and may be short.
        """

    def export_attempts(
        self, scope: Scope, count: str, before: str | None = None, search: str = ""
    ) -> Export:
        """Read some rows of the same list; `more` has where the next ones start: `before`."""

    def search_is_cut(self, search: str) -> bool:
        """Tell whether more products or references begin with a text than are looked for."""

    def attempt(self, attempt_id: str) -> Attempt | None: ...

    def about(self, table: str, attempt_id: str) -> list[dict[str, Any]]:
        """List an attempt's events, receipts or upstream_calls, in the order in which they came."""
