"""Orders that rest: in the book for as long as they may, then cancelled, then counted. A cancel proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from domain.evidence import OrderEvidence, OrderStatus
from domain.intent import Intent
from domain.orders import OrderTicket, Side, TimeInForce
from domain.trade import Outcome, TradeState
from testing.desk import Lost
from testing.venue import Fault
from tests.ledger.samples import START, A, B, D
from tests.workflows.rehearsal import BOTH, MS, Rehearsal, closed

FIRST = "open A1 buy 10 at 0.39"
MAKER: dict[str, Any] = {"tif": TimeInForce.GTC, "post_only": True, "rest_ms": 5_000}


def styled(n: int, **style: Any) -> Callable[[Intent], Intent]:
    def reshape(planned: Intent) -> Intent:
        legs = list(planned.legs)
        legs[n] = replace(legs[n], **style)
        return replace(planned, legs=tuple(legs))

    return reshape


def maker(**policy: Any) -> Rehearsal:
    """Leg A rests at 0.39, below the offer, for at most five seconds."""
    stage = Rehearsal(reshape=styled(0, limit=D("0.39"), **MAKER), **policy)
    stage.book_a(asks=[("0.40", "50")], bids=[("0.38", "50")])
    return stage


def taken(stage: Rehearsal, at_ms: int, size: str, market: str = A) -> None:
    """Somebody sells into our resting bid."""
    stage.desk.at(START + at_ms * MS, lambda: stage.venue.flow(market, Side.SELL, size, "0.01"), message=True)


async def test_a_resting_leg_that_nobody_takes_is_cancelled_at_its_time_and_missed() -> None:
    stage = maker()
    resting = stage.look_at(4_000)
    await closed(stage, Outcome.MISSED, FIRST)
    assert resting[0].state is TradeState.LEG_A
    assert "5000 ms in the book; cancelling it" in stage.story()


async def test_the_first_fill_of_a_resting_leg_ends_its_rest_and_is_hedged() -> None:
    stage = maker()
    taken(stage, 2_000, "4")
    await closed(stage, Outcome.HEDGED, FIRST, "hedge B1 buy 4 at 0.55")
    assert "4 filled, to be hedged now; cancelling it" in stage.story()


async def test_a_resting_leg_may_fill_up_to_what_the_policy_leaves_in_the_book() -> None:
    stage = maker(rest_fill=D(6))
    taken(stage, 1_000, "4")
    taken(stage, 2_000, "4")
    await closed(stage, Outcome.HEDGED, FIRST, "hedge B1 buy 8 at 0.55")


async def test_a_fill_that_races_the_cancel_is_counted_after_it() -> None:
    stage = maker()
    stage.desk.at(START + 5_000 * MS, lambda: stage.venue.flow(A, Side.SELL, "60", "0.01"))
    await closed(stage, Outcome.HEDGED, FIRST, BOTH[1])


@pytest.mark.parametrize("lost", list(Lost))
async def test_a_cancel_whose_answer_is_lost_is_said_again_and_the_count_read_after_it(lost: Lost) -> None:
    stage = maker()
    stage.desk.script("cancel", lost, lost)
    await closed(stage, Outcome.MISSED, FIRST)


async def test_a_resting_leg_without_an_answer_is_found_in_the_book_and_rests_on() -> None:
    stage = maker()
    stage.venue.script("submit", Fault.LOST_AFTER)
    taken(stage, 3_000, "60")
    await closed(stage, Outcome.HEDGED, FIRST, BOTH[1])


async def test_a_lost_wake_up_costs_a_second_not_the_fill() -> None:
    stage = maker()
    stage.desk.at(START + 2_000 * MS, lambda: stage.venue.flow(A, Side.SELL, "60", "0.01"))
    seen = stage.look_at(4_000)
    await closed(stage, Outcome.HEDGED, FIRST, BOTH[1])
    assert seen[0].hedged == D(10)


async def test_a_person_who_asks_to_unwind_takes_a_resting_leg_out_of_the_book() -> None:
    stage = maker()
    stage.unwind_at(1_000)
    await closed(stage, Outcome.MISSED, FIRST)
    assert "no longer wanted; cancelling it" in stage.story()


async def test_a_maker_order_that_would_cross_is_refused_and_missed() -> None:
    stage = maker()
    stage.book_a(asks=[("0.39", "50")], bids=[("0.38", "50")])
    await closed(stage, Outcome.MISSED, FIRST)


async def test_a_hedge_that_rests_is_completed_as_a_taker_when_its_time_is_up() -> None:
    stage = Rehearsal(reshape=styled(1, limit=D("0.54"), **MAKER))
    stage.book_b(asks=[("0.55", "50")], bids=[("0.53", "50")])
    taken(stage, 2_000, "3", B)
    await closed(stage, Outcome.HEDGED, BOTH[0], "hedge B1 buy 10 at 0.54", "complete B2 buy 7 at 0.55")


async def test_a_fill_or_kill_leg_fills_whole_or_not_at_all() -> None:
    whole = Rehearsal(reshape=styled(0, tif=TimeInForce.FOK))
    await closed(whole, Outcome.HEDGED, *BOTH)
    short = Rehearsal(reshape=styled(0, tif=TimeInForce.FOK))
    short.book_a(asks=[("0.40", "9.99")])
    await closed(short, Outcome.MISSED, BOTH[0])


async def test_a_resting_order_is_no_larger_than_was_signed_whatever_its_list_counts() -> None:
    """In millionths, say: no such count is written down as filled, and the order is taken out of the book."""
    stage = maker()
    honest = stage.venue.evidence

    async def inflated(asked: OrderTicket, **named: Any) -> OrderEvidence:
        seen = await honest(asked, **named)
        wrong = seen.status is OrderStatus.RESTING and seen.filled
        return replace(seen, filled=D(4_000_000)) if wrong else seen

    stage.venue.evidence = inflated  # type: ignore[method-assign]
    taken(stage, 1_000, "4")
    await closed(stage, Outcome.HEDGED, FIRST, "hedge B1 buy 4 at 0.55")
    assert "4000000 filled by the list, beyond what was signed; cancelling it" in stage.story()
    assert all(order.filled <= 10 for record in stage.desk.recorded for order in record.orders)
