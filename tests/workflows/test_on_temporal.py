"""The same life on a real Temporal server: durable, visible to people, and replayable."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from domain.operator import Action, OperatorCommand
from domain.orders import OrderTicket, Quote, Side, SubmitResult
from domain.trade import Outcome, TradeRecord, TradeState
from testing.venue import Fault
from tests.ledger.samples import A, B, D
from tests.workflows.floor import Floor, Handle, listed, replayed, until
from workflows import names
from workflows.repair import Repairs
from workflows.tail import Tail

pytestmark = pytest.mark.stack


async def details(handle: Handle) -> str:
    metadata: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return metadata.current_details


async def test_a_planned_trade_is_hedged_found_by_its_attributes_and_tells_its_story(floor: Floor) -> None:
    async with floor.worker():
        handle = await floor.start()
        record = await floor.ended(handle)
        assert (record.outcome, record.hedged, record.pnl) == (Outcome.HEDGED, D(10), floor.intent.edge)
        assert record == await handle.query(names.QUERY_RECORD, result_type=TradeRecord)
        story = await details(handle)
    assert story.startswith("**CLOSED**, hedged · hedged 10 · unwound 0 · standing alone 0 · P&L \\$0.15")
    assert "- hedge B1: buy 10 GAME-BBB at 0.55: accepted, all filled at 0.5500" in story
    query = f"{names.SEARCH_STATE} = 'CLOSED' AND {names.SEARCH_MARKETS} = '{A}' AND {names.SEARCH_UNHEDGED} = 0"
    assert floor.intent.id in await listed(floor.client, query)
    (row,) = await floor.ledger.trades()
    assert (row.intent_id, row.state, row.pnl) == (floor.intent.id, TradeState.CLOSED, floor.intent.edge)
    await replayed(handle)


async def test_leg_b_without_an_answer_is_settled_by_the_venues_list(floor: Floor) -> None:
    floor.venue.script("submit", None, Fault.LOST_AFTER)
    async with floor.worker():
        handle = await floor.start()
        record = await floor.ended(handle)
    assert record.outcome is Outcome.HEDGED
    assert [arrival.times for arrival in floor.venue.arrivals.values()] == [1, 1]
    assert any("settled by the venue's list" in step.text for step in record.steps)
    await replayed(handle)


async def test_an_activity_that_breaks_after_sending_is_unknown_not_failed(floor: Floor) -> None:
    submit = floor.venue.submit
    broken: list[str] = []

    async def breaks_once(ticket: OrderTicket) -> SubmitResult:
        result = await submit(ticket)
        if ticket.leg == "B" and not broken:
            broken.append(ticket.leg)
            raise RuntimeError("the process is out of memory")
        return result

    floor.venue.submit = breaks_once  # type: ignore[method-assign]
    async with floor.worker():
        handle = await floor.start()
        record = await floor.ended(handle)
    assert record.outcome is Outcome.HEDGED
    assert len((await floor.venue.account()).fills) == 2
    await replayed(handle)


async def test_an_unwind_is_validated_carried_out_and_answered(floor: Floor) -> None:
    floor.venue.set_book(A, asks=[("0.40", "10")])  # no bids: nothing can be sold yet
    floor.venue.script("submit", None, Fault.REJECT)
    async with floor.worker():
        handle = await floor.start()
        floor.venue.set_book(B)
        await until(handle, lambda record: record.state is TradeState.REBALANCE)
        query = f"{names.SEARCH_STATE} = 'REBALANCE' AND {names.SEARCH_UNHEDGED} = 10"
        assert floor.intent.id in await listed(floor.client, query)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await floor.ask(handle, Action.UNWIND, OperatorCommand("ada", ""))
        assert "needs an author and a reason" in str(refused.value.cause)
        answer = await floor.ask(handle, Action.UNWIND)
        assert answer.startswith("10 shares stand alone now")
        floor.venue.set_book(A, bids=[("0.38", "10")])
        record = await floor.ended(handle)
    assert (record.outcome, record.unwound) == (Outcome.UNWOUND, D(10))
    assert any("ada asked to unwind: the game was called off" in step.text for step in record.steps)
    await replayed(handle)


async def test_a_signal_sent_while_no_worker_is_up_is_carried_out_by_the_next_one(floor: Floor) -> None:
    floor.venue.set_book(A, asks=[("0.40", "10")])
    floor.venue.set_book(B, asks=[("0.80", "10")])
    floor.intent = replace(floor.intent, policy=replace(floor.intent.policy, loss_budget=D("0.50")))
    async with floor.worker():
        handle = await floor.start()
        await until(handle, lambda record: record.state is TradeState.REBALANCE)
    await handle.signal(names.SIGNAL_FORCE_FLAT, floor.said(Action.FORCE_FLAT))
    floor.venue.set_book(A, bids=[("0.30", "10")])
    async with floor.worker():
        record = await floor.ended(handle)
    assert (record.outcome, record.unwound) == (Outcome.UNWOUND, D(10))
    assert [arrival.times for arrival in floor.venue.arrivals.values()] == [1, 1]
    await replayed(handle)


async def test_a_venues_word_about_an_order_ends_a_wait_early(floor: Floor) -> None:
    floor.intent = replace(floor.intent, policy=replace(floor.intent.policy, evidence_poll_ms=600_000))
    floor.venue.script("submit", None, Fault.LOST_AFTER)
    floor.venue.lag_ms = 3_600_000  # its list does not show the order; its answer to a second copy says it is there
    async with floor.worker():
        handle = await floor.start()
        record = await until(handle, lambda record: "order_already_exists" in record.steps[-1].text)
        floor.venue.lag_ms = 0
        await handle.signal(names.SIGNAL_ORDER_UPDATE, record.orders[1].ticket.client_order_id)
        record = await floor.ended(handle)
    assert record.outcome is Outcome.HEDGED
    await replayed(handle)


async def test_a_person_who_speaks_while_the_venue_is_being_asked_is_heard_before_the_next_wait(floor: Floor) -> None:
    floor.intent = replace(floor.intent, policy=replace(floor.intent.policy, ladder_wait_ms=600_000))
    floor.venue.set_book(A, asks=[("0.40", "10")])
    floor.venue.set_book(B)
    take, asked, go_on = floor.venue.quote, asyncio.Event(), asyncio.Event()

    async def slowly(market: str) -> Quote:
        if market == A:
            asked.set()
            await go_on.wait()
        return await take(market)

    floor.venue.quote = slowly  # type: ignore[method-assign]
    async with floor.worker():
        handle = await floor.start()
        await asked.wait()
        await floor.ask(handle, Action.UNWIND)
        go_on.set()
        await until(handle, lambda record: record.state is TradeState.UNWIND)
        floor.venue.set_book(A, bids=[("0.38", "10")])
        await handle.signal(names.SIGNAL_ORDER_UPDATE, "anything")
        record = await floor.ended(handle)
    assert record.outcome is Outcome.UNWOUND
    await replayed(handle)


async def test_cancelling_a_trade_in_temporal_unwinds_it_instead_of_dropping_it_on_one_leg(floor: Floor) -> None:
    floor.venue.set_book(A, asks=[("0.40", "10")])  # no bids: nothing can be sold yet
    floor.venue.set_book(B)
    async with floor.worker():
        handle = await floor.start()
        await until(handle, lambda record: record.state is TradeState.REBALANCE)
        await handle.cancel()
        await until(handle, lambda record: record.state is TradeState.UNWIND)
        floor.venue.set_book(A, bids=[("0.38", "10")])
        await handle.signal(names.SIGNAL_ORDER_UPDATE, "anything")
        record = await floor.ended(handle)
    assert (record.outcome, record.unwound) == (Outcome.UNWOUND, D(10))
    assert any(step.text == "Temporal (unsealed) asked to unwind: the workflow was cancelled" for step in record.steps)
    await replayed(handle)


async def test_every_command_reaches_a_trade_through_its_validator(floor: Floor) -> None:
    floor.venue.set_book(A, asks=[("0.40", "10")])
    floor.venue.set_book(B)
    async with floor.worker():
        handle = await floor.start()
        await until(handle, lambda record: record.state is TradeState.REBALANCE)
        for action, answer in (
            (Action.HOLD, "nothing more is sent; 10 shares stand alone until somebody says what to do"),
            (Action.RETRY, "the policy decides again, at once, with all of its time"),
        ):
            assert await floor.ask(handle, action) == answer
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await floor.ask(handle, Action.ADOPT)
        assert "adopting needs the venue's id of the order" in str(refused.value.cause)
        floor.venue.set_book(B, asks=[("0.57", "10")])
        order_id = floor.venue.place_by_hand(B, Side.BUY, "10", "0.57").order_id
        by_hand = OperatorCommand("ada", "hedged by hand", order_id, "kalshi")
        assert "looked up on kalshi" in await floor.ask(handle, Action.ADOPT, by_hand)
        record = await floor.ended(handle)
    assert (record.outcome, record.hedged) == (Outcome.HEDGED, D(10))
    assert [command.action for command in record.commands] == [Action.HOLD, Action.RETRY, Action.ADOPT]
    await replayed(handle)


async def test_a_residual_that_a_person_accepts_is_held_until_its_market_pays(floor: Floor) -> None:
    floor.venue.set_book(A, asks=[("0.40", "10")])
    floor.venue.set_book(B)
    async with floor.worker():
        handle = await floor.start()
        await until(handle, lambda record: record.state is TradeState.REBALANCE)
        answer = await floor.ask(handle, Action.ACCEPT)
        assert answer.startswith("10 shares may stand alone")
        record = await floor.ended(handle)
    assert (record.outcome, record.residual) == (Outcome.RESIDUAL, D(10))
    assert record.pnl > 0
    await replayed(handle)


async def test_a_failure_nobody_foresaw_parks_the_trade_and_mended_code_carries_it_on(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = Tail.run

    async def broken(self: Tail) -> TradeRecord | None:
        raise ApplicationError("a failure the lifecycle does not know")

    monkeypatch.setattr(Tail, "run", broken)
    async with floor.worker():
        handle = await floor.start()
        record = await until(handle, lambda record: record.state is TradeState.STUCK)
        assert "Parked: ApplicationError: a failure the lifecycle does not know" in record.steps[-1].text
        assert record.reserved == floor.intent.worst_cost
        query = f"{names.SEARCH_PARKED} IS NOT NULL AND {names.SEARCH_STATE} = 'STUCK'"
        assert floor.intent.id in await listed(floor.client, query)
        monkeypatch.setattr(Tail, "run", healthy)
        assert "goes on where it stood" in await floor.ask(handle, Action.RETRY)
        ended = await floor.ended(handle)
    assert (ended.outcome, ended.hedged) == (Outcome.HEDGED, D(10))
    assert [arrival.times for arrival in floor.venue.arrivals.values()] == [1, 1]
    await replayed(handle)


async def test_a_parked_trade_sells_what_stands_alone_when_a_person_says_so(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Repairs, last: object) -> None:
        raise ArithmeticError("one number too many")

    monkeypatch.setattr(Repairs, "run", broken)
    floor.venue.set_book(B)
    async with floor.worker():
        handle = await floor.start()
        await until(handle, lambda record: record.state is TradeState.STUCK)
        answer = await floor.ask(handle, Action.UNWIND)
        assert "is sold" in answer
        record = await until(handle, lambda record: record.residual == 0)
        assert (await floor.venue.account()).positions == {}
        assert record.reserved == floor.intent.worst_cost
        monkeypatch.undo()
        await handle.signal(names.SIGNAL_RESUME, "mended")
        ended = await floor.ended(handle)
    assert (ended.outcome, ended.unwound) == (Outcome.UNWOUND, D(10))
    assert [command.action for command in ended.commands] == [Action.UNWIND]
    await replayed(handle)
