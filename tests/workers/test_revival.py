"""A trade whose workflow was ended is taken up again from ledger and venue, on a real Temporal server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest
from temporalio.client import Client

from domain.errors import Denied
from domain.invariants import cash_and_positions_balance
from domain.market import Venue
from domain.operator import Action
from domain.orders import OrderTicket, Purpose
from domain.snapshot import VenueSnapshot, WorkingOrder
from domain.trade import Outcome, TradeRecord, TradeState
from tests.ledger.samples import A, B, D
from tests.workflows.floor import KEYS, Floor, Handle, now_us, serving, until
from workers.revival import BEYOND, Reviver

pytestmark = pytest.mark.stack

ADA = ("ada", "the workflow was ended by hand")


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with serving() as client:
        yield client


@pytest.fixture
async def floor(client: Client, request: pytest.FixtureRequest) -> Floor:
    floor = Floor(client, f"revival-{request.node.name}"[:60])
    quick = replace(floor.intent.policy, absence_grace_ms=200, ladder_wait_ms=50, repair_deadline_ms=500)
    floor.intent = replace(floor.intent, policy=quick)
    await floor.ledger.record_opening(Venue.KALSHI, (await floor.venue.account()).cash, 0)
    return floor


def reviver(floor: Floor) -> Reviver:
    venues = {Venue.KALSHI: floor.venue}
    return Reviver(
        floor.client,
        floor.ledger,
        venues,
        seal=KEYS.intent,
        clock=now_us,
        task_timeout_ms=2_000,
        queue=floor.queue,
        quiet_s=0,
    )


async def on_one_leg(floor: Floor) -> Handle:
    """Leg A has filled, nobody offers leg B, and somebody ends the workflow."""
    floor.venue.set_book(A, asks=[("0.40", "10")])
    floor.venue.set_book(B)
    handle = await floor.start()
    await until(handle, lambda record: record.residual == D(10))
    await handle.terminate("by hand")
    return handle


def taken_up(floor: Floor) -> Handle:
    """The trade as its newest workflow carries it."""
    return floor.client.get_workflow_handle(floor.intent.id, result_type=TradeRecord)


async def books_are_true(floor: Floor) -> None:
    account = await floor.venue.account()
    working = tuple(WorkingOrder(o.order_id, o.client_order_id, o.market, o.remaining) for o in account.open_orders)
    snapshot = VenueSnapshot(Venue.KALSHI, account.cash, account.positions, working, account.fills)
    found = cash_and_positions_balance((await floor.ledger.snapshot(None)).facts, snapshot)
    assert found.holds, found
    assert not any(venue.reserved for venue in await floor.ledger.capital())


async def test_a_trade_ended_between_its_legs_is_hedged_once_it_is_taken_up_again(floor: Floor) -> None:
    async with floor.worker():
        await on_one_leg(floor)
        known = {order.client_order_id for order in (await floor.ledger.trade(floor.intent.id)).orders}
        floor.venue.set_book(B, bids=[("0.53", "10")], asks=[("0.55", "10")])
        assert await reviver(floor).orphans() == [floor.intent.id]
        await reviver(floor).revive(floor.intent.id, *ADA)
        with pytest.raises(Denied, match="a workflow carries"):
            await reviver(floor).revive(floor.intent.id, *ADA)
        record = await floor.ended(taken_up(floor))
    assert (record.outcome, record.residual) == (Outcome.HEDGED, D(0))
    assert any("Taken up again by ada" in step.text for step in record.steps)
    new = [order.ticket for order in record.orders if order.ticket.client_order_id not in known]
    assert [(t.leg, t.purpose) for t in new] == [("B", Purpose.COMPLETE)]
    assert new[0].attempt > BEYOND
    await books_are_true(floor)
    with pytest.raises(Denied, match="closed"):
        await reviver(floor).revive(floor.intent.id, *ADA)


async def test_it_listens_to_its_operator_as_before_and_is_unwound(floor: Floor) -> None:
    async with floor.worker():
        await on_one_leg(floor)
        await reviver(floor).revive(floor.intent.id, *ADA)
        handle = taken_up(floor)
        await until(handle, lambda record: record.state is TradeState.STUCK)
        floor.venue.set_book(A, bids=[("0.10", "10")], asks=[("0.40", "10")])
        await floor.ask(handle, Action.UNWIND)
        record = await handle.result()
    assert (record.outcome, record.residual) == (Outcome.UNWOUND, D(0))
    await books_are_true(floor)


async def test_an_order_that_the_ledger_never_heard_of_is_found_and_its_number_is_not_used_again(floor: Floor) -> None:
    async with floor.worker():
        await on_one_leg(floor)
        known = (await floor.ledger.trade(floor.intent.id)).orders
        highest = max((order.ticket.attempt for order in known if order.ticket.leg == "B"), default=0)
        floor.venue.set_book(B, bids=[("0.53", "10")], asks=[("0.55", "6")])
        unheard = completing(floor, highest + 1, D(6))  # it left while the ledger was away
        assert (await floor.venue.submit(unheard)).filled == D(6)
        unfilled = completing(floor, highest + 3, D(4))  # as did this, which nothing lists as a fill
        floor.venue.set_book(B, asks=[("0.99", "4")])
        assert not (await floor.venue.submit(unfilled)).filled
        floor.venue.set_book(B, bids=[("0.53", "10")], asks=[("0.55", "4")])
        done = await reviver(floor).revive(floor.intent.id, *ADA)
        assert done.found == 2
        record = await floor.ended(taken_up(floor))
    assert (record.outcome, record.hedged) == (Outcome.HEDGED, D(10))
    bought = [order for order in record.orders if order.ticket.leg == "B" and order.filled]
    assert [(order.ticket.attempt, order.filled) for order in bought] == [
        (highest + 1, D(6)),
        (highest + 3 + BEYOND + 1, D(4)),
    ]
    await books_are_true(floor)


def completing(floor: Floor, attempt: int, size: Decimal) -> OrderTicket:
    leg = floor.intent.legs[1]
    purpose = Purpose.HEDGE if attempt == 1 else Purpose.COMPLETE
    return OrderTicket(
        floor.intent.id,
        leg.name,
        attempt,
        purpose,
        leg.venue,
        leg.market,
        leg.side,
        size,
        leg.limit,
        decided_at=floor.intent.decided_at,
    )


async def test_a_running_trade_is_not_taken_up(floor: Floor) -> None:
    async with floor.worker():
        floor.venue.set_book(B)
        handle = await floor.start()
        await until(handle, lambda record: record.residual == D(10))
        assert await reviver(floor).orphans() == []
        with pytest.raises(Denied, match="a workflow carries"):
            await reviver(floor).revive(floor.intent.id, *ADA)
        await handle.terminate("the test is over")


async def test_what_an_ended_workflow_had_under_way_is_waited_for(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its activity leaves an order after the end, and before anybody looks."""
    waits: list[float] = []

    async def leaves_meanwhile(seconds: float) -> None:
        waits.append(seconds)
        known = (await floor.ledger.trade(floor.intent.id)).orders
        highest = max((order.ticket.attempt for order in known if order.ticket.leg == "B"), default=0)
        await floor.venue.submit(completing(floor, highest + 1, D(10)))

    async with floor.worker():
        await on_one_leg(floor)
        floor.venue.set_book(B, bids=[("0.53", "10")], asks=[("0.55", "20")])
        patient = Reviver(
            floor.client,
            floor.ledger,
            {Venue.KALSHI: floor.venue},
            seal=KEYS.intent,
            clock=now_us,
            task_timeout_ms=2_000,
            queue=floor.queue,
        )
        with monkeypatch.context() as patch:
            patch.setattr("workers.revival.asyncio", SimpleNamespace(sleep=leaves_meanwhile))
            assert (await patient.revive(floor.intent.id, *ADA)).found == 1
        record = await floor.ended(taken_up(floor))
    assert 0 < waits[0] <= 15
    assert (record.outcome, record.hedged) == (Outcome.HEDGED, D(10))
    await books_are_true(floor)
