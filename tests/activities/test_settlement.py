"""A trade is closed on the venue's final counts and fills, and on nothing less."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.authority import Anybody
from activities.settlement import SettlementActivities, _agree
from domain.evidence import FillStatus, OrderEvidence, OrderStatus
from domain.market import MarketSpec, Venue
from domain.orders import OrderTicket, PreparedOrder, Purpose, Verdict
from domain.requests import Origin, RecordRequest, Settlement, SettleRequest
from domain.trade import OrderRecord, Outcome, TradeRecord, TradeState
from testing.ledger.memory import MemoryLedger
from testing.venue import FakeVenue, Fault
from tests.ledger.samples import DENIED, RUN_ID, SECOND, START, UNKNOWN, A, B, D, hedged, intent, standing_on_a, ticket

PLANNED = intent()
LEG_A = ticket(PLANNED, "A")
LEG_B = ticket(PLANNED, "B", purpose=Purpose.HEDGE)


class Desk:
    def __init__(self) -> None:
        self.now = START
        specs = {m: MarketSpec(Venue.KALSHI, m, "GAME", m, PLANNED.legs[0].fees) for m in (A, B)}
        self.venue = FakeVenue(lambda: self.now, specs, venue=Venue.KALSHI)
        self.venue.set_book(A, asks=[("0.40", "10")])
        self.venue.set_book(B, asks=[("0.55", "10")])
        self.ledger = MemoryLedger()
        self.closed: list[tuple[TradeRecord, str]] = []
        self.activities = SettlementActivities(
            {Venue.KALSHI: self.venue}, self.ledger, RUN_ID, lambda: self.now, self._closed, authority=Anybody()
        )

    def _closed(self, record: TradeRecord, unhedged: object) -> None:
        self.closed.append((record, str(unhedged)))

    async def trade(self, *tickets: OrderTicket) -> TradeRecord:
        """Send the orders a second apart, and tell of them as the trade would: with the answers, without the fills."""
        orders = []
        for each in tickets:
            result = await self.venue.submit(each)
            orders.append(OrderRecord(each, result, settled=True, filled=result.filled))
            self.now += SECOND
        outcome = Outcome.HEDGED if len(tickets) > 1 else Outcome.MISSED
        return replace(hedged(PLANNED), orders=tuple(orders), fills=(), outcome=outcome, pnl=D(0), hedged=D(0))

    async def settle(self, record: TradeRecord, chain: str = "") -> Settlement:
        settlement: Settlement = await ActivityEnvironment().run(
            self.activities.settle_trade, SettleRequest(PLANNED, record, Origin(chain))
        )
        return settlement


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_trade_is_closed_with_every_fill_and_figures_made_of_fills_alone(desk: Desk) -> None:
    settlement = await desk.settle(await desk.trade(LEG_A, LEG_B))
    assert settlement.agrees
    record = settlement.record
    assert (record.hedged, record.unwound, record.residual) == (D(10), D(0), D(0))
    assert record.pnl == PLANNED.edge
    assert len(record.fills) == 2
    (row,) = await desk.ledger.trades()
    assert (row.state, row.outcome, row.pnl) == (TradeState.CLOSED, Outcome.HEDGED, PLANNED.edge)
    assert desk.closed == [(record, "4.00")]  # ten shares at 40 cents for one second


async def test_a_fill_told_to_the_second_is_recorded_at_the_moment_its_order_was_answered(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.evidence._IN_SECONDS", {Venue.KALSHI})
    record = await desk.trade(LEG_A, LEG_B)
    answered = [START + 400_000, START + SECOND + 100_000]
    orders = [
        replace(order, result=replace(order.result, at=at))
        for order, at in zip(record.orders, answered, strict=True)
        if order.result is not None
    ]
    settlement = await desk.settle(replace(record, orders=tuple(orders)))
    assert sorted(fill.at for fill in settlement.record.fills) == answered
    assert desk.closed[0][1] == "2.80"  # ten shares at 40 cents for 0.7 s


async def test_a_trade_is_not_closed_while_the_fills_lag_behind_the_counts(desk: Desk) -> None:
    record = await desk.trade(LEG_A, LEG_B)
    desk.venue.fills_lag_ms = 5_000
    with pytest.raises(ApplicationError, match="10 filled and 0 fills; waiting for its reads to catch up"):
        await desk.settle(record)
    assert not await desk.ledger.trades()
    desk.now += 5 * SECOND
    assert (await desk.settle(record)).agrees


async def test_a_trade_is_not_closed_while_an_order_still_works(desk: Desk) -> None:
    desk.venue.script("submit", Fault.RESTS)
    record = await desk.trade(LEG_A)
    with pytest.raises(ApplicationError, match="as resting"):
        await desk.settle(record)


async def test_a_hedge_that_left_while_the_ledger_was_away_is_recorded_with_the_name_the_venue_gives_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await desk.trade(LEG_A, LEG_B)
    lost = replace(told.orders[1], result=replace(UNKNOWN, at=desk.now))
    record = replace(told, orders=(told.orders[0], lost))
    await desk.ledger.begin_order(RUN_ID, PLANNED, LEG_A, b"bytes", START, chain="run-a")
    await desk.ledger.record_trade(RUN_ID, PLANNED, replace(record, state=TradeState.SETTLING, fills=()))
    written = await desk.ledger.order_outcome(LEG_B.client_order_id)
    assert written is not None
    assert written.sends == 0

    async def prepare(order: OrderTicket) -> PreparedOrder:
        return PreparedOrder(b"its bytes", order_id="known beforehand")

    monkeypatch.setattr(desk.venue, "prepare", prepare)
    assert (await desk.settle(record, "run-a")).agrees
    hedge = await desk.ledger.order_outcome(LEG_B.client_order_id)
    assert hedge is not None
    assert (hedge.sends, hedge.order_id) == (1, "known beforehand")


async def test_what_hedged_an_adopted_order_while_the_ledger_was_away_is_recorded_with_the_adoption(desk: Desk) -> None:
    by_hand = replace(await desk.venue.submit(LEG_A), sent=False)
    desk.now += SECOND
    placed = replace(LEG_A, attempt=2, purpose=Purpose.ADOPTED, foreign_id=LEG_A.client_order_id)
    adopted = OrderRecord(placed, by_hand, settled=True, filled=by_hand.filled)
    record = await desk.trade(LEG_B)
    record = replace(record, orders=(adopted, *record.orders), outcome=Outcome.HEDGED)
    settlement = await desk.settle(record, "run-a")
    assert settlement.agrees
    hedge = await desk.ledger.order_outcome(LEG_B.client_order_id)
    assert hedge is not None
    assert hedge.sends == 1
    (row,) = await desk.ledger.trades()
    assert (row.state, row.outcome, row.hedged) == (TradeState.CLOSED, Outcome.HEDGED, D(10))


async def test_counts_that_differ_are_handed_back_and_nothing_is_closed(desk: Desk) -> None:
    desk.venue.script("submit", Fault.MISCOUNT)
    settlement = await desk.settle(await desk.trade(LEG_A, LEG_B))
    assert not settlement.agrees
    assert [(e.client_order_id, e.filled) for e in settlement.evidence] == [
        (LEG_A.client_order_id, D(10)),
        (LEG_B.client_order_id, D(10)),
    ]
    assert not await desk.ledger.trades()
    assert not desk.closed


async def test_an_order_believed_never_to_have_arrived_is_asked_for_once_more(desk: Desk) -> None:
    """Absence must be proven by a list fresher than the sending; and what is in the list counts."""
    settled = OrderRecord(LEG_B, replace(UNKNOWN, at=desk.now), settled=True, filled=D(0))
    record = replace(await desk.trade(LEG_A), orders=(settled,))
    assert (await desk.settle(record)).evidence[0].status is OrderStatus.ABSENT
    desk.venue.lag_ms = 5_000
    with pytest.raises(ApplicationError, match="as unseen"):
        await desk.settle(record)
    desk.venue.lag_ms = 0
    await desk.venue.submit(LEG_B)
    assert not (await desk.settle(record)).agrees


async def test_a_refused_order_has_proved_itself_and_is_not_asked_for(desk: Desk) -> None:
    desk.venue.script("evidence", Fault.UNAVAILABLE)
    record = replace(await desk.trade(LEG_A), orders=(OrderRecord(LEG_A, DENIED, settled=True, filled=D(0)),))
    settlement = await desk.settle(replace(record, outcome=Outcome.DENIED))
    assert settlement.agrees
    assert not settlement.evidence


async def test_a_refused_order_that_has_fills_all_the_same_is_asked_for_and_its_fills_are_booked(desk: Desk) -> None:
    record = await desk.trade(LEG_A, LEG_B)
    refused = replace(record.orders[1], result=replace(DENIED, verdict=Verdict.REJECTED, at=desk.now))
    settlement = await desk.settle(replace(record, orders=(record.orders[0], refused)))
    assert settlement.agrees
    assert settlement.record.hedged == D(10)


async def test_a_count_that_no_evidence_speaks_of_is_not_agreed(desk: Desk) -> None:
    record = await desk.trade(LEG_A, LEG_B)
    evidence = (await desk.settle(record)).evidence
    assert _agree(record, list(evidence))
    assert not _agree(record, list(evidence[:1]))
    assert not _agree(replace(record, orders=record.orders[:1]), [])


async def test_a_trade_whose_fills_may_be_voided_rests_in_the_ledger_and_nobody_is_told_that_it_does(
    desk: Desk,
) -> None:
    desk.venue.word = lambda fill: (60_000, FillStatus.FINAL)
    settlement = await desk.settle(await desk.trade(LEG_A, LEG_B))
    assert (settlement.agrees, settlement.final) == (True, False)
    assert desk.closed == []
    (row,) = await desk.ledger.trades()
    assert row.state is TradeState.HEDGED


async def test_bytes_recorded_afterwards_left_when_their_order_was_answered(desk: Desk) -> None:
    answered = desk.now
    record = await desk.trade(LEG_A, LEG_B)
    desk.now += 60 * SECOND
    await desk.settle(record)
    sent = {send.client_order_id: send.at for send in (await desk.ledger.snapshot()).facts.sends}
    assert sent == {LEG_A.client_order_id: answered, LEG_B.client_order_id: answered + SECOND}


async def test_settling_twice_books_everything_once(desk: Desk) -> None:
    record = await desk.trade(LEG_A, LEG_B)
    first, second = await desk.settle(record), await desk.settle(record)
    assert first.record == second.record
    facts = (await desk.ledger.snapshot()).facts
    assert (len(facts.fills), len(facts.cash), len(facts.trades)) == (2, 2, 1)


async def test_bytes_that_left_while_the_ledger_was_away_are_recorded_when_the_trade_settles(desk: Desk) -> None:
    record = await desk.trade(LEG_A, LEG_B)
    await desk.ledger.begin_order(RUN_ID, PLANNED, LEG_A, desk.venue.body(LEG_A), START)
    assert (await desk.settle(record)).agrees
    facts = (await desk.ledger.snapshot()).facts
    sent = {send.client_order_id: (send.n, send.sha256) for send in facts.sends}
    assert sent == {
        each.client_order_id: (1, hashlib.sha256(desk.venue.body(each)).hexdigest()) for each in (LEG_A, LEG_B)
    }
    assert all(order.settled for order in facts.orders)


async def test_a_venue_that_cannot_be_asked_is_asked_again(desk: Desk) -> None:
    record = await desk.trade(LEG_A, LEG_B)
    desk.venue.script("evidence", Fault.UNAVAILABLE)
    with pytest.raises(ApplicationError) as failure:
        await desk.settle(record)
    assert (failure.value.type, failure.value.non_retryable) == ("Unavailable", False)
    assert (await desk.settle(record)).agrees


async def test_a_parked_trade_is_in_the_ledger_with_its_exposure_reserved(desk: Desk) -> None:
    stuck = standing_on_a(PLANNED)
    await ActivityEnvironment().run(desk.activities.record_trade, RecordRequest(PLANNED, stuck))
    (row,) = await desk.ledger.trades(state=TradeState.STUCK)
    assert (row.reserved, row.residual) == (PLANNED.worst_cost, D(10))


async def test_another_orders_row_is_no_final_word_whatever_name_it_would_get(desk: Desk) -> None:
    record = await desk.trade(LEG_A, LEG_B)
    evidence = desk.venue.evidence

    async def mistaken(ticket: OrderTicket, *, order_id: str | None, sent_at: int, grace_ms: int) -> OrderEvidence:
        return await evidence(LEG_B, order_id=order_id, sent_at=sent_at, grace_ms=grace_ms)

    desk.venue.evidence = mistaken  # type: ignore[method-assign]
    with pytest.raises(ApplicationError, match="cannot be true"):
        await desk.settle(record)
