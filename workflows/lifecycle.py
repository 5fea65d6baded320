"""The life of a trade: leg by leg, evidence, recheck and next leg in one step, repair of what stands alone, the tail.

Written once against the desk port. Dangerous awaits are marked: after each of them the process may have died
and another may continue, so nothing is assumed but what the desk answered.

    lifecycle   the path: legs in order                            orders    one order until its outcome is settled
    at_hand     the trade as its parts see it                      bounds    what may leave at most
    repair      what stands alone is completed, given back, kept   tail      the venue's final word, and payment
    commands    what people asked                                  state     all that a trade knows, as plain data
"""

from __future__ import annotations

from decimal import Decimal

from domain.evidence import OrderEvidence
from domain.intent import IntentLeg
from domain.money import plain, whole_lots
from domain.naming import shown
from domain.orders import Guard, OrderTicket, Purpose, SubmitResult, TimeInForce, Verdict
from domain.overfill import hedgeable
from domain.trade import TradeRecord, TradeState
from workflows import adoption, beyond, bounds, fewer, revival
from workflows.at_hand import TradeAtHand
from workflows.orders import Order
from workflows.repair import Repairs
from workflows.tail import Tail


class Trade(TradeAtHand):
    """One intent on its way to a final state. `run` returns the closed record."""

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

    async def counted(self, order: Order, evidence: OrderEvidence) -> Decimal | None:
        return await beyond.counted(self, order, evidence)

    async def believes(self, order: Order, evidence: OrderEvidence) -> bool:
        return await fewer.believed(self, order, evidence)

    async def take_over(self) -> None:
        """Look up every order that a person wants adopted."""
        while self.memory.adoptions:
            await adoption.adopt(self, self.memory.adoptions[0])
            del self.memory.adoptions[0]  # only now: what could not be looked up for a bug is looked up by mended code
