"""The bounds once more in the step that sends, from the ledger: what the workflow believes is not asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from activities.send_bounds import overstep
from domain.errors import Unavailable
from domain.operator import Action, CommandRecord
from domain.orders import OrderTicket, Purpose, Side, SubmitResult, Verdict
from ledger.port import InHand
from tests.activities.ordering import HEDGE, PLANNED, Desk
from tests.ledger.samples import RUN_ID, START, UNKNOWN, A, B, D, accepted, body, ticket

A1 = ticket(PLANNED, "A")


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    made.venue.set_book(A, bids=[("0.38", "999")], asks=[("0.40", "999")])
    made.venue.set_book(B, bids=[("0.53", "999")], asks=[("0.55", "999")])
    assert (await made.open()).verdict is Verdict.ACCEPTED
    return made


def further(of: OrderTicket, size: str, side: Side = Side.BUY, *, attempt: int = 2, limit: str = "") -> OrderTicket:
    purpose = Purpose.COMPLETE if side is Side.BUY else Purpose.UNWIND
    price = D(limit) if limit else of.limit
    return replace(of, attempt=attempt, purpose=purpose, side=side, size=D(size), limit=price)


def refused(result: SubmitResult) -> str:
    assert (result.verdict, result.code, result.sent) == (Verdict.DENIED, "bound", False)
    return result.detail


async def test_an_order_that_adds_is_at_most_the_size_less_what_the_ledger_knows_of(desk: Desk) -> None:
    assert "10 there or on its way" in refused(await desk.submit(further(A1, "5")))
    assert (await desk.submit(HEDGE)).verdict is Verdict.ACCEPTED


async def test_an_order_whose_end_nobody_knows_counts_as_all_that_it_asked_for(desk: Desk) -> None:
    await desk.ledger.begin_order(RUN_ID, None, HEDGE, body(HEDGE), START)
    await desk.ledger.finish_order(HEDGE, UNKNOWN)
    refused(await desk.submit(further(HEDGE, "5")))


async def test_doubling_orders_end_at_the_first(desk: Desk) -> None:
    """The count of −5: each order asked for twice what the one before it had."""
    for n in range(2, 18):
        refused(await desk.submit(further(A1, str(5 * 2 ** (n - 2)), attempt=n)))
    assert len(desk.venue.arrivals) == 1


async def test_an_order_that_gives_back_is_at_most_what_may_be_there_in_pieces_of_the_size(desk: Desk) -> None:
    sell = further(A1, "10", Side.SELL, limit="0.38")
    assert "in one order of a trade of 10" in refused(await desk.submit(replace(sell, attempt=9, size=D(11))))
    assert (await desk.submit(sell)).verdict is Verdict.ACCEPTED
    assert "knows of 0 at most" in refused(await desk.submit(replace(sell, attempt=3, size=D(1))))


async def test_an_order_needs_no_more_dollars_than_are_reserved(desk: Desk) -> None:
    dear = further(HEDGE, "10", limit="0.99")
    spent = further(A1, "10", Side.SELL, attempt=2, limit="0.01")
    hand = await desk.ledger.in_hand(PLANNED.id)
    assert overstep(PLANNED, dear, hand) == ""
    tight = replace(PLANNED, policy=replace(PLANNED.policy, loss_budget=D(0)))
    assert "is reserved" in overstep(tight, dear, hand)
    assert overstep(tight, spent, hand) == ""


async def test_so_many_orders_leave_until_a_person_speaks_and_refused_ones_do_not_count(desk: Desk) -> None:
    few = replace(PLANNED, policy=replace(PLANNED.policy, most_orders=3))
    for n in (2, 3, 4):
        sent = further(A1, "1", Side.SELL, attempt=n, limit="0.38")
        await desk.ledger.begin_order(RUN_ID, None, sent, body(sent), desk.now + n)
        verdict = Verdict.REJECTED if n == 2 else Verdict.ACCEPTED
        await desk.ledger.finish_order(sent, replace(accepted(sent, "0" if n == 2 else "1"), verdict=verdict))
    more = further(A1, "1", Side.SELL, attempt=5, limit="0.38")
    assert "3 orders on record" in overstep(few, more, await desk.ledger.in_hand(PLANNED.id))
    await desk.ledger.record_command(PLANNED.id, CommandRecord(Action.RETRY, "ada", "again", "so be it", desk.now + 3))
    assert overstep(few, more, await desk.ledger.in_hand(PLANNED.id)) == ""


async def test_a_hedge_leaves_while_the_ledger_is_away_and_nothing_larger(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(intent_id: str) -> InHand:
        raise Unavailable("away", "ledger_unavailable")

    monkeypatch.setattr(desk.ledger, "in_hand", away)
    refused(await desk.submit(further(HEDGE, "100")))
    refused(await desk.submit(further(A1, "11", Side.SELL)))
    assert (await desk.submit(HEDGE)).verdict is Verdict.ACCEPTED


def test_a_piece_is_at_least_what_the_venue_takes() -> None:
    leg = replace(PLANNED.legs[0], min_size=D(15))
    planned = replace(PLANNED, legs=(leg, *PLANNED.legs[1:]))
    sale = further(A1, "15", Side.SELL, limit="0.38")
    assert overstep(planned, sale, None) == ""
    assert "16 to give back in one order" in overstep(planned, replace(sale, size=D(16)), None)
