"""A trade at hand, without its path: what it knows, what its parts ask of it, and what it tells.

`lifecycle` drives one; repair, bounds and the rest of the path's parts are given one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from decimal import Decimal
from typing import cast

from domain.evidence import OrderEvidence
from domain.intent import Intent, IntentLeg
from domain.money import plain
from domain.operator import Action, OperatorCommand
from domain.orders import SETS, OrderTicket, Purpose, Side, TimeInForce
from domain.residual import alone, hedged
from domain.trade import DONE_TRADING, Entry, Outcome, Step, TradeRecord, TradeState
from workflows.commands import Commands
from workflows.desk import Desk
from workflows.orders import GTD_MARGIN_US, MOST_COPIES, Order, OrderBook, Sender
from workflows.state import FIRST_BOUNDED, OrderState, TradeMemory, begun, count


class Renewed(Exception):
    """The trade has waited for long: it goes on in a run of its own, with a history that is short again."""


class TradeAtHand(ABC):
    """One intent on its way to a final state; `record` shows it at any time.

    All that it knows is in `memory`; a trade made from the memory of another goes on where that stood.
    """

    def __init__(self, intent: Intent, desk: Desk, memory: TradeMemory | None = None) -> None:
        self.intent = intent
        self.desk = desk
        self.memory = memory or begun(desk.now(), intent.worst_cost, merging=bool(intent.set_id))
        self.orders = OrderBook([Order.of(order) for order in self.memory.orders], self.memory.dropped)
        self.memory.orders = cast(list[OrderState], self.orders.orders)
        self.sender = Sender(desk, intent, self)
        self.commands = Commands(self, self.memory)
        self.final: TradeRecord | None = None
        self.closing = False  # its last record is being written: too late to ask for anything

    @property
    def state(self) -> TradeState:
        return self.memory.state

    @property
    def outcome(self) -> Outcome | None:
        return self.memory.outcome

    @property
    def edition(self) -> int:
        return self.memory.edition

    @property
    def retries(self) -> int:
        return self.memory.retries

    # ------------------------------------------------------------------ for the sender

    @abstractmethod
    def bound(self, ticket: OrderTicket) -> str:
        """Why the order may not leave; empty if it may."""

    @abstractmethod
    async def counted(self, order: Order, evidence: OrderEvidence) -> Decimal | None:
        """How much of a count beyond what was signed is there by the account's word; None while that is open."""

    @abstractmethod
    async def believes(self, order: Order, evidence: OrderEvidence) -> bool:
        """Whether a count may replace the one that is known."""

    @abstractmethod
    async def take_over(self) -> None:
        """Look up every order that a person wants adopted."""

    async def put_on_record(self) -> None:
        """Let the ledger hear what evidence has settled: it holds what is sent next to bounds of its own. Whoever sends
        asks afterwards whether people still want it."""
        if self.memory.unrecorded and self.edition >= FIRST_BOUNDED:
            await self.write()  # once: a ledger that is away keeps nothing back

    def learnt(self, order: Order) -> None:
        self.memory.unrecorded = True

    def wants(self, order: Order) -> bool:
        """See `workflows.orders`: whether one more copy of an order in doubt still serves."""
        if order.ticket.purpose in (Purpose.UNWIND, Purpose.MERGE):
            return not self.commands.holding
        fresh = order.ticket.purpose is not Purpose.OPEN or self.desk.now() <= self.intent.expires_at
        return fresh and self.commands.mode is None

    def keeps(self, order: Order) -> bool:
        return self.commands.mode is None

    def gives_up(self, order: Order) -> bool:
        return self.commands.at_any_price

    def in_doubt(self, order: Order) -> None:
        if order.ticket.purpose is Purpose.HEDGE:
            self.enter(TradeState.LEG_B)
        self.desk.show(self.record())

    async def park(self, why: str) -> None:
        """STUCK: exposure stays reserved, people are told, and the trade goes on looking."""
        self.enter(TradeState.STUCK)
        self.tell(f"Stuck: {why}. `surefoot unwind {self.intent.id}` sells what stands alone at any price.")
        await self.write()

    async def wait(self, ms: int) -> bool:
        """Pause; then adopt what a person named, and put what people asked on record. True if a message ended it."""
        woken = await self.desk.pause(ms)
        await self.take_over()
        if len(self.memory.taken) > self.memory.written or not self.memory.on_record:
            await self.write()
        return woken

    async def rest(self, ms: int) -> bool:
        """As `wait`, at a place where the trade may as well go on in a run of its own. Raises `Renewed`."""
        if self.edition > 1 and self.desk.history_is_long():
            raise Renewed
        return await self.wait(ms)

    async def write(self) -> None:
        """Put the trade as it stands into the ledger."""
        self.memory.written, self.memory.unrecorded = len(self.memory.taken), False
        self.memory.on_record = await self.desk.record(self.intent, self.record())

    # ------------------------------------------------------------------ people

    def may(self, action: Action, command: OperatorCommand) -> None:
        """Raise ValueError with the reason when `command` cannot be carried out. Changes nothing."""
        self.commands.may(action, command)

    def take(self, action: Action, command: OperatorCommand) -> str:
        return self.commands.take(action, command)

    def take_unsealed(self, action: Action, command: OperatorCommand) -> None:
        self.commands.take_unsealed(action, command)

    @property
    def trading(self) -> bool:
        return self.state not in DONE_TRADING and self.state not in (TradeState.HEDGED, TradeState.MISSED)

    @property
    def ended(self) -> bool:
        return self.closing or self.final is not None

    def may_stay(self) -> bool:
        """Whether what stands alone is little enough, or was accepted by a person or by the policy's rule."""
        return self.alone() <= max(self.dust, self.memory.accepted)

    @property
    def dust(self) -> Decimal:
        return self.intent.policy.dust

    def open_orders(self) -> list[str]:
        return [f"{o.ticket.leg}{o.ticket.attempt}" for o in self.orders.orders if not o.settled and not o.absent]

    def give_up_absent(self) -> None:
        """A person's word: orders that are proven to be nowhere are not waited for, whatever was said of them."""
        for order in self.orders.orders:
            if not order.settled and order.absent:
                order.told = order.landed = False
                order.copies = max(order.copies, MOST_COPIES)

    def venues(self) -> tuple[str, ...]:
        return self.intent.venues

    def now(self) -> int:
        return self.desk.now()

    # ------------------------------------------------------------------ what is known

    def tell(self, text: str) -> None:
        self.memory.tell(text, self.desk.now())

    def enter(self, state: TradeState) -> None:
        if state is not self.state:
            self._be(state)
            self.memory.revision += 1
            self.desk.show(self.record())

    def _be(self, state: TradeState) -> None:
        if state is not self.state:
            self.memory.state = state
            self.memory.entered.append(Entry(state, self.desk.now()))

    def shares(self, leg: IntentLeg) -> Decimal:
        """What the leg holds or has handed back as part of a set, counted in its own direction."""
        return self.orders.shares(leg.name, leg.side)

    def hedged(self) -> Decimal:
        return hedged(self.shares(leg) for leg in self.intent.legs)

    def alone(self) -> Decimal:
        """Shares of any leg that are no part of a whole set, those given back too often included."""
        return alone([self.shares(leg) for leg in self.intent.legs])

    def unwound(self) -> Decimal:
        """Shares of any leg that were had and given back."""
        return sum((self.orders.given_back(leg.name, leg.side) for leg in self.intent.legs), Decimal(0))

    def held(self, leg: IntentLeg) -> Decimal:
        """Shares of the leg that its market has still to pay for."""
        return self.shares(leg) - self.orders.merged()

    def record(self) -> TradeRecord:
        if self.final is not None:
            return self.final
        memory = self.memory
        counts = [self.shares(leg) for leg in self.intent.legs]
        whole = hedged(counts)
        cash = self.orders.cash()
        at_rest = self.state in DONE_TRADING
        memory.pnl = cash + (whole - self.orders.merged()) * self.intent.payoff
        return TradeRecord(
            intent_id=self.intent.id,
            state=self.state,
            outcome=self.outcome,
            hedged=whole,
            unwound=self.unwound(),
            residual=alone(counts),
            pnl=memory.pnl,
            reserved=max(-cash, Decimal(0)) if at_rest else memory.reserved,
            orders=tuple(order.record() for order in self.orders.orders),
            fills=(),
            steps=tuple(memory.story),
            revision=memory.revision,
            at=self.desk.now(),
            commands=tuple(memory.taken),
            entered=tuple(memory.entered),
        )

    def would_rest(self, state: TradeState, outcome: Outcome, text: str) -> TradeRecord:
        """The record as it will stand once the venue and the ledger agree."""
        self.memory.revision += 1
        self.memory.written = len(self.memory.taken)
        shown = self.record()
        if state is self.state:  # still waiting: nothing to add to the story
            return replace(shown, outcome=outcome)
        now = self.desk.now()
        return replace(
            shown,
            state=state,
            outcome=outcome,
            steps=(*shown.steps, Step(at=now, state=state, text=text)),
            entered=(*shown.entered, Entry(state, now)),
        )

    def rested(self, record: TradeRecord) -> None:
        """Venue and ledger agreed to a record: the trade stands as it says."""
        memory = self.memory
        memory.story, memory.entered = list(record.steps), list(record.entered)
        memory.state, memory.outcome = record.state, record.outcome
        if record.state is TradeState.CLOSED:
            self.final = record
        self.desk.show(record)

    def new_order(self, leg: IntentLeg, purpose: Purpose, side: Side, size: Decimal, limit: Decimal) -> Order:
        """Raises `ValueError` for numbers that no order may have: better parked than sent."""
        ticket = self.draft(leg, purpose, side, size, limit)
        return self._add(self._order(ticket, leg, rest_ms=leg.rest_ms if ticket.rests else 0))

    def draft(self, leg: IntentLeg, purpose: Purpose, side: Side, size: Decimal, limit: Decimal) -> OrderTicket:
        """The ticket of the leg's next order."""
        if not (count(size) and size > 0 and count(limit) and 0 < limit < 1):
            raise ValueError(f"an order of {size} at {limit} on {leg.name}; expected shares, and a price within 0…1")
        styled = purpose in (Purpose.OPEN, Purpose.HEDGE)
        return OrderTicket(
            intent_id=self.intent.id,
            leg=leg.name,
            attempt=self.orders.next_attempt(leg.name),
            purpose=purpose,
            venue=leg.venue,
            market=leg.market,
            side=side,
            size=size,
            limit=limit,
            tif=leg.tif if styled else TimeInForce.IOC,
            post_only=leg.post_only and styled,
            decided_at=self.intent.decided_at,
            expires_at=self.desk.now() + leg.rest_ms * 1000 + GTD_MARGIN_US
            if styled and leg.tif is TimeInForce.GTD
            else 0,
        )

    def new_merge(self, sets: Decimal) -> Order:
        leg = self.intent.legs[0]
        ticket = OrderTicket(
            intent_id=self.intent.id,
            leg=SETS,
            attempt=self.orders.next_attempt(SETS),
            purpose=Purpose.MERGE,
            venue=leg.venue,
            market=self.intent.set_id,
            side=Side.SELL,
            size=sets,
            limit=self.intent.payoff,
            decided_at=self.intent.decided_at,
        )
        return self._add(self._order(ticket, leg))

    def _order(self, ticket: OrderTicket, leg: IntentLeg, rest_ms: int = 0) -> Order:
        taken = len(self.memory.taken)
        return Order(ticket, leg.fees, rest_ms=rest_ms, commands=taken, by_average=self.edition == 1)

    def adopt(self, order: Order, evidence: OrderEvidence) -> None:
        """The venue's count of a dead order becomes the trade's."""
        self.memory.unrecorded = self.memory.unrecorded or evidence.filled != order.filled
        if evidence.filled != order.filled:
            ticket = order.ticket
            self.tell(
                f"The venue counts {plain(evidence.filled)} on {ticket.leg}{ticket.attempt}, "
                f"not {plain(order.filled)}; adopted."
            )
            self.commands.counts_changed()
            if evidence.filled < order.filled and ticket.purpose in (Purpose.HEDGE, Purpose.COMPLETE):
                self.memory.voided[ticket.leg] = self.memory.voided.get(ticket.leg, 0) + 1
        order.adopt(evidence)

    def _add(self, order: Order) -> Order:
        self.orders.orders.append(order)
        self.orders.drop_refused()
        return order
