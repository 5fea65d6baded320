"""A trade whose workflow is ended at any one of its calls, and taken up again: no share is lost, no byte differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from temporalio.client import Client

from domain.market import Venue
from domain.seal import SealKeys
from domain.trade import TradeState
from testing.desk import Lost
from tests.ledger.samples import RUN_ID, START, D
from tests.workflows.rehearsal import MS, Rehearsal
from workers.revival import Reviver
from workflows.lifecycle import Trade
from workflows.revival import Remembered, revived

KEYS = SealKeys({"k1": b"k" * 32}, run=RUN_ID, mode="paper")


class Terminated(BaseException):
    """The workflow is gone; what it had asked for may still come about."""


def hedged(stage: Rehearsal) -> None:
    """Both legs fill at once."""


def unwound(stage: Rehearsal) -> None:
    stage.book_a(asks=[("0.40", "10")], bids=[("0.39", "10")])
    stage.book_b(asks=[("0.90", "10")])


def in_parts(stage: Rehearsal) -> None:
    stage.book_a(asks=[("0.40", "10")], bids=[("0.39", "10")])
    stage.book_b(asks=[("0.55", "3")])
    stage.desk.at(START + 2_000 * MS, lambda: stage.book_b(asks=[("0.56", "4")]))


def without_answers(stage: Rehearsal) -> None:
    stage.desk.script("submit", Lost.AFTER, Lost.AFTER)


async def ends(stage: Rehearsal, at_call: int) -> bool:
    """Run the trade until its `at_call`-th call, which is not made any more; whether it came so far."""
    call, calls = stage.desk._call, 0

    async def counted(name: str) -> Lost | None:
        nonlocal calls
        calls += 1
        if calls == at_call:
            raise Terminated
        return await call(name)

    stage.desk._call = counted  # type: ignore[method-assign]
    try:
        await stage.trade.run()
    except Terminated:
        return True
    finally:
        stage.desk._call = call  # type: ignore[method-assign]
    return False


async def begun(stage: Rehearsal) -> None:
    await stage.ledger.record_opening(Venue.KALSHI, stage.opening, START - 1)
    await stage.ledger.record_intent(stage.intent, RUN_ID)


async def taken_up(stage: Rehearsal) -> Trade:
    """As a person's `surefoot revive` has it: what ledger and venue know, and nothing else."""
    venues = {Venue.KALSHI: stage.venue}
    reviver = Reviver(
        cast(Client, None),
        stage.ledger,
        venues,
        seal=KEYS.intent,
        clock=stage.desk.now,
        task_timeout_ms=2_000,
        quiet_s=0,
    )
    story = await stage.ledger.trade(stage.intent.id)
    assert story.trade is not None
    strays, taken = await reviver.beyond(stage.intent, story.orders)
    known = Remembered(story.trade, story.orders, story.fills, story.steps, story.commands)
    memory = revived(stage.intent, known, strays, taken, now=stage.desk.now(), by="ada: it was ended")
    return Trade(stage.intent, stage.desk, memory)


async def take_up(stage: Rehearsal) -> None:
    """To its end, where there is something left to do: nothing is where nothing was sent, or the trade had closed."""
    facts = (await stage.ledger.trade(stage.intent.id)).trade
    if facts is None or facts.state is TradeState.CLOSED:
        return
    stage.trade = await taken_up(stage)
    record = await stage.trade.run()
    assert (record.state, record.residual) == (TradeState.CLOSED, D(0)), stage.story()
    assert await stage.broken() == []


@pytest.mark.parametrize("books", [hedged, unwound, in_parts, without_answers])
async def test_a_trade_ended_at_any_call_is_taken_up_again_and_ends_on_no_leg(
    books: Callable[[Rehearsal], None],
) -> None:
    ended = 0
    for at_call in range(1, 80):
        stage = Rehearsal()
        books(stage)
        await begun(stage)
        if not await ends(stage, at_call):
            break
        ended += 1
        await take_up(stage)
    assert ended > 3


async def test_a_trade_ended_and_taken_up_again_and_again_still_ends() -> None:
    stage = Rehearsal()
    in_parts(stage)
    await begun(stage)
    assert await ends(stage, 6)
    for _ in range(3):
        stage.trade = await taken_up(stage)
        assert await ends(stage, 9)
    await take_up(stage)
