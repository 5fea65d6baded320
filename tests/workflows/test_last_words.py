"""Commands that come while a run ends. What settles a trade is a local activity: a signal of that moment may come
after all that followed from it, once the server has given the task anew, and the run has ended by then."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.client import Client

from domain.intent import Intent
from domain.operator import Action
from domain.trade import TradeRecord, TradeState
from tests.ledger.samples import START, B, D
from tests.patience import PATIENCE_S
from tests.workflows.floor import Floor, Handle, until
from workflows import names
from workflows.tail import Tail
from workflows.temporal_desk import TemporalDesk
from workflows.trade import TradeWorkflow


@pytest.fixture
def floor(client: Client, request: pytest.FixtureRequest) -> Floor:
    return Floor(client, f"{names.TRADE_QUEUE}-{request.node.name}")


def slow_to_write(floor: Floor, state: TradeState) -> asyncio.Event:
    """Set while the settlement writes a trade in that state down, which takes half the time it has."""
    begun, write = asyncio.Event(), floor.ledger.record_trade

    async def slowly(run_id: str, intent: Intent, record: TradeRecord) -> None:
        if record.state is state and not begun.is_set():
            begun.set()
            await asyncio.sleep(0.5)
        await write(run_id, intent, record)

    floor.ledger.record_trade = slowly  # type: ignore[method-assign]
    return begun


async def signal(floor: Floor, handle: Handle, action: Action) -> None:
    arguments: list[Any] = [action, floor.said(action)]
    await handle.signal(names.SIGNAL_COMMAND, args=arguments)


@pytest.mark.parametrize("action", [Action.UNWIND, Action.HOLD])
async def test_a_signal_that_comes_as_a_trade_closes_keeps_it_from_nothing(
    floor: Floor, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Tail) -> None:
        raise ArithmeticError("one number too many")

    floor.venue.set_book(B)  # what stands alone is sold at once, and the trade is over
    monkeypatch.setattr(Tail, "run", broken)
    async with floor.worker():
        handle = await floor.start()
        await until(handle, lambda record: any("Parked" in step.text for step in record.steps))
        monkeypatch.undo()
        closing = slow_to_write(floor, TradeState.CLOSED)
        async with asyncio.timeout(PATIENCE_S):
            await handle.signal(names.SIGNAL_RESUME, "mended")
            await closing.wait()  # in the first task of a new run
            asking = asyncio.create_task(handle.query(names.QUERY_RECORD, result_type=TradeRecord))
            await handle.signal(names.SIGNAL_RESUME, "mended")
            await signal(floor, handle, action)
            await asking
            ended: TradeRecord = await handle.result()
    assert (ended.state, ended.residual) == (TradeState.CLOSED, D(0))


async def test_a_signal_that_comes_as_a_run_is_parked_is_heard_by_the_parked_run(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Tail) -> None:
        raise ArithmeticError("one number too many")

    monkeypatch.setattr(Tail, "_await_payment", broken)  # right after the local activity, with no activity between
    settling = slow_to_write(floor, TradeState.SETTLING)
    async with floor.worker():
        handle = await floor.start()
        async with asyncio.timeout(PATIENCE_S):
            await settling.wait()
            await signal(floor, handle, Action.HOLD)
            await until(handle, lambda record: any("Parked" in step.text for step in record.steps))
            await until(handle, lambda record: any("asked to hold" in step.text for step in record.steps))
        monkeypatch.undo()
        await floor.ask(handle, Action.RETRY)
        ended = await floor.ended(handle)
    assert ended.state is TradeState.CLOSED


async def test_what_is_delivered_to_a_run_that_has_ended_adds_nothing_to_its_commands(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server takes no command after the one that ends a run: its task would fail for good."""

    async def asked(*_: object) -> bool:
        raise AssertionError("an activity was asked for")

    monkeypatch.setattr(TemporalDesk, "now", lambda self: START)
    floor = Floor(client, "none")
    trade = TradeWorkflow(floor.intent)
    monkeypatch.setattr(trade._desk, "check", asked)
    trade._over = True
    said = floor.said(Action.FORCE_FLAT)
    await trade.force_flat(said)
    await trade.command(Action.HOLD, said)
    trade.resume("mended")
    trade.order_update("")
    with pytest.raises(ValueError, match="has ended"):
        trade._may(Action.HOLD, said)
    assert trade._driver.memory.taken == []
