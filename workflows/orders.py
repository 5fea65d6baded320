"""The orders of one trade, and how an open one is settled: by the venue's evidence and by nothing else.

State × evidence, for an order whose counts its answer left open (UNKNOWN, or ACCEPTED and still working):

    | evidence              | next                                          | why                                      |
    |-----------------------|-----------------------------------------------|------------------------------------------|
    | done                  | settled with the venue's count                | counts of a dead order are final         |
    | resting, meant to     | look again until filled enough, its time is   | a cancel's answer proves nothing: only   |
    |                       | up or it is no longer wanted; then cancel,    | the count of the dead order does         |
    |                       | and look until it is dead                     |                                          |
    | resting, not meant to | look again; after a second, cancel and look   | a lagging read, or a venue that forgot   |
    | absent or unseen,     | the same bytes again                          | the venue dedupes, the answer is         |
    | order still wanted    |                                               | definite, the limit still bounds it      |
    | absent, not wanted    | settled with nothing filled                   | proven: nothing can arrive any more      |
    | unseen, not wanted;   | look again                                    | reads lag writes; absence proves nothing |
    | or known to be there  |                                               | about an order that arrived              |
    | none until deadline   | STUCK, exposure reserved; still looking       | failure is never inferred                |

Still wanted: the opening order while its intent is fresh, a hedge or completion until a person asks to unwind, an
unwind or a merge always; and at most `MOST_COPIES` times, `SAME_REFUSALS` if each copy was refused in the same words.
A process taken for dead may send its copy until that copy's own deadline (its guard's `not_after`), so absence counts
only from there.

What is believed of an order, and what revokes it:

    | belief                  | rests on                                   | revoked by                              |
    |-------------------------|--------------------------------------------|-----------------------------------------|
    | it arrived (inferred)   | an answer that says so without naming it   | absence proven by a fresh, whole list   |
    | it arrived (told)       | its id in an answer, a list; a duplicate   | a person's unwind or accept, once its   |
    |                         |                                            | absence is proven too                   |
    | it did not arrive       | absence proven after the last copy's last  | a list or a fill of it: the tail asks   |
    |                         | moment                                     | for every order that may have filled    |
    | it was refused          | the venue's documented words; or the same  | the same                                |
    |                         | undocumented ones and proven absence       |                                         |
    | its count is final      | a list that says it is dead                | a later list (a void, a late fill)      |
    | what it cost            | fills; before, the answer's own amounts,   | fills                                   |
    |                         | else the limit and the worst fees          |                                         |
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import Protocol

from domain.evidence import OrderEvidence, OrderStatus
from domain.fee_bounds import worst_fee
from domain.intent import Intent, LegPolicy
from domain.market import Venue
from domain.money import plain
from domain.orders import ALREADY_THERE, Guard, OrderTicket, Purpose, Side, SubmitResult, Verdict
from domain.send_bounds import BOUND
from domain.trade import OrderRecord
from workflows.desk import Desk
from workflows.state import FIRST_BOUNDED, OrderState
from workflows.wording import count_refusals, fill_words, name

SEND_WINDOW_US = 10_000_000
"""How long an order decided without a deadline of its own may still leave: what waited longer is decided anew."""

GTD_MARGIN_US = 300_000_000
"""How long after our own cancel is due the venue ends a dated order by itself: Polymarket wants at least three minutes
and takes one off."""

MOST_COPIES = 8
"""How often one order is sent at most without a person asking: what is unknown after so many answers is not made known
by one more. Absence, once proven, then settles it, and a repair decides anew at the prices of then."""

SAME_REFUSALS = 3
"""How many equal refusals in words that nobody has documented are a refusal, once the order is proven to be nowhere."""

MOST_REMEMBERED = 200

_RESTING_PATIENCE_US = 1_000_000
_SLOWEST_RESTING_POLL_MS = 1_000  # a fill of a resting order wakes its trade; this is for a message that was lost
_SLOWEST_POLL_MS = 5_000
_SLOWEST_PARKED_POLL_MS = 900_000  # a parked trade may look for weeks; each look grows its history
_NONE = Decimal(0)


@dataclass(slots=True)
class Order(OrderState):
    """One order's life inside the trade: its state, and what follows from it."""

    @classmethod
    def of(cls, state: OrderState) -> Order:
        return state if isinstance(state, cls) else cls(*(getattr(state, item.name) for item in fields(state)))

    @property
    def may_have_filled(self) -> bool:
        """Refused orders have proved themselves; every other one may have filled."""
        refused = self.result is not None and self.result.verdict in (Verdict.DENIED, Verdict.REJECTED)
        return self.filled > 0 or not refused

    @property
    def counts(self) -> bool:
        """Whether it is one of the orders that may leave without a person: it left, and was not refused."""
        return self.copies > 0 and self.may_have_filled

    @property
    def cash(self) -> Decimal:
        """Signed cash of what filled: exact once its fills are known. Before, what the venue says was paid, or else
        the limit, and the worst fees: never better than what was paid.
        """
        if self.cash_known is not None:
            return self.cash_known
        gross = self._gross()
        if self.ticket.purpose is Purpose.MERGE:
            return gross
        return (gross if self.ticket.side is Side.SELL else -gross) - self._fees()

    def _gross(self) -> Decimal:
        if self.paid is not None:
            return self.paid
        ticket = self.ticket
        if self.by_average and self.price is not None:
            return self.price * self.filled
        gross = ticket.limit * self.filled
        # An order sized in collateral never pays more than was signed.
        return min(gross, ticket.limit * ticket.size) if ticket.side is Side.BUY else gross

    def _fees(self) -> Decimal:
        if self.fees_paid is not None:
            return self.fees_paid
        if self.by_average:
            if self.fee is not None:
                return self.fee * self.filled
            return self.fees.trade_fee(self.price if self.price is not None else self.ticket.limit, self.filled)
        return worst_fee(self.fees, self.ticket.side, self.ticket.limit, self.filled)

    @property
    def cost_is_a_bound(self) -> bool:
        """Whether what changed hands is known no better than by the limit."""
        return self.filled > 0 and self.cash_known is None and self.paid is None and not self.by_average

    def adopt(self, evidence: OrderEvidence) -> None:
        """Take over the venue's count; final because the order is dead."""
        self.settled = True
        self.order_id = evidence.order_id or self.order_id
        self.filled = evidence.filled
        self.final = evidence.complete and not evidence.provisional
        self.cash_known = self.price = self.fee = None
        self.paid, self.fees_paid = evidence.paid, evidence.fees_paid
        if evidence.complete:
            self.cash_known = sum((fill.cash for fill in evidence.standing), _NONE)
            self.paid = sum((fill.gross for fill in evidence.standing), _NONE)

    def settle(self, filled: Decimal) -> None:
        self.settled = True
        self.filled = filled

    def record(self) -> OrderRecord:
        return OrderRecord(ticket=self.ticket, result=self.result, settled=self.settled, filled=self.filled)


