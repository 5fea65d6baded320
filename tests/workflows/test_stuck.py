"""What a stuck trade says, what a person's lowest price does, and how soon a market that opens again is noticed."""

from __future__ import annotations

import pytest

from domain.operator import Action, OperatorCommand
from domain.orders import OrderTicket, Purpose, SubmitResult
from domain.trade import Outcome, TradeState
from ledger.render import render
from tests.ledger.samples import START, A, B, D, ticket
from tests.workflows.rehearsal import MS, Rehearsal
from workflows.parked import Parked
from workflows.state import Fault, OrderState, begun
from workflows.temporal_desk import details_of

BOUNDED = OperatorCommand("ada", "not below thirty", min_price=D("0.30"))


def paused(stage: Rehearsal, *, until_ms: int) -> None:
    """Once leg A has filled both markets refuse every order; their books stand."""
    submit = stage.venue.submit

    def turn(*, is_open: bool) -> None:
        for market in (A, B):
            stage.venue.set_open(market, is_open=is_open)

    async def submit_and_pause(order: OrderTicket) -> SubmitResult:
        answer = await submit(order)
        if order.purpose is Purpose.OPEN:
            turn(is_open=False)
        return answer

    stage.venue.submit = submit_and_pause  # type: ignore[method-assign]
    stage.desk.at(START + until_ms * MS, lambda: turn(is_open=True))


def story(stage: Rehearsal) -> list[str]:
    return [step.text for step in stage.trade.memory.story]


async def test_a_stuck_trade_says_why_in_the_venues_words_and_what_each_way_would_bring() -> None:
    stage = Rehearsal()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.39", "10")])
    paused(stage, until_ms=3_600_000)
    await stage.trade.run()
    (stuck,) = [text for text in story(stage) if text.startswith("Stuck")]
    assert "kalshi refused all " in stuck
    assert "(market_closed)" in stuck
    assert "within" not in stuck
    assert "Completing now: buy 10 of B up to 0.55 for $5.67, P&L then $0.16" in stuck
    assert "Unwinding now: sell 10 of A down to 0.39 for $3.73, P&L then -$0.43" in stuck
    assert "next look at 2025-" not in stuck
    assert "next look at " in stuck
    assert " UTC" in stuck
    shown = details_of(stage.trade.record())
    assert "$" in shown
    assert "$" not in shown.replace(r"\$", ""), "no line is read as a formula"


async def test_where_no_venue_refused_it_says_that_nothing_fitted_the_budget() -> None:
    stage = Rehearsal(loss_budget=D("0.50"))
    stage.book_b(asks=[("0.80", "10")])
    stage.book_a(asks=[("0.40", "10")], bids=[("0.20", "10")])
    stage.desk.at(START + 200_000 * MS, lambda: stage.book_b(asks=[("0.58", "10")]))
    await stage.trade.run()
    (stuck,) = [text for text in story(stage) if text.startswith("Stuck")]
    assert "neither completed nor unwound within $0.50 of loss in time" in stuck
    assert "Unwinding now: sell 10 of A down to 0.20" in stuck


@pytest.mark.parametrize("asked", [True, False])
async def test_what_was_refused_is_tried_within_seconds_of_the_reopening_and_not_before(asked: bool) -> None:
    stage = Rehearsal()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.39", "10")])
    reopens_ms = 7_200_000
    paused(stage, until_ms=reopens_ms)
    if asked:
        stage.unwind_at(600_000)
    await stage.trade.run()
    late = [submit.decided_at for submit in stage.desk.submits if submit.decided_at > START + reopens_ms * MS]
    assert late
    assert late[0] - START <= (reopens_ms + 31_000) * MS
    during = [submit for submit in stage.desk.submits if submit.decided_at <= START + reopens_ms * MS]
    assert len(during) < 20, "a market that takes no orders is asked about, not traded in"
    assert stage.trade.record().outcome is (Outcome.UNWOUND if asked else Outcome.HEDGED)


async def test_an_unwind_with_a_lowest_price_sells_for_no_less_and_goes_on_once_it_is_bid() -> None:
    stage = Rehearsal(loss_budget=D("0.50"))
    stage.book_b()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.31", "4"), ("0.20", "6")])
    stage.ask_at(500, Action.UNWIND, BOUNDED)
    low = stage.look_at(200_000)
    stage.desk.at(START + 300_000 * MS, lambda: stage.book_a(bids=[("0.30", "6")]))
    await stage.trade.run()
    assert low[0].state is TradeState.STUCK
    assert low[0].residual == D(6)
    sold = [(o.ticket.size, o.ticket.limit) for o in stage.trade.record().orders if o.ticket.purpose is Purpose.UNWIND]
    assert sold == [(D(4), D("0.31")), (D(6), D("0.30"))]
    assert stage.trade.record().outcome is Outcome.UNWOUND


async def test_a_later_unwind_with_another_bound_or_none_is_obeyed() -> None:
    stage = Rehearsal(loss_budget=D("0.50"))
    stage.book_b()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.20", "10")])
    stage.ask_at(500, Action.UNWIND, BOUNDED)
    stage.ask_at(600, Action.UNWIND, BOUNDED)
    stage.ask_at(120_000, Action.UNWIND, OperatorCommand("ada", "at any price now"))
    await stage.trade.run()
    assert [refusal for refusal in stage.refusals if "already asked for" in refusal] == stage.refusals
    assert len(stage.refusals) == 1
    assert stage.trade.record().outcome is Outcome.UNWOUND


async def test_a_parked_trade_keeps_to_the_lowest_price_too() -> None:
    stage = Rehearsal()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.31", "4"), ("0.20", "6")])
    opening = ticket(stage.intent, "A")
    await stage.venue.submit(opening)
    memory = begun(START, stage.intent.worst_cost, merging=False)
    memory.orders = [OrderState(opening, stage.intent.legs[0].fees, settled=True, filled=D(10), copies=1)]
    memory.fault = Fault("a mistake", START)
    parked = Parked(stage.intent, stage.desk, memory)
    parked.take(Action.UNWIND, BOUNDED)
    stage.desk.at(START + 90_000 * MS, lambda: parked.take(Action.RETRY, BOUNDED), message=True)
    await parked.run()
    assert [(order.ticket.size, order.ticket.limit) for order in memory.orders[1:]] == [(D(4), D("0.31"))]


@pytest.mark.parametrize("price", ["0", "1", "-0.1", "NaN"])
async def test_a_lowest_price_that_no_share_has_is_refused(price: str) -> None:
    stage = Rehearsal()
    command = OperatorCommand("ada", "why", min_price=D(price))
    with pytest.raises(ValueError, match="expected dollars a share"):
        stage.trade.may(Action.UNWIND, command)


async def test_the_story_tells_a_refusal_as_it_comes_although_the_trade_has_not_written_since() -> None:
    stage = Rehearsal(loss_budget=D("0.50"))
    stage.book_b()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.20", "10")])
    stage.ask_at(120_000, Action.UNWIND, OperatorCommand("ada", "sell"))
    told: list[str] = []

    async def read() -> None:
        told.extend(render(await stage.ledger.trade(stage.intent.id)))
        stage.venue.set_open(A, is_open=True)

    stage.desk.at(START + 100_000 * MS, lambda: stage.venue.set_open(A, is_open=False))
    stage.desk.at(START + 180_000 * MS, read)
    await stage.trade.run()
    (answer,) = [line for line in told if "← answer" in line]
    assert "unwind A2: rejected (market_closed)" in answer
    assert not any("refused by the venue" in line for line in told)
