"""A trade that is taken up again from the ledger: evidence first, no copy sent, no number used twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.intent import IntentLeg
from domain.operator import Action, CommandRecord
from domain.orders import Guard, OrderTicket, Purpose, Verdict, client_order_id
from domain.snapshot import OrderFacts
from domain.trade import Outcome, TradeRecord
from tests.ledger.samples import RUN_ID, START, D
from tests.workflows.rehearsal import Rehearsal
from workflows import bounds
from workflows.lifecycle import Trade
from workflows.revival import Remembered, revived

BY = "ada: temporal.db was lost"
CHAIN = "rehearsal"
TAKEN = {"A": 6, "B": 6}


def ticket(rehearsal: Rehearsal, leg: IntentLeg, purpose: Purpose) -> OrderTicket:
    return OrderTicket(
        rehearsal.intent.id, leg.name, 1, purpose, leg.venue, leg.market, leg.side, leg.size, leg.limit,
        decided_at=rehearsal.intent.decided_at,
    )  # fmt: skip


async def leg_a(rehearsal: Rehearsal) -> None:
    """Leg A is sent as its trade sends it, and fills; then the workflow is gone."""
    opening = ticket(rehearsal, rehearsal.intent.legs[0], Purpose.OPEN)
    guard = Guard(not_after=rehearsal.intent.expires_at)
    assert (await rehearsal.desk.submit(opening, guard, rehearsal.intent)).verdict is Verdict.ACCEPTED


async def remembered(rehearsal: Rehearsal) -> Remembered:
    story = await rehearsal.ledger.trade(rehearsal.intent.id)
    assert story.trade is not None
    return Remembered(story.trade, story.orders, story.fills, story.steps, story.commands)


async def goes_on(rehearsal: Rehearsal, known: Remembered) -> TradeRecord:
    memory = revived(rehearsal.intent, known, [], TAKEN, now=rehearsal.desk.now(), by=BY)
    trade = Trade(rehearsal.intent, rehearsal.desk, memory)
    return await trade.run()


def later_orders(rehearsal: Rehearsal, before: int) -> list[tuple[str, int, Purpose, object]]:
    tickets = [submit.ticket for submit in rehearsal.desk.submits[before:]]
    return [(one.leg, one.attempt, one.purpose, one.size) for one in tickets]


async def test_what_filled_is_hedged_by_an_order_of_a_number_that_nobody_used() -> None:
    rehearsal = Rehearsal()
    await leg_a(rehearsal)
    record = await goes_on(rehearsal, await remembered(rehearsal))
    assert later_orders(rehearsal, 1) == [("B", 7, Purpose.COMPLETE, D(10))]
    assert (record.outcome, record.hedged) == (Outcome.HEDGED, D(10))
    assert any("Taken up again by ada: temporal.db was lost" in step.text for step in record.steps)


async def test_a_settled_count_that_the_venue_has_changed_since_is_adopted_before_anything_is_sent() -> None:
    rehearsal = Rehearsal()
    await leg_a(rehearsal)
    known = await remembered(rehearsal)
    told_less = tuple(replace(order, filled=D(7), settled=True) for order in known.orders)
    record = await goes_on(rehearsal, replace(known, orders=told_less, fills=()))
    assert later_orders(rehearsal, 1) == [("B", 7, Purpose.COMPLETE, D(10))]
    assert record.outcome is Outcome.HEDGED


@pytest.mark.parametrize("arrived", [True, False])
async def test_an_open_order_is_settled_by_evidence_and_no_copy_of_it_leaves(arrived: bool) -> None:
    rehearsal = Rehearsal()
    await leg_a(rehearsal)
    hedge = ticket(rehearsal, rehearsal.intent.legs[1], Purpose.HEDGE)
    if arrived:
        assert (await rehearsal.venue.submit(hedge)).filled == D(10)
    await rehearsal.ledger.begin_order(RUN_ID, None, hedge, rehearsal.venue.body(hedge), START, chain=CHAIN)
    record = await goes_on(rehearsal, await remembered(rehearsal))
    assert later_orders(rehearsal, 1) == ([] if arrived else [("B", 7, Purpose.COMPLETE, D(10))])
    assert (record.outcome, record.hedged) == (Outcome.HEDGED, D(10))


async def test_a_refusal_of_one_copy_among_several_settles_nothing() -> None:
    rehearsal = Rehearsal()
    await leg_a(rehearsal)
    hedge = ticket(rehearsal, rehearsal.intent.legs[1], Purpose.HEDGE)
    assert (await rehearsal.venue.submit(hedge)).filled == D(10)
    known = await remembered(rehearsal)
    refused = OrderFacts(
        hedge, hedge.client_order_id, Verdict.REJECTED, "market_inactive", "", None, D(0), settled=False, sends=2,
        first_sent_at=START, last_sent_at=START,
    )  # fmt: skip
    record = await goes_on(rehearsal, replace(known, orders=(*known.orders, refused)))
    assert later_orders(rehearsal, 1) == []
    assert record.hedged == D(10)


UNWIND, HOLD, RETRY, FLAT = Action.UNWIND, Action.HOLD, Action.RETRY, Action.FORCE_FLAT


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ([], None),
        ([HOLD], HOLD),
        ([HOLD, UNWIND], UNWIND),
        ([FLAT], UNWIND),
        ([UNWIND, RETRY], None),
        ([HOLD, Action.REVIVE], HOLD),
    ],
)
async def test_what_a_person_asked_last_still_holds(asked: list[Action], holds: Action | None) -> None:
    rehearsal = Rehearsal()
    await leg_a(rehearsal)
    commands = [CommandRecord(action, "ada", "why", "will do", START + n) for n, action in enumerate(asked)]
    known = replace(await remembered(rehearsal), commands=commands)
    memory = revived(rehearsal.intent, known, [], TAKEN, now=START, by=BY)
    assert memory.mode is holds
    assert memory.taken == commands


async def test_a_revival_is_a_persons_word_so_orders_of_before_count_for_no_limit() -> None:
    rehearsal = Rehearsal(most_orders=3)
    await leg_a(rehearsal)
    known = await remembered(rehearsal)
    hedge = ticket(rehearsal, rehearsal.intent.legs[1], Purpose.COMPLETE)
    before = [
        OrderFacts(
            replace(hedge, attempt=n), client_order_id(rehearsal.intent.id, "B", n), Verdict.ACCEPTED, "", "", f"o-{n}",
            D(0), settled=True, sends=1, first_sent_at=START - 1, last_sent_at=START - 1,
        )
        for n in range(1, 5)
    ]  # fmt: skip
    memory = revived(
        rehearsal.intent, replace(known, orders=(*known.orders, *before)), [], TAKEN, now=rehearsal.desk.now(), by=BY
    )
    trade = Trade(rehearsal.intent, rehearsal.desk, memory)
    assert bounds.refused(trade, replace(hedge, attempt=7)) == ""
