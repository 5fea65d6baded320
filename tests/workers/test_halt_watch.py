"""Ingest knows the standing halts, or that it does not know them; it never takes the second for the first."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from domain.errors import Unavailable
from domain.halt import Halt, Rule, Scope
from ingest.gates import Halts
from workers.halt_watch import NOT_READ_YET, HaltWatch

STORM = Halt("h-1", Scope.ALL, "", Rule.OPERATOR, "Ada", "storm", 0)


class Books:
    def __init__(self) -> None:
        self.standing: tuple[Halt, ...] = ()
        self.failure: Exception | None = None
        self.hangs = False

    async def halts(self) -> tuple[Halt, ...]:
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure
        return self.standing


async def test_before_the_first_read_everything_is_halted_and_then_only_what_is() -> None:
    told: list[Halts] = []
    books = Books()
    watch = HaltWatch(books, told.append)
    assert watch.known is NOT_READ_YET
    assert watch.known.over((), "pair")
    await watch.look()
    await watch.look()
    books.standing = (STORM,)
    await watch.look()
    books.standing = ()
    await watch.look()
    assert told == [Halts(), Halts((STORM,)), Halts()]


async def test_a_ledger_that_is_away_or_hangs_halts_everything_until_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workers.halt_watch._PATIENCE_S", 0.01)
    told: list[Halts] = []
    books = Books()
    watch = HaltWatch(books, told.append)
    await watch.look()
    books.failure = Unavailable("Postgres is gone")
    await watch.look()
    books.hangs = True
    await watch.look()
    books.hangs, books.failure = False, None
    await watch.look()
    assert [known.unread for known in told] == ["", "Postgres is gone", "the ledger did not answer within 0.01 s", ""]


async def test_it_goes_on_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.halt_watch._LOOK_S", 0.001)
    seen = asyncio.Event()
    books = Books()
    watch = HaltWatch(books, lambda halts: seen.set() if halts.standing else None)
    running = asyncio.create_task(watch.run())
    await asyncio.sleep(0.01)
    books.standing = (STORM,)
    await asyncio.wait_for(seen.wait(), 10)
    running.cancel()


async def test_for_a_while_what_was_read_last_holds_and_the_ledgers_absence_is_told_at_once() -> None:
    told: list[Halts] = []
    away: list[str] = []
    books = Books()
    watch = HaltWatch(books, told.append, patience_s=0.05, away=away.append)
    books.failure = Unavailable("Postgres is gone")
    await watch.look()
    assert [known.unread for known in told] == ["Postgres is gone"], "before the first read nothing is known"
    books.failure, books.standing = None, (STORM,)
    await watch.look()
    books.failure = Unavailable("Postgres is gone again")
    await watch.look()
    assert told[1:] == [Halts((STORM,))]
    await asyncio.sleep(0.06)
    await watch.look()
    assert told[2:] == [Halts(unread="Postgres is gone again")]
    assert away == ["Postgres is gone", "", "Postgres is gone again"]


async def test_the_flag_stands_beside_the_ledger_and_also_while_the_ledger_hangs() -> None:
    told: list[Halts] = []
    third = asyncio.Event()

    def tell(known: Halts) -> None:
        told.append(known)
        if len(told) == 3:
            third.set()

    books, flagged = Books(), [replace(STORM, id="flag-1", scope=Scope.VENUE, target="kalshi")]
    watch = HaltWatch(books, tell, patience_s=30, flagged=lambda: tuple(flagged))
    await watch.look()
    books.standing = (STORM,)
    await watch.look()
    books.hangs = True
    running = asyncio.create_task(watch.run())
    flagged.clear()
    await asyncio.wait_for(third.wait(), 10)
    running.cancel()
    assert [[halt.id for halt in known.standing] for known in told] == [["flag-1"], ["flag-1", "h-1"], ["h-1"]]
