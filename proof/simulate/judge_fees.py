"""Judge of fees: what each venue charges for a fill by its published formula, in fractions. Imports none of our fees.

    | venue      | trade fee of C shares at P                  | rounding                                            |
    |------------|---------------------------------------------|-----------------------------------------------------|
    | Kalshi     | rate · C · P · (1 − P)                      | up to $0.0001; then the change in balance is floored |
    |            |                                             | to the member's unit, and whole cents of what an    |
    |            |                                             | order lost to that beyond one cent come back        |
    | Polymarket | C · rate · (P · (1 − P))^exponent, takers   | half up to $0.00001                                 |

Sources: docs.kalshi.com/getting_started/fee_rounding, docs.polymarket.com/trading/fees.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

_CENTICENT = Fraction(1, 10_000)
_FIVE_PLACES = Fraction(1, 100_000)
_CENT = Fraction(1, 100)


@dataclass(frozen=True, slots=True)
class Rates:
    """What a market charges. `half_up` is Polymarket's way of rounding, else Kalshi's."""

    taker: Decimal
    maker: Decimal
    unit: Decimal
    exponent: int
    half_up: bool


@dataclass(frozen=True, slots=True)
class Match:
    """Shares against one maker at one price."""

    price: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True)
class Row:
    """One fill of an order, as the account lists it: of one match, or of several."""

    name: str
    matches: tuple[Match, ...]
    buys: bool
    taker: bool
    fee: Decimal


def wrong_fees(rates: Rates, rows: Iterable[Row]) -> list[str]:
    """What differs in one order's rows, given oldest first."""
    wrong: list[str] = []
    kept = Fraction(0)
    for row in rows:
        trade = sum((trade_fee(rates, match, taker=row.taker) for match in row.matches), Fraction(0))
        due = trade
        if not rates.half_up:
            gross = sum((Fraction(match.price) * Fraction(match.size) for match in row.matches), Fraction(0))
            due, kept = balanced(rates, -gross if row.buys else gross, trade, kept)
        if due != Fraction(row.fee):
            wrong.append(f"fill {row.name} was charged ${row.fee}; the venue's formula says ${float(due):.6f}")
    return wrong


def trade_fee(rates: Rates, match: Match, *, taker: bool = True) -> Fraction:
    """Dollars, before anything is done to the balance."""
    price, size = Fraction(match.price), Fraction(match.size)
    rate = Fraction(rates.taker if taker else rates.maker)
    spread = price * (1 - price)
    if rates.half_up:
        exact = size * rate * spread**rates.exponent if taker else Fraction(0)
        return floor(exact / _FIVE_PLACES + Fraction(1, 2)) * _FIVE_PLACES
    return ceil(rate * size * spread / _CENTICENT) * _CENTICENT


def balanced(rates: Rates, gross: Fraction, trade: Fraction, kept: Fraction) -> tuple[Fraction, Fraction]:
    """Kalshi's net fee of one fill, and what the order has lost to rounding since. `gross` is signed, in whole
    millionths of a dollar at most: less than that is floored away before."""
    unit, millionth = Fraction(rates.unit), Fraction(1, 1_000_000)
    change = floor(gross / millionth) * millionth - trade
    rounding = change - floor(change / unit) * unit
    kept += rounding
    back = floor(kept / _CENT) * _CENT if kept > _CENT else Fraction(0)
    return trade + rounding - back, kept - back
