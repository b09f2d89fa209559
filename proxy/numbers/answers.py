"""Answer a question as data, with the members of `stats.json`."""

from typing import Any

from proxy.numbers.comparison import before
from proxy.numbers.questions import LIMIT, Question, durations
from storage.numbers import Counts, Numbers, answering_table


def answer(numbers: Numbers, question: Question, now_ms: int) -> dict[str, Any]:
    """Answer a question with the members of `stats.json`."""
    scope = question.scope
    by = (question.by,) if question.by else ()
    rows, more = numbers.by(scope, *by, question.sort, question.limit or LIMIT) if by else ({}, 0)
    return {
        "from": str(scope.first),
        "to": str(scope.last),
        "timezone": numbers.zone.key,
        "filters": dict(scope.filters),
        "totals": numbers.totals(scope),
        "previous_from": str(question.before.first),
        "previous_to": str(question.before.last),
        "previous": _previous(numbers, question, now_ms),
        "by": [{"key": key, **counts} for key, counts in rows.items()],
        "more": more,
        "source": "totals" if answering_table(scope, *by) else "attempts",
        "raw_since": numbers.raw_since or None,
        "times": [each._asdict() for each in durations(numbers, scope)],
    }


def _previous(numbers: Numbers, question: Question, now_ms: int) -> Counts | None:
    by_day, _ = numbers.by(question.before, "day")
    counts = before(numbers, question, by_day, now_ms)
    return counts and {name: n for name, n in counts.items() if name != "underway"}
