"""More than two legs, and legs held short: each for what all before it filled, repaired towards one count."""

from __future__ import annotations

from dataclasses import replace

from domain.intent import Intent, IntentLeg
from domain.orders import Side
from domain.trade import Outcome, TradeState
from testing.venue import Fault
from tests.ledger.samples import START, A, B, D
from tests.workflows.rehearsal import MS, Rehearsal, closed

C = "GAME-CCC"
THREE = ["open A1 buy 10 at 0.40", "hedge B1 buy 10 at 0.30", "hedge C1 buy 10 at 0.20"]


def basket(planned: Intent) -> Intent:
    """Three outcomes at 0.40, 0.30 and 0.20 that pay one dollar together."""
    a, b = planned.legs
    return replace(planned, legs=(a, repriced(b, B, "0.30"), repriced(replace(b, name="C"), C, "0.20")))


def crossed_claim(planned: Intent) -> Intent:
    """A bought at 0.40 and the same claim sold at 0.55 elsewhere: together they pay nothing, and 0.15 is received."""
    a, b = planned.legs
    return replace(planned, legs=(a, replace(b, side=Side.SELL)), payoff=D(0))


def repriced(leg: IntentLeg, market: str, limit: str) -> IntentLeg:
    cost = D(limit) * leg.size + leg.fees.trade_fee(D(limit), leg.size)
    return replace(leg, market=market, limit=D(limit), expected_cost=cost)


async def test_every_leg_of_a_basket_is_sent_in_order_once_the_one_before_it_filled() -> None:
    stage = Rehearsal(reshape=basket)
    await closed(stage, Outcome.HEDGED, *THREE)
    assert await stage.pnl() > 0


async def test_a_later_leg_is_for_what_all_before_it_filled() -> None:
    stage = Rehearsal(reshape=basket)
    stage.venue.script("submit", None, Fault.PARTIAL)
    await closed(
        stage,
        Outcome.HEDGED,
        *THREE[:2],
        "hedge C1 buy 5 at 0.20",
        "complete B2 buy 5 at 0.30",
        "complete C2 buy 5 at 0.20",
    )


async def test_a_later_leg_is_for_the_least_of_what_those_before_it_filled_not_for_the_last() -> None:
    """Leg A fills half; leg B, sized in dollars, brings more than that when its price improves."""
    stage = Rehearsal(reshape=basket)
    stage.venue.in_collateral = True
    stage.venue.script("submit", Fault.PARTIAL)
    stage.venue.set_book(B, bids=[("0.18", "50")], asks=[("0.20", "3"), ("0.30", "50")])
    record = await stage.run()
    assert stage.sent()[1:3] == ["hedge B1 buy 5 at 0.30", "hedge C1 buy 5 at 0.20"], stage.story()
    assert sum(fill.size for fill in await stage.fills() if fill.market == B) == 6
    assert record.outcome is Outcome.HEDGED, stage.story()
    assert await stage.broken() == []


async def test_a_leg_that_brings_nothing_stops_the_next_and_all_that_stands_is_given_back() -> None:
    stage = Rehearsal(reshape=basket)
    stage.venue.set_book(B)
    await closed(stage, Outcome.UNWOUND, *THREE[:2], "unwind A2 sell 10 at 0.38")


async def test_when_the_last_leg_moved_away_the_two_that_stand_are_both_given_back() -> None:
    stage = Rehearsal(reshape=basket)
    stage.venue.set_book(C, asks=[("0.95", "10")])
    record = await stage.run()
    assert record.outcome is Outcome.UNWOUND
    assert set(stage.sent()[3:]) == {"unwind A2 sell 10 at 0.38", "unwind B2 sell 10 at 0.28"}
    assert await stage.broken() == []


async def test_what_the_venue_refuses_to_take_back_of_one_leg_keeps_no_other_leg_waiting() -> None:
    stage = Rehearsal(reshape=basket)
    stage.venue.set_book(C)
    stage.venue.script("submit", None, None, Fault.REJECT)
    sales = ["unwind A2 sell 10 at 0.38", "unwind B2 sell 10 at 0.28", "unwind A3 sell 10 at 0.38"]
    await closed(stage, Outcome.UNWOUND, *THREE, *sales)


async def test_a_basket_half_repaired_goes_on_where_it_was_when_a_book_comes_back() -> None:
    stage = Rehearsal(reshape=basket, loss_budget=D("0.10"))
    stage.venue.set_book(C)
    stage.desk.at(START + 300_000 * MS, lambda: stage.venue.set_book(C, asks=[("0.22", "10")]))
    stuck = stage.look_at(200_000)
    await closed(stage, Outcome.HEDGED, *THREE, "complete C2 buy 10 at 0.22")
    assert (stuck[0].state, stuck[0].residual) == (TradeState.STUCK, D(20))


async def test_an_obstacle_on_the_last_leg_surfaces_before_the_first_is_sent() -> None:
    stage = Rehearsal(reshape=basket)
    stage.venue.set_open(C, is_open=False)
    await closed(stage, Outcome.DENIED, THREE[0])
    assert C in stage.story()
    assert (await stage.venue.account()).fills == ()


async def test_a_claim_bought_here_and_sold_there_earns_the_difference_whoever_wins() -> None:
    for winner in ("1", "0"):
        stage = Rehearsal(reshape=crossed_claim)
        stage.pays_at(60_000, {A: winner, B: winner})
        await closed(stage, Outcome.HEDGED, "open A1 buy 10 at 0.40", "hedge B1 sell 10 at 0.55")
        assert await stage.pnl() > D("1.1")


async def test_a_leg_sold_short_that_stands_alone_is_bought_back() -> None:
    def short_first(planned: Intent) -> Intent:
        a, b = crossed_claim(planned).legs
        return replace(planned, legs=(replace(b, name="A"), replace(a, name="B")), payoff=D(0))

    stage = Rehearsal(reshape=short_first)
    stage.venue.set_book(A, asks=[("0.90", "10")])
    await closed(
        stage, Outcome.UNWOUND, "open A1 sell 10 at 0.55", "hedge B1 buy 10 at 0.40", "unwind A2 buy 10 at 0.57"
    )
