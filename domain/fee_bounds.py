"""The most that an order can be charged, where its fills are not known one by one.

Both venues charge and round each fill on its own, so the fee of a sum is not the sum of the fees: five hundred fills of
a hundredth of a contract cost more than one fill of five. Where only a total is known, its fee is a bound: what the
dearest split at the dearest prices would cost.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

from domain.fees import FeeModel, FeeSchedule, as_price, as_size
from domain.orders import Side

_GRAIN = {FeeModel.KALSHI: Decimal("0.01"), FeeModel.POLYMARKET: Decimal("0.000001")}
_DEAREST = Decimal("0.5")
_CENT = Fraction(1, 100)  # Kalshi's accumulator gives back what it gathers beyond it


def worst_fee(
    schedule: FeeSchedule,
    side: Side,
    limit: Decimal,
    size: Decimal,
    *,
    fills: int | None = None,
    lot: Decimal | None = None,
) -> Decimal:
    """The most, in dollars, that `size` shares bought at or below `limit` (sold at or above it) can be charged, each
    fill's rounding and Kalshi's rounding fee included; as taker or as maker, whichever is dearer.

    No split into fills and no prices within the limit cost more. `fills` is the number of fills where it is known,
    `lot` the least that one fill can be: the venue's own grain if not given. Never raises, whatever the numbers are.
    """
    count = as_size(size)
    return _worst_fee(schedule, side, as_price(limit), count, fills=fills, lot=lot) if count else Decimal(0)


@lru_cache(maxsize=65_536)  # asked for at every look at a trade whose answer had no fee
def _worst_fee(
    schedule: FeeSchedule, side: Side, price: Decimal, count: Decimal, *, fills: int | None, lot: Decimal | None
) -> Decimal:
    dearest = min(price, _DEAREST) if side is Side.BUY else max(price, _DEAREST)
    grain = _GRAIN[schedule.model] if lot is None or not lot > 0 else lot
    lots = ceil(Fraction(count) / Fraction(as_size(grain)))
    rows = lots if fills is None else min(max(fills, 1), lots)
    whole = _exact(schedule, dearest, count)
    step = Fraction(schedule.step)
    if schedule.model is FeeModel.POLYMARKET:
        # Half up: a fill gains at most half a step, and never doubles but from exactly half of one.
        return _dollars(floor(min(2 * whole, whole + rows * step / 2) / step), schedule.step)
    by_lots = lots * ceil(_exact(schedule, dearest, grain) / step)
    by_rows = floor(whole / step) + rows
    unit = Fraction(schedule.unit)
    return _dollars(min(by_lots, by_rows), schedule.step) + _dollars(
        ceil(min(_CENT, rows * unit) / step), schedule.step
    )


def _exact(schedule: FeeSchedule, price: Decimal, size: Decimal) -> Fraction:
    as_taker, as_maker = (schedule.exact_fee(price, size, maker=maker) for maker in (False, True))
    return max(as_taker, as_maker, Fraction(0))


def _dollars(steps: int, step: Decimal) -> Decimal:
    return steps * step