@dataclass(slots=True)
class OrderBook:
    """All orders of a trade in the order they were sent."""

    orders: list[Order] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)

    def next_attempt(self, leg: str) -> int:
        return 1 + self.dropped.get(leg, 0) + sum(order.ticket.leg == leg for order in self.orders)

    def drop_refused(self) -> None:
        """Beyond `MOST_REMEMBERED` forget the oldest order that was refused without effect: a trade that is refused for
        days must stay small enough to be written down. The ledger has them all; their attempt numbers stay taken."""
        if len(self.orders) <= MOST_REMEMBERED:
            return
        for n, order in enumerate(self.orders):
            if order.settled and not order.may_have_filled:
                self.dropped[order.ticket.leg] = self.dropped.get(order.ticket.leg, 0) + 1
                del self.orders[n]
                return

    def shares(self, leg: str, side: Side) -> Decimal:
        """What a leg holds, counted in its own direction `side`."""
        held = _NONE
        for order in self.orders:
            if order.filled and order.ticket.leg == leg:
                held = held + order.filled if order.ticket.side is side else held - order.filled
        return held

    def given_back(self, leg: str, side: Side) -> Decimal:
        """Shares of a leg that were had and given back: not those of a sale whose purchase was voided."""
        had = back = _NONE
        for order in self.orders:
            if order.filled and order.ticket.leg == leg:
                if order.ticket.side is side:
                    had += order.filled
                else:
                    back += order.filled
        return min(had, back)

    def merged(self) -> Decimal:
        """Sets handed back to the venue."""
        return sum((o.filled for o in self.orders if o.ticket.purpose is Purpose.MERGE), Decimal(0))

    def cash(self) -> Decimal:
        return sum((order.cash for order in self.orders), Decimal(0))

    def overfilled(self) -> bool:
        """Whether an order of our own brought more than it asked for; see `domain.overfill`."""
        return any(o.filled > o.ticket.size and o.ticket.purpose is not Purpose.ADOPTED for o in self.orders)

    def out(self) -> dict[Venue, Decimal]:
        """Dollars spent by venue, less what came back; negative where more came back."""
        spent: dict[Venue, Decimal] = {}
        for order in self.orders:
            spent[order.ticket.venue] = spent.get(order.ticket.venue, _NONE) - order.cash
        return spent


