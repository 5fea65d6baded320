"""Fills of nobody, and of closed trades, are found although the user channel has put them on record."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.alerts import AlertKind
from domain.custody import Carried
from domain.evidence import Fill
from domain.halt import Rule, Scope
from domain.orders import OrderTicket, Purpose, Side
from domain.reconcile import Finding, Kind, Trigger
from domain.trade import OrderRecord, Outcome, TradeState
from testing.venue import Fault
from tests.activities.reconciling import PERSON, PLANNED, Desk, kinds
from tests.activities.test_reconcile import Nameless
from tests.ledger.samples import RUN_ID, SECOND, A, B, D, body, hedged, ticket
from workers.operator.reconciliation import take_note


async def heard(desk: Desk, order_id: str = "") -> tuple[Fill, ...]:
    """The user channel puts on record what the venue has filled; of one order, or of all."""
    fills = tuple(fill for fill in (await desk.venue.account()).fills if order_id in ("", fill.order_id))
    await desk.ledger.record_fills(fills)
    return fills


async def closed(desk: Desk, *, filled: str = "0", **change: object) -> OrderTicket:
    """A trade that was closed with so many shares of its first order, which had not arrived then."""
    desk.venue.script("submit", Fault.LOST_BEFORE)
    one = await desk.begin()
    order = OrderRecord(one, None, settled=True, filled=D(filled))
    record = replace(
        hedged(PLANNED), state=TradeState.CLOSED, outcome=Outcome.MISSED, hedged=D(0), unwound=D(0), residual=D(0),
        pnl=D(0), fills=(), orders=(order,),
    )  # fmt: skip
    await desk.ledger.record_trade(RUN_ID, PLANNED, replace(record, **change))  # type: ignore[arg-type]
    desk.trades.carried.clear()
    return one


async def test_an_order_nobody_here_sent_is_found_and_halted_though_the_channel_has_recorded_its_fill(
    desk: Desk,
) -> None:
    desk.venue.place_by_hand(B, Side.BUY, "7", "0.55")
    [fill] = await heard(desk)
    result = await desk.reconcile()
    assert kinds(result) == [Kind.FOREIGN_FILL]
    assert not result.agrees
    assert all(words in result.findings[0].text for words in ("7 shares", fill.order_id, fill.trade_id))
    assert await desk.halts() == {(Scope.MARKET, f"kalshi/{B}", Rule.MISMATCH)}
    assert desk.alerts == [AlertKind.RECONCILIATION]
    again = await desk.reconcile()
    assert (again.findings, desk.alerts) == (
        result.findings,
        [AlertKind.RECONCILIATION],
    )  # told once, standing until known


async def test_at_a_start_it_is_safe_mode_until_acknowledged_and_excused_for_good_then(desk: Desk) -> None:
    desk.venue.place_by_hand(B, Side.BUY, "7", "0.55")
    await heard(desk)
    assert (await desk.reconcile(Trigger.START_UP)).safe_mode
    done = await take_note(desk.ledger, desk.records, replace(PERSON, at=desk.now))
    assert done.left == ()
    assert (await desk.reconcile(Trigger.START_UP)).findings == ()
    assert await desk.halts() == set()


async def test_a_fill_that_was_on_record_in_part_is_told_whole(desk: Desk) -> None:
    await desk.rest_by_hand()
    desk.now += SECOND
    desk.venue.flow(B, Side.SELL, "101", "0.50")
    await heard(desk)
    desk.venue.flow(B, Side.SELL, "1", "0.50")
    [told] = [one for one in (await desk.reconcile()).findings if one.kind is Kind.FOREIGN_FILL]
    shares = sum((fill.size for fill in (await desk.venue.account()).fills), D(0))
    assert f"{shares} shares" in told.text


async def test_a_copy_that_arrives_after_its_trade_closed_is_found_and_halted_though_it_is_on_record(
    desk: Desk,
) -> None:
    one = await closed(desk)
    assert (await desk.reconcile()).findings == ()
    await desk.venue.submit(one)
    await heard(desk)
    result = await desk.reconcile()
    assert kinds(result) == [Kind.LATE_FILL]
    [late] = result.findings
    assert (late.intent_id, late.amount) == (PLANNED.id, D(10))
    assert "10 shares" in late.text
    assert "closed with 0 shares" in late.text
    assert await desk.halts() == {(Scope.MARKET, f"kalshi/{A}", Rule.MISMATCH)}
    assert desk.alerts == [AlertKind.RECONCILIATION]
    assert kinds(await desk.reconcile()) == [Kind.LATE_FILL]


async def test_a_late_fill_is_acknowledged_as_so_many_shares_and_a_further_one_is_found_again(desk: Desk) -> None:
    desk.venue.set_book(A, bids=[("0.38", "100")], asks=[("0.40", "4")])
    one = await closed(desk)
    await desk.venue.submit(one)
    [fill] = await heard(desk)
    assert kinds(await desk.reconcile(Trigger.START_UP)) == [Kind.LATE_FILL]
    done = await take_note(desk.ledger, desk.records, replace(PERSON, at=desk.now))
    assert done.left == ()
    assert (await desk.reconcile()).findings == ()
    further = replace(fill, trade_id="t-further", size=D(1), at=fill.at + SECOND)
    await desk.ledger.record_fills([further])
    found = await desk.reconcile()
    assert Kind.LATE_FILL in kinds(found)
    assert next(one for one in found.findings if one.kind is Kind.LATE_FILL).amount == fill.size + 1


async def test_a_trade_closed_with_what_its_fills_say_is_no_finding(desk: Desk) -> None:
    one = await closed(desk, filled="10")
    assert kinds(await desk.reconcile()) == [Kind.LATE_FILL]  # ten shares counted, and no fill of them anywhere
    await desk.venue.submit(one)
    await heard(desk)
    assert (await desk.reconcile()).findings == ()


async def test_a_hedge_on_record_before_its_order_is_its_open_trades(desk: Desk) -> None:
    await desk.begin()
    hedge = ticket(PLANNED, "B", purpose=Purpose.HEDGE)
    await desk.venue.submit(hedge)
    await heard(desk)
    assert (await desk.reconcile()).findings == ()


async def nameless_hedge(desk: Desk) -> OrderTicket:
    """At a venue that is told no client order id, a hedge is on record by its fill alone."""
    desk.venue.__class__ = Nameless
    first, hedge = ticket(PLANNED), ticket(PLANNED, "B", purpose=Purpose.HEDGE)
    await desk.ledger.begin_order(RUN_ID, PLANNED, first, body(first), desk.now, order_id="o-1")
    desk.trades.carried[PLANNED.id] = Carried((A, B))
    for one in (first, hedge):
        await desk.venue.submit(one)
    await heard(desk)
    return hedge


async def test_an_open_trade_is_asked_before_a_nameless_fill_on_record_is_foreign(desk: Desk) -> None:
    hedge = await nameless_hedge(desk)
    sent = tuple(OrderRecord(one, None, settled=False, filled=D(0)) for one in (ticket(PLANNED), hedge))
    desk.trades.records[PLANNED.id] = replace(hedged(PLANNED), orders=sent, fills=())
    assert (await desk.reconcile()).findings == ()


async def test_a_nameless_fill_on_record_that_no_open_trade_knows_is_foreign(desk: Desk) -> None:
    await nameless_hedge(desk)
    assert kinds(await desk.reconcile()) == [Kind.FOREIGN_FILL]
    assert await desk.halts() == {(Scope.MARKET, f"kalshi/{B}", Rule.MISMATCH)}


@pytest.mark.parametrize("desk", ["memory"], indirect=True)
async def test_what_an_old_ledger_holds_is_one_finding_and_one_acknowledgement(desk: Desk) -> None:
    for _ in range(30):
        desk.venue.place_by_hand(B, Side.BUY, "1", "0.55")
    await heard(desk)
    result = await desk.reconcile(Trigger.START_UP)
    [told] = result.findings
    assert isinstance(told, Finding)
    assert told.kind is Kind.FOREIGN_FILL
    assert "30 orders" in told.text
    await take_note(desk.ledger, desk.records, replace(PERSON, at=desk.now))
    assert (await desk.reconcile(Trigger.START_UP)).findings == ()
    desk.now += SECOND
    desk.venue.place_by_hand(B, Side.BUY, "1", "0.55")
    await heard(desk)
    assert kinds(await desk.reconcile()) == [Kind.FOREIGN_FILL]  # what came since is not excused


@pytest.mark.parametrize("desk", ["postgres"], indirect=True)
async def test_what_was_acknowledged_no_longer_breaks_the_report(desk: Desk) -> None:
    await desk.rest_by_hand()
    desk.venue.place_by_hand(B, Side.BUY, "7", "0.55")
    await heard(desk)
    await desk.reconcile()
    before = (await desk.ledger.snapshot()).facts
    assert before.known == frozenset()
    await take_note(desk.ledger, desk.records, PERSON)
    ids = {one.order_id for one in (await desk.venue.account()).fills}
    known = (await desk.ledger.snapshot()).facts.known
    assert {f"kalshi/{order_id}" for order_id in ids} <= known
    [listed] = (await desk.venue.account()).open_orders
    assert {f"kalshi/{listed.order_id}", f"kalshi/{listed.client_order_id}"} <= known
