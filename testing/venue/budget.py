"""What an order may still buy, where those that take are signed for dollars instead of shares."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from domain.orders import OrderTicket, Side

_FINEST = Decimal("0.000001")
_LOT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Budget:
    """Of one order: shares, or with `in_dollars` the dollars of its size at its limit if it takes and buys."""

    ticket: OrderTicket
    in_dollars: bool

    def buys(self, left: Decimal, price: Decimal) -> Decimal:
        """Shares that what is `left` of its size buys at `price`."""
        if not self._dollars or not price:
            return left
        shares = (left * self.ticket.limit / price).quantize(_FINEST, ROUND_DOWN)
        return shares.quantize(_LOT) if shares == shares.quantize(_LOT) else shares

    def uses(self, shares: Decimal, price: Decimal) -> Decimal:
        """How much of its size these shares use up."""
        return shares * price / self.ticket.limit if self._dollars else shares

    @property
    def _dollars(self) -> bool:
        return self.in_dollars and self.ticket.side is Side.BUY and not self.ticket.rests
