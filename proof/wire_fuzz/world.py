"""One seed: a trade through a storm of lies, then honest answers, a person who asks to unwind, and payment.

0 … calm_ms      answers are spoiled as the plan says
calm             every answer is right, books are deep
+ 2 min          who is still not at rest is told to unwind, every few minutes
+ 30 min         the markets pay
+ 6 h            what has not closed by now never will
"""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from activities.authority import Anybody
from activities.orders import OrderActivities
from activities.positions import PositionActivities
from activities.reconcile import ReconcileActivities
from activities.settlement import SettlementActivities
from domain.errors import SurefootError
from domain.market import Venue
from domain.operator import Action
from domain.trade import DONE_TRADING, TradeRecord, TradeState
from paper.kalshi.listing import NO, YES
from proof.simulate.clock import VirtualLoop
from proof.wire_fuzz.desk import Desk
from proof.wire_fuzz.honest import HonestVenues, signer, wallet
from proof.wire_fuzz.lies import Liar
from proof.wire_fuzz.life import Life
from proof.wire_fuzz.plan import CASH, START, Plan
from proof.wire_fuzz.pushes import ClobPushes, Delivery, Pushes
from proof.wire_fuzz.transport import Line
from testing.ledger.memory import MemoryLedger
from testing.ledger.memory_reconciliations import MemoryReconciliations
from venues.kalshi.client import KalshiClient
from venues.polymarket.client import PolymarketClient
from venues.polymarket.limits import Limits
from venues.polymarket.rest import Services
from venues.port import VenueClient
from venues.token_bucket import TokenBucket
from venues.wire import Timeouts

