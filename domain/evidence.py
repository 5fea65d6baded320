"""What the venue itself says about an order. The only thing that moves an unknown outcome."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from domain.later import later
from domain.market import Venue
from domain.orders import Side

_TOLD = Decimal("0.000001")


class FillStatus(StrEnum):
    PROVISIONAL = "provisional"  # matched, the venue may still void it
    FINAL = "final"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Fill:
    """Shares bought or sold, keyed by (venue, trade_id, order_id). `fee` is the dollars charged for this row.

    `paid` is what changed hands, in dollars before the fee and without a sign, where the row is of several prices; then
    `price` is their average, for people. None: one price, and `price` × `size` is what changed hands.
    """

    venue: Venue
    trade_id: str
    order_id: str
    client_order_id: str
    market: str
    side: Side
    price: Decimal
    size: Decimal
    fee: Decimal
    at: int  # exchange time, microseconds since the epoch; see `within_its_second`
    status: FillStatus = FillStatus.FINAL
    taker: bool = True
    merged: bool = False  # shares handed back as part of complete sets, not sold to anybody
    paid: Decimal | None = later(None)

    @property
    def gross(self) -> Decimal:
        """Dollars that changed hands, before the fee and without a sign."""
        return self.price * self.size if self.paid is None else self.paid

    @property
    def told_price(self) -> Decimal:
        """The price as people read it: an average of several has as many places as money has."""
        return self.price if self.paid is None else self.price.quantize(_TOLD)

    @property
    def cash(self) -> Decimal:
        """Signed change in cash, fee included: negative for a buy."""
        return (self.gross if self.side is Side.SELL else -self.gross) - self.fee

    @property
    def shares(self) -> Decimal:
        """Signed change in position: positive for a buy."""
        return self.size if self.side is Side.BUY else -self.size


_IN_SECONDS = frozenset({Venue.POLYMARKET})
_SECOND = 1_000_000


def within_its_second(fill: Fill, answered_at: int) -> Fill:
    """The fill of a venue that tells its matches to the second only, at the moment within that second that is nearest
    to its order's answer (our clock, µs): an order that takes has matched by then, and not long before.

    Between two venues whole seconds would count as up to one second unhedged, whichever leg came first. A fill that
    is told more finely stays as it is, and so does one of an order that filled long after its answer.
    """
    if fill.venue not in _IN_SECONDS or fill.at % _SECOND:
        return fill
    return replace(fill, at=min(max(answered_at, fill.at), fill.at + _SECOND - 1))


class OrderStatus(StrEnum):
    RESTING = "resting"
    DONE = "done"  # executed, cancelled or expired: the counts are final
    ABSENT = "absent"  # not listed by a read known to be fresh enough to show it
    UNSEEN = "unseen"  # not listed, but the read may lag; proves nothing


@dataclass(frozen=True, slots=True)
class OrderEvidence:
    """One order as the venue lists it. `filled` counts shares that are not void; `fills` may lag behind it.

    A merge counts sets, and has a fill for each market of the set.

    `fresh_at` is the venue's own statement of how recent its user data is (wall-clock microseconds), 0 if unknown.

    `beyond` is set where the count, or what was paid for it, is more than the order was signed for: either the venue
    breaks its own rules or the numbers are wrong, so the account's position is asked before anything is built on it.

    `paid` is what changed hands for `filled`, in dollars before fees and without a sign, and `fees_paid` what was
    charged for it, where the venue says so of the order itself; its fills say the same once they are all listed.
    """

    client_order_id: str
    status: OrderStatus
    order_id: str | None = None
    filled: Decimal = Decimal(0)
    remaining: Decimal = Decimal(0)
    fills: tuple[Fill, ...] = ()
    fresh_at: int = 0
    at: int = 0
    beyond: bool = later(False)
    paid: Decimal | None = later(None)
    fees_paid: Decimal | None = later(None)

    @property
    def complete(self) -> bool:
        """The order is dead and every filled share is explained by a fill that is not void."""
        by_market: dict[str, Decimal] = {}
        for fill in self.standing:
            by_market[fill.market] = by_market.get(fill.market, Decimal(0)) + fill.size
        counts = set(by_market.values()) or {Decimal(0)}
        return self.status is OrderStatus.DONE and counts == {self.filled}

    @property
    def standing(self) -> tuple[Fill, ...]:
        """The fills that count."""
        return tuple(fill for fill in self.fills if fill.status is not FillStatus.VOID)

    @property
    def provisional(self) -> bool:
        """Whether the venue may still void one of the fills."""
        return any(fill.status is FillStatus.PROVISIONAL for fill in self.fills)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the venue says a market paid: `payout` dollars for a YES share, None while it has not been paid out.

    A market that is *determined* may still be disputed; only money paid is final. `at` is exchange time (µs).
    """

    market: str
    payout: Decimal | None = None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Redemption:
    """Shares of one trade turned into cash by a market's resolution. Keyed (venue, market, intent_id).

    `shares` is the signed position they were (negative: held short), which is zero afterwards.
    """

    venue: Venue
    market: str
    intent_id: str
    shares: Decimal
    payout: Decimal
    at: int

    @property
    def cash(self) -> Decimal:
        """Signed change in cash on top of the fills: a short share gives its payout back."""
        return self.shares * self.payout


@dataclass(frozen=True, slots=True)
class ForeignOrder:
    """An order of our account that no trade has sent, as the venue lists it; for a person to have adopted."""

    venue: Venue
    order_id: str
    client_order_id: str
    market: str
    side: Side
    size: Decimal
    limit: Decimal
    evidence: OrderEvidence
