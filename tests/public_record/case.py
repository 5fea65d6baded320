"""One public case: where it was reported, what a venue did, what is right, and how that is tried here.

Cases are data (`cases/*.yaml`), so that whoever comes next adds one without writing code. The sources are facts that
somebody saw; the inputs are of our own making and reproduce them.

An expectation is a plain value, or one or several of these:

| written | holds where the fact |
|---|---|
| `{one_of: [a, b]}` | is one of them |
| `{not: a}` | is anything else |
| `{at_most: n}`, `{at_least: n}` | is a number in that bound |
| `{contains: text}` | has that text, or that item, in it |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

CASES = Path(__file__).with_name("cases")
VENUES = ("kalshi", "polymarket", "both", "another")


@dataclass(frozen=True, slots=True)
class Case:
    """`topic` is the file it stands in. `awaits` is what main still lacks for it, empty where it comes out right."""

    id: str
    title: str
    topic: str
    venue: str
    sources: tuple[str, ...]
    seen: str
    right: str
    probe: str
    input: Mapping[str, Any]
    expect: Mapping[str, Any]
    awaits: str = ""


def load_all() -> list[Case]:
    """Every case, by file and by its place there."""
    return [case for path in sorted(CASES.glob("*.yaml")) for case in load(path)]


def load(path: Path) -> list[Case]:
    """The cases of one file. Raises `ValueError` for one that lacks a part or has one too many."""
    rows = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    return [_case(path.stem, row) for row in rows]


def _case(topic: str, row: dict[str, Any]) -> Case:
    sources = row.pop("source")
    texts = {name: " ".join(str(row.pop(name)).split()) for name in ("title", "seen", "right")}
    try:
        return Case(
            topic=topic,
            sources=tuple([sources] if isinstance(sources, str) else sources),
            input=row.pop("input", {}),
            **texts,
            **row,
        )
    except TypeError as wrong:
        raise ValueError(f"{topic}: case {row.get('id')}: {wrong}") from None


def differences(expected: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """What is not as expected, in words; empty where all is. A fact that the probe does not know is a difference."""
    return [
        f"{name} is {facts.get(name, 'not a fact of this probe')!r}; expected {wanted!r}"
        for name, wanted in expected.items()
        if name not in facts or not holds(wanted, facts[name])
    ]


def holds(wanted: Any, fact: Any) -> bool:
    """Whether a fact is as an expectation of the table above says."""
    if isinstance(wanted, dict) and wanted and wanted.keys() <= _WORDS.keys():
        return all(_WORDS[word](value, fact) for word, value in wanted.items())
    if isinstance(fact, dict):
        return (
            isinstance(wanted, dict) and wanted.keys() == fact.keys() and all(holds(wanted[k], fact[k]) for k in fact)
        )
    if isinstance(fact, list | tuple):
        return (
            isinstance(wanted, list)
            and len(wanted) == len(fact)
            and all(holds(one, other) for one, other in zip(wanted, fact, strict=True))
        )
    if isinstance(fact, Decimal) and not isinstance(wanted, bool) and wanted is not None:
        try:
            return Decimal(str(wanted)) == fact
        except InvalidOperation:
            return False
    return bool(wanted == fact) and isinstance(wanted, bool) == isinstance(fact, bool)


_WORDS: dict[str, Callable[[Any, Any], bool]] = {
    "one_of": lambda values, fact: any(holds(each, fact) for each in values),
    "not": lambda value, fact: not holds(value, fact),
    "at_most": lambda bound, fact: fact is not None and Decimal(str(fact)) <= Decimal(str(bound)),
    "at_least": lambda bound, fact: fact is not None and Decimal(str(fact)) >= Decimal(str(bound)),
    "contains": lambda part, fact: part in fact,
}
