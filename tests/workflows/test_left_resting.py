"""Three first legs whose answers are lost, a list that shows none of them while it says it is of this moment, and a
ledger that the user channel tells what filled: none is missed, and what rests of each is cancelled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.evidence import OrderEvidence, OrderStatus
from domain.intent import Intent
from domain.orders import OrderTicket, SubmitResult, TimeInForce, Verdict
from domain.trade import Outcome, TradeState
from tests.ledger.samples import START, D
from tests.workflows.rehearsal import MS, Rehearsal

LAG_MS = 60_000


def rests(planned: Intent) -> Intent:
    first, *others = planned.legs
    return replace(planned, legs=(replace(first, tif=TimeInForce.GTC, rest_ms=2_000), *others))


def lagging(stage: Rehearsal) -> None:
    """For a minute every answer is lost, and the list lacks every order and is stated to be of this moment."""
    honest, arrive = stage.venue.evidence, stage.venue.submit

    async def submit(ticket: OrderTicket) -> SubmitResult:
        result = await arrive(ticket)
        if stage.desk.now() >= START + LAG_MS * MS:
            return result
        return SubmitResult(Verdict.UNKNOWN, "timeout", "no answer in time", at=stage.desk.now())

    async def evidence(ticket: OrderTicket, **asked: Any) -> OrderEvidence:
        if stage.desk.now() >= START + LAG_MS * MS or asked["order_id"] is not None:
            return await honest(ticket, **asked)
        now = stage.desk.now()
        return OrderEvidence(ticket.client_order_id, OrderStatus.ABSENT, fresh_at=now, at=now)

    stage.venue.submit = submit  # type: ignore[method-assign]
    stage.venue.evidence = evidence  # type: ignore[method-assign]


@pytest.mark.parametrize("filled", ["1", "4", "9"])
async def test_an_order_left_resting_behind_a_lagging_list_is_cancelled_and_its_fills_are_hedged(filled: str) -> None:
    stage = Rehearsal(reshape=rests)
    stage.book_a(asks=[("0.40", filled)])
    lagging(stage)

    async def told() -> None:
        await stage.ledger.record_fills(await stage.fills())

    stage.desk.at(START + 20 * MS, told)
    before: list[Any] = []

    async def left() -> None:
        before.extend((await stage.venue.account()).open_orders)

    stage.desk.at(START + 30_000 * MS, left)
    early = stage.look_at(30_000)
    record = await stage.run()
    assert [order.remaining for order in before] == [10 - D(filled)]
    assert early[0].state is not TradeState.CLOSED, stage.story()
    assert (await stage.venue.account()).open_orders == ()
    assert record.state is TradeState.CLOSED
    assert record.outcome is not Outcome.MISSED, stage.story()
    assert record.hedged + record.unwound == D(filled), stage.story()
    assert record.residual == 0
    assert await stage.broken() == []


async def test_one_that_rests_without_a_fill_behind_such_a_list_is_missed_and_found_by_the_comparison() -> None:
    stage = Rehearsal(reshape=rests)
    stage.book_a()
    lagging(stage)
    record = await stage.run()
    assert record.outcome is Outcome.MISSED
    (left,) = (await stage.venue.account()).open_orders
    (found,) = await stage.broken()
    assert found.startswith("no_orphan_orders")
    assert left.order_id in found
