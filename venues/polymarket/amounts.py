"""What an order offers and asks for, in exact integers of 1e-6 (micro-dollars and micro-shares).

An order on the wire has no price: it has a maker amount (given) and a taker amount (wanted), and the venue takes their
quotient. How many decimals each may have depends on the market's tick:

| tick | price decimals | size decimals | amount decimals |
|---|---|---|---|
| 0.1 | 1 | 2 | 3 |
| 0.01 | 2 | 2 | 4 |
| 0.005 | 3 | 2 | 5 |
| 0.0025 | 4 | 2 | 6 |
| 0.001 | 3 | 2 | 5 |
| 0.0001 | 4 | 2 | 6 |

| order | maker amount | taker amount |
|---|---|---|
| GTC, GTD buy | size × limit | size |
| GTC, GTD sell, FAK, FOK sell | size | size × limit |
| FAK, FOK buy | size × limit, **rounded down to the cent** | that / limit, rounded down to 4 decimals |

With a price on the grid and a size in hundredths, size × limit always fits the amount decimals. A FAK or FOK buy is
sized in dollars, in whole cents: it never spends more than was asked for, so up to a cent's worth of shares stays
unbought unless `whole_cents` chose the size; and where the book is better than the limit, the same dollars buy more
shares than were asked for. The shares are rounded down so that the quotient is never below the limit (an ask at the
limit is still met) and, checked here, never as much as the finest tick above it. Four decimals are used also where a
tick would allow more (three at a tick of 0.1, which allows no more): a tick gets finer as a price nears 0 or 1, and an
order made again must come out the same.

Source: docs.polymarket.com/trading/place-orders, and the tables in the venue's published clients.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import gcd

from domain.errors import Denied
from domain.money import MICRO, Inexact, from_micros, plain, to_micros
from domain.orders import Side, TimeInForce

LOT = 10_000
"""The smallest step of a size: 0.01 share."""
CENT = 10_000
FINEST_TICK = 100

AMOUNT_DECIMALS = {100_000: 3, 10_000: 4, 5_000: 5, 2_500: 6, 1_000: 5, 100: 6}
"""How many decimals an amount may have at the most, by tick in units of 1e-6."""

_WANTED_DECIMALS = 4
_MOST_LOTS = 10**14  # what exact money can hold
_TICKS = "0.1, 0.01, 0.005, 0.0025, 0.001 or 0.0001"


@dataclass(frozen=True, slots=True)
class Amounts:
    """`maker` is given, `taker` wanted; both in units of 1e-6. Dollars are the maker's when buying."""

    maker: int
    taker: int

    def shares(self, side: Side) -> Decimal:
        """The shares it asks for at its limit, or offers."""
        return from_micros(self.taker if side is Side.BUY else self.maker)

    def dollars(self, side: Side) -> Decimal:
        """The dollars it offers, or asks for at its limit."""
        return from_micros(self.maker if side is Side.BUY else self.taker)


def order_amounts(side: Side, size: Decimal, limit: Decimal, tick: Decimal, tif: TimeInForce) -> Amounts:
    """The amounts of an order for `size` shares at `limit` dollars on a market with that tick.

    Raises `Denied`: `off_tick` for a price off the grid, `bad_size` for a size that is not a positive number of
    hundredths or too small to be priced, `bad_tick` for a tick that is not in the table. The message names the nearest
    value that can be sent.
    """
    step = tick_micros(tick)
    price = _price(limit, step)
    shares = _size(size)
    dollars = shares * price // MICRO  # exact: 1e4 divides shares, 1e2 divides price
    if side is Side.SELL:
        return Amounts(maker=shares, taker=dollars)
    if tif in (TimeInForce.GTC, TimeInForce.GTD):
        return Amounts(maker=dollars, taker=shares)
    unit = 10 ** (6 - min(_WANTED_DECIMALS, AMOUNT_DECIMALS[step]))
    spend = dollars // CENT * CENT
    wanted = spend * MICRO // price // unit * unit
    if spend == 0 or wanted == 0 or spend * MICRO >= wanted * (price + FINEST_TICK):
        step_size = from_micros(_exact_lots(price) * LOT)
        nearest = whole_cents(size, limit) or step_size
        raise Denied(
            f"a buy of {plain(size)} at {plain(limit)} that takes at once spends whole cents, and in whole cents it "
            f"would not keep its limit; expected a multiple of {plain(step_size)} shares: nearest {plain(nearest)}",
            "bad_size",
        )
    return Amounts(maker=spend, taker=wanted)


def tick_micros(tick: Decimal) -> int:
    """A tick in units of 1e-6. Raises `Denied` (`bad_tick`) for one the venue's table does not have."""
    try:
        step = to_micros(tick)
    except (Inexact, ArithmeticError, ValueError):
        step = 0
    if step not in AMOUNT_DECIMALS:
        raise Denied(
            f"tick {tick} is unknown; expected {_TICKS}: read the market again, and trade it only when its tick is in "
            "the table",
            "bad_tick",
        )
    return step


def whole_cents(size: Decimal, limit: Decimal) -> Decimal:
    """The largest size up to `size` whose cost at `limit` is a whole number of cents: what a FAK or FOK buy can ask
    for exactly. Zero if there is none. Both are exact decimals, `size` is in shares and `limit` in dollars.

    >>> whole_cents(Decimal("7.5"), Decimal("0.33"))
    Decimal('7.00')
    """
    price = to_micros(limit)
    if price <= 0:
        return Decimal(0)
    step = _exact_lots(price)
    lots = to_micros(size) // LOT // step * step
    return from_micros(max(0, lots) * LOT)


def _exact_lots(price: int) -> int:
    """The least number of lots that costs whole cents: lots × price in finest ticks must be a multiple of 10,000."""
    return 10_000 // gcd(10_000, price // FINEST_TICK)


def _price(limit: Decimal, step: int) -> int:
    try:
        price = to_micros(limit)
    except (Inexact, ArithmeticError, ValueError):
        price = -1
    if not step <= price <= MICRO - step or price % step:
        raise Denied(
            f"price {plain(limit)} is off the grid; expected a multiple of {plain(from_micros(step))} from "
            f"{plain(from_micros(step))} to {plain(from_micros(MICRO - step))}: nearest {_nearest_price(limit, step)}",
            "off_tick",
        )
    return price


def _nearest_price(limit: Decimal, step: int) -> str:
    if not limit.is_finite():
        return "none"
    within = min(max(limit, Decimal(0)), Decimal(1))
    steps = int((within * MICRO / step).to_integral_value())
    return plain(from_micros(min(max(steps, 1), MICRO // step - 1) * step))


def _size(size: Decimal) -> int:
    try:
        shares = to_micros(size)
    except (Inexact, ArithmeticError, ValueError):
        shares = -1
    if shares <= 0 or shares % LOT:
        nearest = min(max(int(size * 100), 1), _MOST_LOTS) if size.is_finite() else 1
        raise Denied(
            f"size {plain(size)} cannot be sent; expected above 0 in steps of 0.01 share: nearest "
            f"{plain(from_micros(nearest * LOT))}",
            "bad_size",
        )
    return shares
