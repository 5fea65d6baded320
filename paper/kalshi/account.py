"""The account's money: cash, positions, what working orders hold back, and the fee of every fill.

*Selling what is not held is buying NO.* A sale at p of a share that is not held credits p and locks one dollar of
collateral, which is the same as paying 1 − p for a NO share; buying it back unlocks the dollar. So cash is simply
opening cash plus the signed cash of all fills, minus a dollar for each share held short.

*Working orders reserve* their limit price (bids) or 1 − limit (asks) for each share that would open exposure, and a
bound on the fee. Shares that would close a position need no cash; they are counted at the cheapest price, so the
reservation holds whatever order the fills come in.

Everything is an integer of micro-dollars and exact: prices are multiples of $0.0001, counts of 0.01 contract.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from domain.fees import FeeSchedule
from domain.money import MICRO, to_micros
from paper.core.book import ONE
from paper.core.charges import kalshi_charge, kalshi_trade_fee
from paper.core.records import AccountView, BookSide, Order, Position

_FEE_UNIT = 100  # a trade fee is rounded up to $0.0001


@dataclass(frozen=True, slots=True)
class Commitment:
    """A working or incoming order as the reservation sees it; `fee` bounds what its fills may be charged."""

    side: BookSide
    price: int
    remaining: int
    fee: int


@dataclass(slots=True)
class Account:
    """`signed_cash` is opening cash plus the cash of every fill; `unit` the balance unit of fees in micro-dollars."""

    signed_cash: int
    unit: int
    positions: dict[str, Position] = field(default_factory=dict)

    @property
    def cash(self) -> int:
        """Cash after the collateral of short positions."""
        return self.signed_cash - sum(max(0, -p.shares) for p in self.positions.values())

    def view(self, reserved: int, resting: dict[str, int]) -> AccountView:
        return AccountView(self.cash, reserved, resting, dict(self.positions))

    def fee_bound(self, fees: FeeSchedule, side: BookSide, price: int, size: int, *, taker: bool, rows: int) -> int:
        """The most `rows` fills of together `size` at `price` or better may be charged.

        Each row's fee is rounded up by less than $0.0001 and then by less than the member's unit.
        """
        worst = price
        if taker:  # a better price can carry a higher fee: p(1 − p) is largest at one half
            worst = min(price, ONE // 2) if side == "bid" else max(price, ONE // 2)
        rate = to_micros(fees.taker if taker else fees.maker)
        return kalshi_trade_fee(rate, worst, size) + rows * (_FEE_UNIT + self.unit)

    def reserve(self, ticker: str, commitments: Iterable[Commitment]) -> int:
        """Cash that must be held back so that all of these could fill, in any order."""
        held = self.positions.get(ticker, Position()).shares
        bids: list[tuple[int, int, int]] = []
        asks: list[tuple[int, int, int]] = []
        for order in commitments:
            if order.side == "bid":
                bids.append((order.price, order.remaining, order.fee))
            else:
                asks.append((ONE - order.price, order.remaining, order.fee))
        return _opening(bids, max(0, -held)) + _opening(asks, max(0, held))

    def fill(
        self, order: Order, price: int, size: int, fees: FeeSchedule, *, taker: bool, at: int
    ) -> tuple[Order, int]:
        """Book one fill; returns the order as it is after it, and the fee charged for this row."""
        value = _product(price, size)
        bought = order.side == "bid"
        revenue = -value if bought else value
        rate = to_micros(fees.taker if taker else fees.maker)
        trade_fee = kalshi_trade_fee(rate, price, size)
        extra, gathered = kalshi_charge(revenue - trade_fee, self.unit, order.gathered)
        fee = trade_fee + extra
        self.signed_cash += revenue - fee
        held = self.positions.get(order.ticker, Position())
        self.positions[order.ticker] = _moved(held, size if bought else -size, price, fee, at)
        remaining = order.remaining - size
        updated = msgspec.structs.replace(
            order,
            filled=order.filled + size,
            remaining=remaining,
            status="resting" if remaining else "executed",
            updated_at=at,
            gathered=gathered,
            rows=order.rows + 1,
            taker_cost=order.taker_cost + (value if taker else 0),
            maker_cost=order.maker_cost + (0 if taker else value),
            taker_fees=order.taker_fees + (fee if taker else 0),
            maker_fees=order.maker_fees + (0 if taker else fee),
        )
        return updated, fee

    def settle(self, ticker: str, value: int, at: int) -> int:
        """A YES share of this market paid `value`: turn the position into cash and return the change in signed cash.

        A share held short gives `value` back, and its dollar of collateral is free again.
        """
        held = self.positions.get(ticker, Position())
        paid = _product(value, abs(held.shares)) * (1 if held.shares >= 0 else -1)
        worth = _product(value if held.shares >= 0 else ONE - value, abs(held.shares))
        self.signed_cash += paid
        self.positions[ticker] = msgspec.structs.replace(
            held,
            shares=0,
            cost=0,
            realized=held.realized + worth - held.cost,
            last_price=value,
            updated_at=at,
            settled=True,
        )
        return paid


def _moved(held: Position, signed: int, price: int, fee: int, at: int) -> Position:
    shares, cost, realized = held.shares, held.cost, held.realized
    size = abs(signed)
    if shares * signed < 0:
        closing = min(abs(shares), size)
        paid = cost * closing // abs(shares)
        realized += _product(price if shares > 0 else ONE - price, closing) - paid
        cost -= paid
        size -= closing
    if size:
        cost += _product(price if signed > 0 else ONE - price, size)
    return Position(
        shares=shares + signed,
        cost=cost,
        realized=realized,
        fees=held.fees + fee,
        traded=held.traded + _product(price, abs(signed)),
        last_price=price,
        updated_at=at,
    )


def _opening(orders: list[tuple[int, int, int]], closing: int) -> int:
    total = 0
    for price, size, fee in sorted(orders):
        free = min(size, closing)
        closing -= free
        if size > free:  # what a closing fill brings in always covers its own fee
            total += _product(price, size - free) + fee
    return total


def _product(price: int, size: int) -> int:
    """Micros × micros as micro-dollars; exact for the venue's grid, refused for anything finer."""
    value, rest = divmod(price * size, MICRO)
    if rest:
        raise ValueError(f"{price} × {size} micros is finer than a micro-dollar; expected steps of 100 and 10000")
    return value
