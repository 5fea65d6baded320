"""A halt's row and its record say the same."""

from __future__ import annotations

import pytest

from domain.errors import BadInput
from domain.halt import Halt, Rule, Scope
from ledger.halts import HaltRecord, halt_row, record_of, require_person

HALT = Halt("h-1", Scope.MARKET, "GAME-AAA", Rule.OPERATOR, "ada", "the game was called off", 7)
COLUMNS = {"id", "scope", "target", "rule", "author", "reason", "at", "cleared_by", "cleared_reason", "cleared_at"}


def test_a_new_halt_has_a_row_with_every_column_and_nobody_has_cleared_it() -> None:
    row = halt_row(HALT)
    assert set(row) == COLUMNS
    assert record_of(row) == HaltRecord(HALT, None, None, None)
    assert record_of(row).in_force


def test_a_cleared_halt_says_who_cleared_it_why_and_when() -> None:
    row = halt_row(HALT) | {"cleared_by": "bob", "cleared_reason": "it is on again", "cleared_at": 9}
    assert record_of(row) == HaltRecord(HALT, "bob", "it is on again", 9)
    assert not record_of(row).in_force


@pytest.mark.parametrize(("author", "reason"), [("", "why"), ("ada", ""), (" ", " "), ("ada", "\t")])
def test_who_sets_or_clears_a_halt_says_who_and_why(author: str, reason: str) -> None:
    with pytest.raises(BadInput):
        require_person(author, reason)
