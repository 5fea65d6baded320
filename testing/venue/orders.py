"""An order as the model exchange keeps it: its fills, what still works, and when it died."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from domain.evidence import Fill, FillStatus, ForeignOrder, OrderEvidence, OrderStatus
from domain.fees import FeeSchedule, RoundingAccumulator
from domain.market import Venue
from domain.money import MICRO, from_micros, to_micros
from domain.orders import OrderTicket, Side

_ZERO = Decimal(0)
_AVERAGE = Decimal("0.000001")

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
    matches: dict[str, tuple[tuple[Decimal, Decimal], ...]] = field(default_factory=dict)  # by fill

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

    def fill(self, matches: Sequence[tuple[Decimal, Decimal]], at: int, *, taker: bool, provisional: bool) -> Fill:
        """One row of one or several matches (price, size). Each is charged by itself, its fee rounded as the venue
        rounds; then the row's change in cash goes to the member's unit."""
        ticket = self.ticket
        size = sum((part for _, part in matches), _ZERO)
        paid = sum((price * part for price, part in matches), _ZERO)
        several = len({price for price, _ in matches}) > 1
        picos = int(paid.scaleb(12))
        gross = (picos if ticket.side is Side.SELL else -picos) // MICRO
        charge = sum((self.fees.trade_fee(price, part, maker=not taker) for price, part in matches), _ZERO)
        made = Fill(
            venue=ticket.venue,
            trade_id=f"{self.order_id}-{len(self.fills) + 1}",
            order_id=self.order_id,
            client_order_id=ticket.client_order_id,
            market=ticket.market,
            side=ticket.side,
            price=(paid / size).quantize(_AVERAGE) if several else matches[0][0],
            size=size,
            fee=from_micros(self.charges.charge(gross, to_micros(charge))),
            at=at,
            status=FillStatus.PROVISIONAL if provisional else FillStatus.FINAL,
            taker=taker,
            paid=paid if several else None,
        )
        self.fills.append(made)
        self.matches[made.trade_id] = tuple(matches)
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

    def as_foreign(self, venue: Venue, now: int) -> ForeignOrder:
        """The order as a person who placed it elsewhere would have it looked up."""
        ticket, listed = self.ticket, self.as_listed(now, now, now)
        name = ticket.client_order_id
        return ForeignOrder(venue, self.order_id, name, ticket.market, ticket.side, ticket.size, ticket.limit, listed)
