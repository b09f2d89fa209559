"""The rules by which a feed's products can be tried on: TRYON_CATALOG_RULES."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate

from proxy import settings_values as values

FIELDS = ("product_type", "google_product_category", "tag", "title", "availability")
PATHS = FIELDS[:2]  # whose values are paths, such as `Apparel > Shoes > Boots`
Said = Mapping[str, Sequence[str]]  # the values of an entry, by these fields


@dataclass(frozen=True)
class Rule:
    """What matches every pattern can be tried on as `category`."""

    category: str
    patterns: tuple[tuple[str, re.Pattern[str]], ...]

    def matches(self, said: Said) -> bool:
        return all(
            any(map(pattern.fullmatch, said.get(field, ()))) for field, pattern in self.patterns
        )


def category_of(rules: Iterable[Rule], said: Said) -> str | None:
    """Return the category of the first rule that matches."""
    return next((rule.category for rule in rules if rule.matches(said)), None)


def tails(path: str) -> list[str]:
    """List a path and what is left of it below each level, so that `Shoes*` finds shoes wherever
    they hang."""
    levels = [level.strip() for level in path.split(">")]
    return [" > ".join(levels[start:]) for start in range(len(levels))]


def by_name(categories: Iterable[str]) -> tuple[Rule, ...]:
    """The rules where none are set: a type or a tag that is a category's own name."""
    return tuple(
        _rule(category, {field: [category]})
        for category in categories
        for field in ("product_type", "tag")
    )


def parse(text: str) -> tuple[Rule, ...]:
    """Read `{"footwear": {"product_type": "Shoes*"}}`, in its order.

    A category may have a list of such objects, and a field a list of patterns: any of them.
    """
    try:
        found = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON in line {error.lineno}: {error.msg}.") from None
    except RecursionError:
        raise ValueError("is not JSON that can be read.") from None
    if not isinstance(found, dict) or not found:
        raise ValueError("must be a JSON object with a category of yours for each rule.")
    return tuple(rule for name, entry in found.items() for rule in _rules_of(name, entry))


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("has a name twice in one object; give a list.")
    return dict(pairs)


def _rules_of(name: str, entry: object) -> Iterator[Rule]:
    try:
        category = values.category(name)
    except ValueError as error:
        raise ValueError(f"has a category that {error}") from None
    for conditions in entry if isinstance(entry, list) and entry else [entry]:
        if not isinstance(conditions, dict) or not conditions:
            raise ValueError(f"({category}) must be an object of fields and patterns.")
        yield _rule(category, conditions)


def _rule(category: str, conditions: Mapping[str, object]) -> Rule:
    patterns = []
    for field, given in conditions.items():
        if field not in FIELDS:
            raise ValueError(f"({category}) has a field that is none of {', '.join(FIELDS)}.")
        wanted = given if isinstance(given, list) and given else [given]
        if not all(isinstance(each, str) and each.strip() for each in wanted):
            raise ValueError(f"({category}, {field}) must be a pattern, or a list of patterns.")
        either = "|".join(translate(str(each).strip()) for each in wanted)
        patterns.append((field, re.compile(either, re.IGNORECASE)))
    return Rule(category, tuple(patterns))
