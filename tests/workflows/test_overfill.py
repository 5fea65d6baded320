"""An order sized in dollars fills more shares than asked when its price improves; the trade hedges what it can."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.fees import FeeModel, FeeSchedule
from domain.intent import Intent, IntentLeg, LegPolicy
from domain.market import Venue
from domain.overfill import hedgeable
from domain.trade import Outcome, TradeRecord
from testing.venue import Fault
from tests.ledger.samples import START, B, D, intent
from tests.workflows.rehearsal import BOTH, MS, Rehearsal, closed

POWER = FeeSchedule(taker=D("0.05"), unit=D("0.000001"), model=FeeModel.POLYMARKET)


def stage_in_dollars(**policy: Any) -> Rehearsal:
    stage = Rehearsal(**policy)
    stage.venue.in_collateral = True
    return stage


async def ended(stage: Rehearsal, outcome: Outcome, *sent: str) -> TradeRecord:
    await closed(stage, outcome, *sent)
    return stage.trade.record()


def powered(planned: Intent) -> Intent:
    return replace(planned, legs=tuple(replace(leg, fees=POWER) for leg in planned.legs))


async def test_a_little_more_than_asked_is_hedged_to_the_last_lot() -> None:
    stage = stage_in_dollars()
    stage.book_a(bids=[("0.38", "50")], asks=[("0.32", "3"), ("0.40", "50")])
    stage.book_b(bids=[("0.53", "50")], asks=[("0.55", "50")])
    record = await ended(stage, Outcome.HEDGED, BOTH[0], "hedge B1 buy 10.6 at 0.55")
    assert record.hedged == D("10.6")
    assert record.residual == 0


async def test_what_the_other_book_does_not_hold_is_given_back() -> None:
    stage = stage_in_dollars()
    stage.book_a(bids=[("0.38", "50")], asks=[("0.20", "10"), ("0.40", "50")])
    stage.book_b(bids=[("0.53", "50")], asks=[("0.55", "10")])
    record = await ended(stage, Outcome.REDUCED, BOTH[0], "hedge B1 buy 15 at 0.55", "unwind A2 sell 5 at 0.38")
    assert (record.hedged, record.unwound, record.residual) == (D(10), D(5), D(0))


async def test_a_hedge_goes_no_further_than_the_capital_reserved() -> None:
    stage = stage_in_dollars(loss_budget=D(0))
    stage.book_a(bids=[("0.38", "50")], asks=[("0.10", "100")])
    stage.book_b(bids=[("0.53", "90")], asks=[("0.55", "90")])
    record = await stage.run()
    sent = stage.sent()
    assert sent[0] == BOTH[0]  # 40 shares for the dollars of ten
    hedge = D(sent[1].split()[3])
    assert D(10) <= hedge < D(40)
    assert record.hedged == hedge
    assert record.unwound == D(40) - hedge
    assert await stage.broken() == []


async def test_a_hedge_that_overfills_gives_the_rest_back() -> None:
    stage = stage_in_dollars()
    stage.book_a(bids=[("0.38", "50")], asks=[("0.40", "50")])
    stage.book_b(bids=[("0.48", "50")], asks=[("0.50", "50")])
    record = await ended(stage, Outcome.REDUCED, *BOTH, "unwind B2 sell 1 at 0.48")
    assert (record.hedged, record.unwound, record.residual) == (D(10), D(1), D(0))


async def test_a_repair_never_completes_beyond_what_was_planned() -> None:
    stage = stage_in_dollars()
    stage.book_a(bids=[("0.38", "50")], asks=[("0.32", "50")])
    stage.venue.script("submit", None, Fault.PARTIAL)
    stage.book_b(bids=[("0.53", "50")], asks=[("0.55", "50")])
    record = await stage.run()
    assert record.hedged == D(10)
    assert record.unwound == D("2.5")
    assert await stage.broken() == []


async def test_an_answer_lost_after_an_overfill_is_settled_by_the_venues_own_count() -> None:
    stage = stage_in_dollars()
    stage.book_a(bids=[("0.38", "50")], asks=[("0.32", "50")])
    stage.book_b(bids=[("0.53", "50")], asks=[("0.55", "50")])
    stage.venue.script("submit", Fault.LOST_AFTER)
    record = await stage.run()
    assert record.hedged == D("12.5")
    assert await stage.broken() == []


async def test_less_than_a_lot_over_is_dust() -> None:
    stage = stage_in_dollars(dust=D("0.01"))
    stage.book_a(bids=[("0.38", "50")], asks=[("0.39", "50")])
    stage.book_b(bids=[("0.53", "50")], asks=[("0.55", "50")])
    record = await ended(stage, Outcome.HEDGED, BOTH[0], "hedge B1 buy 10.25 at 0.55")
    assert D(0) < record.residual < D("0.01")


@pytest.mark.parametrize("best", ["0.01", "0.10", "0.33", "0.39"])
@pytest.mark.parametrize("fault", [None, Fault.PARTIAL, Fault.MISCOUNT, Fault.RESTS])
async def test_no_overfill_takes_more_capital_than_was_reserved(best: str, fault: Fault | None) -> None:
    stage = Rehearsal(reshape=powered)
    stage.venue.in_collateral = True
    stage.book_a(bids=[("0.38", "900")], asks=[(best, "900")])
    stage.venue.script("submit", None, fault)
    stage.desk.at(START + 400 * MS, lambda: stage.venue.set_book(B, [("0.53", "900")], [("0.55", "900")]))
    await stage.run()
    assert await stage.broken() == []


def test_what_was_asked_for_may_always_be_hedged() -> None:
    planned = intent()
    leg = planned.legs[1]
    broke = {Venue.KALSHI: D(1_000)}
    assert hedgeable(planned, leg, leg.limit, D(7), {}) == D(7)
    assert hedgeable(planned, leg, leg.limit, D(10), broke) == D(10)
    assert hedgeable(planned, leg, leg.limit, D(12), broke) == D(10)


def test_the_reserve_covers_the_fees_of_shares_bought_below_the_limit() -> None:
    planned = intent()
    leg: IntentLeg = replace(planned.legs[0], fees=POWER, limit=D("0.90"), size=D(100))
    for cents in range(1, 91):
        price = D(cents) / 100
        shares = D(90) / price
        assert price * shares + POWER.trade_fee(price, shares.quantize(D("0.01"))) <= leg.worst_outlay(D(0))


def test_what_is_beyond_the_plan_is_bought_on_every_leg_to_come_or_on_none() -> None:
    """Three legs: the second may not take what of the reservation the third will need."""
    planned = intent()
    first, second = planned.legs
    third = replace(second, name="C", market="GAME-CCC", limit=D("0.09"))
    planned = replace(
        planned, legs=(first, replace(second, limit=D("0.45")), third), policy=LegPolicy(loss_budget=D(1))
    )
    out = {Venue.KALSHI: D("4.10")}  # what 16 shares of the first were had for
    size = hedgeable(planned, planned.legs[1], D("0.45"), D(16), out)
    each = D("0.45") + D("0.09") + D("0.07") * (D("0.45") * D("0.55") + D("0.09") * D("0.91"))
    assert D(10) < size < D(16)
    assert D("4.10") + size * each <= planned.worst_cost
    two = replace(planned, legs=planned.legs[:2])
    assert hedgeable(two, two.legs[1], D("0.45"), D(16), out) > size
