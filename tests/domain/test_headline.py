"""What `surefoot status` begins with, row by row; and that nothing unknown is taken for well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.halt import Halt, Rule, Scope
from domain.headline import Seen, Word, headlines

WELL = Seen(runs=("worker", "ingest"))
OPERATOR = Halt("h-1", Scope.ALL, "", Rule.OPERATOR, "ada", "pause for test", 0)
SAFE = Halt("h-2", Scope.ALL, "", Rule.SAFE_MODE, "reconciliation", "kalshi works order 5", 0)


@pytest.mark.parametrize(
    ("seen", "first"),
    [
        (WELL, "RUNNING"),
        (replace(WELL, stuck=("i-1",)), "STUCK 1: i-1"),
        (replace(WELL, faulty=("i-1",), stuck=("i-1", "i-2")), "STUCK 2: i-1, i-2"),
        (replace(WELL, halts=(OPERATOR,)), "HALTED by ada: everything, pause for test [h-1]"),
        (replace(WELL, halts=(OPERATOR, SAFE)), "SAFE MODE until `surefoot acknowledge`: kalshi works order 5"),
        (
            replace(WELL, waits=("disk: 3 MiB are free",)),
            "DEGRADED nothing is opened: disk: 3 MiB are free",
        ),
        (replace(WELL, silent=(("temporal", "stopped"),)), "DEGRADED temporal does not answer: stopped"),
        (replace(WELL, silent=(("paper", "no answer"),)), "DEGRADED paper does not answer: no answer"),
        (replace(WELL, unlearnt=("the ledger: away",)), "DEGRADED not learnt: the ledger: away"),
        (replace(WELL, supervised=False), "UNSUPERVISED still trading: worker, ingest"),
    ],
)
def test_each_state_has_its_headline(seen: Seen, first: str) -> None:
    assert str(headlines(seen)[0]) == first


def test_the_worst_comes_first_and_none_is_left_out() -> None:
    everything = Seen(
        runs=("worker",), supervised=False, silent=(("ingest", "ended"),), stuck=("i-1",), halts=(OPERATOR, SAFE),
        waits=("feed",), unlearnt=("money",),
    )  # fmt: skip
    words = [line.word for line in headlines(everything)]
    assert words == [
        Word.UNSUPERVISED, Word.STUCK, Word.SAFE_MODE, Word.HALTED, Word.DEGRADED, Word.DEGRADED, Word.DEGRADED,
    ]  # fmt: skip


def test_what_does_not_run_is_down_and_a_halt_in_the_flag_is_told_with_it() -> None:
    assert [line.word for line in headlines(Seen())] == [Word.DOWN]
    assert [line.word for line in headlines(Seen(halts=(OPERATOR,)))] == [Word.HALTED, Word.DOWN]