class Owner(Protocol):
    """The trade, as its sender needs it."""

    @property
    def edition(self) -> int:
        """See `workflows.state.EDITION`."""
        ...

    @property
    def retries(self) -> int:
        """How often a person asked to try again."""
        ...

    def bound(self, ticket: OrderTicket) -> str:
        """Why the order may not leave; empty if it may. See `domain.send_bounds`."""
        ...

    def wants(self, order: Order) -> bool:
        """Whether one more copy of an order whose outcome is open would still serve."""
        ...

    def keeps(self, order: Order) -> bool:
        """Whether an order that stands in the book may go on standing there."""
        ...

    def gives_up(self, order: Order) -> bool:
        """Whether a person's word stands against the venue's own that the order arrived."""
        ...

    def learnt(self, order: Order) -> None:
        """Evidence has settled it."""
        ...

    def tell(self, text: str) -> None: ...

    def in_doubt(self, order: Order) -> None:
        """The order's outcome is open from now on; let people see it."""
        ...

    async def counted(self, order: Order, evidence: OrderEvidence) -> Decimal | None:
        """How much of a count beyond what the order was signed for is there by the account's word; None while open."""
        ...

    async def believes(self, order: Order, evidence: OrderEvidence) -> bool:
        """Whether a count may replace the one that is known: always, unless it is lower without a reason."""
        ...

    async def park(self, why: str) -> None: ...

    async def wait(self, ms: int) -> bool:
        """Pause, and take note of what a person said meanwhile. True if a message ended it."""
        ...


