"""What the ledger promises, on Postgres and on the fake alike."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.decisions import Gate, Suppression
from domain.errors import BadInput, Denied
from domain.evidence import FillStatus
from domain.invariants import shares_accounted
from domain.market import Venue
from domain.orders import Purpose, Side, Verdict
from domain.snapshot import LedgerFacts
from domain.trade import TradeState
from ledger.store import Ledger
from testing.ledger.memory import MemoryLedger
from tests.ledger.samples import (
    DENIED,
    OPENING,
    REJECTED,
    SECOND,
    START,
    UNKNOWN,
    A,
    B,
    D,
    accepted,
    body,
    fill,
    hedged,
    intent,
    order_id,
    paid_out,
    standing_on_a,
    ticket,
)

AnyLedger = Ledger | MemoryLedger
RUN = "run-1"


async def facts(ledger: AnyLedger) -> LedgerFacts:
    return (await ledger.snapshot()).facts


# ---------------------------------------------------------------------- runs and decisions


async def test_the_latest_run_is_the_one_that_started_last_and_knows_when_it_finished(ledger: AnyLedger) -> None:
    assert await ledger.latest_run() is None
    await ledger.start_run("first", "paper", "paper", START, "synth seed 1")
    await ledger.start_run("second", "paper", "replay", START + 5, "a recording")
    await ledger.start_run("second", "other", "live", START + 9, "started again by mistake")
    await ledger.finish_run("second", START + 7)
    latest = await ledger.latest_run()
    assert latest is not None
    assert (latest.run_id, latest.profile, latest.mode, latest.source) == ("second", "paper", "replay", "a recording")
    assert (latest.started_at, latest.finished_at) == (START + 5, START + 7)


async def test_an_intent_comes_back_from_the_ledger_with_the_same_id(ledger: AnyLedger) -> None:
    planned = intent()
    await ledger.record_intent(planned, RUN)
    await ledger.record_intent(planned, "another run")
    snapshot = await ledger.snapshot(RUN)
    assert [one.id for one in snapshot.intents] == [planned.id]
    assert snapshot.intents[0] == planned
    assert (await ledger.snapshot("another run")).intents == ()


async def test_suppressions_are_kept_once_each_with_the_gate_that_was_shut(ledger: AnyLedger) -> None:
    seen = [
        Suppression("pair", "GAME", gate, "book of GAME-AAA is 3 s old", D("0.1234"), D("12.5"), START + n)
        for n, gate in enumerate((Gate.STALE, Gate.STALE, Gate.SHALLOW))
    ]
    await ledger.record_suppressions(RUN, seen)
    await ledger.record_suppressions(RUN, seen[:1])
    await ledger.record_suppressions(RUN, [])
    assert (await ledger.snapshot(RUN)).suppressions == tuple(seen)


async def test_the_first_opening_balance_stays(ledger: AnyLedger) -> None:
    await ledger.record_opening(Venue.KALSHI, OPENING, START)
    await ledger.record_opening(Venue.KALSHI, D("5"), START + 1)
    (entry,) = (await facts(ledger)).cash
    assert (entry.kind, entry.amount, entry.at) == ("opening", OPENING, START)


# ---------------------------------------------------------------------- orders


async def test_beginning_leg_a_records_intent_trade_order_and_bytes_before_anything_else_is_known(
    ledger: AnyLedger,
) -> None:
    planned = intent()
    first = ticket(planned)
    assert await ledger.begin_order(RUN, planned, first, body(first), START) == 1
    story = await ledger.trade(planned.id)
    assert story.trade is not None
    assert (story.trade.state, story.trade.revision) == (TradeState.LEG_A, -1)
    assert story.trade.reserved == planned.worst_cost
    (held,) = story.trade.reservations
    assert (held.reserved, held.exposed) == (planned.worst_cost, D("4.00"))
    (order,) = story.orders
    assert order.ticket == first
    assert (order.verdict, order.sends, order.first_sent_at, order.open) == (None, 1, START, True)
    (send,) = story.sends
    assert send.body.encode() == body(first)
    assert send.sha256 == hashlib.sha256(body(first)).hexdigest()


async def test_between_its_own_records_a_trade_stands_where_its_orders_say(ledger: AnyLedger) -> None:
    planned = intent()
    first, second = ticket(planned), ticket(planned, "B", purpose=Purpose.HEDGE)
    await ledger.begin_order(RUN, planned, first, body(first), START)
    await ledger.finish_order(first, accepted(first))
    (row,) = await ledger.trades(state=TradeState.LEG_A)
    assert (row.outcome, row.hedged, row.residual) == (None, D(0), D(10))
    await ledger.begin_order(RUN, None, second, body(second), START + SECOND)
    assert await ledger.standing(RUN) == {TradeState.RECHECK: (1, D(10))}
    await ledger.finish_order(second, accepted(second, filled="4"))
    (row,) = await ledger.trades()
    assert (row.state, row.hedged, row.residual) == (TradeState.RECHECK, D(4), D(6))


async def test_the_same_bytes_again_are_another_copy_of_the_same_order(ledger: AnyLedger) -> None:
    planned = intent()
    first = ticket(planned)
    copies = [await ledger.begin_order(RUN, planned, first, body(first), START + n) for n in range(3)]
    assert copies == [1, 2, 3]
    order = await ledger.order_outcome(first.client_order_id)
    assert order is not None
    assert (order.sends, order.first_sent_at, order.last_sent_at) == (3, START, START + 2)
    assert [send.n for send in (await facts(ledger)).sends] == [1, 2, 3]


async def test_other_bytes_under_the_same_order_id_are_denied_and_not_recorded_as_sent(ledger: AnyLedger) -> None:
    planned = intent()
    first = ticket(planned)
    await ledger.begin_order(RUN, planned, first, body(first), START)
    with pytest.raises(Denied, match="next attempt number") as refusal:
        await ledger.begin_order(RUN, None, first, b'{"price":"0.99"}', START + 1)
    assert refusal.value.code == "different_bytes"
    assert len((await facts(ledger)).sends) == 1
    assert await ledger.begin_order(RUN, None, first, body(first), START + 2) == 2


async def test_copies_begun_at_the_same_time_each_get_their_own_number(ledger: AnyLedger) -> None:
    planned = intent()
    first = ticket(planned)
    numbers = await asyncio.gather(
        *(ledger.begin_order(RUN, planned, first, body(first), START + n) for n in range(12))
    )
    assert sorted(numbers) == list(range(1, 13))


async def test_what_the_venue_proved_is_not_replaced_by_what_it_did_not(ledger: AnyLedger) -> None:
    planned = intent()
    first = ticket(planned)
    await ledger.begin_order(RUN, planned, first, body(first), START)
    answers = [UNKNOWN, DENIED, accepted(first, "7"), UNKNOWN, REJECTED, DENIED]
    verdicts = []
    for answer in answers:
        await ledger.finish_order(first, answer)
        order = await ledger.order_outcome(first.client_order_id)
        assert order is not None
        verdicts.append(order.verdict)
    assert verdicts == [Verdict.UNKNOWN, Verdict.UNKNOWN, *[Verdict.ACCEPTED] * 4]
    assert (order.filled, order.order_id, order.settled) == (D("7"), order_id(first), False)


async def test_a_refusal_settles_an_order_only_when_it_speaks_for_every_copy(ledger: AnyLedger) -> None:
    planned = intent()
    never_left, one_copy, two_copies, ours = (ticket(planned, attempt=n) for n in (1, 2, 3, 4))
    await ledger.finish_order(never_left, DENIED)
    await ledger.begin_order(RUN, planned, one_copy, body(one_copy), START)
    await ledger.finish_order(one_copy, REJECTED)
    for n in range(2):
        await ledger.begin_order(RUN, None, two_copies, body(two_copies), START + n)
    await ledger.finish_order(two_copies, REJECTED)
    await ledger.begin_order(RUN, None, ours, body(ours), START + 9)
    await ledger.finish_order(ours, DENIED)  # of a second copy: the first may have landed
    settled = {order.ticket.attempt: order.settled for order in (await facts(ledger)).orders}
    assert settled == {1: True, 2: True, 3: False, 4: False}
    assert [order.ticket.attempt for order in await ledger.unsettled_orders()] == [3, 4]


async def test_an_order_nobody_began_has_no_outcome(ledger: AnyLedger) -> None:
    assert await ledger.order_outcome("11111111-2222-5333-8444-555555555555") is None
    assert await ledger.unsettled_orders() == ()


# ---------------------------------------------------------------------- fills and cash


async def test_a_fill_reported_twice_is_one_fill_one_cash_entry_and_one_position(ledger: AnyLedger) -> None:
    one = fill(ticket(intent()), "10")
    await ledger.record_fills([one, one])
    await ledger.record_fills([one])
    known = await facts(ledger)
    assert known.fills == (one,)
    (entry,) = known.cash
    assert entry.amount == one.cash == D("-4.1680")
    assert known.positions == {(Venue.KALSHI, A): D("10")}


async def test_selling_gives_cash_and_takes_shares(ledger: AnyLedger) -> None:
    planned = intent()
    bought = fill(ticket(planned), "10")
    sold = fill(replace(ticket(planned, attempt=2, limit="0.38"), side=bought.side.opposite), "4", at=START + 1)
    await ledger.record_fills([bought, sold])
    known = await facts(ledger)
    assert sum(entry.amount for entry in known.cash) == bought.cash + sold.cash
    assert sold.cash > 0
    assert known.positions == {(Venue.KALSHI, A): D("6")}


async def test_a_voided_fill_stays_on_record_and_its_cash_is_taken_back(ledger: AnyLedger) -> None:
    provisional = replace(fill(ticket(intent())), status=FillStatus.PROVISIONAL)
    for status in (FillStatus.PROVISIONAL, FillStatus.FINAL, FillStatus.PROVISIONAL, FillStatus.VOID, FillStatus.FINAL):
        await ledger.record_fills([replace(provisional, status=status)])
    known = await facts(ledger)
    assert [one.status for one in known.fills] == [FillStatus.VOID]
    assert {entry.kind: entry.amount for entry in known.cash} == {"fill": provisional.cash, "void": -provisional.cash}
    assert known.positions == {}


async def test_money_comes_back_to_the_last_digit(ledger: AnyLedger) -> None:
    exact = replace(fill(ticket(intent())), price=D("0.123456"), size=D("1000000.000001"), fee=D("0.000001"))
    large = replace(exact, trade_id="large", size=D("1000"), price=D("1"), fee=D("0"))
    await ledger.record_fills([exact, large])
    known = await facts(ledger)
    assert set(known.fills) == {exact, large}
    assert sum((entry.amount for entry in known.cash), Decimal(0)) == exact.cash + large.cash


# ---------------------------------------------------------------------- trades


async def test_a_trade_is_recorded_whole_and_tells_its_story_in_order(ledger: AnyLedger) -> None:
    planned = intent()
    record = hedged(planned)
    for order in record.orders:
        opening = planned if order.ticket.leg == "A" else None
        await ledger.begin_order(RUN, opening, order.ticket, body(order.ticket), START)
    await ledger.record_trade(RUN, planned, record)
    story = await ledger.trade(planned.id)
    assert story.intent == planned
    assert story.trade is not None
    assert (story.trade.state, story.trade.outcome) == (TradeState.CLOSED, record.outcome)
    assert (story.trade.hedged, story.trade.pnl) == (record.hedged, record.pnl)
    assert [(r.revision, r.reserved) for r in story.trade.reservations] == [(-1, planned.worst_cost), (9, D(0))]
    assert story.steps == record.steps
    assert story.fills == record.fills
    assert [(o.ticket.purpose, o.settled, o.filled) for o in story.orders] == [
        (Purpose.OPEN, True, D("10")),
        (Purpose.HEDGE, True, D("10")),
    ]
    assert [send.n for send in story.sends] == [1, 1]


async def test_recording_a_trade_again_changes_nothing(ledger: AnyLedger) -> None:
    planned = intent()
    await ledger.record_trade(RUN, planned, hedged(planned))
    once = await ledger.snapshot(RUN)
    await ledger.record_trade(RUN, planned, hedged(planned))
    assert await ledger.snapshot(RUN) == once


async def test_an_older_revision_never_replaces_a_newer_one_but_its_fills_count(ledger: AnyLedger) -> None:
    planned = intent()
    newer, older = replace(hedged(planned), fills=()), standing_on_a(planned)
    await ledger.record_trade(RUN, planned, newer)
    await ledger.record_trade(RUN, planned, older)
    story = await ledger.trade(planned.id)
    assert story.trade is not None
    assert (story.trade.state, story.trade.revision) == (TradeState.CLOSED, newer.revision)
    assert story.steps == newer.steps
    assert all(order.settled for order in story.orders)
    assert story.fills == older.fills


async def test_evidence_in_a_newer_record_settles_an_order_that_was_unknown(ledger: AnyLedger) -> None:
    planned = intent()
    parked = standing_on_a(planned)
    await ledger.record_trade(RUN, planned, parked)
    hedge = parked.orders[1].ticket
    await ledger.begin_order(RUN, None, hedge, body(hedge), START)
    assert [order.ticket for order in await ledger.unsettled_orders()] == [hedge]
    await ledger.record_trade(RUN, planned, hedged(planned))
    assert await ledger.unsettled_orders() == ()


async def test_a_parked_trade_shows_what_it_has_at_risk_against_what_it_reserved(ledger: AnyLedger) -> None:
    planned = intent()
    await ledger.record_trade(RUN, planned, standing_on_a(planned))
    (trade,) = (await facts(ledger)).trades
    (held,) = trade.reservations
    assert held.exposed == D("4.00")  # 10 shares of leg A at 0.40: the open hedge can only lessen that
    assert held.reserved == planned.worst_cost


async def test_trades_are_listed_newest_first_by_run_and_state(ledger: AnyLedger) -> None:
    first, second, other = intent(1), intent(2), intent(3)
    await ledger.record_trade(RUN, first, hedged(first))
    await ledger.record_trade(RUN, second, standing_on_a(second))
    await ledger.record_trade("run-2", other, hedged(other))
    assert [row.intent_id for row in await ledger.trades()] == [other.id, second.id, first.id]
    assert [row.intent_id for row in await ledger.trades(RUN)] == [second.id, first.id]
    assert [row.intent_id for row in await ledger.trades(RUN, TradeState.STUCK)] == [second.id]
    assert [row.intent_id for row in await ledger.trades(limit=1)] == [other.id]
    (row,) = await ledger.trades("run-2")
    assert (row.pair, row.size, row.edge, row.pnl) == ("GAME", other.size, other.edge, hedged(other).pnl)


async def test_a_trade_is_found_by_any_unique_start_of_its_id(ledger: AnyLedger) -> None:
    known = [intent(n) for n in range(20)]
    for one in known:
        await ledger.record_intent(one, RUN)
    wanted = known[7].id
    assert (await ledger.trade(wanted)).intent == known[7]
    assert (await ledger.trade(wanted[:20])).intent == known[7]
    assert (await ledger.trade(wanted[2:20])).intent == known[7]
    assert (await ledger.trade(wanted)).trade is None
    with pytest.raises(BadInput, match="20 trades") as several:
        await ledger.trade("i-")
    assert several.value.code == "ambiguous_trade"
    for nothing in ("zz", "", "i-%", "_"):
        with pytest.raises(BadInput) as none:
            await ledger.trade(nothing)
        assert none.value.code == "no_such_trade"


async def test_a_snapshot_of_one_run_still_holds_the_account_of_all_runs(ledger: AnyLedger) -> None:
    mine, other = intent(1), intent(2)
    await ledger.start_run(RUN, "paper", "paper", START, "synth")
    await ledger.record_opening(Venue.KALSHI, OPENING, START)
    await ledger.record_trade(RUN, mine, hedged(mine))
    await ledger.record_trade("run-0", other, hedged(other))
    snapshot = await ledger.snapshot(RUN)
    assert snapshot.run is not None
    assert snapshot.run.run_id == RUN
    assert [one.id for one in snapshot.intents] == [mine.id]
    assert len(snapshot.facts.trades) == 2
    assert snapshot.facts.positions == {(Venue.KALSHI, A): D("20"), (Venue.KALSHI, B): D("20")}
    assert (await ledger.snapshot()).run is None


async def test_a_fill_in_a_foreign_market_is_recorded_all_the_same_and_left_to_the_invariants(
    ledger: AnyLedger,
) -> None:
    planned = intent()
    record = hedged(planned)
    stray = replace(record.fills[0], market="OTHER")
    await ledger.record_trade(RUN, planned, replace(record, fills=(stray,)))
    known = await facts(ledger)
    assert known.fills == (stray,)
    assert shares_accounted(known).holds is False


# ---------------------------------------------------------------------- amounts, and who holds what


async def test_a_fill_of_several_prices_is_kept_and_booked_with_what_was_paid(ledger: AnyLedger) -> None:
    of = intent()
    paid = D("50.000000000001")
    several = replace(fill(ticket(of), size="100.14"), price=D("0.4993"), paid=paid)
    assert several.price * several.size != paid
    await ledger.record_fills([several])
    known = await facts(ledger)
    assert known.fills == (several,)
    assert [entry.amount for entry in known.cash] == [-paid - several.fee]


async def test_what_a_market_holds_is_told_by_trade(ledger: AnyLedger) -> None:
    one, other, counted, done = (intent(n) for n in range(4))
    await ledger.record_trade(RUN, one, hedged(one))
    parked = standing_on_a(other)
    await ledger.record_trade(RUN, other, parked)
    await ledger.record_fills([replace(parked.fills[0], trade_id="void", status=FillStatus.VOID)])
    await ledger.record_trade(RUN, counted, replace(standing_on_a(counted), fills=()))  # counted, no fill yet
    await ledger.record_trade(RUN, done, paid_out(done))
    stray = replace(fill(ticket(intent(9)), size="3"), side=Side.SELL)
    await ledger.record_fills([stray])
    assert await ledger.held_in(Venue.KALSHI, A) == {one.id: 10, other.id: 10, counted.id: 10, "": -3}
    assert await ledger.held_in(Venue.KALSHI, B) == {one.id: 10}
    assert await ledger.held_in(Venue.POLYMARKET, A) == {}


async def test_a_fill_that_names_the_venues_own_id_alone_is_its_trades(ledger: AnyLedger) -> None:
    of = intent()
    asked = ticket(of)
    await ledger.begin_order(RUN, of, asked, body(asked), START, order_id=order_id(asked))
    await ledger.finish_order(asked, accepted(asked, "4"))
    await ledger.record_fills([replace(fill(asked, "3"), client_order_id="")])
    assert await ledger.held_in(Venue.KALSHI, A) == {of.id: 4}  # three explained, one counted
