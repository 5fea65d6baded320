"""What was expected, what was seen: one line a check, written at once, so that a crash hides nothing before it."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import TextIO


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `name` is stable; `expected` and `seen` are for people. `skipped` says why a client has no such
    thing; it counts neither as passed nor as failed."""

    name: str
    expected: str
    seen: str
    ok: bool
    skipped: bool = False


class Wrong(Exception):
    """What was seen is not what was expected; the message is what was seen."""


@dataclass(slots=True)
class Note:
    """Inside one check: say what was seen, compare."""

    seen: list[str] = field(default_factory=list)

    def saw(self, what: object) -> None:
        self.seen.append(str(what))

    def equal(self, what: str, found: object, wanted: object) -> None:
        """Raises `Wrong` unless both are equal."""
        if found != wanted:
            raise Wrong(f"{what}: {found}, not {wanted}")
        self.saw(f"{what} {found}")

    def true(self, what: str, holds: bool) -> None:
        if not holds:
            raise Wrong(f"not so: {what}")
        self.saw(what)


class Sheet:
    """Collects checks; each goes out through `tell` as it ends."""

    def __init__(self, tell: Callable[[Check], None]) -> None:
        self.checks: list[Check] = []
        self._tell = tell

    @asynccontextmanager
    async def check(self, name: str, expected: str) -> AsyncIterator[Note]:
        """The body's exception, whatever it is, fails this check and no other."""
        note = Note()
        try:
            yield note
        except Wrong as wrong:
            self.add(Check(name, expected, "; ".join((*note.seen, str(wrong))), ok=False))
        except Exception as error:  # a foreign client may raise anything, and the rest must run
            where = traceback.extract_tb(error.__traceback__)[-1]
            told = f"{type(error).__name__}: {_short(error)} ({where.name}:{where.lineno})"
            self.add(Check(name, expected, "; ".join((*note.seen, told)), ok=False))
        else:
            self.add(Check(name, expected, "; ".join(note.seen), ok=True))

    def skip(self, name: str, reason: str) -> None:
        self.add(Check(name, "", reason, ok=True, skipped=True))

    def add(self, check: Check) -> None:
        self.checks.append(check)
        self._tell(check)


def write(check: Check, out: TextIO = sys.stdout) -> None:
    """One JSON line."""
    out.write(json.dumps(asdict(check)) + "\n")
    out.flush()


def read(line: str) -> Check | None:
    """The check a line holds; None for anything else a client may print."""
    try:
        return Check(**json.loads(line))
    except (ValueError, TypeError):
        return None


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 400 else text[:397] + "…"
