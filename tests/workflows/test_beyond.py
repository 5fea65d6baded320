"""Counts beyond what was signed: an answer is not believed, a list is held against the account's position."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.evidence import OrderEvidence, OrderStatus
from domain.halt import Scope
from domain.operator import Action
from domain.orders import OrderTicket, SubmitResult, Verdict
from domain.requests import Position
from domain.trade import Outcome, TradeState
from tests.ledger.samples import A, B, D
from tests.workflows.rehearsal import BOTH, START, Rehearsal, closed

TOO_MUCH = D(10_000_000)


def answers_too_much(stage: Rehearsal, leg: str) -> None:
    """The venue fills the first order of a leg as asked, and answers in another unit."""
    honest = stage.venue.submit

    async def submit(ticket: OrderTicket) -> SubmitResult:
        result = await honest(ticket)
        wrong = ticket.leg == leg and ticket.attempt == 1
        return replace(result, filled=TOO_MUCH, paid=TOO_MUCH * ticket.limit) if wrong else result

    stage.venue.submit = submit  # type: ignore[method-assign]


def lists_too_much(stage: Rehearsal, leg: str, count: str, until_ms: int = 10**12) -> None:
    honest = stage.venue.evidence

    async def evidence(ticket: OrderTicket, **asked: object) -> OrderEvidence:
        seen = await honest(ticket, **asked)  # type: ignore[arg-type]
        wrong = ticket.leg == leg and ticket.attempt == 1 and stage.desk.now() < START + until_ms * 1000
        if not wrong or seen.status is not OrderStatus.DONE:
            return seen
        fills = tuple(replace(fill, size=D(count)) for fill in seen.fills)
        return replace(seen, filled=D(count), fills=fills)

    stage.venue.evidence = evidence  # type: ignore[method-assign]


@pytest.mark.parametrize("leg", ["A", "B"])
async def test_an_answer_beyond_what_was_signed_is_settled_by_the_list_within_two_seconds(leg: str) -> None:
    stage = Rehearsal()
    answers_too_much(stage, leg)
    await closed(stage, Outcome.HEDGED, *BOTH)
    assert f"filled {TOO_MUCH:f}" in stage.story()
    hedged = next(entry.at for entry in stage.trade.record().entered if entry.state is TradeState.HEDGED)
    assert hedged - START < 2_000_000
    assert TradeState.STUCK not in stage.states_shown()


async def test_a_list_beyond_what_was_signed_that_the_position_denies_is_stuck_with_the_numbers() -> None:
    stage = Rehearsal()
    answers_too_much(stage, "A")
    lists_too_much(stage, "A", "25", until_ms=60_000)
    seen = stage.look_at(30_000)
    record = await stage.run()
    assert seen[0].state is TradeState.STUCK
    assert "The list counts 25 of 10 signed. The account holds 10 in GAME-AAA" in stage.story()
    (hedge,) = [submit for submit in stage.desk.submits if submit.ticket.leg == "B"]
    assert hedge.decided_at > START + 60_000_000  # never for a doubted count
    assert hedge.ticket.size == D(10)
    assert record.state is TradeState.CLOSED
    assert await stage.broken() == []


async def test_a_list_beyond_what_was_signed_that_the_position_bears_out_is_an_overfill() -> None:
    stage = Rehearsal()
    stage.book_a(bids=[("0.38", "50")], asks=[("0.40", "50")])
    honest = stage.venue.submit

    async def submit(ticket: OrderTicket) -> SubmitResult:
        """The venue really buys twelve."""
        if ticket.leg != "A" or ticket.attempt != 1:
            return await honest(ticket)
        return await honest(replace(ticket, size=D(12)))

    stage.venue.submit = submit  # type: ignore[method-assign]
    record = await stage.run()
    assert "beyond what was signed, and the position bears it out" in stage.story()
    assert record.state is TradeState.CLOSED
    assert (record.hedged, record.unwound, record.residual) == (D(10), D(2), D(0)), stage.story()
    assert (await stage.venue.account()).positions.get(A, D(0)) in (D(0), D(10))
    story = stage.story()
    assert story.index("more is reserved for that") < story.index("unwind A2")
    assert max(known.reserved for known in stage.desk.recorded) > stage.intent.worst_cost
    halts = await stage.ledger.halts()
    assert [(halt.scope, halt.target) for halt in halts] == [(Scope.MARKET, f"kalshi/{A}")]
    assert "brought 12 of 10 signed" in halts[0].reason


async def test_a_count_that_the_position_denies_gives_way_to_a_persons_unwind() -> None:
    stage = Rehearsal()
    answers_too_much(stage, "A")
    stage.ask_at(30_000, Action.UNWIND)
    lists_too_much(stage, "A", "25", until_ms=120_000)
    record = await stage.run()
    assert "unwind A2 sell 10 at 0.38" in stage.sent()
    assert record.state is TradeState.CLOSED
    assert Verdict.UNKNOWN in [order.result.verdict for order in record.orders if order.result is not None]


@pytest.mark.parametrize(("count", "believed"), [("12", True), ("20", True), ("21", False)])
async def test_a_count_with_a_fill_for_every_share_is_real_once_its_market_has_paid(
    count: str, *, believed: bool
) -> None:
    """Nobody holds a share of a market that has paid: its position denies nothing. Beyond twice is another unit."""
    stage = Rehearsal()
    answers_too_much(stage, "A")
    lists_too_much(stage, "A", count, until_ms=90_000)
    honest = stage.desk.position

    async def position(venue: str, market: str, intent_id: str) -> Position | None:
        return await honest(venue, market, intent_id) if stage.desk.now() > START + 20_000_000 else None

    stage.desk.position = position  # type: ignore[method-assign]
    stage.pays_at(20_000, {A: "1", B: "0"})
    before, after = stage.look_at(19_000), stage.look_at(89_000)
    record = await stage.run()
    assert before[0].orders[0].filled == 0
    assert ("GAME-AAA has paid, so no position can deny it" in stage.story()) is believed
    assert (not after or after[0].orders[0].filled == D(count)) is believed
    assert record.state is TradeState.CLOSED


async def test_what_a_position_has_denied_waits_no_longer_than_until_its_market_has_paid() -> None:
    stage = Rehearsal()
    answers_too_much(stage, "A")
    lists_too_much(stage, "A", "12", until_ms=90_000)
    stage.pays_at(20_000, {A: "1", B: "0"})
    before = stage.look_at(19_000)
    record = await stage.run()
    assert (before[0].state, before[0].orders[0].filled) == (TradeState.STUCK, 0)
    assert (record.state, record.orders[0].filled) == (TradeState.CLOSED, D(12))


async def test_a_list_with_more_fills_than_it_counts_is_looked_at_again() -> None:
    """Twelve came, its fills say; ten, its count. The position has twelve, so it would bear out either."""
    stage = Rehearsal()
    stage.book_a(bids=[("0.38", "50")], asks=[("0.40", "50")])
    submit, evidence = stage.venue.submit, stage.venue.evidence

    async def overfilled(ticket: OrderTicket) -> SubmitResult:
        opening = ticket.leg == "A" and ticket.attempt == 1
        result = await submit(replace(ticket, size=D(12)) if opening else ticket)
        return replace(result, paid=TOO_MUCH) if opening else result

    async def torn(ticket: OrderTicket, **asked: object) -> OrderEvidence:
        seen = await evidence(ticket, **asked)  # type: ignore[arg-type]
        wrong = ticket.leg == "A" and seen.status is OrderStatus.DONE and stage.desk.now() < START + 5_000_000
        return replace(seen, filled=D(10), beyond=True) if wrong else seen

    stage.venue.submit, stage.venue.evidence = overfilled, torn  # type: ignore[method-assign]
    early = stage.look_at(4_900)
    record = await stage.run()
    assert not any(order.settled for order in early[0].orders), stage.story()
    assert record.orders[0].filled == D(12)
