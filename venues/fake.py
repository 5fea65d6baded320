"""A venue in memory behind the port: a book anybody may set, IOC matching, and faults on demand.

    venue = FakeVenue(clock, {A: MarketSpec(…), B: MarketSpec(…)})
    venue.set_book(A, bids=[("0.38", "50")], asks=[("0.40", "50")])
    venue.script("submit", None, Fault.LOST_AFTER)   # the first submit goes well, the answer of the second is lost

Deterministic: the same calls at the same times give the same answers. It never loses count, so `account()` is the
truth that a trade's own story is held against.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

from domain.errors import Rejected, Unavailable
from domain.evidence import Fill, OrderEvidence, OrderStatus
from domain.fees import RoundingAccumulator
from domain.intent import canonical
from domain.market import MarketSpec
from domain.money import MICRO, from_micros, to_micros
from domain.orders import OrderTicket, Quote, Side, SubmitResult, Verdict
from domain.snapshot import Arrival
from venues.port import Account, OpenOrder

_ZERO = Decimal(0)


class Fault(StrEnum):
    """What goes wrong with one call. Reads know only `UNAVAILABLE`."""

    LOST_BEFORE = "lost_before"  # nothing arrived, and no answer came
    LOST_AFTER = "lost_after"  # it took effect, and no answer came
    PARTIAL = "partial"  # half of what it would fill
    MISCOUNT = "miscount"  # it fills, and the answer tells of half
    WORKS = "works"  # half fills, and the rest works until it is cancelled
    RESTS = "rests"  # as WORKS, and no answer came
    REJECT = "reject"  # refused before the id is looked at
    UNAVAILABLE = "unavailable"  # a read that fails; a submit that our own rate limit keeps


@dataclass(slots=True)
class _Placed:
    ticket: OrderTicket
    order_id: str
    at: int
    fills: list[Fill] = field(default_factory=list)
    working: Decimal = _ZERO

    @property
    def filled(self) -> Decimal:
        return sum((fill.size for fill in self.fills), _ZERO)


class FakeVenue:
    """A `venues.port.VenueClient`. `clock` is microseconds; `lag_ms` how far order reads, `fills_lag_ms` how much
    further the lists of fills, lie behind what happened. It gives credit:
    neither cash nor shares are checked; script a `REJECT` for that.
    """

    def __init__(self, clock: Callable[[], int], specs: Mapping[str, MarketSpec], cash: Decimal = Decimal(1000)):
        self.clock = clock
        self.specs = dict(specs)
        self.money = cash
        self.lag_ms = self.fills_lag_ms = 0
        self.arrivals: dict[str, Arrival] = {}
        self._books: dict[str, dict[Side, list[tuple[Decimal, Decimal]]]] = {}
        self._placed: dict[str, _Placed] = {}
        self._faults: dict[str, deque[Fault | None]] = defaultdict(deque)

    def set_book(self, market: str, bids: Iterable[tuple[str, str]] = (), asks: Iterable[tuple[str, str]] = ()) -> None:
        """Levels as (price, size), best first. What a BUY takes are the asks."""
        sides = ((Side.BUY, asks), (Side.SELL, bids))
        self._books[market] = {side: [(Decimal(p), Decimal(s)) for p, s in levels] for side, levels in sides}

    def script(self, call: str, *faults: Fault | None) -> None:
        """One entry for each coming call of that method; None and whatever is not scripted goes well."""
        self._faults[call].extend(faults)

    def body(self, ticket: OrderTicket) -> bytes:
        return canonical(ticket).encode()

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        fault, now = self._fault("submit"), self.clock()
        if fault is Fault.UNAVAILABLE:
            return SubmitResult(Verdict.DENIED, "rate_limited", "our own limit keeps it back", sent=False, at=now)
        if fault is Fault.LOST_BEFORE:
            return SubmitResult(Verdict.UNKNOWN, "disconnected", "the connection was lost", at=now)
        self._arrived(ticket, now)
        spec = self.specs.get(ticket.market)
        if fault is Fault.REJECT or spec is None or not spec.open:
            code = "insufficient_balance" if fault else "market_closed"
            return SubmitResult(Verdict.REJECTED, code, f"refused: {code}", at=now)
        if ticket.client_order_id in self._placed:
            return SubmitResult(Verdict.UNKNOWN, "order_already_exists", "an earlier copy is here", landed=True, at=now)
        half = fault in (Fault.PARTIAL, Fault.WORKS, Fault.RESTS)
        order = _Placed(ticket, f"o-{len(self._placed) + 1}", now)
        self._placed[ticket.client_order_id] = order
        self._match(order, spec, _half(ticket.size) if half else ticket.size)
        if fault in (Fault.WORKS, Fault.RESTS):
            order.working = ticket.size - order.filled
        if fault in (Fault.LOST_AFTER, Fault.RESTS):
            return SubmitResult(Verdict.UNKNOWN, "timeout", "no answer in time", at=now)
        told = _half(order.filled) if fault is Fault.MISCOUNT else order.filled
        gross = sum((fill.price * fill.size for fill in order.fills), _ZERO)
        fee = sum((fill.fee for fill in order.fills), _ZERO)
        price, each = (gross / order.filled, fee / order.filled) if order.filled else (None, None)
        return SubmitResult(
            Verdict.ACCEPTED,
            order_id=order.order_id,
            filled=told,
            remaining=order.working,
            average_price=price,
            average_fee=each,
            at=now,
        )

    async def cancel(self, market: str, order_id: str) -> None:
        self._read("cancel")
        for order in self._placed.values():
            if order.order_id == order_id:
                order.working = _ZERO

    async def evidence(
        self, ticket: OrderTicket, *, order_id: str | None, sent_at: int, grace_ms: int
    ) -> OrderEvidence:
        self._read("evidence")
        now = self.clock()
        fresh = now - self.lag_ms * 1000
        order = self._placed.get(ticket.client_order_id)
        if order is None or order.at > fresh:
            absent = order_id is None and fresh >= sent_at + grace_ms * 1000
            status = OrderStatus.ABSENT if absent else OrderStatus.UNSEEN
            return OrderEvidence(ticket.client_order_id, status, fresh_at=fresh, at=now)
        listed = tuple(fill for fill in order.fills if fill.at <= fresh - self.fills_lag_ms * 1000)
        status = OrderStatus.RESTING if order.working else OrderStatus.DONE
        return OrderEvidence(
            ticket.client_order_id, status, order.order_id, order.filled, order.working, listed, fresh, now
        )

    async def quote(self, market: str) -> Quote:
        self._read("quote")
        book, now = self._books.get(market, {}), self.clock()
        return Quote(market, tuple(book.get(Side.SELL, ())), tuple(book.get(Side.BUY, ())), now, now)

    async def market(self, market: str) -> MarketSpec:
        self._read("market")
        if market not in self.specs:
            raise Rejected(f"{market}: no such market", "not_found")
        return self.specs[market]

    async def cash(self) -> Decimal:
        self._read("cash")
        return self.money

    async def account(self) -> Account:
        fills = sorted((f for o in self._placed.values() for f in o.fills), key=lambda f: (f.at, f.trade_id))
        held: dict[str, Decimal] = defaultdict(Decimal)
        for fill in fills:
            held[fill.market] += fill.shares
        working = tuple(
            OpenOrder(o.order_id, client_id, o.ticket.market, o.working)
            for client_id, o in self._placed.items()
            if o.working
        )
        return Account(self.money, {m: n for m, n in held.items() if n}, working, tuple(fills))

    def _match(self, order: _Placed, spec: MarketSpec, wanted: Decimal) -> None:
        """Take levels best first up to the limit; one fill and one fee a level, rounded as the venue rounds."""
        ticket, charges = order.ticket, RoundingAccumulator(to_micros(spec.fees.unit))
        levels = self._books.get(ticket.market, {}).get(ticket.side, [])
        sign = -1 if ticket.side is Side.BUY else 1
        while levels and wanted > 0 and (levels[0][0] - ticket.limit) * sign >= 0:
            price, standing = levels[0]
            size = min(standing, wanted)
            wanted -= size
            levels[:1] = [(price, standing - size)] if standing > size else []
            gross = sign * to_micros(price) * to_micros(size) // MICRO
            fee = from_micros(charges.charge(gross, to_micros(spec.fees.trade_fee(price, size))))
            trade_id = f"{order.order_id}-{len(order.fills) + 1}"
            one = (ticket.venue, trade_id, order.order_id, ticket.client_order_id, ticket.market, ticket.side)
            order.fills.append(Fill(*one, price, size, fee, order.at))
            self.money += order.fills[-1].cash

    def _arrived(self, ticket: OrderTicket, now: int) -> None:
        digest = hashlib.sha256(self.body(ticket)).hexdigest()
        seen = self.arrivals.get(ticket.client_order_id, Arrival(ticket.client_order_id, 0, (), now))
        bodies = tuple(dict.fromkeys((*seen.sha256, digest)))
        self.arrivals[ticket.client_order_id] = Arrival(seen.client_order_id, seen.times + 1, bodies, seen.first_at)

    def _fault(self, call: str) -> Fault | None:
        return self._faults[call].popleft() if self._faults[call] else None

    def _read(self, call: str) -> None:
        if self._fault(call) is not None:
            raise Unavailable(f"the venue did not answer {call}; asking again is safe", "unavailable")


def _half(size: Decimal) -> Decimal:
    return (size / 2).quantize(Decimal("0.01"), ROUND_DOWN)