_RUN = "wire-fuzz"
_AT_REST = DONE_TRADING | {TradeState.HEDGED, TradeState.MISSED}


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds after the calm: when a person looks, how often again, when the markets pay, and when it must be over.
    `timeouts` are those of both clients, `silence_ms` how long nothing must have been heard of a Polymarket order."""

    person_s: float = 120.0
    again_s: float = 300.0
    pays_s: float = 1_800.0
    end_s: float = 21_600.0
    timeouts: Timeouts = field(default_factory=Timeouts)
    silence_ms: int = 60_000


class World:
    """`run`, then read: `broken` says what was wrong on the way, `audit` is the venues' own books at the end."""

    def __init__(self, plan: Plan, *, tracing: bool = False, pace: Pace = Pace()) -> None:
        self.plan = plan
        self.pace = pace
        self._due: list[asyncio.TimerHandle] = []
        self.tracing = tracing
        self.broken: list[str] = []
        self.trace: list[str] = []
        self.audit: dict[str, Any] = {}
        self.record: TradeRecord | None = None
        self.said: list[str] = []
        self.findings: list[str] = []
        self.states: Counter[str] = Counter()
        self.ledger = MemoryLedger()
        self._told = 0
        self.began = 0.0
        self.loop: asyncio.AbstractEventLoop = VirtualLoop()
        self.rng = Random(f"way {plan.seed}")  # noqa: S311 - chance, not secrets
        self.liar = Liar(Random(f"lies {plan.seed}"), plan.rate, plan.habits, plan.honest)  # noqa: S311 - chance, not secrets
        self.line: Line | None = None

    def now(self) -> int:
        return START + round((self.loop.time() - self.began) * 1_000_000)

    def run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self.all())
        except Exception as error:
            self.broken.append(f"raised: {type(error).__name__}: {str(error)[:200]} ({_where(error)})")
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.run_until_complete(asyncio.sleep(0))
            asyncio.set_event_loop(None)
            self.loop.close()

    def shut_loop(self) -> None:
        """The loop of its own is not needed: the world runs on another."""
        self.loop.close()

    def fail(self, what: str) -> None:
        self.broken.append(what)

    async def all(self) -> None:
        plan = self.plan
        venues = HonestVenues(self.now, cash=CASH, failing=plan.failing, seed=plan.seed)
        try:
            venues.open(plan.session)
            self.line = await self.line_to(venues)
            kalshi, polymarket = self._kalshi(), self._polymarket(venues)
            clients: dict[Venue, VenueClient] = {Venue.KALSHI: kalshi, Venue.POLYMARKET: polymarket}
            for venue in clients:
                await self.ledger.record_opening(venue, Decimal(CASH).scaleb(-6), START - 1)
            try:
                await self._live(venues, clients)
                if self.record is not None:
                    await self._compare(clients)
            finally:
                await kalshi.close()
                await polymarket.close()
            self.audit = await venues.audit()
        finally:
            if self.line is not None:
                await self.line.close()
            await venues.stop()
            venues.close()

    async def line_to(self, venues: HonestVenues) -> Line:
        """The way of all bytes of this world."""
        return Line(venues, self.liar, self.rng, self.now, START)

    def _kalshi(self) -> KalshiClient:
        assert self.line is not None
        time, origin = self.loop.time, self.line.origin
        client = KalshiClient(
            origin,
            signer(),
            clock=self.now,
            timeouts=self.pace.timeouts,
            reads=TokenBucket("read", rate=200, capacity=200, clock=time),
            writes=TokenBucket("write", rate=100, capacity=100, clock=time),
        )
        self.line.under(client.wire._http)
        return client

    def _polymarket(self, venues: HonestVenues) -> PolymarketClient:
        assert self.line is not None
        origin = self.line.origin
        client = PolymarketClient(
            Services(clob=origin, gamma=f"{origin}/gamma", data=origin, relayer=origin, geoblock=origin),
            wallet(),
            venues.credentials,
            clock=self.now,
            timeouts=self.pace.timeouts,
            limits=Limits(clock=self.loop.time),
            silence_ms=self.pace.silence_ms,
        )
        self.line.under(client.wire.clob, client.wire.gamma._wire, client.wire.site)
        return client

    # ------------------------------------------------------------------ the run

    async def _live(self, venues: HonestVenues, clients: dict[Venue, VenueClient]) -> None:
        plan, loop = self.plan, self.loop
        desk = Desk(self._activities(clients), self.now, self._shown, lambda what: self.fail(f"raised: {what}"))
        life = Life(plan.intent, desk, self._parked)
        for happening in plan.happenings:
            self._later(happening.at_ms, venues.happen, happening.event)
        if plan.says_unwind_ms:
            self._later(plan.says_unwind_ms, self._say, life, Action.UNWIND)
        self._later(plan.calm_ms, self._calm, venues, life)
        self._later(plan.calm_ms + self.pace.pays_s * 1000, self._pay, venues)
        delivery = Delivery(
            self.liar,
            self.rng,
            self.ledger,
            plan.intent.id,
            life.nudge,
            lambda what: self.fail(f"raised: {what}"),
            lambda: (self.now() - START) // 1000,
        )
        venues.kalshi.listen(Pushes(delivery))
        venues.polymarket.clob.listener = ClobPushes(delivery, venues.polymarket)
        nudges = loop.create_task(self._nudge(life))
        person = loop.create_task(self._person(life))
        trade = loop.create_task(life.run())
        try:
            async with asyncio.timeout(plan.calm_ms / 1000 + self.pace.end_s):
                self.record = await asyncio.shield(trade)
        except TimeoutError:
            self.fail(f"never ends: it stands in {_standing(life)}")
        except Exception as error:
            what = f"{type(error).__name__}: {str(error)[:160]} ({_where(error)})"
            self.fail(f"frozen: in {life.state} the lifecycle raised {what}")
        finally:
            for handle in self._due:
                handle.cancel()
            for task in (nudges, person, trade):
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task

    def _later(self, ms: float, do: Callable[..., Any], *details: Any) -> None:
        self._due.append(self.loop.call_later(ms / 1000, do, *details))

    async def _compare(self, clients: dict[Venue, VenueClient]) -> None:
        """One look of the reconciliation at each account, as it looks on its schedule. What it finds is told to people,
        and is no verdict of ours: see `checks`."""
        no_trades: Any = _NoTrades()
        activities: Any = ReconcileActivities(
            clients,
            money=self.ledger,
            records=MemoryReconciliations(self.ledger),
            trades=no_trades,
            clock=self.now,
        )
        for venue in clients:
            try:
                _, look, *_ = await activities._look(venue)
            except SurefootError as failure:
                self.findings.append(f"{venue} cannot be compared: {failure}")
                continue
            self.findings += [f"{finding.kind}: {finding.text}" for finding in look.findings]
            self.findings += [f"late fill {fill.trade_id} of {fill.order_id}" for fill in look.fills]

    def _activities(self, clients: dict[Venue, VenueClient]) -> dict[str, Callable[[Any], Any]]:
        orders = OrderActivities(clients, self.ledger, _RUN, self.now, authority=Anybody())
        settlement = SettlementActivities(clients, self.ledger, _RUN, self.now, authority=Anybody())
        positions = PositionActivities(clients, self.ledger)
        return {
            "submit": orders.submit_order,
            "evidence": orders.find_evidence,
            "cancel": orders.cancel_order,
            "quote": orders.take_quote,
            "resolution": positions.read_resolution,
            "look_up": positions.look_up_order,
            "position": positions.read_position,
            "takes_orders": positions.read_open,
            "settle": settlement.settle_trade,
            "record": settlement.record_trade,
        }

    # ------------------------------------------------------------------ what happens

    def _calm(self, venues: HonestVenues, life: Life) -> None:
        self.liar.calm = True
        self._mark("calm: from here on every answer is right")
        for event in self.plan.plenty:
            venues.happen(event)

    def _pay(self, venues: HonestVenues) -> None:
        self._mark("the markets pay")
        session, first = self.plan.session, self.plan.first_wins
        tickers = [spec.market for spec in session.markets if spec.venue is Venue.KALSHI]
        token = session.conditions[0].token
        outcomes = {tickers[0]: YES if first else NO, tickers[1]: NO if first else YES}
        venues.resolve(outcomes, {token: 1_000_000 if first else 0})

    async def _nudge(self, life: Life) -> None:
        """The user channel speaks now and then, of something or of nothing."""
        while True:
            await asyncio.sleep(self.rng.choice((0.3, 2.0, 15.0, 120.0, 1_200.0)))
            life.nudge()

    async def _person(self, life: Life) -> None:
        await asyncio.sleep(self.plan.calm_ms / 1000 + self.pace.person_s)
        while True:
            record = life.record()
            if (
                record is not None
                and record.state not in DONE_TRADING
                and record.state not in (TradeState.HEDGED, TradeState.MISSED)
            ):
                if record.state is TradeState.STUCK and not _says_why(record):
                    self.fail(f"silent: stuck with {record.residual} alone, and no step says what was seen")
                self._say(life, Action.UNWIND)  # and never `retry`: that takes the wish to unwind back
            await asyncio.sleep(self.pace.again_s)

    def _say(self, life: Life, action: Action) -> None:
        answer = life.say(action, "as seen from here")
        self.said.append(f"{action}: {answer}")
        self._mark(f"a person says {action}: {answer}")

    def _parked(self, fault: str) -> None:
        self._mark(f"parked: {fault}")
        self.fail(f"frozen: the lifecycle raised, and the trade is parked: {fault[:220]}")

    def _shown(self, record: TradeRecord) -> None:
        self.states[record.state] += 1
        self._steps(record)

    def _steps(self, record: TradeRecord) -> None:
        if self.tracing:
            for step in record.steps[self._told :]:
                self.trace.append(f"{(step.at - START) // 1000} ms {step.state}: {step.text}")
            self._told = max(self._told, len(record.steps))

    def _mark(self, what: str) -> None:
        if self.tracing:
            self.trace.append(f"{(self.now() - START) // 1000} ms {what}")


class _NoTrades:
    """The trades that still run: none, after the end."""

    async def record(self, intent_id: str) -> TradeRecord | None:
        return None


def _standing(life: Life) -> str:
    record = life.record()
    if record is None:
        return f"{life.state}, and cannot say more"
    return (
        f"{record.state} with {record.residual} alone; last step: {record.steps[-1].text if record.steps else 'none'}"
    )


def _says_why(record: TradeRecord) -> bool:
    return any(step.state is TradeState.STUCK and step.text.startswith(("Stuck:", "Parked:")) for step in record.steps)


def _where(error: BaseException) -> str:
    places = traceback.extract_tb(error.__traceback__)
    own = [place for place in places if "/site-packages/" not in place.filename and "/lib/python" not in place.filename]
    place = (own or list(places))[-1]
    return f"{'/'.join(place.filename.rsplit('/', 2)[-2:])}:{place.lineno}"
