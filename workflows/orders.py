"""The orders of one trade, and how an unknown one is settled: by the venue's evidence and by nothing else.

State × evidence, for an order whose submit ended UNKNOWN (docs/concepts/trade-lifecycle.md has the whole table):

    | evidence            | next                                            | why                                      |
    |---------------------|-------------------------------------------------|------------------------------------------|
    | done                | settled with the venue's count                  | counts of a dead order are final         |
    | resting (IOC)       | look again; after a second, cancel and look     | a lagging read, or a venue that forgot   |
    | absent, opening leg | intent still fresh: the same bytes again        | the venue dedupes, the answer is definite|
    |                     | expired: settled with nothing filled            | proven: nothing can arrive any more      |
    | absent or unseen,   | the same bytes again                            | we stand on one leg; the limit that made |
    | hedge or repair     |                                                 | it worth sending still bounds it         |
    | unseen, or landed   | look again                                      | reads lag writes; absence proves nothing |
    | none until deadline | STUCK, exposure reserved; still looking         | failure is never inferred                |
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal

from domain.evidence import OrderEvidence, OrderStatus
from domain.intent import Intent, LegPolicy
from domain.money import plain
from domain.orders import Guard, OrderTicket, Purpose, Side, SubmitResult, Verdict
from domain.trade import OrderRecord
from workflows.desk import Desk

_FAR_FUTURE = 2**62
_RESTING_PATIENCE_US = 1_000_000
_SLOWEST_POLL_MS = 5_000


@dataclass(slots=True)
class Order:
    """One order's life inside the trade."""

    ticket: OrderTicket
    result: SubmitResult | None = None
    order_id: str | None = None
    filled: Decimal = Decimal(0)
    settled: bool = False
    landed: bool = False
    sent_at: int = 0
    price: Decimal | None = None
    fee: Decimal | None = None  # a share
    cash_known: Decimal | None = None

    @property
    def shares(self) -> Decimal:
        """Signed position change."""
        return self.filled if self.ticket.side is Side.BUY else -self.filled

    @property
    def cash(self) -> Decimal:
        """Signed cash of what filled: exact once fills are known, at the answered average or the limit before."""
        if self.cash_known is not None:
            return self.cash_known
        price = self.price if self.price is not None else self.ticket.limit
        gross = price * self.filled
        fees = (self.fee or Decimal(0)) * self.filled
        return (gross if self.ticket.side is Side.SELL else -gross) - fees

    def adopt(self, evidence: OrderEvidence) -> None:
        """Take over the venue's count; final because the order is dead."""
        self.settled = True
        self.order_id = evidence.order_id or self.order_id
        self.filled = evidence.filled
        if evidence.complete and evidence.filled:
            self.cash_known = sum((fill.cash for fill in evidence.fills), Decimal(0))
            self.price = sum((f.price * f.size for f in evidence.fills), Decimal(0)) / evidence.filled

    def settle(self, filled: Decimal) -> None:
        self.settled = True
        self.filled = filled

    def record(self) -> OrderRecord:
        return OrderRecord(ticket=self.ticket, result=self.result, settled=self.settled, filled=self.filled)


@dataclass(slots=True)
class OrderBook:
    """All orders of a trade in the order they were sent."""

    orders: list[Order] = field(default_factory=list)

    def next_attempt(self, leg: str) -> int:
        return 1 + sum(order.ticket.leg == leg for order in self.orders)

    def shares(self, leg: str) -> Decimal:
        return sum((order.shares for order in self.orders if order.ticket.leg == leg), Decimal(0))

    def cash(self) -> Decimal:
        return sum((order.cash for order in self.orders), Decimal(0))


