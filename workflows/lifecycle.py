"""The life of a trade: leg A, evidence, recheck and leg B in one step, repair of what stands alone, close.

Written once against the desk port. Dangerous awaits are marked: after each of them the process may have died
and another may continue, so nothing is assumed but what the desk answered.
"""

from __future__ import annotations

from decimal import Decimal

from domain import residual as repair
from domain.intent import Intent, IntentLeg
from domain.money import plain
from domain.operator import OperatorCommand
from domain.orders import Guard, OrderTicket, Purpose, Quote, Side, SubmitResult, Verdict
from domain.trade import Outcome, Step, TradeRecord, TradeState
from workflows.desk import Desk
from workflows.orders import Order, OrderBook, Sender

_STUCK_LOOK_MS = 5_000
_SLOWEST_LOOK_MS = 900_000
_SLOWEST_REPAIR_MS = 2_000
_FAR_FUTURE = 2**62


class Trade:
    """One intent on its way to a final state. `run` returns the closed record; `record` shows it at any time."""

    def __init__(self, intent: Intent, desk: Desk) -> None:
        self.intent = intent
        self._desk = desk
        self._leg_a, self._leg_b = intent.legs
        self._orders = OrderBook()
        self._sender = Sender(desk, intent, self.tell, self._park)
        self._steps: list[Step] = []
        self._revision = 0
        self._unwind: OperatorCommand | None = None
        self.state = TradeState.PLANNED
        self.outcome: Outcome | None = None
        self.final: TradeRecord | None = None

    # ------------------------------------------------------------------ the path

    async def run(self) -> TradeRecord:
        legs = " and ".join(f"{leg.market} at {plain(leg.limit)}" for leg in self.intent.legs)
        self.tell(f"Planned: buy {plain(self.intent.size)} of {legs}, for ${plain(self.intent.edge)} after fees.")
        first = await self._open()
        if first.verdict is Verdict.DENIED:
            return await self._close(Outcome.DENIED)
        if not self._orders.shares(self._leg_a.name):
            self._enter(TradeState.MISSED)
            return await self._close(Outcome.MISSED)
        recheck = None if self._unwind else await self._hedge()
        while True:
            await self._rebalance(recheck.quote if recheck else None)
            closed = await self._try_close()
            if closed is not None:
                return closed
            recheck = None

    async def _open(self) -> SubmitResult:
        """Leg A: the scarcer one, at the price it was decided on, while the intent is fresh."""
        self._enter(TradeState.LEG_A)
        leg = self._leg_a
        order = self._new_order(leg, Purpose.OPEN, leg.side, leg.size, leg.limit)
        return await self._sender.send(order, Guard(not_after=self.intent.expires_at))  # dangerous: A may be filled

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

    async def _rebalance(self, seen: Quote | None) -> None:
        """Shrink the residual until it is dust: complete or unwind, whichever is worth more within the budget.

        `seen` is leg B's book as the recheck saw it, if that is why leg B was not sent.
        """
        policy = self.intent.policy
        deadline = self._desk.now() + policy.repair_deadline_ms * 1000
        rung, look_ms = 0, policy.ladder_wait_ms
        while abs(self._imbalance()) > policy.dust:
            if self._unwind is not None:
                self._enter(TradeState.UNWIND)
            elif self.state is not TradeState.STUCK:
                self._enter(TradeState.REBALANCE)
            ticks = policy.ladder_ticks[min(rung, len(policy.ladder_ticks) - 1)]
            choice, standing, missing = await self._look(seen, ticks)
            seen = None
            if choice.best is not None:
                best = choice.best
                self.tell(f"{plain(abs(self._imbalance()))} shares stand alone. {choice.why}. Chosen: {best.purpose}.")
                leg = missing if best.purpose is Purpose.COMPLETE else standing
                order = self._new_order(leg, best.purpose, best.side, best.size, best.limit)
                await self._sender.send(order, Guard(not_after=_FAR_FUTURE))  # dangerous: may have filled
                rung += 1
                if order.filled:
                    continue
            if self.state is not TradeState.STUCK and self._desk.now() > deadline:
                self.tell(f"No repair so far: {choice.why}.")
                await self._park("the residual could be neither completed nor unwound within the loss budget in time")
                look_ms = _STUCK_LOOK_MS
            await self._desk.pause(look_ms)
            look_ms = min(look_ms * 2, _SLOWEST_LOOK_MS if self.state is TradeState.STUCK else _SLOWEST_REPAIR_MS)

    async def _look(self, seen: Quote | None, extra_ticks: int) -> tuple[repair.Options, IntentLeg, IntentLeg]:
        """Both books now, and what completing or unwinding would bring. The leg with more shares stands."""
        imbalance = self._imbalance()
        standing, missing = (self._leg_a, self._leg_b) if imbalance > 0 else (self._leg_b, self._leg_a)
        asks = seen if seen is not None and seen.market == missing.market else None
        if asks is None and not self._unwind:
            asks = await self._desk.quote(missing.venue, missing.market)
        bids = await self._desk.quote(standing.venue, standing.market)
        hedged = min(self._orders.shares(self._leg_a.name), self._orders.shares(self._leg_b.name))
        residual = repair.Residual(
            shares=abs(imbalance),
            sunk=self._orders.cash() + hedged * self.intent.payoff,
            payoff=self.intent.payoff,
            floor=None if self._unwind else -self.intent.policy.loss_budget,
        )
        complete = None if self._unwind else repair.Book(repair.asks_of(asks), missing.fees, missing.tick)
        unwind = repair.Book(repair.bids_of(bids), standing.fees, standing.tick)
        return repair.options(residual, complete, unwind, extra_ticks), standing, missing

    # ------------------------------------------------------------------ the end

    async def _close(self, outcome: Outcome) -> TradeRecord:
        """Close a trade nothing of which ever filled."""
        self.outcome = outcome
        closed = await self._try_close()
        while closed is None:  # the venue counts a fill after all: it is ours, and stands alone
            await self._rebalance(None)
            closed = await self._try_close()
        return closed

    async def _try_close(self) -> TradeRecord | None:
        """Read the final word on every order. Closes if the venue's counts are the trade's; else adopts them."""
        outcome = self.outcome or self._outcome_of_shares()
        self._enter(TradeState.HEDGED if outcome in (Outcome.HEDGED, Outcome.REDUCED) else self.state)
        self.outcome, self.state = outcome, TradeState.CLOSED
        self.tell(_ENDINGS[outcome])
        settlement = await self._desk.settle(self.intent, self.record())
        if settlement.agrees:
            self.final = settlement.record
            self._desk.show(settlement.record)
            return settlement.record
        self.state, self.outcome = TradeState.REBALANCE, None
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

    def _outcome_of_shares(self) -> Outcome:
        hedged = min(self._orders.shares(self._leg_a.name), self._orders.shares(self._leg_b.name))
        sold = any(o.ticket.side is Side.SELL and o.filled for o in self._orders.orders)
        if hedged > 0:
            return Outcome.REDUCED if sold else Outcome.HEDGED
        return Outcome.UNWOUND if sold else Outcome.MISSED

    async def _park(self, why: str) -> None:
        """STUCK: exposure stays reserved, people are told, and the trade goes on looking."""
        self._enter(TradeState.STUCK)
        self.tell(f"Stuck: {why}. `surefoot unwind {self.intent.id}` sells what stands alone at any price.")
        await self._desk.record(self.intent, self.record())

    # ------------------------------------------------------------------ people

    def may_unwind(self, command: OperatorCommand) -> None:
        """Raise ValueError with the reason when `command` cannot be carried out. Changes nothing."""
        if not command.author.strip() or not command.reason.strip():
            raise ValueError("an unwind needs an author and a reason; got an empty one")
        if self.state in (TradeState.CLOSED, TradeState.HEDGED, TradeState.MISSED):
            raise ValueError(f"the trade is {self.state}: nothing stands alone, there is nothing to unwind")
        if self._unwind is not None:
            raise ValueError(f"{self._unwind.author} already asked for an unwind: {self._unwind.reason}")

    def unwind(self, command: OperatorCommand) -> str:
        """From now on the residual is only sold, at any price. Returns what will happen, for the operator."""
        self._unwind = command
        self.tell(f"{command.author} asked to unwind: {command.reason}")
        alone = abs(self._imbalance())
        return (
            f"{plain(alone)} shares stand alone now; they and anything an open order still fills will be sold"
            if alone
            else "nothing stands alone yet; leg B will not be sent, and what leg A fills will be sold"
        )

    # ------------------------------------------------------------------ what is known

    def tell(self, text: str) -> None:
        self._steps.append(Step(at=self._desk.now(), state=self.state, text=text))
        self._revision += 1

    def record(self) -> TradeRecord:
        if self.final is not None:
            return self.final
        a, b = self._orders.shares(self._leg_a.name), self._orders.shares(self._leg_b.name)
        hedged = min(a, b)
        sold = sum((o.filled for o in self._orders.orders if o.ticket.side is Side.SELL), Decimal(0))
        return TradeRecord(
            intent_id=self.intent.id,
            state=self.state,
            outcome=self.outcome,
            hedged=hedged,
            unwound=sold,
            residual=abs(a - b),
            pnl=self._orders.cash() + hedged * self.intent.payoff,
            reserved=Decimal(0) if self.state is TradeState.CLOSED else self.intent.worst_cost,
            orders=tuple(order.record() for order in self._orders.orders),
            fills=(),
            steps=tuple(self._steps),
            revision=self._revision,
            at=self._desk.now(),
        )

    def _imbalance(self) -> Decimal:
        """Shares of leg A without leg B; negative when leg B has more."""
        return self._orders.shares(self._leg_a.name) - self._orders.shares(self._leg_b.name)

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
        order = Order(ticket)
        self._orders.orders.append(order)
        return order


_ENDINGS: dict[Outcome, str] = {
    Outcome.HEDGED: "Closed: every filled share has its other side.",
    Outcome.REDUCED: "Closed: part is hedged, the rest was sold.",
    Outcome.UNWOUND: "Closed: what filled was sold again; nothing is left.",
    Outcome.MISSED: "Closed: leg A did not fill; nothing happened.",
    Outcome.DENIED: "Closed: refused before anything was sent.",
    Outcome.RESIDUAL: "Closed: the residual was accepted as it stands.",
}
