"""What a reconciliation stops, and what a person's word then explains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from activities.findings import AUTHOR
from domain.custody import Carried
from domain.errors import Denied, Halted
from domain.halt import Halt, Rule, Scope
from domain.market import Venue
from domain.orders import Side
from domain.reconcile import Kind, Trigger
from domain.trade import TradeState
from testing.venue import Fault
from tests.activities.reconciling import PERSON, PLANNED, Desk, kinds
from tests.ledger.samples import RUN_ID, SECOND, START, A, B, D, hedged
from workers.operator.reconciliation import take_note


async def test_an_order_placed_by_hand_halts_its_market_once_and_for_all_runs(desk: Desk) -> None:
    order = await desk.rest_by_hand()
    result = await desk.reconcile()
    assert kinds(result) == [Kind.FOREIGN_ORDER]
    assert not result.agrees
    assert order in result.findings[0].text
    [halt] = await desk.ledger.halts()
    assert (halt.scope, halt.target, halt.rule, halt.author) == (Scope.MARKET, f"kalshi/{B}", Rule.MISMATCH, AUTHOR)
    assert order in halt.reason
    await desk.reconcile()
    assert await desk.ledger.halts() == (halt,)
    assert desk.alerts == ["reconciliation"]


async def test_at_a_start_the_same_is_safe_mode_in_which_nothing_opens_until_a_person_acknowledges(desk: Desk) -> None:
    desk.venue.place_by_hand(B, Side.BUY, "3", "0.55")
    result = await desk.reconcile(Trigger.START_UP)
    assert result.safe_mode
    assert (Scope.ALL, "", Rule.SAFE_MODE) in await desk.halts()
    with pytest.raises(Halted, match="halted by reconciliation"):
        await desk.begin()
    done = await take_note(desk.ledger, desk.records, replace(PERSON, at=desk.now))
    assert [finding.kind for finding in done.findings] == [Kind.FOREIGN_FILL]
    assert {halt.rule for halt in done.lifted} == {Rule.SAFE_MODE, Rule.MISMATCH}
    assert done.left == ()
    after = await desk.reconcile(Trigger.START_UP)
    assert after.agrees
    assert after.findings == ()
    assert await desk.halts() == set()
    assert after.comparisons[0].booked == await desk.venue.cash()
    facts = (await desk.ledger.snapshot()).facts
    assert facts.positions[Venue.KALSHI, B] == D(3)  # its fills are in the ledger now, of no trade


async def test_an_acknowledged_order_that_fills_later_and_a_market_that_pays_it_stay_explained(desk: Desk) -> None:
    await desk.rest_by_hand()
    await desk.reconcile(Trigger.START_UP)
    await take_note(desk.ledger, desk.records, PERSON)
    desk.now += SECOND
    desk.venue.flow(B, Side.SELL, "200", "0.50")
    assert (await desk.reconcile()).agrees
    desk.venue.resolve(B, "1")
    paid = await desk.reconcile()
    assert paid.findings == ()
    assert paid.comparisons[0].booked == await desk.venue.cash()


async def test_shares_held_since_before_the_first_start_are_acknowledged_once_and_then_expected(desk: Desk) -> None:
    desk.venue.purse.held[B] = D(7)
    result = await desk.reconcile(Trigger.START_UP)
    assert kinds(result) == [Kind.POSITION]
    assert result.safe_mode
    await take_note(desk.ledger, desk.records, PERSON)
    await take_note_again(desk)
    assert (await desk.reconcile(Trigger.START_UP)).findings == ()
    desk.venue.purse.held[B] = D(9)
    assert kinds(await desk.reconcile()) == [Kind.POSITION]


async def take_note_again(desk: Desk) -> None:
    """The same word about the same run: nothing doubles."""
    await desk.records.acknowledge((await desk.records.latest())[0], (await desk.records.latest())[0].findings, PERSON)


async def test_a_halt_that_something_else_asks_for_survives_an_acknowledgement(desk: Desk) -> None:
    await desk.rest_by_hand()
    desk.venue.purse.held[A] = D(7)
    mine = await desk.ledger.set_halt(Halt("", Scope.MARKET, f"kalshi/{B}", Rule.OPERATOR, "bo", "I say so", START))
    await desk.reconcile(Trigger.START_UP)
    done = await take_note(desk.ledger, desk.records, PERSON)
    assert done.left == (mine,)


async def test_there_must_be_something_to_acknowledge(desk: Desk) -> None:
    await desk.reconcile()
    with pytest.raises(Denied, match="nothing waits"):
        await take_note(desk.ledger, desk.records, PERSON)


async def test_halts_and_acknowledgements_outlive_whoever_made_them(desk: Desk) -> None:
    """Another process on the same ledger sees the same halts, and sets none again."""
    await desk.rest_by_hand()
    await desk.reconcile(Trigger.START_UP)
    before = await desk.ledger.halts()
    after_restart = Desk(desk.ledger, desk.records)
    after_restart.venue, after_restart.runs = desk.venue, 10
    assert (await after_restart.reconcile(Trigger.START_UP)).safe_mode
    assert await desk.ledger.halts() == before
    assert after_restart.alerts == []


async def test_cash_that_differs_while_a_position_does_halts_the_venue(desk: Desk) -> None:
    desk.venue.purse.held[B] = D(7)
    desk.venue.purse.money -= 5
    result = await desk.reconcile()
    assert kinds(result) == [Kind.POSITION, Kind.CASH]
    assert await desk.halts() == {
        (Scope.MARKET, f"kalshi/{B}", Rule.MISMATCH),
        (Scope.VENUE, "kalshi", Rule.MISMATCH),
    }


async def test_an_order_in_doubt_for_too_long_halts_its_market(desk: Desk) -> None:
    desk.venue.script("submit", Fault.LOST_BEFORE)
    await desk.begin()
    assert (await desk.reconcile()).findings == ()
    desk.now += 121 * SECOND
    assert kinds(await desk.reconcile()) == [Kind.UNKNOWN_ORDER]
    assert await desk.halts() == {(Scope.MARKET, f"kalshi/{A}", Rule.UNKNOWN_TOO_OLD)}


async def test_losses_past_the_limit_halt_everything_and_are_not_counted_again_after_a_person_cleared_it(
    desk: Desk,
) -> None:
    desk.rules = replace(desk.rules, max_loss=D(20))
    lost = replace(hedged(PLANNED), pnl=D(-25), fills=(), orders=())
    await desk.ledger.record_trade(RUN_ID, PLANNED, lost)
    assert kinds(await desk.reconcile()) == [Kind.LOSS]
    [halt] = await desk.ledger.halts()
    assert (halt.scope, halt.rule) == (Scope.ALL, Rule.LOSS)
    await desk.ledger.clear_halt(halt.id, "ada", "a bad day, understood", desk.now)
    assert (await desk.reconcile()).findings == ()
    assert await desk.halts() == set()


async def test_a_trade_without_a_workflow_halts_its_markets_and_is_safe_mode_at_a_start(desk: Desk) -> None:
    await desk.begin()
    await desk.reconcile()
    desk.trades.carried.clear()
    result = await desk.reconcile(Trigger.START_UP)
    assert Kind.ORPHAN_TRADE in kinds(result)
    assert await desk.halts() == {
        (Scope.ALL, "", Rule.SAFE_MODE),
        (Scope.MARKET, f"kalshi/{A}", Rule.MISMATCH),
        (Scope.MARKET, f"kalshi/{B}", Rule.MISMATCH),
    }
    await take_note(desk.ledger, desk.records, PERSON)
    assert (await desk.reconcile(Trigger.START_UP)).agrees


async def test_a_workflow_of_a_trade_unknown_to_the_ledger_is_found(desk: Desk) -> None:
    desk.trades.carried["i-strange"] = Carried((A,))
    assert kinds(await desk.reconcile()) == [Kind.STRANGE_WORKFLOW]
    await desk.ledger.record_intent(PLANNED, RUN_ID)
    desk.trades.carried = {PLANNED.id: Carried((A, B))}
    assert (await desk.reconcile()).agrees


async def test_what_keeps_moving_in_every_look_of_two_runs_counts(desk: Desk) -> None:
    """A difference under steady trading never shows the same number twice; it is real all the same."""
    desk.venue.purse.held[B] = D(7)
    account = desk.venue.account

    async def restless() -> Any:
        desk.venue.purse.held[B] += 1
        return await account()

    desk.venue.account = restless  # type: ignore[method-assign]
    first = await desk.reconcile()
    assert (first.findings, [f.kind for f in first.moving]) == ((), [Kind.POSITION])
    assert await desk.halts() == set()
    assert kinds(await desk.reconcile()) == [Kind.POSITION]
    assert await desk.halts() == {(Scope.MARKET, f"kalshi/{B}", Rule.MISMATCH)}


async def test_a_closed_trade_that_fills_late_is_recorded_and_its_market_halted(desk: Desk) -> None:
    one = await desk.begin()
    closed = replace(hedged(PLANNED), state=TradeState.CLOSED, fills=(), orders=())
    await desk.ledger.record_trade(RUN_ID, PLANNED, closed)
    desk.trades.carried.clear()
    result = await desk.reconcile()
    assert kinds(result) == [Kind.LATE_FILL]
    assert desk.trades.told == [(PLANNED.id, one.client_order_id)]
    assert await desk.halts() == {(Scope.MARKET, f"kalshi/{A}", Rule.MISMATCH)}
