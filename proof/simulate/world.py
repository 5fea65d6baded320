"""One seed, run: its markets, its ledger and its trades together on virtual time, until every trade has closed.

world = World(make(7))
world.run()
world.broken          # what does not hold, in words; empty if all does
"""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.authority import Anybody
from activities.orders import OrderActivities
from activities.positions import PositionActivities
from activities.settlement import SettlementActivities
from domain.evidence import Fill, FillStatus, OrderEvidence
from domain.market import Venue
from domain.operator import Action, OperatorCommand
from domain.orders import OrderTicket, Side, SubmitResult, TimeInForce
from domain.trade import TradeRecord, TradeState
from proof.simulate.carrier import Carrier
from proof.simulate.clock import VirtualLoop
from proof.simulate.durable import Broken, Command, Died, Event, Forked, History, Kind, carry
from proof.simulate.fates import Fates
from proof.simulate.judge_counts import contradicted
from proof.simulate.ledgers import StormyLedger, at_once
from proof.simulate.life import Life
from proof.simulate.manners import Listing, RudeManners
from proof.simulate.scenario import START, Happening, Scenario
from proof.simulate.stops import Stops, words
from proof.simulate.weather import Weather
from proof.simulate.wire import Wire
from testing.venue import FakeVenue
from workflows.state import TradeMemory

RUN_ID = "simulation"
_MOST_SECONDS = 40 * 86_400
_FAULTS = {
    "closed": "venue:pauses",
    "venue down": "venue:down",
    "maintenance": "venue:maintenance",
    "retired": "venue:retires",
}


