"""The halt flag: halts in a file, for when the ledger cannot be reached. A halt needs nothing but a disk.

    {"halts": [{"id": "flag-3fa2b1", "scope": "all", "target": "", "author": "grace", "reason": "venue storm",
                "at": "2026-12-01T02:50:00.000000+00:00"}]}

`scope` and `target` are those of `domain.halt`, `at` says when. Whatever else the file holds, nothing included, halts
everything: who made it meant to stop something, and what cannot be read rules nothing out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.halt import Halt, Rule, Scope

PREFIX = "flag-"
UNREAD = f"{PREFIX}unread"
"""The id of the halt that a flag nobody can read amounts to."""

MOST_BYTES = 65_536
_KEYS = frozenset({"id", "scope", "target", "author", "reason", "at"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unread(why: str, at: int) -> Halt:
    """The halt of everything that an unreadable flag is. `at` is when the file was last changed (µs), 0 if unknown."""
    return Halt(UNREAD, Scope.ALL, "", Rule.OPERATOR, "the file HALT", f"its halts cannot be read: {why}", at)


def parse(content: bytes, changed_at: int) -> tuple[Halt, ...]:
    """The halts of a flag's content. One that is not as above is `unread`; a flag that lists none as well."""
    if not content.strip():
        return (unread("it is empty", changed_at),)
    if len(content) > MOST_BYTES:
        return (unread(f"it has more than {MOST_BYTES} bytes", changed_at),)
    try:
        halts = tuple(_halt(item) for item in json.loads(content)["halts"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as wrong:
        return (unread(f"{type(wrong).__name__}: {wrong}"[:200], changed_at),)
    return halts or (unread("it lists none", changed_at),)


def render(halts: Iterable[Halt]) -> bytes:
    """The content of a flag that says exactly these."""
    items = [
        {
            "id": halt.id,
            "scope": halt.scope,
            "target": halt.target,
            "author": halt.author,
            "reason": halt.reason,
            "at": (_EPOCH + timedelta(microseconds=halt.at)).isoformat(timespec="microseconds"),
        }
        for halt in halts
    ]
    return json.dumps({"halts": items}, indent=1, ensure_ascii=False).encode() + b"\n"


def _halt(item: Any) -> Halt:
    if not isinstance(item, dict) or set(item) != _KEYS or not all(isinstance(value, str) for value in item.values()):
        raise ValueError(f"a halt has {', '.join(sorted(_KEYS))}, each a text; seen {item!r}")
    scope = Scope(item["scope"])
    if (scope is Scope.ALL) != (item["target"] == ""):
        raise ValueError(f"scope {scope} with target {item['target']!r}")
    when = datetime.fromisoformat(item["at"])
    if when.tzinfo is None:
        raise ValueError(f"{item['at']!r} says no time zone")
    at = (when - _EPOCH) // timedelta(microseconds=1)
    return Halt(item["id"], scope, item["target"], Rule.OPERATOR, item["author"], item["reason"], at)
