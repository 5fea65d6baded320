"""One trade on a real Temporal server, with the real activities, on the model exchange: what a path is recorded on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.worker import Worker

from activities.authority import Seals
from activities.caller import TemporalCalls
from activities.commands import CommandActivities
from activities.orders import OrderActivities
from activities.positions import PositionActivities
from activities.settlement import SettlementActivities
from activities.trade import trade_activities
from domain.evidence import Fill, FillStatus
from domain.fees import FeeSchedule
from domain.intent import BookEvidence, Intent, IntentLeg, LegPolicy
from domain.market import MarketSpec, Venue
from domain.operator import Action, OperatorCommand
from domain.orders import Side
from domain.seal import SealKeys
from domain.trade import Outcome, TradeRecord, TradeState
from testing.ledger.memory import MemoryLedger
from testing.venue import FakeVenue, Word
from workers.local.seals import as_sealed
from workers.sandbox import TaskNews, TradeSandbox
from workers.sealing import Sealing
from workers.starter import search_attributes
from workers.trading import wall_clock_us
from workers.versions.deployment import worker_config
from workflows import names
from workflows.trade import TradeWorkflow

PERSON = OperatorCommand("ada", "the game was called off")
A, B, C = "GAME-AAA", "GAME-BBB", "GAME-CCC"

_RUN_ID = "recording"
KEYS = SealKeys({"recording": b"no secret: only recordings use it"}, run=_RUN_ID, mode="paper")
_SIZE = Decimal(10)
_TTL_US = 5_000_000
_PATIENCE_S = 60.0
_TASK_TIMEOUT = timedelta(seconds=2)  # as production starts trades
_LIMITS = {2: ("0.40", "0.55"), 3: ("0.30", "0.30", "0.35")}
_SHORT_LIMITS = ("0.55", "0.50")

# Short enough for a recording of seconds, long enough that a busy machine takes the same path.
_HASTE = LegPolicy(
    max_leg_delay_ms=10_000,
    max_quote_age_ms=5_000,
    ladder_wait_ms=100,
    repair_deadline_ms=1_000,
    absence_grace_ms=300,
    unknown_deadline_ms=600_000,
    settle_poll_ms=200,
    settle_slowest_ms=2_000,
)


class Stage:
    """`intent` may be replaced until `start`; the books hold just what the legs want, and twice what they may sell."""

    def __init__(
        self, client: Client, name: str, *, legs: int = 2, short: bool = False, word: Word | None = None, **policy: Any
    ) -> None:
        self.client = client
        self.queue = f"{names.TRADE_QUEUE}-{name}"
        self.intent = _intent(name, legs, short=short, policy=replace(_HASTE, **policy))
        self.venue = FakeVenue(wall_clock_us, {}, word=word, venue=Venue.KALSHI)
        self.ledger: MemoryLedger = MemoryLedger()
        self.cash = Decimal(1_000)
        self.handle: WorkflowHandle[Any, TradeRecord]
        self._kept: str | None = None

    async def start(self, *, sealed: bool = True) -> None:
        """Open the account, set the books that nobody has set, and begin the trade."""
        await self.ledger.record_opening(Venue.KALSHI, self.cash, wall_clock_us())
        for leg in self.intent.legs:
            spec = MarketSpec(
                Venue.KALSHI, leg.market, "GAME", leg.market, leg.fees, min_size=leg.min_size, set_id=self.intent.set_id
            )
            self.venue.specs.setdefault(leg.market, spec)
            if leg.market not in self.venue.books:
                self.book(leg.market, limit=leg.limit, side=leg.side)
        self.handle = await self.client.start_workflow(
            names.TRADE_WORKFLOW,
            args=[self.intent, None, KEYS.intent(self.intent.id) if sealed else None],
            id=self.intent.id,
            task_queue=self.queue,
            result_type=TradeRecord,
            task_timeout=_TASK_TIMEOUT,
            search_attributes=search_attributes(self.intent),
        )

    @asynccontextmanager
    async def worker(self, build: str = "", news: TaskNews | None = None) -> AsyncIterator[None]:
        """What production registers, on the queue of this path; as the worker of a build, if one is named."""
        venues = {Venue.KALSHI: self.venue}
        authority = Seals(KEYS, self.ledger, _told, TemporalCalls(self.client))
        orders = OrderActivities(venues, self.ledger, _RUN_ID, wall_clock_us, authority=authority)
        settlement = SettlementActivities(venues, self.ledger, _RUN_ID, wall_clock_us, authority=authority)
        positions = PositionActivities(venues, self.ledger)
        async with Worker(
            self.client,
            task_queue=self.queue,
            workflows=[TradeWorkflow],
            activities=trade_activities(orders, settlement, positions, CommandActivities(authority)),
            interceptors=[Sealing(KEYS)],
            workflow_runner=TradeSandbox(news=news),
            deployment_config=worker_config(build) if build else None,
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        ):
            yield

    # ------------------------------------------------------------------ the world

    def book(self, market: str, *, limit: Decimal, side: Side) -> None:
        """Ten shares at the limit to take, ten two cents worse to give back to."""
        near, far = (limit, _SIZE), (limit - Decimal("0.02") * (1 if side is Side.BUY else -1), _SIZE)
        self.venue.set_book(market, *(([far], [near]) if side is Side.BUY else ([near], [far])))

    def leg(self, n: int, **changes: Any) -> None:
        """Another style, size or market for one leg."""
        legs = tuple(replace(leg, **changes) if m == n else leg for m, leg in enumerate(self.intent.legs))
        self.intent = replace(self.intent, legs=legs)

    def pay(self) -> None:
        """Every market pays, the first leg's a dollar."""
        for n, leg in enumerate(self.intent.legs):
            if leg.market not in self.venue.payouts:
                self.venue.resolve(leg.market, "1" if n == 0 else "0")

    # ------------------------------------------------------------------ the trade

    async def sticks(self, state: TradeState = TradeState.STUCK) -> None:
        """Begin it so that leg A stands alone: leg B is gone, and leg A's bid is below what the budget allows."""
        self.intent = replace(self.intent, policy=replace(self.intent.policy, loss_budget=Decimal("0.50")))
        self.venue.set_book(B)
        self.venue.set_book(A, bids=[("0.05", "10")], asks=[("0.40", "10")])
        await self.start()
        await self.until(state)

    async def until(self, *states: TradeState, told: str = "") -> TradeRecord:
        """Its record once it is in one of these states, or its story tells these words. Raises `TimeoutError`."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                record: TradeRecord = await self.handle.query(names.QUERY_RECORD, result_type=TradeRecord)
                if record.state in states or (told and any(told in step.text for step in record.steps)):
                    return record
                await asyncio.sleep(0.05)

    async def waits(self, count: int) -> None:
        """Until its history holds this many timers. Raises `TimeoutError`."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                history = await self.handle.fetch_history()
                timers = sum(event.HasField("timer_started_event_attributes") for event in history.events)
                if timers >= count:
                    return
                await asyncio.sleep(0.05)

    async def ask(self, update: str, command: OperatorCommand = PERSON) -> None:
        """An update, sealed; each is named as its action."""
        sealed = as_sealed(KEYS, self.intent.id, Action(update), command)
        await self.handle.execute_update(update, sealed, result_type=str)

    async def force_flat(self) -> None:
        """A sealed signal."""
        sealed = as_sealed(KEYS, self.intent.id, Action.FORCE_FLAT, PERSON)
        await self.handle.signal(names.SIGNAL_FORCE_FLAT, sealed)

    async def wake(self) -> None:
        await self.handle.signal(names.SIGNAL_ORDER_UPDATE, "the venue spoke")

    async def paid(self, outcome: Outcome) -> None:
        """Settled, then paid by its markets."""
        await self.until(TradeState.SETTLING)
        self.pay()
        await self.closed(outcome)

    async def closed(self, outcome: Outcome) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            record = await self.handle.result()
        if record.outcome is not outcome:
            story = "\n".join(step.text for step in record.steps)
            raise AssertionError(f"{self.queue} ended {record.outcome}, the path says {outcome}\n{story}")

    async def keep_this_run(self) -> None:
        """Of all its runs the one that is open now is to be recorded."""
        self._kept = (await self.handle.describe()).run_id

    async def history(self) -> WorkflowHistory:
        """The last run's, or that of the one to keep."""
        return await self.client.get_workflow_handle(self.intent.id, run_id=self._kept).fetch_history()


