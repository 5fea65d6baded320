"""Repairs of what stands alone, and trades parked until one fits: one sentence each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.evidence import Fill, FillStatus, OrderEvidence
from domain.intent import Intent, Way
from domain.operator import Action
from domain.orders import OrderTicket, Quote
from domain.trade import Outcome, TradeState
from testing.desk import Lost
from testing.venue import Fault
from tests.ledger.samples import START, A, B, D
from tests.workflows.rehearsal import BOTH, MS, PAYDAY_MS, Rehearsal, closed


async def test_a_repair_that_found_nothing_reaches_a_tick_further() -> None:
    stage = Rehearsal()
    stage.venue.script("submit", None, Fault.PARTIAL)
    take = stage.venue.quote

    async def quote(market: str) -> Quote:
        """Before the first repair arrives, the offer it saw is gone."""
        seen = await take(market)
        if market == B and len(stage.desk.submits) == 2:
            stage.book_b(asks=[("0.56", "10")])
        return seen

    stage.venue.quote = quote  # type: ignore[method-assign]
    repairs = ["complete B2 buy 5 at 0.55", "complete B3 buy 5 at 0.57"]
    await closed(stage, Outcome.HEDGED, *BOTH, *repairs)


async def test_beyond_the_loss_budget_a_trade_is_stuck_with_its_exposure_reserved_and_a_better_book_frees_it() -> None:
    stage = Rehearsal(loss_budget=D("0.50"))
    stage.book_b(asks=[("0.80", "10")])
    stage.book_a(asks=[("0.40", "10")], bids=[("0.20", "10")])
    stuck = stage.look_at(90_000)
    stage.desk.at(START + 100_000 * MS, lambda: stage.book_b(asks=[("0.58", "10")]))
    await closed(stage, Outcome.HEDGED, *BOTH, "complete B2 buy 10 at 0.58")
    assert (stuck[0].state, stuck[0].reserved) == (TradeState.STUCK, stage.intent.worst_cost)
    assert stage.desk.recorded[0].state is TradeState.STUCK
    assert await stage.pnl() >= D("-0.50")


async def test_a_plan_that_was_to_lose_is_completed_at_its_own_prices_whatever_the_budget() -> None:
    def dear(planned: Intent) -> Intent:
        first, second = planned.legs
        return replace(planned, legs=(first, replace(second, limit=D("0.65"))), edge=D(-1))

    stage = Rehearsal(reshape=dear, loss_budget=D("0.10"))
    stage.book_b()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.20", "10")])
    stage.desk.at(START + 500 * MS, lambda: stage.book_b(asks=[("0.65", "10")]))
    hedge = "hedge B1 buy 10 at 0.65"
    await closed(stage, Outcome.HEDGED, BOTH[0], hedge, "complete B2 buy 10 at 0.65")
    assert D(-1) <= await stage.pnl() < D("-0.10")


async def test_a_trade_stuck_for_weeks_looks_ever_more_rarely() -> None:
    stage = Rehearsal(loss_budget=D("0.50"), payday_ms=15 * 86_400_000)
    stage.book_b()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.20", "10")])
    quotes: list[int] = []
    take = stage.venue.quote

    async def quote(market: str) -> Quote:
        quotes.append(stage.desk.now())
        return await take(market)

    stage.venue.quote = quote  # type: ignore[method-assign]
    stage.desk.at(START + 14 * 86_400_000 * MS, lambda: stage.book_b(asks=[("0.55", "10")]))
    await closed(stage, Outcome.HEDGED, *BOTH, "complete B2 buy 10 at 0.55")
    assert len(quotes) < 14 * 96 * 2 + 200  # both books once in a quarter of an hour
    assert len(stage.desk.recorded) == 1  # parked once, not at every look


async def test_a_stuck_trade_that_the_ledger_did_not_hear_of_tells_it_again_at_its_next_look() -> None:
    stage = Rehearsal(loss_budget=D("0.50"))
    stage.book_b()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.20", "10")])
    stage.desk.script("record", Lost.BEFORE, Lost.BEFORE)
    stage.desk.at(START + 3_600_000 * MS, lambda: stage.book_b(asks=[("0.55", "10")]))
    await closed(stage, Outcome.HEDGED, *BOTH, "complete B2 buy 10 at 0.55")
    assert [record.state for record in stage.desk.recorded] == [TradeState.STUCK]
    assert stage.desk.recorded[0].at - START < 200_000 * MS


def voids_a(fill: Fill) -> tuple[int, FillStatus]:
    return (150_000, FillStatus.VOID if fill.market == A and fill.price == D("0.40") else FillStatus.FINAL)


async def test_a_void_while_its_trade_is_stuck_is_heard_of_and_nothing_is_sold_that_is_not_there() -> None:
    stage = Rehearsal(word=voids_a, loss_budget=D("0.50"))
    stage.book_b(asks=[("0.55", "4"), ("0.90", "10")])
    stage.book_a(asks=[("0.40", "10")], bids=[("0.05", "90")])
    stuck, heard = stage.look_at(100_000), stage.look_at(300_000)
    stage.desk.at(START + 400_000 * MS, lambda: stage.book_b(bids=[("0.54", "10")]))
    await closed(stage, Outcome.UNWOUND, *BOTH, "complete B2 buy 4 at 0.55", "unwind B3 sell 4 at 0.54")
    assert (stuck[0].state, stuck[0].residual) == (TradeState.STUCK, D(6))
    assert (heard[0].state, heard[0].residual) == (TradeState.STUCK, D(4))
    assert "The venue counts 0 on A1, not 10; adopted." in stage.story()


@pytest.mark.parametrize("unread", [0, 1])
async def test_what_the_venue_voided_meanwhile_is_not_given_back(unread: int) -> None:
    stage = Rehearsal(word=lambda fill: (10, FillStatus.VOID))
    stage.book_b()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.38", "10")])
    stage.desk.script("evidence", *[Lost.BEFORE] * unread)  # what cannot be read is read at the next look
    await closed(stage, Outcome.MISSED, *BOTH)
    assert stage.trade.record().at - START < 5_000 * MS


async def test_what_was_taken_since_the_venue_refused_to_take_back_is_not_given_back_to_try_that_again() -> None:
    stage = Rehearsal(loss_budget=D(5))
    stage.book_a(asks=[("0.40", "10")], bids=[("0.39", "10")])
    stage.book_b(asks=[("0.70", "10")])
    stage.venue.script("submit", None, Fault.REJECT, Fault.PARTIAL)
    repairs = ["unwind A2 sell 10 at 0.39", "complete B2 buy 10 at 0.70", "complete B3 buy 5 at 0.71"]
    await closed(stage, Outcome.HEDGED, *BOTH, *repairs)


async def test_a_message_while_a_repair_waits_is_a_reason_to_count_again() -> None:
    stage = Rehearsal(word=lambda fill: (1_000, FillStatus.VOID), loss_budget=D("0.50"))
    stage.book_b()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.20", "10")])
    stage.desk.at(START + 1_500 * MS, lambda: None, message=True)
    await closed(stage, Outcome.MISSED, *BOTH)
    assert stage.trade.record().at - START < 5_000 * MS  # long before it would have been parked


async def test_fills_that_are_final_are_asked_for_once_while_stuck_and_again_when_a_message_came() -> None:
    stage = Rehearsal(loss_budget=D("0.50"))
    stage.book_b()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.20", "10")])
    asked: list[str] = []
    read = stage.venue.evidence

    async def evidence(ticket: OrderTicket, **how: Any) -> OrderEvidence:
        asked.append(ticket.leg)
        return await read(ticket, **how)

    stage.venue.evidence = evidence  # type: ignore[method-assign]
    before: list[str] = []
    after: list[str] = []
    stage.desk.at(START + 5_000_000 * MS, lambda: before.extend(asked), message=True)
    stage.desk.at(START + 6_000_000 * MS, lambda: after.extend(asked))
    stage.desk.at(START + 6_000_000 * MS, lambda: stage.book_b(asks=[("0.55", "10")]))
    await closed(stage, Outcome.HEDGED, *BOTH, "complete B2 buy 10 at 0.55")
    assert (before, after) == (["A"], ["A", "A"])  # B was never sent


async def test_what_a_person_holds_is_counted_anew_when_the_venue_voids_it() -> None:
    stage = Rehearsal(word=voids_a, loss_budget=D("0.50"))
    stage.book_b()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.05", "90")])
    stage.ask_at(30_000, Action.HOLD)
    held = stage.look_at(50_000)
    await closed(stage, Outcome.MISSED, *BOTH)
    assert (held[0].state, held[0].residual) == (TradeState.STUCK, D(10))
    assert stage.trade.record().at - START < PAYDAY_MS * MS


async def test_leg_a_without_any_evidence_is_stuck_at_its_deadline_and_goes_on_when_evidence_comes() -> None:
    stage = Rehearsal()
    stage.desk.script("submit", Lost.AFTER)
    stage.venue.lag_ms = 1_000_000
    stuck = stage.look_at(700_000)
    record = await stage.run()
    assert (stuck[0].state, stuck[0].reserved) == (TradeState.STUCK, stage.intent.worst_cost)
    assert record.outcome is Outcome.HEDGED, stage.story()
    assert stage.states_shown()[:3] == [TradeState.LEG_A, TradeState.STUCK, TradeState.RECHECK]
    assert await stage.broken() == []


async def test_leg_b_without_any_evidence_is_stuck_and_goes_on_when_the_venue_can_be_asked_again() -> None:
    stage = Rehearsal()
    stage.venue.script("submit", None, Fault.LOST_AFTER)
    stage.desk.script("evidence", *[Lost.BEFORE] * 130)
    stuck = stage.look_at(650_000)
    await closed(stage, Outcome.HEDGED, *BOTH)
    assert stuck[0].state is TradeState.STUCK
    assert stuck[0].residual == D(10)


async def test_an_order_in_doubt_for_weeks_is_asked_for_ever_more_rarely() -> None:
    stage = Rehearsal()
    stage.venue.script("submit", None, Fault.LOST_AFTER)
    stage.desk.script("evidence", *[Lost.BEFORE] * 400)
    await closed(stage, Outcome.HEDGED, *BOTH)
    assert stage.desk.now() - START > 2 * 86_400_000 * MS


async def test_the_only_way_is_tried_again_at_the_next_look_after_the_venue_refused_it() -> None:
    """Not at the one after it: a parked trade's looks may be a quarter of an hour apart, and its markets may pay."""
    stage = Rehearsal(loss_budget=D("0.50"), ways=(Way.COMPLETE,))
    stage.book_b()

    def offer() -> None:
        stage.book_b(asks=[("0.55", "10")])
        stage.venue.script("submit", Fault.REJECT)

    stage.desk.at(START + 2 * 3_600_000 * MS, offer)
    twice = [f"complete B{n} buy 10 at 0.55" for n in (2, 3)]
    await closed(stage, Outcome.HEDGED, *BOTH, *twice)
    refused_at, taken_at = (submit.decided_at for submit in stage.desk.submits[-2:])
    assert taken_at - refused_at < 1_000_000 * MS
