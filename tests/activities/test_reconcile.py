"""A reconciliation end to end, where it agrees or puts right: found, acted upon, written down, and the same again when
it is repeated."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from domain.books import DECLARED_FOR_US
from domain.custody import Carried
from domain.errors import Unavailable
from domain.halt import Rule, Scope
from domain.market import Venue
from domain.orders import OrderTicket, PreparedOrder, Purpose
from domain.reconcile import ConsequencesRequest, Kind, Reconciliation, Trigger
from domain.trade import OrderRecord
from testing.venue import FakeVenue, Fault
from tests.activities.reconciling import PERSON, PLANNED, Desk, kinds
from tests.ledger.samples import RUN_ID, START, A, B, D, accepted, body, hedged, ticket
from venues.port import Account
from workers.operator.reconciliation import take_note


async def test_an_account_that_agrees_takes_one_look_and_leaves_a_row_that_says_so(desk: Desk) -> None:
    result = await desk.reconcile()
    assert result.agrees
    assert (result.comparisons[0].looks, result.done, result.safe_mode) == (1, (), False)
    [row] = await desk.records.latest()
    assert (row.id, row.trigger, row.at, row.agrees) == ("run-1", Trigger.SCHEDULE, result.at, True)
    assert row.comparisons[0].cash == row.comparisons[0].booked == D(1000)
    assert await desk.halts() == set()


async def test_a_fill_of_an_open_trade_is_recorded_and_the_trade_told_and_nothing_is_stopped(desk: Desk) -> None:
    one = await desk.begin()
    result = await desk.reconcile()
    assert kinds(result) == [Kind.MISSING_FILL]
    assert result.agrees
    assert desk.trades.told == [(PLANNED.id, one.client_order_id)]
    again = await desk.reconcile()
    assert again.findings == ()
    assert again.comparisons[0].booked == await desk.venue.cash()
    assert (await desk.halts(), desk.alerts) == (set(), [])


async def test_a_difference_that_passes_between_two_looks_is_none(desk: Desk) -> None:
    desk.rules = replace(desk.rules, look_s=0.05)
    order = await desk.rest_by_hand()
    comparing = asyncio.create_task(desk.compare())
    await asyncio.sleep(0.02)
    await desk.venue.cancel(B, order)
    seen = await comparing
    assert seen.findings == seen.moving == ()
    assert seen.looks == 2


class Nameless(FakeVenue):
    """A venue that is told no client order id, and gives every order an id that follows from its ticket."""

    async def prepare(self, ticket: OrderTicket) -> PreparedOrder:
        placed = self._placed.get(ticket.client_order_id)
        return PreparedOrder(self.body(ticket), placed.order_id if placed is not None else "not-sent")

    async def account(self) -> Account:
        account = await super().account()
        return replace(
            account,
            open_orders=tuple(replace(order, client_order_id="") for order in account.open_orders),
            fills=tuple(replace(fill, client_order_id="") for fill in account.fills),
        )


async def hedge_without_record(desk: Desk) -> OrderTicket:
    """Leg A with its record; leg B, which closes it, sent while the ledger was away."""
    desk.venue.__class__ = Nameless
    first, second = ticket(PLANNED), ticket(PLANNED, "B", purpose=Purpose.HEDGE)
    await desk.ledger.begin_order(RUN_ID, PLANNED, first, body(first), desk.now, order_id="o-1")
    desk.trades.carried[PLANNED.id] = Carried((A, B))
    for one in (first, second):
        await desk.venue.submit(one)
    return second


async def test_an_order_that_left_while_the_ledger_was_away_is_its_open_trades_by_the_id_its_ticket_gives(
    desk: Desk,
) -> None:
    second = await hedge_without_record(desk)
    sent = tuple(OrderRecord(one, None, settled=False, filled=D(0)) for one in (ticket(PLANNED), second))
    desk.trades.records[PLANNED.id] = replace(hedged(PLANNED), orders=sent, fills=())
    result = await desk.reconcile()
    assert kinds(result) == [Kind.MISSING_FILL, Kind.MISSING_FILL]
    assert (result.agrees, await desk.halts()) == (True, set())
    assert (PLANNED.id, second.client_order_id) in desk.trades.told
    assert (await desk.reconcile()).findings == ()


async def test_an_order_that_was_answered_is_known_by_its_answer(desk: Desk) -> None:
    second = await hedge_without_record(desk)
    answered = OrderRecord(second, replace(accepted(second), order_id="o-2"), settled=True, filled=D(10))
    desk.trades.records[PLANNED.id] = replace(hedged(PLANNED), orders=(answered,), fills=())
    assert (await desk.reconcile()).agrees


async def test_what_no_trade_knows_or_none_can_be_asked_for_stays_foreign_and_halts(desk: Desk) -> None:
    await hedge_without_record(desk)
    result = await desk.reconcile()
    assert sorted(kinds(result)) == [Kind.FOREIGN_FILL, Kind.MISSING_FILL]
    assert await desk.halts() == {(Scope.MARKET, f"kalshi/{B}", Rule.MISMATCH)}


async def test_cash_that_was_declared_moved_in_is_booked_once_however_often_the_run_is_repeated(desk: Desk) -> None:
    await desk.records.declare_transfer(Venue.KALSHI, D("250.5"), PERSON)
    assert (await desk.reconcile()).findings == ()  # not there yet
    desk.venue.purse.money += D("250.5")
    compared = await desk.compare()
    request = ConsequencesRequest("run-7", Trigger.SCHEDULE, (compared,), {})
    for _ in range(2):
        await ActivityEnvironment().run(desk.activities.draw_consequences, request)
    entries = [(e.kind, e.amount) for e in (await desk.ledger.snapshot()).facts.cash]
    assert entries == [("opening", D(1000)), ("transfer", D("250.5"))]
    assert (await desk.reconcile(name="run-8")).findings == ()
    [account] = await desk.ledger.capital()
    assert account.free == D("1250.5")
    assert await desk.halts() == set()


async def test_cash_that_nobody_declared_is_not_booked_away_and_halts_its_venue_if_it_is_missing(desk: Desk) -> None:
    desk.venue.purse.money -= 40
    assert (await desk.reconcile()).moving != ()  # looked at once more before anything is stopped
    result = await desk.reconcile()
    assert kinds(result) == [Kind.UNEXPLAINED_CASH]
    assert await desk.halts() == {(Scope.VENUE, "kalshi", Rule.MISMATCH)}
    assert [e.kind for e in (await desk.ledger.snapshot()).facts.cash] == ["opening"]
    done = await take_note(desk.ledger, desk.records, replace(PERSON, at=desk.now))
    assert [halt.scope for halt in done.lifted] == [Scope.VENUE]
    after = await desk.reconcile()
    assert kinds(after) == [Kind.TRANSFER]
    assert (await desk.reconcile()).findings == ()
    assert await desk.halts() == set()


async def test_at_a_start_missing_cash_halts_at_once(desk: Desk) -> None:
    desk.venue.purse.money -= 40
    result = await desk.reconcile(Trigger.START_UP)
    assert kinds(result) == [Kind.UNEXPLAINED_CASH]
    assert (Scope.VENUE, "kalshi", Rule.MISMATCH) in await desk.halts()


async def test_cash_that_came_from_nowhere_is_told_once_and_stops_nothing(desk: Desk) -> None:
    desk.venue.purse.money += D("0.37")
    results = [await desk.reconcile() for _ in range(4)]
    assert [kinds(result) for result in results[1:]] == [[Kind.UNEXPLAINED_CASH]] * 3
    assert all(result.agrees for result in results)
    assert (desk.alerts, await desk.halts()) == (["unexplained_cash"], set())


async def test_a_declared_transfer_that_never_comes_halts_its_venue(desk: Desk) -> None:
    await desk.records.declare_transfer(Venue.KALSHI, D(250), replace(PERSON, at=desk.now))
    desk.now += DECLARED_FOR_US
    result = await desk.reconcile()
    assert kinds(result) == [Kind.DECLARED_TRANSFER]
    assert await desk.halts() == {(Scope.VENUE, "kalshi", Rule.MISMATCH)}
    await desk.records.declare_transfer(Venue.KALSHI, D(-250), replace(PERSON, at=desk.now))
    assert kinds(await desk.reconcile()) == [Kind.TRANSFER, Kind.TRANSFER]
    assert (await desk.reconcile()).findings == ()


async def test_capital_of_a_trade_refused_by_the_venue_whose_workflow_is_gone_is_released(desk: Desk) -> None:
    one = ticket(PLANNED)
    await desk.ledger.begin_order(RUN_ID, PLANNED, one, body(one), desk.now)
    desk.venue.script("submit", Fault.REJECT)
    await desk.ledger.finish_order(one, await desk.venue.submit(one))
    assert (await desk.ledger.capital())[0].reserved > 0
    desk.trades.carried[PLANNED.id] = Carried((A, B))
    assert (await desk.reconcile()).findings == ()  # its workflow still runs: not ours to release
    desk.trades.carried.clear()
    result = await desk.reconcile()
    assert kinds(result) == [Kind.IDLE_CAPITAL]
    assert result.agrees
    [account] = await desk.ledger.capital()
    assert (account.reserved, account.free) == (0, D(1000))


async def test_a_venue_that_cannot_be_asked_fails_so_that_it_is_asked_again_and_says_nothing_false(desk: Desk) -> None:
    async def away() -> Any:
        raise Unavailable("no answer", "unavailable")

    desk.venue.account = away  # type: ignore[method-assign]
    with pytest.raises(ApplicationError, match="no answer"):
        await desk.compare()
    request = ConsequencesRequest("run-1", Trigger.START_UP, (), {"kalshi": "no answer"})
    result: Reconciliation = await ActivityEnvironment().run(desk.activities.draw_consequences, request)
    assert not result.agrees
    assert not await desk.records.started_since(START)
    [row] = await desk.records.latest()
    assert row.unreached == {"kalshi": "no answer"}


async def test_a_start_that_reached_every_venue_opens_the_gate_for_whoever_began_before_it(desk: Desk) -> None:
    await desk.reconcile()
    assert not await desk.records.started_since(START)
    result = await desk.reconcile(Trigger.START_UP)
    assert await desk.records.started_since(result.at)
    assert not await desk.records.started_since(result.at + 1)