async def _told(alert: str, text: str, do: str) -> None:
    """Nobody is woken over a recording."""


def voids_once(market: str, after_ms: int) -> Word:
    """The first fill in `market` is void in the end, every other final at once."""
    due = [market]

    def word(fill: Fill) -> tuple[int, FillStatus]:
        if fill.market in due:
            due.remove(fill.market)
            return after_ms, FillStatus.VOID
        return after_ms, FillStatus.FINAL

    return word


def _intent(name: str, legs: int, *, short: bool, policy: LegPolicy) -> Intent:
    now, fees = wall_clock_us(), FeeSchedule()
    side = Side.SELL if short else Side.BUY
    limits = [Decimal(text) for text in (_SHORT_LIMITS if short else _LIMITS[legs])]
    planned = tuple(
        IntentLeg(
            leg_name,
            Venue.KALSHI,
            market,
            side,
            _SIZE,
            limit,
            (limit if side is Side.BUY else -limit) * _SIZE + fees.trade_fee(limit, _SIZE),
            fees,
        )
        for leg_name, market, limit in zip("ABC", (A, B, C), limits, strict=False)
    )
    payoff = Decimal(-1 if short else 1)
    edge = payoff * _SIZE - sum((leg.expected_cost for leg in planned), Decimal(0))
    seen = tuple(
        BookEvidence(leg.market, None, leg.limit, n, now - 5_000, now - 4_000) for n, leg in enumerate(planned)
    )
    return Intent(name, "1", "GAME", planned, payoff, edge, now, now + _TTL_US, policy, seen)
