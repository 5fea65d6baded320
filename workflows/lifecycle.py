"""The life of a trade: leg by leg, evidence, recheck and next leg in one step, repair of what stands alone, the tail.

Written once against the desk port. Dangerous awaits are marked: after each of them the process may have died
and another may continue, so nothing is assumed but what the desk answered.

    lifecycle   the path: legs in order, and who may ask what      orders    one order until its outcome is settled
    repair      what stands alone is completed, given back, kept   tail      the venue's final word, and payment
    commands    what people asked                                  state     all that a trade knows, as plain data
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import cast

from domain.evidence import OrderEvidence
from domain.intent import Intent, IntentLeg
from domain.money import plain, whole_lots
from domain.naming import shown
from domain.operator import Action, OperatorCommand
from domain.orders import SETS, Guard, OrderTicket, Purpose, Side, SubmitResult, TimeInForce, Verdict
from domain.overfill import hedgeable
from domain.residual import alone, hedged
from domain.trade import DONE_TRADING, Entry, Outcome, Step, TradeRecord, TradeState
from workflows import adoption, beyond, bounds, fewer, revival
from workflows.commands import Commands
from workflows.desk import Desk
from workflows.orders import GTD_MARGIN_US, MOST_COPIES, Order, OrderBook, Sender
from workflows.repair import Repairs
from workflows.state import FIRST_BOUNDED, OrderState, TradeMemory, begun, count
from workflows.tail import Tail


class Renewed(Exception):
    """The trade has waited for long: it goes on in a run of its own, with a history that is short again."""


class Trade:
    """One intent on its way to a final state. `run` returns the closed record; `record` shows it at any time.

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

    # ------------------------------------------------------------------ the path

    async def run(self) -> TradeRecord:
        """Raises `Renewed` where the trade is to go on in a run of its own, from `memory`."""
        last: SubmitResult | None = None
        if self.memory.story:
            await self._resume()
        else:
            self.memory.edition = self.desk.edition()
            legs = " and ".join(f"{leg.side} {shown(leg.market)} at {plain(leg.limit)}" for leg in self.intent.legs)
            size, edge = plain(self.intent.size), plain(self.intent.edge)
            self.tell(f"Planned: {size} each of {legs}, for ${edge} after fees.")
        if not self.orders.orders and self.commands.mode is None:
            await self._open()
            last = await self._hedge()
        repairs, tail = Repairs(self), Tail(self)
        while True:
            await repairs.run(last)
            closed = await tail.run()
            if closed is not None:
                self.final = closed
                return closed
            last = None

    async def _resume(self) -> None:
        """Go on from a memory: first what people asked meanwhile, then every order whose outcome is open. What is
        missing after that is a question for the repairs."""
        self.memory.edition = self.desk.edition()  # the run's own: what came before it is in the memory alone
        self.commands.obey_pending()
        if self.memory.revived:
            await revival.confirm(self)
        for order in self.orders.orders:
            if not order.settled:
                self.in_doubt(order)
                await self.sender.resolve(order)
        await self.take_over()

    async def _open(self) -> None:
        """Leg A: the scarcer one, at the price it was decided on, while the intent is fresh."""
        self.enter(TradeState.LEG_A)
        leg = self.intent.legs[0]
        order = self.new_order(leg, Purpose.OPEN, leg.side, leg.size, leg.limit)
        await self.sender.send(order, Guard(not_after=self.intent.expires_at))  # dangerous: A may be filled

    async def _hedge(self) -> SubmitResult | None:
        """Each further leg for what the legs before it all filled, not for what was asked; looked at and sent in one
        step. Stops at a leg that brings nothing: what to do then is a question of value. Returns its last answer."""
        policy, result = self.intent.policy, None
        for n, leg in enumerate(self.intent.legs[1:], start=1):
            filled = whole_lots(min(self.shares(earlier) for earlier in self.intent.legs[:n]), leg.lot)
            if filled < max(leg.min_size, leg.lot) or self.commands.mode is not None:
                return None
            limit = leg.limit if leg.tif is TimeInForce.GTC else leg.within(policy.leg_b_slack)
            filled = self._reserved_for(leg, limit, filled)
            if filled < max(leg.min_size, leg.lot):
                return None  # what may be hedged now is less than the venue takes: a question of value too
            self.enter(TradeState.RECHECK)
            if filled > self.intent.size:  # up to the plan no bound needs more to let it pass
                await self.put_on_record()
                if self.commands.mode is not None:
                    return None
            order = self.new_order(leg, Purpose.HEDGE, leg.side, filled, limit)
            guard = Guard(
                not_after=self.desk.now() + policy.max_leg_delay_ms * 1000,
                recheck=not order.ticket.rests,  # one that rests waits for its price
                max_quote_age_ms=policy.max_quote_age_ms,
                min_depth=min(filled, self.intent.size),
            )
            result = await self.sender.send(order, guard)  # dangerous: we stand on one leg until this is settled
            if result.verdict is not Verdict.DENIED:
                self._be(TradeState.LEG_B)
            if not order.filled:
                return result
        return result

    def _reserved_for(self, leg: IntentLeg, limit: Decimal, filled: Decimal) -> Decimal:
        """As much of what filled as may be hedged; an order that must fill whole asks for no more than was planned."""
        if leg.tif is TimeInForce.FOK:
            return min(filled, self.intent.size)
        filled = min(filled, bounds.room(self, leg, filled))
        return hedgeable(self.intent, leg, limit, filled, self.orders.out())

    # ------------------------------------------------------------------ for the sender

    def bound(self, ticket: OrderTicket) -> str:
        return bounds.refused(self, ticket)

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

    async def counted(self, order: Order, evidence: OrderEvidence) -> Decimal | None:
        return await beyond.counted(self, order, evidence)

    async def believes(self, order: Order, evidence: OrderEvidence) -> bool:
        return await fewer.believed(self, order, evidence)

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

    async def take_over(self) -> None:
        """Look up every order that a person wants adopted."""
        while self.memory.adoptions:
            await adoption.adopt(self, self.memory.adoptions[0])
            del self.memory.adoptions[0]  # only now: what could not be looked up for a bug is looked up by mended code

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
