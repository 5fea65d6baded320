"""What venues charge for a fill, exactly.

**Kalshi.** Trade fee = rate · C · P · (1 − P), rounded **up** to $0.0001; C is contracts, P the price in dollars.
Taker rate 0.07 × the series' multiplier; makers pay a quarter of it only on series that say so.
The change in balance is then floored to the member's unit ($0.0001 for direct members, $0.01 for others);
what the floor takes is a *rounding fee*, and an accumulator per order gives back each whole cent it gathers.
Source: docs.kalshi.com/getting_started/fee_rounding; base rate from recorded fills (0.52 → 0.0175, 0.99 → 0.0007).

**Polymarket.** Fee = C · rate · (P · (1 − P))^exponent, rounded half up to $0.00001, taker only; a buyer pays it on top
of the collateral, a seller gets it taken from the proceeds. Rate and exponent are the market's own. There is no
member's unit and no accumulator. Source: docs.polymarket.com/trading/fees; the exponent from the venue's client code.

The fee of one fill at one price is exact. A fee "at the average" is none: both venues charge by fill and round by fill.
What is known of an order only in sum is bounded instead (`domain/fee_bounds.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

from domain.later import later
from domain.money import MICRO, ceil_div, from_micros, to_micros

_FEE_UNIT = 100  # $0.0001 in micros
_POWER_UNIT = 10  # $0.00001 in micros
_CENT = 10_000  # $0.01 in micros
_ZERO = Decimal(0)
_ONE = Decimal(1)
_MOST = Decimal(10**15)
_WORST_PRICE = Decimal("0.5")
_FINEST = Decimal(1).scaleb(-40)
_LONG = Context(prec=60)
_MOST_EXPONENT = 8
_QUADRATIC_TO_UNIT = 10**20  # micros^4 (1e-24 dollars) to 1e-4 dollars


class FeeModel(StrEnum):
    KALSHI = "kalshi"
    POLYMARKET = "polymarket"


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Rates as exact decimals: `taker` 0.07, `maker` 0 or 0.0175; `unit` the member's balance unit in dollars.

    `exponent` is Polymarket's alone. Its unit is $0.000001, the collateral's own.
    """

    taker: Decimal = Decimal("0.07")
    maker: Decimal = Decimal("0")
    unit: Decimal = Decimal("0.0001")
    model: FeeModel = later(FeeModel.KALSHI)
    exponent: int = later(1)

    def trade_fee(self, price: Decimal, size: Decimal, *, maker: bool = False) -> Decimal:
        """Fee in dollars of one fill of `size` contracts at `price`, before the rounding fee.

        Any two numbers have a fee, however many places they have: this is computed where nothing may fail. What is no
        price or no size is judged where it comes from; here it counts as the nearest that could be, or as the worst.
        """
        rate = self.maker if maker else self.taker
        return _trade_fee(self.model, rate, self.exponent, as_price(price), as_size(size))

    def share_fee(self, price: Decimal) -> Decimal:
        """What a taker pays for one share of many: the same before any rounding."""
        within = as_price(price)
        return self.taker * (within * (1 - within)) ** _sound(self.exponent)

    @property
    def step(self) -> Decimal:
        """What the fee of a fill is a multiple of, in dollars."""
        return from_micros(_POWER_UNIT if self.model is FeeModel.POLYMARKET else _FEE_UNIT)

    def exact_fee(self, price: Decimal, size: Decimal, *, maker: bool = False) -> Fraction:
        """The fee of a fill before it is rounded to the venue's step."""
        rate = self.maker if maker else self.taker
        return _exact(self.model, rate, self.exponent, as_price(price), as_size(size))


def as_price(price: Decimal) -> Decimal:
    """`price` between 0 and 1; the dearest in fees if it is no number."""
    if price.is_nan():
        return _WORST_PRICE
    return _short(min(max(price, _ZERO), _ONE))


def as_size(size: Decimal) -> Decimal:
    """The count of `size`, whichever its sign; a number no venue trades if it is none."""
    return _short(min(abs(size), _MOST)) if size.is_finite() else _MOST


def _short(value: Decimal) -> Decimal:
    """At most forty places: a number of a million places has a fee too, and must not take a minute."""
    finest = value.as_tuple().exponent
    return value.quantize(_FINEST, context=_LONG) if isinstance(finest, int) and finest < -40 else value


def _sound(exponent: int) -> int:
    return min(max(exponent, 0), _MOST_EXPONENT)


@lru_cache(maxsize=65_536)  # the same few prices and sizes, over and over
def _trade_fee(model: FeeModel, rate: Decimal, exponent: int, price: Decimal, size: Decimal) -> Decimal:
    if _whole_micros(rate) and _whole_micros(price) and _whole_micros(size):
        if model is FeeModel.POLYMARKET:
            return from_micros(power_fee(to_micros(rate), _sound(exponent), to_micros(price), to_micros(size)))
        return from_micros(quadratic_fee(to_micros(rate), to_micros(price), to_micros(size)))
    exact = _exact(model, rate, exponent, price, size) * MICRO
    if model is FeeModel.POLYMARKET:
        return from_micros(floor(exact / _POWER_UNIT + Fraction(1, 2)) * _POWER_UNIT)
    return from_micros(ceil(exact / _FEE_UNIT) * _FEE_UNIT)


def _exact(model: FeeModel, rate: Decimal, exponent: int, price: Decimal, size: Decimal) -> Fraction:
    chance = Fraction(price)
    power = _sound(exponent) if model is FeeModel.POLYMARKET else 1
    each: Fraction = Fraction(rate) * (chance * (1 - chance)) ** power
    return each * Fraction(size)


def _whole_micros(value: Decimal) -> bool:
    places = value.as_tuple().exponent
    return isinstance(places, int) and places >= -6 and value < _MOST


def power_fee(rate: int, exponent: int, price: int, size: int) -> int:
    """Polymarket's fee in micro-dollars; `rate`, `price` and `size` in micros. Rounded half up to $0.00001.

    >>> power_fee(70_000, 1, 500_000, 100_000_000)
    1750000
    """
    exact: int = rate * size * (price * (1_000_000 - price)) ** exponent
    unit: int = 10 ** (6 + 12 * exponent) * _POWER_UNIT
    return (2 * exact + unit) // (2 * unit) * _POWER_UNIT


def quadratic_fee(rate: int, price: int, size: int) -> int:
    """Trade fee in micro-dollars; `rate`, `price` and `size` in micros. Rounded up to $0.0001.

    >>> quadratic_fee(70_000, 520_000, 1_000_000)
    17500
    """
    exact = rate * size * price * (1_000_000 - price)
    return ceil_div(exact, _QUADRATIC_TO_UNIT) * _FEE_UNIT


@dataclass(slots=True)
class RoundingAccumulator:
    """The rounding fees of one order, and the whole cents given back.

    `unit` is the member's balance unit in micro-dollars: 100 (direct) or 10,000 (others).
    """

    unit: int = _FEE_UNIT
    gathered: int = 0

    def charge(self, revenue: int, trade_fee: int) -> int:
        """Net fee in micro-dollars of one fill.

        `revenue` is the signed change in cash before fees, in micro-dollars rounded down (negative for a buy);
        `trade_fee` the quadratic fee. Returns trade fee + rounding fee − refund.
        """
        change = revenue - trade_fee
        rounding = change % self.unit  # floor: Python's modulo is never negative here
        self.gathered += rounding
        refund = self.gathered // _CENT * _CENT if self.gathered > _CENT else 0
        self.gathered -= refund
        return trade_fee + rounding - refund
