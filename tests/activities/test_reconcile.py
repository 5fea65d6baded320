"""A reconciliation end to end on a model venue, with the ledger in memory and in Postgres: found, acted upon, written
down, and the same again when it is repeated."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.alerts import Alerts
from activities.reconcile import AUTHOR, ReconcileActivities, ReconcileRules
from domain.custody import Carried
from domain.errors import Denied, Halted, Unavailable
from domain.halt import Halt, Rule, Scope
from domain.market import MarketSpec, Venue
from domain.orders import OrderTicket, PreparedOrder, Purpose, Side, TimeInForce
from domain.reconcile import CompareRequest, Comparison, ConsequencesRequest, Kind, Reconciliation, Trigger
from domain.trade import OrderRecord, TradeRecord, TradeState
from ledger.memory import MemoryLedger
from ledger.memory_reconciliations import MemoryReconciliations
from ledger.migrate import migrate
from ledger.reconciliations import Acknowledgement, Reconciliations
from ledger.store import Ledger
from tests.ledger.samples import RUN_ID, SECOND, START, A, B, D, accepted, body, hedged, intent, ticket
from venues.fake import FakeVenue, Fault
from venues.port import Account
from workers.cli.reconcile import take_note

PLANNED = intent()
PERSON = Acknowledgement("ada", "it was me", START)
_TABLES = (
    "runs, intents, suppressions, trades, reservations, steps, orders, sends, fills, cash, "
    "halts, commands, redemptions, capital, accounts, reconciliations, acknowledgements"
)


class Trades:
    """The trades Temporal would carry, and what they were told."""

    def __init__(self) -> None:
        self.carried: dict[str, Carried] = {}
        self.told: list[tuple[str, str]] = []
        self.records: dict[str, TradeRecord] = {}

    async def running(self, expected: Iterable[str]) -> Mapping[str, Carried]:
        return dict(self.carried)

    async def tell(self, intent_id: str, client_order_id: str) -> bool:
        self.told.append((intent_id, client_order_id))
        return intent_id in self.carried

    async def record(self, intent_id: str) -> TradeRecord | None:
        return self.records.get(intent_id)


class Desk:
    """Activities on a model venue and a ledger; `now` moves a second a look."""

    def __init__(self, ledger: Any, records: Any) -> None:
        self.now = START
        specs = {m: MarketSpec(Venue.KALSHI, m, "GAME", m, PLANNED.legs[0].fees) for m in (A, B)}
        self.venue = FakeVenue(self.clock, specs)
        self.venue.set_book(A, bids=[("0.38", "100")], asks=[("0.40", "100")])
        self.venue.set_book(B, bids=[("0.53", "100")], asks=[("0.55", "100")])
        self.ledger, self.records, self.trades = ledger, records, Trades()
        self.alerts: list[str] = []
        self.runs = 0
        self.between_looks = 0.0
        self.rules = ReconcileRules(look_s=0, unknown_after_us=120 * SECOND)

    def clock(self) -> int:
        return self.now

    @property
    def activities(self) -> ReconcileActivities:
        return ReconcileActivities(
            {Venue.KALSHI: self.venue}, money=self.ledger, records=self.records, trades=self.trades,
            clock=self.clock, rules=self.rules, alerts=Alerts((), self.alerts.append),
        )  # fmt: skip

    async def compare(self) -> Comparison:
        found: Comparison = await ActivityEnvironment().run(
            self.activities.compare_account, CompareRequest(venue="kalshi")
        )
        return found

    async def reconcile(self, trigger: Trigger = Trigger.SCHEDULE, name: str | None = None) -> Reconciliation:
        """One run, its clock a second on; with a `name`, that run repeated."""
        self.runs += 1
        self.now += SECOND
        request = ConsequencesRequest(name or f"run-{self.runs}", trigger, (await self.compare(),), {})
        result: Reconciliation = await ActivityEnvironment().run(self.activities.draw_consequences, request)
        return result

    async def begin(self, leg: str = "A", purpose: Purpose = Purpose.OPEN) -> OrderTicket:
        """Send a leg's order as a trade would, its answer lost before the ledger heard of it."""
        one = ticket(PLANNED, leg, purpose=purpose)
        await self.ledger.begin_order(RUN_ID, PLANNED if purpose is Purpose.OPEN else None, one, body(one), self.now)
        self.trades.carried[PLANNED.id] = Carried((A, B))
        await self.venue.submit(one)
        return one

    async def rest_by_hand(self) -> str:
        """A person's bid for three shares of B, which stays in the book; returns the venue's id of it."""
        self.venue.place_by_hand(B, Side.BUY, "3", "0.50", TimeInForce.GTC)
        return (await self.venue.account()).open_orders[-1].order_id

    async def halts(self) -> set[tuple[Scope, str, Rule]]:
        return {(halt.scope, halt.target, halt.rule) for halt in await self.ledger.halts()}


