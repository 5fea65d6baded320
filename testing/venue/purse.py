"""What the account at the model exchange holds: dollars, and shares of each market."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from domain.evidence import Fill

_ZERO = Decimal(0)


class Purse:
    """`money` in dollars, `held` in shares by market, below zero where sold short: a dollar of collateral each.
    `least` is the least spendable cash there ever was. A test may set money and shares: a deposit, an outside trade."""

    def __init__(self, money: Decimal):
        self.money = self.least = money
        self.held: dict[str, Decimal] = defaultdict(Decimal)

    @property
    def cash(self) -> Decimal:
        """What can be spent."""
        return self.money + sum((shares for shares in self.held.values() if shares < 0), _ZERO)

    def book(self, fill: Fill) -> None:
        self._add(fill.cash, fill.market, fill.shares)

    def undo(self, fill: Fill) -> None:
        """The venue voids it."""
        self._add(-fill.cash, fill.market, -fill.shares)

    def pay_out(self, market: str, payout: Decimal) -> None:
        """Every share of it becomes `payout` dollars."""
        shares = self.held.pop(market, _ZERO)
        self._add(shares * payout, market, _ZERO)

    def _add(self, money: Decimal, market: str, shares: Decimal) -> None:
        self.money += money
        self.held[market] += shares
        self.least = min(self.least, self.cash)
