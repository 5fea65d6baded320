"""The tail: the venue's final word on every order, whole sets handed back, payment by the markets, then closed.

| state    | evidence                                   | next                                                    |
|----------|--------------------------------------------|---------------------------------------------------------|
| HEDGED   | the venue counts other fills, or voids one | counts adopted; repair if something stands alone then   |
| HEDGED   | counts agree, a fill is still provisional  | look again, until every fill is final                   |
| HEDGED   | counts agree, every fill is final          | SETTLING, the ledger written                            |
| SETTLING | the venue takes whole sets back            | merged: CLOSED if nothing else is held                  |
| SETTLING | every market held has paid                 | CLOSED, realised P&L booked                             |
| SETTLING | a message: a fill came late or was voided  | the final word is read again, as above                  |
| any      | nothing is held                            | CLOSED once venue and ledger agree                      |
"""

from __future__ import annotations

from dataclasses import replace

from domain.evidence import Redemption, Resolution
from domain.intent import IntentLeg
from domain.money import plain
from domain.naming import shown
from domain.orders import Guard, Side, Verdict
from domain.requests import Settlement
from domain.trade import Outcome, TradeRecord, TradeState
from workflows import fewer
from workflows.at_hand import TradeAtHand
from workflows.orders import SEND_WINDOW_US
from workflows.state import Payment


