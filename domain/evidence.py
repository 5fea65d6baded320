"""What the venue itself says about an order. The only thing that moves an unknown outcome."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from domain.market import Venue
from domain.orders import Side


class FillStatus(StrEnum):
    PROVISIONAL = "provisional"  # matched, the venue may still void it
    FINAL = "final"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Fill:
    """Shares bought or sold, keyed by (venue, trade_id, order_id). `fee` is the dollars charged for this row."""

    venue: Venue
    trade_id: str
    order_id: str
    client_order_id: str
    market: str
    side: Side
    price: Decimal
    size: Decimal
    fee: Decimal
    at: int  # exchange time, microseconds since the epoch
    status: FillStatus = FillStatus.FINAL
    taker: bool = True

    @property
    def cash(self) -> Decimal:
        """Signed change in cash, fee included: negative for a buy."""
        gross = self.price * self.size
        return (gross if self.side is Side.SELL else -gross) - self.fee

    @property
    def shares(self) -> Decimal:
        """Signed change in position: positive for a buy."""
        return self.size if self.side is Side.BUY else -self.size


class OrderStatus(StrEnum):
    RESTING = "resting"
    DONE = "done"  # executed, cancelled or expired: the counts are final
    ABSENT = "absent"  # not listed by a read known to be fresh enough to show it
    UNSEEN = "unseen"  # not listed, but the read may lag; proves nothing


@dataclass(frozen=True, slots=True)
class OrderEvidence:
    """One order as the venue lists it. `filled` counts shares; `fills` may lag behind it.

    `fresh_at` is the venue's own statement of how recent its user data is (wall-clock microseconds), 0 if unknown.
    """

    client_order_id: str
    status: OrderStatus
    order_id: str | None = None
    filled: Decimal = Decimal(0)
    remaining: Decimal = Decimal(0)
    fills: tuple[Fill, ...] = ()
    fresh_at: int = 0
    at: int = 0

    @property
    def complete(self) -> bool:
        """Counts are final and every filled share is explained by a fill."""
        return self.status is OrderStatus.DONE and sum((f.size for f in self.fills), Decimal(0)) == self.filled
