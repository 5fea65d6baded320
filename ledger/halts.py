"""Halts as the ledger keeps them: their ids, their rows, and what became of each."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from domain.errors import BadInput
from domain.halt import Halt, Rule, Scope
from ledger.codec import Row


@dataclass(frozen=True, slots=True)
class HaltRecord:
    """A halt, and who ended it, why and when (wall-clock µs); None three times while it is in force."""

    halt: Halt
    cleared_by: str | None = None
    cleared_reason: str | None = None
    cleared_at: int | None = None

    @property
    def in_force(self) -> bool:
        return self.cleared_at is None


def new_id() -> str:
    """`h-` and six hex digits: short enough to type."""
    return f"h-{secrets.token_hex(3)}"


def require_person(author: str, reason: str) -> None:
    """Raise `BadInput` unless both are there: a halt is ended only by somebody, for a reason."""
    if not author.strip() or not reason.strip():
        raise BadInput("a halt is cleared only by a named person with a reason; give both", "no_author")


def not_in_force(halt_id: str) -> BadInput:
    return BadInput(f"no halt {halt_id!r} is in force; `surefoot halts` lists those that are", "no_such_halt")


def taken(halt_id: str) -> BadInput:
    return BadInput(f"{halt_id} is the id of another halt; leave the id empty to be given a new one", "halt_id_taken")


def halt_row(halt: Halt) -> dict[str, Any]:
    return {
        "id": halt.id,
        "scope": halt.scope,
        "target": halt.target,
        "rule": halt.rule,
        "author": halt.author,
        "reason": halt.reason,
        "at": halt.at,
        "cleared_by": None,
        "cleared_reason": None,
        "cleared_at": None,
    }


def halt_of(row: Row) -> Halt:
    return Halt(
        id=row["id"],
        scope=Scope(row["scope"]),
        target=row["target"],
        rule=Rule(row["rule"]),
        author=row["author"],
        reason=row["reason"],
        at=row["at"],
    )


def record_of(row: Row) -> HaltRecord:
    return HaltRecord(halt_of(row), row["cleared_by"], row["cleared_reason"], row["cleared_at"])
