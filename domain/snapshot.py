"""What the two sides say at one moment: the ledger's facts, a venue's account, the exchange's own audit of arrivals.

Plain values without a client or a connection, so that invariants and reports are pure functions of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from domain.evidence import Fill, Redemption
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
    """What an exchange received of one order: how often, and the SHA-256 (hex) of each distinct body.

    An exchange that is told no client order id names the order by its own id instead.
    """

    client_order_id: str
    times: int
    sha256: tuple[str, ...]
    first_at: int = 0
    order_id: str = ""


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
        """Bytes may have left (here, or where an adopted order was placed), and nothing settled what became of them."""
        return (self.sends > 0 or bool(self.ticket.foreign_id)) and not self.settled


class OrderNames:
    """Orders by the id we gave them, or else by the venue's own: some venues know no other, and say no other."""

    def __init__(self, orders: Iterable[OrderFacts]) -> None:
        known = tuple(orders)
        self._ours = {order.client_order_id: order for order in known}
        self._theirs = {(order.ticket.venue, order.order_id): order for order in known if order.order_id}

    def find(self, venue: Venue, client_order_id: str, order_id: str) -> OrderFacts | None:
        return self._ours.get(client_order_id) or self._theirs.get((venue, order_id))


@dataclass(frozen=True, slots=True)
class CashEntry:
    """One change of a venue's cash in dollars, keyed (venue, kind, ref).

    Kinds: `opening`, `fill`, `void`, `settlement` (what a market paid), `transfer` (money moved by hand).
    A fill's entry includes its fee; a voided fill keeps its entry and gains a `void` one that takes it back.
    `intent_id` is the trade whose cash it is: None for openings, transfers, and fills that no known order explains.
    """

    venue: Venue
    kind: str
    ref: str
    amount: Decimal
    at: int
    intent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Capital:
    """What one trade holds of one venue's money. Keyed (intent_id, venue); dollars.

    `reserved` is the most it may have out while it trades, and what is locked while it settles. `cash` is the signed
    cash of its fills and redemptions there: negative when spent.
    """

    intent_id: str
    venue: Venue
    reserved: Decimal
    cash: Decimal = Decimal(0)
    released_at: int | None = None


@dataclass(frozen=True, slots=True)
class VenueCapital:
    """A venue's money as the ledger has it, in dollars: `held` is what open trades hold, by intent id.

    `cash` is every entry added up, before the collateral of shares held short. `free` = `cash` − the sum over `held`
    of (reserved + cash): what a new trade may reserve, whether the open ones have spent theirs or not. It is None
    for a venue without an opening balance: nothing is known to be short there.
    """

    venue: Venue
    cash: Decimal
    reserved: Decimal
    free: Decimal | None
    held: tuple[Capital, ...]


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
class Ended:
    """A trade that is done trading. `pnl` is certain; `state` CLOSED says that it is realised. `at`: last written."""

    id: str
    strategy: str
    state: TradeState
    outcome: Outcome | None
    pnl: Decimal
    at: int


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """The whole ledger, every run: a venue account outlives runs, so must what it is compared with. `known` is what a
    person has acknowledged, as `Finding.known_as`."""

    trades: tuple[TradeFacts, ...]
    orders: tuple[OrderFacts, ...]
    sends: tuple[Send, ...]
    fills: tuple[Fill, ...]
    cash: tuple[CashEntry, ...]
    positions: dict[tuple[Venue, str], Decimal]
    redemptions: tuple[Redemption, ...] = ()
    capital: tuple[VenueCapital, ...] = ()
    known: frozenset[str] = frozenset()

    def fills_by_intent(self) -> dict[str, list[Fill]]:
        """Fills grouped by the intent that owns their order; fills of orders the ledger never saw are left out.

        An order's fills carry its client order id, or at least the venue's id of it.
        """
        owners = OrderNames(self.orders)
        grouped: dict[str, list[Fill]] = {}
        for fill in self.fills:
            order = owners.find(fill.venue, fill.client_order_id, fill.order_id)
            if order is not None:
                grouped.setdefault(order.ticket.intent_id, []).append(fill)
        return grouped

    def redemptions_by_intent(self) -> dict[str, list[Redemption]]:
        grouped: dict[str, list[Redemption]] = {}
        for redemption in self.redemptions:
            grouped.setdefault(redemption.intent_id, []).append(redemption)
        return grouped