@pytest.fixture(params=["memory", "postgres"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    if request.param == "memory":
        memory = MemoryLedger()
        made = Desk(memory, MemoryReconciliations(memory))
        await memory.record_opening(Venue.KALSHI, await made.venue.cash(), START - SECOND)
        yield made
        return
    dsn = request.getfixturevalue("postgres_dsn")
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"TRUNCATE {_TABLES}")
    await connection.close()
    ledger, records = await Ledger.connect(dsn, min_size=1, max_size=2), await Reconciliations.connect(dsn)
    made = Desk(ledger, records)
    await ledger.record_opening(Venue.KALSHI, await made.venue.cash(), START - SECOND)
    yield made
    await records.close()
    await ledger.close()


def kinds(result: Reconciliation) -> list[Kind]:
    return [finding.kind for finding in result.findings]


# ---------------------------------------------------------------------- agreement


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


# ---------------------------------------------------------------------- what stops


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
    assert desk.alerts == [Rule.MISMATCH]


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
    desk.venue._held[B] = D(7)
    result = await desk.reconcile(Trigger.START_UP)
    assert kinds(result) == [Kind.POSITION]
    assert result.safe_mode
    await take_note(desk.ledger, desk.records, PERSON)
    await take_note_again(desk)
    assert (await desk.reconcile(Trigger.START_UP)).findings == ()
    desk.venue._held[B] = D(9)
    assert kinds(await desk.reconcile()) == [Kind.POSITION]


async def take_note_again(desk: Desk) -> None:
    """The same word about the same run: nothing doubles."""
    await desk.records.acknowledge((await desk.records.latest())[0], (await desk.records.latest())[0].findings, PERSON)


async def test_a_halt_that_something_else_asks_for_survives_an_acknowledgement(desk: Desk) -> None:
    await desk.rest_by_hand()
    desk.venue._held[A] = D(7)
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
    desk.venue._held[B] = D(7)
    desk.venue.money -= 5
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


# ---------------------------------------------------------------------- what is put right


async def test_cash_moved_in_is_booked_as_a_transfer_once_however_often_the_run_is_repeated(desk: Desk) -> None:
    desk.venue.money += D("250.5")
    compared = await desk.compare()
    request = ConsequencesRequest("run-1", Trigger.SCHEDULE, (compared,), {})
    for _ in range(2):
        await ActivityEnvironment().run(desk.activities.draw_consequences, request)
    entries = [(e.kind, e.amount) for e in (await desk.ledger.snapshot()).facts.cash]
    assert entries == [("opening", D(1000)), ("transfer", D("250.5"))]
    assert (await desk.reconcile(name="run-2")).findings == ()
    [account] = await desk.ledger.capital()
    assert account.free == D("1250.5")


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


async def test_what_keeps_moving_in_every_look_of_two_runs_counts(desk: Desk) -> None:
    """A difference under steady trading never shows the same number twice; it is real all the same."""
    desk.venue._held[B] = D(7)
    account = desk.venue.account

    async def restless() -> Any:
        desk.venue._held[B] += 1
        return await account()

    desk.venue.account = restless  # type: ignore[method-assign]
    first = await desk.reconcile()
    assert (first.findings, [f.kind for f in first.moving]) == ((), [Kind.POSITION])
    assert await desk.halts() == set()
    assert kinds(await desk.reconcile()) == [Kind.POSITION]
    assert await desk.halts() == {(Scope.MARKET, f"kalshi/{B}", Rule.MISMATCH)}


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


async def test_a_closed_trade_that_fills_late_is_recorded_and_its_market_halted(desk: Desk) -> None:
    one = await desk.begin()
    closed = replace(hedged(PLANNED), state=TradeState.CLOSED, fills=(), orders=())
    await desk.ledger.record_trade(RUN_ID, PLANNED, closed)
    desk.trades.carried.clear()
    result = await desk.reconcile()
    assert kinds(result) == [Kind.LATE_FILL]
    assert desk.trades.told == [(PLANNED.id, one.client_order_id)]
    assert await desk.halts() == {(Scope.MARKET, f"kalshi/{A}", Rule.MISMATCH)}


# ---------------------------------------------------------------------- alerts


async def test_the_alert_command_gets_one_line_of_json_and_its_failure_stops_nothing(tmp_path: Path) -> None:
    told = tmp_path / "alert.json"
    write = f"import sys, pathlib; pathlib.Path({str(told)!r}).write_text(sys.stdin.read()); sys.exit(3)"
    counted: list[str] = []
    await Alerts((sys.executable, "-c", write), counted.append).tell("mismatch", "it differs", "look", halt="h-1")
    assert json.loads(told.read_text()) == {"alert": "mismatch", "text": "it differs", "do": "look", "halt": "h-1"}
    assert counted == ["mismatch"]
    await Alerts(("/no/such/command",)).tell("mismatch", "it differs", "look")