class World:
    """`trace` keeps a line for everything that happens; it changes nothing else."""

    def __init__(self, scenario: Scenario, *, trace: bool = False) -> None:
        self.scenario = scenario
        self.broken: list[str] = []
        self.trace: list[tuple[int, str, str]] = []
        self.transitions: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        self.crashes = 0
        self.copies: Counter[str] = Counter()
        self.by_hand: dict[int, list[tuple[Venue, str]]] = {}
        self.hands: set[str] = set()
        self.voids: dict[tuple[Venue, str], int] = {}
        self._tracing = trace
        self.rng = Random(scenario.seed ^ 0x5EED)  # noqa: S311 - chance, not secrets
        self._fates = Fates(self)
        self.loop = VirtualLoop()
        self._stops = Stops(self.now)
        self.weather = Weather(self.rng, scenario.rates, self.tell)
        self.ledger = StormyLedger(self.weather, self._begun)
        self.venues = {venue: self._venue(venue) for venue in scenario.specs}
        self.wires = {
            venue: Wire(exchange, self.weather, self.rng, self._sent, self.ledger.told_of)
            for venue, exchange in self.venues.items()
        }
        self._carrier = Carrier(self._activities(), self.weather, self.now, self._answered, self._failed)
        self.lives = [Life(plan, History(plan.intent, self)) for plan in scenario.plans]
        self._life_of = {life.plan.intent.id: life for life in self.lives}
        self._sent_by: dict[str, Life] = {}
        self._happen: dict[str, Callable[..., Any]] = {
            "book": self._book,
            "flow": lambda venue, *rest: self.venues[venue].flow(*rest),
            "closed": lambda venue, market: self.venues[venue].set_open(market, False),
            "opened": lambda venue, market: self.venues[venue].set_open(market, True),
            "cancels": self._cancels,
            "venue down": lambda venue: setattr(self.wires[venue], "down", True),
            "venue up": lambda venue: setattr(self.wires[venue], "down", False),
            "maintenance": lambda venue: setattr(self.wires[venue], "maintenance", True),
            "maintained": lambda venue: setattr(self.wires[venue], "maintenance", False),
            "retired": lambda venue, call: self.wires[venue].retired.add(call),
            "ledger down": lambda: setattr(self.ledger, "down", True),
            "ledger up": lambda: setattr(self.ledger, "down", False),
            "halt": self._halt,
            "resume": self._resume,
            "say": self.say,
            "by hand": self._by_hand,
            "calm": self._calm,
            "pay": self._pay,
        }

    def now(self) -> int:
        return START + round(self.loop.time() * 1_000_000)

    def run(self) -> None:
        """Until every trade has closed. What is wrong on the way or afterwards is in `broken`."""
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(ActivityEnvironment().run(self._live))
        except (Exception, Broken, Forked) as error:  # a bug of whatever kind is what a simulation is for
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.fail(f"{type(error).__name__}: {error} ({where.filename.rpartition('/')[2]}:{where.lineno})")
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.run_until_complete(asyncio.sleep(0))
            asyncio.set_event_loop(None)
            self.loop.close()

    def tell(self, who: str, what: str) -> None:
        if self._tracing:
            self.trace.append((self.now(), who, what))

    def fail(self, what: str) -> None:
        self.tell("BROKEN", what)
        self.broken.append(what)

    @property
    def overfilled(self) -> bool:
        """Whether an exchange really traded more than it was signed for: nobody has reserved for that."""
        return self.weather.counts["match:beyond_signed"] > 0

    # ------------------------------------------------------------------ the run

    async def _live(self) -> None:
        self._end: asyncio.Future[None] = self.loop.create_future()
        for venue, cash in self.scenario.cash.items():
            await self.ledger.record_opening(venue, cash, START - 1)
        for happening in self.scenario.happenings:
            if happening.at_ms == 0:
                self._do(happening)
            else:
                self.loop.call_later(happening.at_ms / 1000, self._do, happening)
        trades = [self.loop.create_task(self._trade(life)) for life in self.lives]
        for trade in trades:
            trade.add_done_callback(self._one_ended)
        done, _ = await asyncio.wait([self._end], timeout=_MOST_SECONDS)
        if not done:
            standing = ", ".join(
                f"{self.name(life.history)} {life.states[-1][1]}" for life in self.lives if life.states
            )
            raise Broken(f"not every trade has closed after {_MOST_SECONDS} s: {standing}")
        self._end.result()

    async def _trade(self, life: Life) -> None:
        await asyncio.sleep(life.plan.starts_ms / 1000)

        def died(death: Died) -> None:
            life.down_ms += death.down_ms
            self.crashes += 1
            self.tell(self.name(life.history), f"its process dies; the next one in {death.down_ms} ms")

        await carry(life.history, died)
        self.tell(self.name(life.history), "has ended")

    def _do(self, happening: Happening) -> None:
        if self._tracing:
            self.tell("world", str(happening))
        if happening.what in _FAULTS:
            self.weather.strike(_FAULTS[happening.what], happening.what)
        self._happen[happening.what](*happening.details)

    # ------------------------------------------------------------------ what happens

    def _venue(self, venue: Venue) -> FakeVenue:
        scenario = self.scenario
        names = list(scenario.specs[venue])
        others = dict(zip(names, reversed(names), strict=True)) if len(names) == 2 else {}
        exchange = FakeVenue(
            self.now,
            scenario.specs[venue],
            scenario.cash[venue],
            venue=venue,
            word=self._word if scenario.provisional else None,
            listing=Listing(self.weather),
            filled=self._filled,
            in_collateral=venue is Venue.POLYMARKET,
            shorts=scenario.shorts,
            averages=venue is Venue.KALSHI,
            manners=RudeManners(venue, self.weather, others),
        )
        exchange.lag_ms, exchange.fills_lag_ms = scenario.lag_ms, scenario.fills_lag_ms
        return exchange

    def _activities(self) -> dict[str, Callable[[Any], Any]]:
        orders = OrderActivities(self.wires, self.ledger, RUN_ID, self.now, authority=Anybody())
        settlement = SettlementActivities(self.wires, self.ledger, RUN_ID, self.now, authority=Anybody())
        positions = PositionActivities(self.wires, self.ledger)
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

    def _book(self, venue: Venue, market: str, bids: Any, asks: Any) -> None:
        if market not in self.venues[venue].payouts:
            self.venues[venue].set_book(market, bids, asks)

    def _word(self, fill: Fill) -> tuple[int, FillStatus]:
        """The venue's final word on a fill: soon, as a rule good, and always before its market pays."""
        calm = self.now() >= START + self.scenario.calm_ms * 1000
        void = not calm and self.rng.random() < self.scenario.void_rate
        wait_ms = self.rng.choice((20, 400, 3_000, 20_000))
        if void:
            self.voids[fill.venue, fill.trade_id] = fill.at + wait_ms * 1000
            self.weather.strike("venue:void", f"fill {fill.trade_id}")
        word = FillStatus.VOID if void else FillStatus.FINAL
        self.loop.call_later(wait_ms / 1000, self._nudge, replace(fill, status=word))
        return wait_ms, word

    def _filled(self, fill: Fill) -> None:
        if self._tracing:
            words = f"{fill.side} {fill.size} {fill.market} at {fill.price} {fill.status}"
            self.tell("venue", f"fill {fill.trade_id} {words}")
        if not fill.taker:
            self._nudge(fill)

    def _nudge(self, fill: Fill) -> None:
        """The user channel tells the ledger, and the trade that owns the order: now, late, twice or never."""
        kind = self.weather.fault("message", "the user channel")
        life = self._sent_by.get(fill.client_order_id)
        if life is None or kind == "lost":
            return
        for _ in range(2 if kind == "twice" else 1):
            late_s = self.rng.uniform(1, 20) if kind == "late" else self.rng.uniform(0.001, 0.05)
            self.loop.call_later(late_s, self._told, life, fill)

    def _told(self, life: Life, fill: Fill) -> None:
        if not self.ledger.down:
            at_once(self.ledger.record_fills([fill]))
        life.history.add(Kind.NUDGE, None)

    def _cancels(self, venue: Venue, market: str, keep: Decimal) -> None:
        if self.venues[venue].cancel_resting(market, keep=keep):
            self.weather.strike("venue:reduces" if keep else "venue:cancels", market)

    def _halt(self, scope: Any, target: str) -> None:
        at_once(self.ledger.set_halt(self._stops.set(scope, target)))

    def _resume(self, scope: Any, target: str) -> None:
        for halt_id in self._stops.lifted(scope, target):
            at_once(self.ledger.clear_halt(halt_id, "ada", "it is over", self.now()))

    def say(self, trade: int, action: Action) -> None:
        life = self.lives[trade]
        if action is not Action.ADOPT:
            life.history.add(Kind.SAID, (action, OperatorCommand("ada", "as seen from here")))
        for venue, order_id in self.by_hand.get(trade, []) if action is Action.ADOPT else []:
            command = OperatorCommand("ada", "placed by hand", order_id=order_id, venue=venue)
            life.history.add(Kind.SAID, (action, command))

    def _by_hand(self, trade: int, leg: int, size: Decimal, completing: bool) -> None:
        """A person trades at the venue's own site, at any price; later, the trade is told to adopt the order."""
        side = self.lives[trade].plan.intent.legs[leg]
        direction = side.side if completing else side.side.opposite
        limit = Decimal("0.99") if direction is Side.BUY else Decimal("0.01")
        placed = self.venues[side.venue].place_by_hand(side.market, direction, size, limit, TimeInForce.IOC)
        self.by_hand.setdefault(trade, []).append((side.venue, placed.order_id))
        self.hands.add(placed.ticket.client_order_id)

    def _calm(self) -> None:
        """Nothing goes wrong from here on, except that who dies at every await goes on dying. Whoever was told to hold
        is told to go on."""
        self.weather.turn_calm()
        self._fates.turn_calm()
        self.ledger.down = False
        for venue, wire in self.wires.items():
            wire.down = wire.maintenance = False
            wire.retired.clear()
            wire.answers.turn_calm()
            for market in self.scenario.specs[venue]:
                self.venues[venue].set_open(market, True)
        for n, life in enumerate(self.lives):
            asked = any(event.kind is Kind.SAID for event in life.history.every_event())
            if life.history.record is None and (asked or life.broken_on_purpose):
                self.say(n, Action.RETRY)

    def _pay(self) -> None:
        self.voids = {fill: min(at, self.now()) for fill, at in self.voids.items()}  # no word after payment
        paid = self.scenario.payment
        if paid.kind:
            self.weather.strike(paid.kind, "every market")
        for venue, exchange in self.venues.items():
            for market in exchange.specs:
                exchange.resolve(market, paid.payouts[venue][market])
        for life in self.lives:
            if self.rng.random() < 0.8:
                life.history.add(Kind.NUDGE, None)

    # ------------------------------------------------------------------ the server of the histories

    def begin(self, history: History, n: int, command: Command) -> None:
        if self._tracing and command.name == "submit":
            self.tell(self.name(history), f"sends {words(command.arguments[0])}")
        self._carrier.begin(history, n, command)

    def withdraw(self, history: History, n: int) -> None:
        self._carrier.withdraw(history, n)

    def dies(self, history: History, where: str) -> int | None:
        return self._fates.dies(self._life_of[history.intent.id], where)

    def breaks(self, history: History, event: Event) -> bool:
        return self._fates.breaks(self._life_of[history.intent.id], event)

    def longest(self, history: History) -> int:
        return self.scenario.longest

    def continued(self, history: History, memory: TradeMemory) -> None:
        self._fates.continued(self._life_of[history.intent.id], memory)

    def shown(self, history: History, record: TradeRecord) -> None:
        life = self._life_of[history.intent.id]
        before = life.states[-1][1] if life.states else TradeState.PLANNED
        if record.state is not before:
            self.transitions[f"{before}→{record.state}"] += 1
        life.states.append((self.now(), record.state, record.residual))
        if self._tracing:
            for step in record.steps[life.told :]:
                self.tell(self.name(history), f"{step.state}: {step.text}")
            life.told = len(record.steps)

    def _answered(self, history: History, command: Command, answer: Any) -> None:
        name = command.name
        if name == "submit":
            result: SubmitResult = answer
            self._life_of[history.intent.id].answers.append((self.now(), result))
            self.rows[f"{command.arguments[0].purpose} {result.verdict}"] += 1
            if self._tracing:
                self.tell(self.name(history), f"hears {result.verdict} {result.code} {result.filled}")
        elif name == "evidence":
            seen: OrderEvidence | None = answer
            self.rows[f"{command.arguments[0].purpose} unsettled, {seen.status if seen else 'not answered'}"] += 1
        elif name == "settle":
            state = command.arguments[1].state
            word = "agrees" if answer.agrees else "differs"
            self.rows[f"{state} {word}{'' if answer.final else ', provisional'}"] += 1
            life = self._life_of[history.intent.id]
            doubted = any(seen.beyond for seen in answer.evidence)  # said to be wrong, and seen to be
            counts = {o.ticket.client_order_id: o.filled for venue in self.venues.values() for o in venue.placed()}
            guessed = contradicted(command.arguments[1].orders, answer.evidence, counts)
            life.disagreed += not answer.agrees and not doubted and bool(guessed)
            if answer.agrees and answer.record.state is TradeState.CLOSED:
                life.closed_at = life.closed_at or self.now()

    def _failed(self, error: BaseException) -> None:
        if not self._end.done():
            self._end.set_exception(error)

    def _one_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
        elif all(life.history.record is not None for life in self.lives) and not self._end.done():
            self._end.set_result(None)

    def _sent(self, ticket: OrderTicket) -> None:
        self._sent_by[ticket.client_order_id] = self._life_of[ticket.intent_id]
        self.copies[ticket.client_order_id] += 1
        if breach := self._stops.breach(ticket):
            self.fail(f"halted: {words(ticket)} left for the venue {breach}")

    def _begun(self, ticket: OrderTicket) -> None:
        self._stops.recorded(ticket, self._life_of[ticket.intent_id].plan.intent)

    def name(self, history: History) -> str:
        return f"trade {history.intent.id[2:8]}"
