"""An order as the model exchange keeps it: its fills, what still works, and when it died."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from domain.evidence import Fill, FillStatus, OrderEvidence, OrderStatus
from domain.fees import FeeSchedule, RoundingAccumulator
from domain.money import MICRO, from_micros, to_micros
from domain.orders import OrderTicket, Side

_ZERO = Decimal(0)

Word = Callable[[Fill], tuple[int, FillStatus]]
"""The venue's final word on a fresh fill: in how many milliseconds, and FINAL or VOID."""


@dataclass(slots=True, eq=False)
class Placed:
    """`working` is what still rests in the book; `dead_at` the exchange's time since which nothing does."""

    ticket: OrderTicket
    order_id: str
    at: int
    charges: RoundingAccumulator
    fees: FeeSchedule
    fills: list[Fill] = field(default_factory=list)
    working: Decimal = _ZERO
    dead_at: int | None = None
    sets: bool = False  # a merge: counts sets, and has a fill for each market

    @property
    def filled(self) -> Decimal:
        """Shares that are not void; sets of a merge."""
        fills = self.fills[:1] if self.sets else self.fills
        return sum((fill.size for fill in fills if fill.status is not FillStatus.VOID), _ZERO)

    def filled_by(self, at: int) -> Decimal:
        """What had filled by then, as a read of that moment counts it."""
        fills = self.fills[:1] if self.sets else self.fills
        return sum((fill.size for fill in fills if fill.at <= at and fill.status is not FillStatus.VOID), _ZERO)

    def better_or_equal(self, price: Decimal) -> bool:
        """Whether this resting order stands at `price` or nearer to the other side."""
        return self.ticket.limit >= price if self.ticket.side is Side.BUY else self.ticket.limit <= price

    def fill(self, price: Decimal, size: Decimal, at: int, *, taker: bool, provisional: bool) -> Fill:
        """One row, its fee rounded as the venue rounds: up, then the change in cash to the member's unit."""
        ticket = self.ticket
        sign = -1 if ticket.side is Side.BUY else 1
        gross = sign * to_micros(price) * to_micros(size) // MICRO
        charge = self.fees.trade_fee(price, size, maker=not taker)
        made = Fill(
            venue=ticket.venue,
            trade_id=f"{self.order_id}-{len(self.fills) + 1}",
            order_id=self.order_id,
            client_order_id=ticket.client_order_id,
            market=ticket.market,
            side=ticket.side,
            price=price,
            size=size,
            fee=from_micros(self.charges.charge(gross, to_micros(charge))),
            at=at,
            status=FillStatus.PROVISIONAL if provisional else FillStatus.FINAL,
            taker=taker,
        )
        self.fills.append(made)
        return made

    def hand_back(self, market: str, price: Decimal, size: Decimal, at: int) -> Fill:
        """One market's part of a merge: no fee, and final at once."""
        ticket = self.ticket
        made = Fill(
            venue=ticket.venue,
            trade_id=f"{self.order_id}-{len(self.fills) + 1}",
            order_id=self.order_id,
            client_order_id=ticket.client_order_id,
            market=market,
            side=Side.SELL,
            price=price,
            size=size,
            fee=_ZERO,
            at=at,
            merged=True,
        )
        self.fills.append(made)
        return made

    def as_listed(self, fresh: int, fills_by: int, now: int) -> OrderEvidence:
        """The order in a read that shows the exchange as it was at `fresh`, with the fills made by `fills_by`."""
        dead = self.dead_at is not None and self.dead_at <= fresh
        filled = self.filled if dead else self.filled_by(fresh)
        remaining = _ZERO if dead else self.working or self.ticket.size - filled
        return OrderEvidence(
            client_order_id=self.ticket.client_order_id,
            status=OrderStatus.DONE if dead else OrderStatus.RESTING,
            order_id=self.order_id,
            filled=filled,
            remaining=remaining,
            fills=tuple(fill for fill in self.fills if fill.at <= fills_by),
            fresh_at=fresh,
            at=now,
        )
