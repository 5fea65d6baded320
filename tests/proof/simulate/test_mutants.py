"""A simulator that notices nothing proves nothing: each of the `mutants` breaks the code, and some seed must show it.

By what the code then does, not by its falling over: a mutant of code that has moved on would be noticed for nothing.
"""

from __future__ import annotations

import pytest

from proof.simulate.campaign import run_seeds
from tests.proof.simulate.mutants import Mutant, evidence, money, parked, people, sends

pytestmark = [
    pytest.mark.apart,
    pytest.mark.timeout(600),  # what is broken may go round in circles, with numbers that double
]

MUTANTS = tuple(mutant for idea in (evidence, sends, parked, people, money) for mutant in idea.MUTANTS)
ENOUGH = 2_000
STEP = 10


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_broken_code_is_noticed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    for first in range(0, ENOUGH, STEP):
        if failed := run_seeds(range(first, first + STEP)).failed:
            found = "\n".join(text for wrong in failed.values() for text in wrong)
            assert not any(error in found for error in ("AttributeError", "TypeError", "NameError")), found
            return
    pytest.fail(f"{ENOUGH} seeds ran as if nothing were broken")
