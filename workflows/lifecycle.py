"""The life of a trade: leg A, evidence, recheck and leg B in one step, repair of what stands alone, close.

Written once against the desk port. Dangerous awaits are marked: after each of them the process may have died
and another may continue, so nothing is assumed but what the desk answered.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from decimal import Decimal

from domain import residual as repair
from domain.intent import Intent, IntentLeg
from domain.money import plain
from domain.operator import OperatorCommand
from domain.orders import Guard, OrderTicket, Purpose, Quote, Side, SubmitResult, Verdict
from domain.trade import Outcome, Step, TradeRecord, TradeState
from workflows.desk import Desk
from workflows.orders import SEND_WINDOW_US, Order, OrderBook, Sender

_STUCK_LOOK_MS = 5_000
_SLOWEST_STUCK_LOOK_MS = 900_000  # a stuck trade may look for weeks; each look grows its history
_SLOWEST_LOOK_MS = 2_000


class Trade:
    """One intent on its way to a final state. `run` returns the closed record; `record` shows it at any time."""

    def __init__(self, intent: Intent, desk: Desk) -> None:
        self.intent = intent
        self._desk = desk
        self._leg_a, self._leg_b = intent.legs
        self._orders = OrderBook()
        self._sender = Sender(desk, intent, self)
        self._steps: list[Step] = []
        self._revision = 0
        self._unwind: OperatorCommand | None = None
        self._closing = False
        self.state = TradeState.PLANNED
        self.outcome: Outcome | None = None
        self.final: TradeRecord | None = None

    # ------------------------------------------------------------------ the path

    async def run(self) -> TradeRecord:
        legs = " and ".join(f"{leg.market} at {plain(leg.limit)}" for leg in self.intent.legs)
        self.tell(f"Planned: buy {plain(self.intent.size)} of {legs}, for ${plain(self.intent.edge)} after fees.")
        if self._unwind is None:
            await self._open()
        hedge: SubmitResult | None = None
        if self._orders.shares(self._leg_a.name) and self._unwind is None:
            hedge = await self._hedge()
        while True:
            await self._rebalance(hedge)
            closed = await self._try_close()
            if closed is not None:
                return closed
            hedge = None

    async def _open(self) -> None:
        """Leg A: the scarcer one, at the price it was decided on, while the intent is fresh."""
        self._enter(TradeState.LEG_A)
        leg = self._leg_a
        order = self._new_order(leg, Purpose.OPEN, leg.side, leg.size, leg.limit)
        await self._sender.send(order, Guard(not_after=self.intent.expires_at))  # dangerous: A may be filled

    async def _hedge(self) -> SubmitResult:
        """Leg B for what leg A filled, not for what was asked; looked at and sent in one step."""
        leg, policy = self._leg_b, self.intent.policy
        filled = self._orders.shares(self._leg_a.name)
        limit = min(leg.limit + policy.leg_b_slack, self.intent.payoff - leg.tick)
        self._enter(TradeState.RECHECK)
        order = self._new_order(leg, Purpose.HEDGE, leg.side, filled, limit)
        guard = Guard(
            not_after=self._desk.now() + policy.max_leg_delay_ms * 1000,
            recheck=True,
            max_quote_age_ms=policy.max_quote_age_ms,
            min_depth=filled,
        )
        result = await self._sender.send(order, guard)  # dangerous: we stand on one leg until this is settled
        if result.verdict is not Verdict.DENIED:
            self.state = TradeState.LEG_B
        return result

    async def _rebalance(self, hedge: SubmitResult | None) -> None:
        """Shrink the residual until it is dust: complete or unwind, whichever is worth more within the budget.

        `hedge` is leg B's answer if this follows it: a recheck that refused has just seen leg B's book, and a venue
        that refused the hedge will refuse a completion too.
        """
        policy = self.intent.policy
        seen = hedge.quote if hedge is not None and hedge.verdict is Verdict.DENIED else None
        refused = {Purpose.COMPLETE} if hedge is not None and hedge.verdict is Verdict.REJECTED else set()
        asked, parked = self._unwind is not None, False
        deadline = self._desk.now() + policy.repair_deadline_ms * 1000
        rung, look_ms, slowest_ms = 0, policy.ladder_wait_ms, _SLOWEST_LOOK_MS
        while self._alone() > policy.dust:
            if self._unwind is not None and not asked:  # a person's wish is a new task with all of its time
                asked, parked, rung = True, False, 0
                deadline = self._desk.now() + policy.repair_deadline_ms * 1000
                look_ms, slowest_ms = policy.ladder_wait_ms, _SLOWEST_LOOK_MS
            if not parked:
                self._enter(TradeState.UNWIND if asked else TradeState.REBALANCE)
            self._desk.show(self.record())
            ticks = policy.ladder_ticks[min(rung, len(policy.ladder_ticks) - 1)]
            choice, standing, missing = await self._look(seen, refused, ticks)
            seen = None
            if choice.best is not None and self._unwind is not None and not asked:
                continue  # asked during the look: what it chose is no longer wanted
            if choice.best is not None:
                best = choice.best
                self.tell(f"{plain(self._alone())} shares stand alone. {choice.why}. Chosen: {best.purpose}.")
                leg = missing if best.purpose is Purpose.COMPLETE else standing
                order = self._new_order(leg, best.purpose, best.side, best.size, best.limit)
                guard = Guard(not_after=self._desk.now() + SEND_WINDOW_US)
                result = await self._sender.send(order, guard)  # dangerous: may have filled
                if order.filled:
                    rung, refused = rung + 1, set()
                    continue
                # A wider limit does not help where the venue says no; the other way may be open.
                rung = 0 if result.verdict is Verdict.REJECTED else rung + 1
                refused = refused | {best.purpose} if result.verdict is Verdict.REJECTED else refused
            else:
                refused = set()
            if not parked and self._desk.now() > deadline:
                self.tell(f"No repair so far: {choice.why}.")
                await self.park("the residual could be neither completed nor unwound within the loss budget in time")
                parked, look_ms, slowest_ms = True, _STUCK_LOOK_MS, _SLOWEST_STUCK_LOOK_MS
            await self._desk.pause(look_ms)
            look_ms = min(look_ms * 2, slowest_ms)

    async def _look(
        self, seen: Quote | None, refused: Set[Purpose], extra_ticks: int
    ) -> tuple[repair.Options, IntentLeg, IntentLeg]:
        """Both books now, and what completing or unwinding would bring. The leg with more shares stands.

        A leg sold below nothing (a count taken back after the sale) can only be bought back, whoever asks for what.
        """
        a, b = self._orders.shares(self._leg_a.name), self._orders.shares(self._leg_b.name)
        standing, missing = (self._leg_a, self._leg_b) if a > b else (self._leg_b, self._leg_a)
        least, short = min(a, b), min(a, b) < 0
        may_complete = short or (self._unwind is None and Purpose.COMPLETE not in refused)
        may_unwind = not short and Purpose.UNWIND not in refused
        asks = seen if seen is not None and seen.market == missing.market else None
        if asks is None and may_complete:
            asks = await self._desk.quote(missing.venue, missing.market)
        bids = await self._desk.quote(standing.venue, standing.market) if may_unwind else None
        residual = repair.Residual(
            shares=-least if short else abs(a - b),
            sunk=self._orders.cash() + least * self.intent.payoff,
            payoff=self.intent.payoff,
            floor=None if self._unwind else -self.intent.policy.loss_budget,
        )
        complete = repair.Book(repair.asks_of(asks), missing.fees, missing.tick) if may_complete else None
        unwind = repair.Book(repair.bids_of(bids), standing.fees, standing.tick) if may_unwind else None
        return repair.options(residual, complete, unwind, extra_ticks), standing, missing

    # ------------------------------------------------------------------ the end

    async def _try_close(self) -> TradeRecord | None:
        """Read the final word on every order. Closes if the venue's counts are the trade's; else adopts them."""
        outcome = self._ending()
        self._enter(_LAST_STATES.get(outcome, self.state))
        if self._alone():
            self.tell(f"{plain(self._alone())} shares stand alone: dust by the policy, left as they are.")
        self._closing = True
        self._revision += 1
        closing = self.record()
        last = Step(at=self._desk.now(), state=TradeState.CLOSED, text=_ENDINGS[outcome])
        closing = replace(
            closing, state=TradeState.CLOSED, outcome=outcome, reserved=Decimal(0), steps=(*closing.steps, last)
        )
        settlement = await self._desk.settle(self.intent, closing)
        if settlement.agrees:
            self.state, self.outcome, self.final = TradeState.CLOSED, outcome, settlement.record
            self._desk.show(settlement.record)
            return settlement.record
        self._closing = False
        by_id = {order.ticket.client_order_id: order for order in self._orders.orders}
        for evidence in settlement.evidence:
            order = by_id[evidence.client_order_id]
            if evidence.filled != order.filled:
                self.tell(
                    f"The venue counts {plain(evidence.filled)} shares on {order.ticket.leg}{order.ticket.attempt}, "
                    f"not {plain(order.filled)}; adopted."
                )
            order.adopt(evidence)
        return None

    def _ending(self) -> Outcome:
        orders = self._orders.orders
        sold = any(order.ticket.side is Side.SELL and order.filled for order in orders)
        if self._hedged() > 0:
            return Outcome.REDUCED if sold else Outcome.HEDGED
        if sold:
            return Outcome.UNWOUND
        if self._alone():
            return Outcome.RESIDUAL
        sent = any(order.result is None or order.result.verdict is not Verdict.DENIED for order in orders)
        return Outcome.MISSED if sent else Outcome.DENIED

    def wants(self, order: Order) -> bool:
        """Whether one more copy of an order in doubt still serves; see `workflows.orders`."""
        if order.ticket.purpose is Purpose.UNWIND:
            return True
        fresh = order.ticket.purpose is not Purpose.OPEN or self._desk.now() <= self.intent.expires_at
        return fresh and self._unwind is None

    def in_doubt(self, order: Order) -> None:
        if order.ticket.purpose is Purpose.HEDGE:
            self._enter(TradeState.LEG_B)
        self._desk.show(self.record())

    async def park(self, why: str) -> None:
        """STUCK: exposure stays reserved, people are told, and the trade goes on looking."""
        self._enter(TradeState.STUCK)
        self.tell(f"Stuck: {why}. `surefoot unwind {self.intent.id}` sells what stands alone at any price.")
        await self._desk.record(self.intent, self.record())

    # ------------------------------------------------------------------ people

    def may_unwind(self, command: OperatorCommand) -> None:
        """Raise ValueError with the reason when `command` cannot be carried out. Changes nothing."""
        if not command.author.strip() or not command.reason.strip():
            raise ValueError("an unwind needs an author and a reason; got an empty one")
        if self._closing:
            raise ValueError(f"the trade is {self.state}: nothing stands alone, there is nothing to unwind")
        if self._unwind is not None:
            raise ValueError(f"{self._unwind.author} already asked for an unwind: {self._unwind.reason}")

    def unwind(self, command: OperatorCommand) -> str:
        """From now on the residual is only sold, at any price. Returns what will happen, for the operator."""
        self._unwind = command
        self.tell(f"{command.author} asked to unwind: {command.reason}")
        alone = self._alone()
        return (
            f"{plain(alone)} shares stand alone now; whatever still does once open orders are settled will be sold"
            if alone
            else "nothing stands alone now; no more is bought, and whatever an open order leaves alone will be sold"
        )

    # ------------------------------------------------------------------ what is known

    def tell(self, text: str) -> None:
        self._steps.append(Step(at=self._desk.now(), state=self.state, text=text))
        self._revision += 1

    def record(self) -> TradeRecord:
        if self.final is not None:
            return self.final
        sold = sum((o.filled for o in self._orders.orders if o.ticket.side is Side.SELL), Decimal(0))
        return TradeRecord(
            intent_id=self.intent.id,
            state=self.state,
            outcome=self.outcome,
            hedged=self._hedged(),
            unwound=sold,
            residual=self._alone(),
            pnl=self._orders.cash() + self._hedged() * self.intent.payoff,
            reserved=self.intent.worst_cost,
            orders=tuple(order.record() for order in self._orders.orders),
            fills=(),
            steps=tuple(self._steps),
            revision=self._revision,
            at=self._desk.now(),
        )

    def _hedged(self) -> Decimal:
        a, b = self._orders.shares(self._leg_a.name), self._orders.shares(self._leg_b.name)
        return max(min(a, b), Decimal(0))

    def _alone(self) -> Decimal:
        """Shares of either leg that are no part of a hedged pair, sold short ones included."""
        a, b = self._orders.shares(self._leg_a.name), self._orders.shares(self._leg_b.name)
        hedged = self._hedged()
        return abs(a - hedged) + abs(b - hedged)

    def _enter(self, state: TradeState) -> None:
        if state is not self.state:
            self.state = state
            self._revision += 1
            self._desk.show(self.record())

    def _new_order(self, leg: IntentLeg, purpose: Purpose, side: Side, size: Decimal, limit: Decimal) -> Order:
        ticket = OrderTicket(
            intent_id=self.intent.id,
            leg=leg.name,
            attempt=self._orders.next_attempt(leg.name),
            purpose=purpose,
            venue=leg.venue,
            market=leg.market,
            side=side,
            size=size,
            limit=limit,
        )
        order = Order(ticket, leg.fees)
        self._orders.orders.append(order)
        return order


_LAST_STATES = {
    Outcome.HEDGED: TradeState.HEDGED,
    Outcome.REDUCED: TradeState.HEDGED,
    Outcome.MISSED: TradeState.MISSED,
}
_ENDINGS: dict[Outcome, str] = {
    Outcome.HEDGED: "Closed: every filled share has its other side.",
    Outcome.REDUCED: "Closed: part is hedged, the rest was sold.",
    Outcome.UNWOUND: "Closed: what filled was sold again; nothing is left.",
    Outcome.MISSED: "Closed: leg A did not fill; nothing happened.",
    Outcome.DENIED: "Closed: refused before anything was sent.",
    Outcome.RESIDUAL: "Closed: what filled is dust and was left as it stands.",
}