class Sender:
    """Sends orders and does not come back before their outcome is settled."""

    def __init__(
        self,
        desk: Desk,
        intent: Intent,
        tell: Callable[[str], None],
        park: Callable[[str], Awaitable[None]],
    ) -> None:
        self._desk = desk
        self._intent = intent
        self._policy: LegPolicy = intent.policy
        self._tell = tell
        self._park = park

    async def send(self, order: Order, guard: Guard) -> SubmitResult:
        """Submit, and settle by evidence if the answer leaves it open. Returns the last answer."""
        ticket = order.ticket
        opening = self._intent if ticket.purpose is Purpose.OPEN else None
        result = await self._desk.submit(ticket, guard, opening)
        self._note(order, result)
        if not order.settled:
            await self._resolve(order)
        return order.result or result

    def _note(self, order: Order, result: SubmitResult) -> None:
        order.result = result
        order.order_id = result.order_id or order.order_id
        if result.verdict is Verdict.UNKNOWN:
            order.landed = order.landed or result.landed
            order.sent_at = self._desk.now()
            self._tell(f"{_name(order)}: outcome unknown ({result.code}): {result.detail}")
        elif result.verdict is Verdict.ACCEPTED:
            order.price, order.fee = result.average_price, result.average_fee
            order.settle(result.filled)
            self._tell(f"{_name(order)}: accepted, {_fill_words(order)}")
        elif result.verdict is Verdict.DENIED:
            order.settle(Decimal(0))
            self._tell(f"{_name(order)}: not sent ({result.code}): {result.detail}")
        else:
            order.settle(Decimal(0))
            self._tell(f"{_name(order)}: refused by the venue ({result.code}): {result.detail}")

    async def _resolve(self, order: Order) -> None:
        """The table of this module. Looks ever more slowly; parks after the deadline but never stops looking."""
        desk, policy = self._desk, self._policy
        opening = order.ticket.purpose is Purpose.OPEN
        deadline: int | None = desk.now() + policy.unknown_deadline_ms * 1000
        poll_ms = policy.evidence_poll_ms
        resting_since: int | None = None
        while not order.settled:
            # A process that lost its lease may still send the opening order until the intent expires, so absence
            # counts from then; a hedge may be sent again at any time, its id makes the second copy harmless.
            since = max(order.sent_at, self._intent.expires_at) if opening else order.sent_at
            seen = await desk.evidence(order.ticket, order.order_id, since, policy.absence_grace_ms)
            if seen is not None and seen.status is OrderStatus.DONE:
                order.adopt(seen)
                self._tell(f"{_name(order)}: settled by the venue's list, {_fill_words(order)}")
            elif seen is not None and seen.status is OrderStatus.RESTING:
                order.order_id, order.landed = seen.order_id or order.order_id, True
                resting_since = desk.now() if resting_since is None else resting_since
                if order.order_id is not None and desk.now() - resting_since > _RESTING_PATIENCE_US:
                    self._tell(f"{_name(order)}: still working on the venue; cancelling it")
                    await desk.cancel(order.ticket, order.order_id)
            elif seen is not None and not order.landed:
                proven_absent = seen.status is OrderStatus.ABSENT
                if not opening or desk.now() <= self._intent.expires_at:
                    await self._send_again(order, proven_absent=proven_absent)
                elif proven_absent:
                    order.settle(Decimal(0))
                    self._tell(f"{_name(order)}: proven never to have arrived; nothing filled")
            if order.settled:
                return
            if deadline is not None and desk.now() > deadline:
                deadline = None
                self._tell(f"{_name(order)}: no evidence for {policy.unknown_deadline_ms // 1000} s; still looking")
                await self._park("an order's outcome is unknown")
            await desk.pause(poll_ms)
            poll_ms = min(poll_ms * 2, _SLOWEST_POLL_MS)

    async def _send_again(self, order: Order, *, proven_absent: bool) -> None:
        """The same bytes once more. A refusal of this copy says nothing about an earlier one that may still arrive
        (a venue may check the balance before the id), unless that one was proven absent first.
        """
        opening = order.ticket.purpose is Purpose.OPEN
        self._tell(f"{_name(order)}: not listed; sending the same bytes again")
        guard = Guard(not_after=self._intent.expires_at if opening else _FAR_FUTURE)
        result = await self._desk.submit(order.ticket, guard, self._intent if opening else None)
        refused = result.verdict in (Verdict.REJECTED, Verdict.DENIED)
        if refused and not (proven_absent and result.verdict is Verdict.REJECTED):
            self._tell(f"{_name(order)}: this copy was refused ({result.code}); waiting for evidence of the first")
            return
        self._note(order, result)


def _name(order: Order) -> str:
    ticket = order.ticket
    return (
        f"{ticket.purpose} {ticket.leg}{ticket.attempt}: {ticket.side} {plain(ticket.size)} {ticket.market} "
        f"at {plain(ticket.limit)}"
    )


def _fill_words(order: Order) -> str:
    if not order.filled:
        return "nothing filled"
    price = f" at {order.price:.4f}" if order.price is not None else ""
    share = "all" if order.filled == order.ticket.size else f"{plain(order.filled)} of {plain(order.ticket.size)}"
    return f"{share} filled{price}"
