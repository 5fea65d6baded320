"""A simulator that notices nothing proves nothing: each of `MUTANTS` breaks the code, and some seed must show it."""

from __future__ import annotations

import pytest

from tests.simulate.mutants import MUTANTS, Mutant
from workers.simulate.campaign import run_seeds

ENOUGH = 2_000
STEP = 50


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_broken_code_is_noticed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    for first in range(0, ENOUGH, STEP):
        if run_seeds(range(first, first + STEP)).failed:
            return
    pytest.fail(f"{ENOUGH} seeds ran as if nothing were broken")
