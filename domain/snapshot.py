"""What the two sides say at one moment: the ledger's facts, a venue's account, the exchange's own audit of arrivals.

Plain values without a client or a connection, so that invariants and reports are pure functions of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from domain.evidence import Fill
from domain.intent import Intent
from domain.market import Venue
from domain.orders import OrderTicket, Verdict
from domain.trade import Outcome, TradeState


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """An order the venue still works. `client_order_id` is empty when the venue lists none."""

    order_id: str
    client_order_id: str
    market: str
    remaining: Decimal


@dataclass(frozen=True, slots=True)
class VenueSnapshot:
    """One venue account: cash in dollars, signed YES shares by market, working orders, every fill it ever listed."""

    venue: Venue
    cash: Decimal
    positions: dict[str, Decimal]
    working: tuple[WorkingOrder, ...]
    fills: tuple[Fill, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """What an exchange received under one client order id: how often, and the SHA-256 (hex) of each distinct body."""

    client_order_id: str
    times: int
    sha256: tuple[str, ...]
    first_at: int = 0


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes about to leave, recorded before they do: the n-th copy of an order, and the SHA-256 (hex) of its body."""

    client_order_id: str
    n: int
    sha256: str
    at: int


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """An order as the ledger knows it. `verdict` is None while no answer was recorded; `filled` counts shares."""

    ticket: OrderTicket
    client_order_id: str
    verdict: Verdict | None
    code: str
    detail: str
    order_id: str | None
    filled: Decimal
    settled: bool
    sends: int
    first_sent_at: int
    last_sent_at: int

    @property
    def open(self) -> bool:
        """Bytes may have left, and no evidence has settled what became of them."""
        return self.sends > 0 and not self.settled


@dataclass(frozen=True, slots=True)
class CashEntry:
    """One change of a venue's cash in dollars, keyed (venue, kind, ref). Kinds: `opening`, `fill`, `void`.

    A fill's entry includes its fee; a voided fill keeps its entry and gains a `void` one that takes it back.
    """

    venue: Venue
    kind: str
    ref: str
    amount: Decimal
    at: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a trade held reserved from one revision on, and what it could have out at risk at that moment (dollars)."""

    revision: int
    reserved: Decimal
    exposed: Decimal
    at: int


@dataclass(frozen=True, slots=True)
class TradeFacts:
    """A trade as the ledger last heard of it. `revision` −1: begun, and no record of its own yet.

    `id` is the intent's, kept beside it because deriving it costs a hash of the whole intent.
    """

    id: str
    intent: Intent
    state: TradeState
    outcome: Outcome | None
    hedged: Decimal
    unwound: Decimal
    residual: Decimal
    pnl: Decimal
    reserved: Decimal
    revision: int
    at: int
    reservations: tuple[Reservation, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """The whole ledger, every run: a venue account outlives runs, so must what it is compared with."""

    trades: tuple[TradeFacts, ...]
    orders: tuple[OrderFacts, ...]
    sends: tuple[Send, ...]
    fills: tuple[Fill, ...]
    cash: tuple[CashEntry, ...]
    positions: dict[tuple[Venue, str], Decimal]

    def fills_by_intent(self) -> dict[str, list[Fill]]:
        """Fills grouped by the intent that owns their order; fills of orders the ledger never saw are left out."""
        owner = {order.client_order_id: order.ticket.intent_id for order in self.orders}
        grouped: dict[str, list[Fill]] = {}
        for fill in self.fills:
            if (intent_id := owner.get(fill.client_order_id)) is not None:
                grouped.setdefault(intent_id, []).append(fill)
        return grouped
