"""A simulator that notices nothing proves nothing: each of the `mutants` breaks the code, and some seed must show it.

By what the code then does, not by its falling over: a mutant of code that has moved on would be noticed for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from proof.simulate.campaign import run_seeds
from tests.proof.simulate.mutants import Mutant, evidence, money, parked, people, sends

pytestmark = [
    pytest.mark.ladder,
    pytest.mark.timeout(600),  # what is broken may go round in circles, with numbers that double
]

MUTANTS = tuple(mutant for idea in (evidence, sends, parked, people, money) for mutant in idea.MUTANTS)
ENOUGH = 2_000
SHOWN_BY = {
    "a_halt_of_a_venue_looks_at_the_first_leg_only": 923,
    "a_hedge_knows_no_limit_of_capital": 598,
    "a_lost_sign_is_bounded_by_nothing": 10,
    "absence_needs_no_grace": 173,
    "copies_are_sent_without_end": 296,
    "fees_are_forgotten_while_unsettled": 320,
    "hold_holds_nothing": 210,
    "no_net_catches_what_a_command_raises": 113,
    "stuck_is_the_end": 105,
}
"""Seeds that showed a mutant when it was last looked for, where that took long: tried first."""


def tried(name: str) -> Iterator[range]:
    """The seeds to run, in growing steps."""
    yield range(SHOWN_BY[name], SHOWN_BY[name] + 1) if name in SHOWN_BY else range(0)
    first, step = 0, 25
    while first < ENOUGH:
        yield range(first, min(first + step, ENOUGH))
        first, step = first + step, 2 * step


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_broken_code_is_noticed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    for seeds in tried(mutant.__name__):
        if failed := run_seeds(seeds).failed:
            found = "\n".join(text for wrong in failed.values() for text in wrong)
            assert not any(error in found for error in ("AttributeError", "TypeError", "NameError")), found
            return
    pytest.fail(f"{ENOUGH} seeds ran as if nothing were broken")