class Tail:
    """The end of one trade. `run` returns the closed record, or None when there is something to repair again."""

    def __init__(self, trade: TradeAtHand) -> None:
        self._trade = trade
        self._desk = trade.desk
        self._policy = trade.intent.policy
        self._memory = trade.memory

    async def run(self) -> TradeRecord | None:
        trade = self._trade
        trade.enter(_LAST_STATES.get(self._ending(), trade.state))
        if trade.alone():
            trade.tell(f"{plain(trade.alone())} shares stand alone and are left as they are.")
        look_ms = self._policy.evidence_poll_ms
        while True:
            if trade.edition > 1:
                await trade.take_over()  # an order of a person's may change what the trade ends as
                if not trade.may_stay():
                    return None
            settlement = await self._settle(self._ending())
            if settlement.unsettled:
                self._tell_unsettled(settlement.unsettled)
                await trade.rest(self._policy.settle_poll_ms)
                if not trade.may_stay():
                    return None
                continue
            if not settlement.agrees:
                if not await self._borne_out(settlement):
                    await trade.rest(look_ms)
                    look_ms = min(look_ms * 2, self._policy.settle_poll_ms)
                    continue
                self._adopt(settlement)
                await self._reopen()
                return None
            if settlement.record.state is TradeState.CLOSED:
                return settlement.record
            if not settlement.final:
                await trade.rest(look_ms)
                look_ms = min(look_ms * 2, self._policy.settle_poll_ms)
            elif await self._hand_back():
                continue
            else:
                await self._await_payment()
            if not trade.may_stay():
                await self._reopen()  # a person wants it sold, or adopted an order: trading goes on
                return None

    async def _settle(self, outcome: Outcome) -> Settlement:
        """Ask for the final word and rest on it: in SETTLING while shares are held, else CLOSED."""
        trade = self._trade
        redemptions = self._redemptions()
        held = any(trade.held(leg) for leg in trade.intent.legs)
        if redemptions is None and held:
            record = trade.would_rest(TradeState.SETTLING, outcome, _WAITING)
        else:
            record = trade.would_rest(TradeState.CLOSED, outcome, _ENDINGS[outcome])
            record = replace(record, redemptions=redemptions or ())
        trade.closing = record.state is TradeState.CLOSED
        settlement = await self._desk.settle(trade.intent, record)
        trade.closing = False
        if settlement.agrees and settlement.record.state is TradeState.CLOSED:
            trade.final = (
                settlement.record
            )  # first: the ledger has released its capital, whatever is raised from here on
        if settlement.agrees:
            self._adopt(settlement)  # equal counts, and now what they cost to the last unit: later records say it too
            trade.rested(settlement.record)
        return settlement

    def _tell_unsettled(self, why: str) -> None:
        """Once for each reason in a row: it may go on for days."""
        text = f"Venue and ledger could not be brought to agree yet: {why}. Asking again."
        if not self._memory.story or self._memory.story[-1].text != text:
            self._trade.tell(text)

    async def _reopen(self) -> None:
        """Trading goes on after a rest: from now on the capital of a whole repair is reserved again."""
        if self._trade.state is TradeState.SETTLING:
            self._trade.enter(TradeState.REBALANCE)
            await self._trade.write()

    async def _borne_out(self, settlement: Settlement) -> bool:
        """Whether every count that is new, beyond what was signed or below what is known, may be believed."""
        orders = {order.ticket.client_order_id: order for order in self._trade.orders.orders}
        for evidence in settlement.evidence:
            order = orders[evidence.client_order_id]
            doubted = evidence.beyond and evidence.filled != order.filled and self._trade.edition > 1
            if doubted and await self._trade.counted(order, evidence) != evidence.filled:
                return False
            if not await fewer.believed(self._trade, order, evidence):
                return False
        return True

    def _adopt(self, settlement: Settlement) -> None:
        """The venue's counts become the trade's."""
        by_id = {order.ticket.client_order_id: order for order in self._trade.orders.orders}
        for evidence in settlement.evidence:
            self._trade.adopt(by_id[evidence.client_order_id], evidence)

    async def _hand_back(self) -> bool:
        """Give whole sets back to a venue that pays for them at once. True if some were taken."""
        trade = self._trade
        sets = trade.hedged() - trade.orders.merged()
        if not self._memory.merging or sets <= 0:
            return False
        order = trade.new_merge(sets)
        await trade.put_on_record()
        result = await trade.sender.send(order, Guard(not_after=self._desk.now() + SEND_WINDOW_US))
        if not order.filled:  # the markets pay in the end; asking again would only repeat the answer
            self._memory.merging = result.verdict is Verdict.DENIED and result.code != "not_supported"
        return order.filled > 0

    async def _await_payment(self) -> None:
        """Wait until every market held has paid, something is said, or a message asks for another look."""
        trade, look_ms = self._trade, self._policy.settle_poll_ms
        while True:
            for leg in trade.intent.legs:
                if not trade.held(leg) or self._payment(leg) is not None:
                    continue
                seen = await self._desk.resolution(leg.venue, leg.market)
                if seen is not None and seen.payout is not None:
                    self._memory.payments.append(Payment(leg.venue, leg.market, seen))
                    trade.tell(f"{shown(leg.market)} has paid ${plain(seen.payout)} a share.")
            if self._redemptions() is not None or not trade.may_stay() or await trade.rest(look_ms):
                return  # paid; or a message: a fill may have come late, or been voided, or a person spoke
            look_ms = min(look_ms * 2, self._policy.settle_slowest_ms)

    def _redemptions(self) -> tuple[Redemption, ...] | None:
        """What the markets paid this trade; None while one of those held has not."""
        trade, found = self._trade, []
        for leg in trade.intent.legs:
            held = trade.held(leg)
            if not held:
                continue
            paid = self._payment(leg)
            if paid is None or paid.payout is None:
                return None
            shares = held if leg.side is Side.BUY else -held
            found.append(Redemption(leg.venue, leg.market, trade.intent.id, shares, paid.payout, paid.at))
        return tuple(found)

    def _payment(self, leg: IntentLeg) -> Resolution | None:
        where = (leg.venue, leg.market)
        return next((p.resolution for p in self._memory.payments if (p.venue, p.market) == where), None)

    def _ending(self) -> Outcome:
        trade, orders = self._trade, self._trade.orders.orders
        alone, back = trade.alone(), trade.unwound()
        if alone > self._policy.dust:
            return Outcome.RESIDUAL
        if trade.hedged() > 0:
            return Outcome.REDUCED if back else Outcome.HEDGED
        if back:
            return Outcome.UNWOUND
        if alone:
            return Outcome.RESIDUAL
        sent = any(order.result is None or order.result.verdict is not Verdict.DENIED for order in orders)
        return Outcome.MISSED if sent else Outcome.DENIED


_WAITING = "Every fill is final; waiting for the markets to pay."
_LAST_STATES = {
    Outcome.HEDGED: TradeState.HEDGED,
    Outcome.REDUCED: TradeState.HEDGED,
    Outcome.RESIDUAL: TradeState.HEDGED,
    Outcome.MISSED: TradeState.MISSED,
}
_ENDINGS: dict[Outcome, str] = {
    Outcome.HEDGED: "Closed: every filled share had its other side.",
    Outcome.REDUCED: "Closed: part was hedged, the rest was given back.",
    Outcome.UNWOUND: "Closed: what filled was given back again; nothing is left.",
    Outcome.MISSED: "Closed: the first leg did not fill; nothing happened.",
    Outcome.DENIED: "Closed: refused before anything was sent.",
    Outcome.RESIDUAL: "Closed: part stood alone, and was kept as it was.",
}
