"""Venue accounts against the ledger, and what follows: fills recorded, trades told, halts set, capital released.

Everything done here may be done twice: a crash in the middle repeats it from the start, and nothing counts double.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import structlog
from temporalio import activity

from activities.alerts import Alerts
from activities.findings import AUTHOR, halt_for
from activities.heartbeat import heartbeats
from activities.orders import retryable
from activities.owners import named
from domain.agreement import Look, compare_account, lasting, unpaid_markets
from domain.claims import ClaimStatus, EquivalenceRecord, split_pin
from domain.custody import Carried, compare_trades, judge_loss
from domain.declared import contradictions
from domain.errors import BadInput, Rejected, SurefootError
from domain.evidence import Fill, Resolution
from domain.halt import Halt
from domain.market import Venue
from domain.money import plain
from domain.reconcile import (
    OF_BALANCES,
    CompareRequest,
    Comparison,
    ConsequencesRequest,
    Finding,
    Kind,
    Reconciliation,
    Trigger,
)
from domain.snapshot import VenueSnapshot, WorkingOrder
from domain.trade import TradeRecord
from ledger.reconciliations import ReconcileLedger
from venues.port import Refreshable, VenueClient

log = structlog.get_logger(__name__)

_MOST_FINDINGS = 200  # what one run carries through Temporal; the rest is found again by the next
_HOUR_S = 3600
_OF_A_TRADE = (Kind.MISSING_FILL, Kind.LATE_FILL)
_LATE_LOOK_S = 5.0  # between looks that only wait for a late balance


@dataclass(frozen=True, slots=True)
class ReconcileRules:
    """`config.settings.Reconcile` as the activities need it."""

    looks: int = 3
    look_s: float = 1.0
    unknown_after_us: int = 120_000_000
    max_loss: Decimal | None = None
    loss_window_us: int = 86_400_000_000


class TradeWorkflows(Protocol):
    """The trades that Temporal carries. Raises `Unavailable` when Temporal could not be asked."""

    async def running(self, expected: Iterable[str]) -> Mapping[str, Carried]:
        """By trade id, every trade that runs. An `expected` one that listings
        do not show yet is asked for by its id."""
        ...

    async def tell(self, intent_id: str, client_order_id: str) -> bool:
        """Wake a trade: the venue said something new about this order. False if it does not run."""
        ...

    async def record(self, intent_id: str) -> TradeRecord | None:
        """A trade as it knows itself now; None if it does not run or does not answer."""
        ...


class MoneyLedger(Protocol):
    """What follows from a finding, as the ledger writes it; see `ledger.port` and `ledger.store`."""

    async def record_fills(self, fills: Iterable[Fill]) -> None: ...

    async def record_transfer(self, venue: Venue, amount: Decimal, ref: str, at: int) -> None: ...

    async def release(self, intent_id: str, at: int) -> bool: ...

    async def set_halt(self, halt: Halt) -> Halt: ...

    async def halts(self) -> tuple[Halt, ...]: ...

    async def claims(self) -> tuple[EquivalenceRecord, ...]: ...

    async def claim_history(self, claim_id: str) -> tuple[EquivalenceRecord, ...]: ...

    async def add_claim(self, record: EquivalenceRecord, texts: Iterable[str] = ()) -> EquivalenceRecord: ...


class ReconcileActivities:
    """`clock` is wall-clock microseconds; `observe` is told of every finished reconciliation."""

    def __init__(
        self,
        venues: Mapping[Venue, VenueClient],
        *,
        money: MoneyLedger,
        records: ReconcileLedger,
        trades: TradeWorkflows,
        clock: Callable[[], int],
        rules: ReconcileRules | None = None,
        alerts: Alerts | None = None,
        observe: Callable[[Reconciliation], None] = lambda result: None,
    ) -> None:
        self._venues = venues
        self._money = money
        self._records = records
        self._trades = trades
        self._clock = clock
        self._rules = rules or ReconcileRules()
        self._alerts = alerts or Alerts()
        self._observe = observe

    # ------------------------------------------------------------------ one venue

    @activity.defn(name="compare_account")
    async def compare_account(self, request: CompareRequest) -> Comparison:
        """Look until a look agrees, or as often as the rules say, and at balances for as long as they may be late.
        Changes nothing. Raises while it cannot be asked."""
        venue = Venue(request.venue)
        try:
            async with heartbeats():
                return await self._compare(venue)
        except SurefootError as failure:
            raise retryable(failure) from None

    async def _compare(self, venue: Venue) -> Comparison:
        looks: list[Sequence[Finding]] = []
        began = time.monotonic()
        while True:
            account, look, booked, late_s = await self._look(venue)
            looks.append(look.findings)
            found, moving = lasting(looks)
            if not (found or moving):
                break
            balances = [finding for finding in (*found, *moving) if finding.kind in OF_BALANCES]
            waited = time.monotonic() - began
            if len(looks) >= self._rules.looks and (not balances or waited >= late_s):
                break
            await self._refresh(venue, balances)
            enough = len(looks) >= self._rules.looks
            await asyncio.sleep(min(_LATE_LOOK_S, late_s - waited) if enough else self._rules.look_s)
        return Comparison(
            venue=venue,
            at=self._clock(),
            looks=len(looks),
            cash=account.cash,
            booked=booked,
            findings=found[:_MOST_FINDINGS],
            moving=moving[:_MOST_FINDINGS],
            fills=look.fills[:_MOST_FINDINGS],
            left_out=max(0, len(found) - _MOST_FINDINGS),
        )

    async def _refresh(self, venue: Venue, balances: Iterable[Finding]) -> None:
        """Before a balance is believed over fills, the venue reads it again; and what it then says is believed once it
        has stood for longer than its reads may be late."""
        client = self._venues[venue]
        if balances and isinstance(client, Refreshable):
            markets = {where.partition("/")[2] for finding in balances for where in finding.markets}
            await client.refresh_balances(sorted(markets))

    async def _look(self, venue: Venue) -> tuple[VenueSnapshot, Look, Decimal, float]:
        """The account first and the ledger after it: an order is recorded before it leaves, so its owner is known."""
        client = self._venues[venue]
        account = await client.account()
        working = tuple(
            WorkingOrder(order.order_id, order.client_order_id, order.market, order.remaining)
            for order in account.open_orders
        )
        snapshot = VenueSnapshot(venue, account.cash, account.positions, working, account.fills)
        books = await self._records.books(snapshot)
        snapshot = await named(snapshot, books, client, self._trades.record)
        resolutions: dict[str, Resolution] = {}
        for market in unpaid_markets(snapshot, books):
            try:
                resolutions[market] = await client.resolution(market)
            except Rejected:
                continue  # a market the venue does not know has paid nothing
        look = compare_account(
            snapshot, books, resolutions, unknown_after_us=self._rules.unknown_after_us, now=self._clock()
        )
        return snapshot, look, look.expected_cash, account.late_us / 1_000_000

    # ------------------------------------------------------------------ what follows

    @activity.defn(name="draw_consequences")
    async def draw_consequences(self, request: ConsequencesRequest) -> Reconciliation:
        """Compare trades, capital and losses too, then act on every finding and leave a row. Raises, to be asked again,
        while ledger or Temporal cannot be asked."""
        try:
            async with heartbeats():
                return await self._follow(request)
        except SurefootError as failure:
            raise retryable(failure) from None

    async def _follow(self, request: ConsequencesRequest) -> Reconciliation:
        now = self._clock()
        found = [finding for comparison in request.comparisons for finding in comparison.findings]
        moving = [finding for comparison in request.comparisons for finding in comparison.moving]
        if request.trigger is Trigger.SCHEDULE:
            found, passing = await self._once_more(request.id, found)
            moving += passing
        settled, restless = await self._restless(request.id, moving)
        trades, trades_moving = await self._compare_trades()
        found += [*settled, *trades, *await self._losses(now), *await self._declarations()]
        done: list[str] = []
        await self._record_fills(request.comparisons, found, done)
        await self._put_right(request.id, found, now, done)
        await self._suspend_claims(found, now, done)
        safe_mode, halted = await halt_for(self._money, self._alerts, found, request.trigger, now)
        done += [f"halted: {halt}" for halt in halted]
        result = Reconciliation(
            id=request.id,
            trigger=request.trigger,
            at=now,
            comparisons=request.comparisons,
            unreached=request.unreached,
            findings=tuple(found),
            moving=(*restless, *trades_moving),
            done=tuple(done),
            safe_mode=safe_mode,
        )
        await self._records.record(result)
        self._observe(result)
        for finding in found:
            log.warning("finding", kind=finding.kind, text=finding.text, do=finding.do)
        log.info(
            "reconciled",
            trigger=request.trigger,
            agrees=result.agrees,
            findings=len(found),
            moving=len(result.moving),
            unreached=sorted(request.unreached),
            done=done,
        )
        return result

    async def _once_more(self, run: str, found: list[Finding]) -> tuple[list[Finding], list[Finding]]:
        """Cash that nobody explains, and that the run before did not see, may be a payment between two of the venue's
        own steps: it is looked at again by the next run before anything is stopped for it."""
        new = [finding for finding in found if finding.kind is Kind.UNEXPLAINED_CASH]
        if not new:
            return found, []
        before = {
            f.key for past in await self._records.latest() if past.id != run for f in (*past.findings, *past.moving)
        }
        passing = [finding for finding in new if finding.key not in before]
        return [finding for finding in found if finding not in passing], passing

    async def _declarations(self) -> tuple[Finding, ...]:
        """What markets have paid against what sets and claims declared that they would."""
        intents, payments = await self._records.paid()
        if not payments:
            return ()
        pinned = {split_pin(intent.claim)[0] for intent in intents if intent.claim}
        claims = {record.pin: record for name in sorted(pinned) for record in await self._money.claim_history(name)}
        return contradictions(intents, payments, claims, await self._records.known())

    async def _suspend_claims(self, found: Sequence[Finding], now: int, done: list[str]) -> None:
        """A claim that its markets have contradicted is traded no more until a person has read it again."""
        wrong = {finding.subject: finding for finding in found if finding.kind is Kind.DECLARATION}
        if not wrong:
            return
        for record in await self._money.claims():
            if record.id in wrong and record.tradable:
                reason = wrong[record.id].text
                try:
                    await self._money.add_claim(record.decided(ClaimStatus.SUSPENDED, AUTHOR, reason, now))
                except BadInput as overtaken:
                    log.info("claim decided by somebody else meanwhile", claim=record.id, error=overtaken.message)
                    continue
                done.append(f"suspended claim {record.id}")

    async def _restless(self, run: str, moving: list[Finding]) -> tuple[list[Finding], list[Finding]]:
        """Split what moved in every look by whether it did so in the run before too: then it does not pass."""
        if not moving:
            return [], []
        before = {f.key for past in await self._records.latest() if past.id != run for f in past.moving}
        lasting_ones = [finding for finding in moving if finding.key in before and finding.stops]
        return lasting_ones, [finding for finding in moving if finding not in lasting_ones]

    async def _compare_trades(self) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        looks: list[Sequence[Finding]] = []
        while True:
            capital = await self._records.capital_held()
            trades = await self._records.open_trades()
            running = await self._trades.running([trade.id for trade in trades if trade.filled or trade.unproven])
            recorded = await self._records.recorded(running)
            looks.append(
                compare_trades(trades, running, capital, await self._records.known(), recorded, now=self._clock())
            )
            found, moving = lasting(looks)
            if len(looks) >= self._rules.looks or not (found or moving):
                return found, moving
            await asyncio.sleep(self._rules.look_s)

    async def _losses(self, now: int) -> tuple[Finding, ...]:
        rules = self._rules
        if rules.max_loss is None:
            return ()
        realised = await self._records.realised_since(now - rules.loss_window_us)
        return judge_loss(realised, rules.max_loss, Decimal(rules.loss_window_us) / 1_000_000 / _HOUR_S)

    async def _record_fills(self, comparisons: Iterable[Comparison], found: Sequence[Finding], done: list[str]) -> None:
        fills = [fill for comparison in comparisons for fill in comparison.fills]
        if not fills:
            return
        await self._money.record_fills(fills)
        done.append(f"recorded {len(fills)} fills of {len({fill.order_id for fill in fills})} orders")
        clients = {fill.order_id: fill.client_order_id for fill in fills}
        for finding in found:
            if finding.kind in _OF_A_TRADE and finding.intent_id and finding.subject in clients:
                heard = await self._trades.tell(finding.intent_id, clients.get(finding.subject, ""))
                done.append(f"trade {finding.intent_id} {'was told' if heard else 'runs no more: not told'}")

    async def _put_right(self, run: str, found: Iterable[Finding], now: int, done: list[str]) -> None:
        for finding in found:
            if finding.kind is Kind.TRANSFER:
                await self._money.record_transfer(Venue(finding.venue), finding.amount, finding.subject, now)
                done.append(f"booked ${plain(finding.amount)} at {finding.venue} as a transfer")
                await self._alerts.tell(finding.kind, finding.text, finding.do, venue=finding.venue)
            elif finding.kind is Kind.UNEXPLAINED_CASH and not finding.stops:
                told = [f for past in await self._records.latest() if past.id != run for f in past.findings]
                if finding not in told:
                    await self._alerts.tell(finding.kind, finding.text, finding.do, venue=finding.venue)
            elif finding.kind is Kind.IDLE_CAPITAL:
                await self._money.release(finding.intent_id, now)
                done.append(f"released ${plain(finding.amount)} held for trade {finding.intent_id}")
