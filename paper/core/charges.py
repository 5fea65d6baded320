"""What the exchange charges for a fill: its own arithmetic, so that a client's cannot be right by being the same.

Written from the venues' pages, with exact fractions of a dollar instead of scaled integers:

- Kalshi (getting_started/fee_rounding): rate × contracts × p × (1 − p), rounded **up** to $0.0001. Then the balance's
  change is floored to the member's unit, which is the rounding fee; what an order has paid in rounding fees comes back
  in whole cents once it is more than one.
- Polymarket (trading/fees): rate × shares × (p × (1 − p))^exponent, rounded to $0.00001, a half upwards; what is
  smaller than half of that costs nothing.

Amounts go in and out in micros, as the exchange keeps them.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

_MICRO = 10**6


def kalshi_trade_fee(rate: int, price: int, size: int) -> int:
    """The trade fee of one fill, before its rounding fee.

    >>> kalshi_trade_fee(70_000, 990_000, 1_000_000)
    700
    """
    dollars = _dollars(rate) * _dollars(size) * _dollars(price) * (1 - _dollars(price))
    return ceil(dollars * 10_000) * 100


def kalshi_charge(change: int, unit: int, paid_in_rounding: int) -> tuple[int, int]:
    """What is charged besides the trade fee, and what the order has paid in rounding fees after it.

    `change` is what the fill does to the balance, trade fee included (negative for a purchase).

    >>> kalshi_charge(-63_500, 10_000, 0), kalshi_charge(-63_500, 10_000, 6_500)
    ((6500, 6500), (-3500, 3000))
    """
    rounding = change - floor(Fraction(change, unit)) * unit
    gathered = paid_in_rounding + rounding
    cents = floor(Fraction(gathered, 10_000)) if gathered > 10_000 else 0
    return rounding - cents * 10_000, gathered - cents * 10_000


def polymarket_fee(rate: int, exponent: int, price: int, size: int) -> int:
    """What a taker is charged for one fill.

    >>> polymarket_fee(70_000, 1, 650_000, 10_000_000)
    159250
    """
    dollars = _dollars(rate) * _dollars(size) * (_dollars(price) * (1 - _dollars(price))) ** exponent
    return floor(dollars * 100_000 + Fraction(1, 2)) * 10


def _dollars(micros: int) -> Fraction:
    return Fraction(micros, _MICRO)