class Sender:
    """Sends orders and does not come back before their outcome is settled."""

    def __init__(self, desk: Desk, intent: Intent, owner: Owner) -> None:
        self._desk = desk
        self._intent = intent
        self._policy: LegPolicy = intent.policy
        self._owner = owner

    async def send(self, order: Order, guard: Guard) -> SubmitResult:
        """Submit, and settle by evidence if the answer leaves it open. Returns the last answer."""
        ticket = order.ticket
        if why := self._owner.bound(ticket):
            result = SubmitResult(Verdict.DENIED, BOUND, why, sent=False, at=self._desk.now())
            self._note(order, result)
            return result
        opening = self._intent if ticket.purpose is Purpose.OPEN else None
        order.may_leave_until = guard.not_after
        order.copies += 1
        result = await self._desk.submit(ticket, guard, opening)
        self._note(order, result)
        if not order.settled:
            self._owner.in_doubt(order)
            await self.resolve(order)
            self._owner.learnt(order)
        return order.result or result

    def _note(self, order: Order, result: SubmitResult) -> None:
        order.result = result
        order.order_id = result.order_id or order.order_id
        if result.verdict is Verdict.UNKNOWN:
            order.landed = order.landed or result.landed
            order.told = order.told or (result.landed and (result.order_id is not None or result.code in ALREADY_THERE))
            order.sent_at = self._desk.now()
            count_refusals(order, result)
            self._owner.tell(f"{name(order)}: outcome unknown ({result.code}): {result.detail}")
        elif result.verdict is Verdict.ACCEPTED:
            order.price, order.fee = result.average_price, result.average_fee
            if not order.by_average:
                order.paid, order.fees_paid = result.paid, result.fees_paid
            order.filled, order.landed, order.sent_at = result.filled, True, self._desk.now()
            order.told = True
            order.settled = not result.remaining  # one that works on: its counts are not final
            works = "" if order.settled else f"; {plain(result.remaining)} in the book"
            self._owner.tell(f"{name(order)}: accepted, {fill_words(order)}{works}")
        elif result.verdict is Verdict.DENIED:
            order.settle(Decimal(0))
            self._owner.tell(f"{name(order)}: not sent ({result.code}): {result.detail}")
        else:
            order.settle(Decimal(0))
            self._owner.tell(f"{name(order)}: refused by the venue ({result.code}): {result.detail}")

    async def resolve(self, order: Order) -> None:
        """The tables of this module. Looks ever more slowly; parks after the deadline but never stops looking."""
        desk, policy = self._desk, self._policy
        rest_until = desk.now() + order.rest_ms * 1000
        deadline = rest_until + policy.unknown_deadline_ms * 1000
        poll_ms, parked, cancelled = policy.evidence_poll_ms, False, False
        resting_since: int | None = None
        retries = self._owner.retries
        while not order.settled:
            if retries != self._owner.retries:  # a person wants it tried again
                retries, order.copies, order.refusals = self._owner.retries, 1, 0
            slowest_ms = _SLOWEST_PARKED_POLL_MS if parked else _SLOWEST_POLL_MS
            since = max(order.sent_at, order.may_leave_until)
            seen = await desk.evidence(order.ticket, order.order_id, since, policy.absence_grace_ms)
            order.absent = seen is not None and seen.status is OrderStatus.ABSENT
            if seen is not None and seen.status is OrderStatus.DONE:
                await self._adopt(order, seen)
            elif seen is not None and seen.status is OrderStatus.RESTING:
                order.order_id, order.landed, order.told = seen.order_id or order.order_id, True, True
                doubted = seen.beyond and self._owner.edition >= FIRST_BOUNDED
                order.filled = order.filled if doubted else seen.filled
                resting_since = desk.now() if resting_since is None else resting_since
                why = self._why_cancel(order, resting_since, rest_until)
                if doubted and not why:
                    why = f"{plain(seen.filled)} filled by the list, beyond what was signed"
                if why and order.order_id is not None:
                    if not cancelled:
                        self._owner.tell(f"{name(order)}: {why}; cancelling it")
                        cancelled, poll_ms = True, policy.evidence_poll_ms
                    await desk.cancel(order.ticket, order.order_id)  # its answer proves nothing
                elif not why:
                    until_ms = max((rest_until - desk.now()) // 1000, 1) if order.ticket.rests else slowest_ms
                    slowest_ms = min(_SLOWEST_RESTING_POLL_MS, until_ms)
            elif seen is not None:
                await self._not_listed(order)
            if order.settled:
                return
            if not parked and desk.now() > deadline:
                parked = True
                waited = policy.unknown_deadline_ms // 1000
                self._owner.tell(f"{name(order)}: no evidence for {waited} s; still looking")
                await self._owner.park("an order's outcome is unknown")
            poll_ms = min(poll_ms, slowest_ms)
            await self._owner.wait(poll_ms)
            poll_ms = poll_ms * 2

    async def _adopt(self, order: Order, seen: OrderEvidence) -> None:
        """The count of a dead order. One beyond what was signed is believed only once the account bears it out."""
        if seen.beyond and self._owner.edition > 1:
            count = await self._owner.counted(order, seen)
            if count is None:
                return
            if count != seen.filled:
                order.settle(count)
                self._owner.tell(f"{name(order)}: {plain(count)} by the account's word, as nothing else is to be had")
                return
        if not await self._owner.believes(order, seen):
            return
        order.adopt(seen)
        self._owner.tell(f"{name(order)}: settled by the venue's list, {fill_words(order)}")

    async def _not_listed(self, order: Order) -> None:
        """The venue's list lacks the order; `order.absent` if that proves that it is nowhere."""
        bounded = self._owner.edition > 1
        if bounded and order.absent and order.landed and not order.told:
            order.landed = False
            self._owner.tell(f"{name(order)}: its answer spoke of an order, but the venue's list proves there is none")
        if order.landed:
            if bounded and order.absent and self._owner.gives_up(order):
                order.settle(order.filled)
                self._owner.tell(
                    f"{name(order)}: listed nowhere although the venue said it arrived; given up on a person's word "
                    f"with {plain(order.filled)} filled"
                )
            return
        more = not bounded or (order.copies < MOST_COPIES and order.refusals < SAME_REFUSALS)
        if more and self._owner.wants(order) and not self._owner.bound(order.ticket):
            await self._send_again(order, proven_absent=order.absent)
        elif order.absent:
            self._conclude_absent(order)

    def _conclude_absent(self, order: Order) -> None:
        result = order.result
        if order.refusals >= SAME_REFUSALS and result is not None and self._owner.edition > 1:
            order.result = replace(result, verdict=Verdict.REJECTED, landed=False)
            self._owner.tell(
                f"{name(order)}: answered {order.refusals} times in the same words and listed nowhere: refused"
            )
        else:
            self._owner.tell(f"{name(order)}: proven never to have arrived; nothing filled")
        order.settle(Decimal(0))

    def _why_cancel(self, order: Order, resting_since: int, rest_until: int) -> str:
        """Why an order that stands in the book is taken out of it; empty while it may stand."""
        now = self._desk.now()
        if not order.ticket.rests:
            return "still working on the venue" if now - resting_since > _RESTING_PATIENCE_US else ""
        if order.ticket.purpose is Purpose.OPEN and order.filled > self._policy.rest_fill:
            return f"{plain(order.filled)} filled, to be hedged now"
        if not self._owner.keeps(order):
            return "no longer wanted"
        return f"{order.rest_ms} ms in the book" if now >= rest_until else ""

    async def _send_again(self, order: Order, *, proven_absent: bool) -> None:
        """The same bytes once more. A refusal of this copy says nothing about an earlier one that may still arrive
        (a venue may check the balance before the id), unless that one was proven absent first.
        """
        opening = order.ticket.purpose is Purpose.OPEN
        self._owner.tell(f"{name(order)}: not listed; sending the same bytes again")
        guard = Guard(not_after=self._intent.expires_at if opening else self._desk.now() + SEND_WINDOW_US)
        # Before it is sent: whatever becomes of this process, the copy may leave until then.
        leaves_until = max(order.may_leave_until, guard.not_after)
        if not order.by_average:
            order.may_leave_until = leaves_until
        result = await self._desk.submit(order.ticket, guard, self._intent if opening else None)
        order.copies += result.sent
        if result.code == BOUND and proven_absent:  # no copy may leave any more, and none has arrived
            self._conclude_absent(order)
            return
        refused = result.verdict in (Verdict.REJECTED, Verdict.DENIED)
        if refused and not (proven_absent and result.verdict is Verdict.REJECTED):
            self._owner.tell(f"{name(order)}: this copy was refused ({result.code}); waiting for evidence of the first")
            return
        if result.verdict is Verdict.UNKNOWN:
            order.may_leave_until = leaves_until
        self._note(order, result)
