"""What to do with shares that stand alone: buy the other side, or sell them. The better expected value, in budget.

With both legs' books in hand, a share of the residual is worth `payoff − ask − fee` if the other side is bought
(completing) and `bid − fee` if it is sold (unwinding); what it cost is sunk either way. Both fall monotonically
as the price moves against us, so a limit whose value fits the budget bounds every fill of the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from domain.fees import FeeSchedule
from domain.money import plain
from domain.orders import Purpose, Quote, Side

Levels = tuple[tuple[Decimal, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Residual:
    """`shares` of one leg without the other side.

    `sunk` is the trade's cash so far plus the payoff of what is hedged: the final P&L if the residual brought nothing.
    `floor` is the lowest final P&L the policy allows (minus the loss budget); None when a person lifted it.
    """

    shares: Decimal
    sunk: Decimal
    payoff: Decimal
    floor: Decimal | None


@dataclass(frozen=True, slots=True)
class Book:
    """The side of one market's book an order would take, and that market's fee and tick."""

    levels: Levels
    fees: FeeSchedule
    tick: Decimal


@dataclass(frozen=True, slots=True)
class Repair:
    """One order that shrinks the residual; `value` is dollars a share it is expected to bring, fees paid."""

    purpose: Purpose
    side: Side
    size: Decimal
    limit: Decimal
    value: Decimal


@dataclass(frozen=True, slots=True)
class Options:
    """What was compared. `best` is None when neither fits the budget; `why` gives the numbers either way."""

    complete: Repair | None
    unwind: Repair | None
    best: Repair | None
    why: str


def options(residual: Residual, missing: Book | None, standing: Book, extra_ticks: int) -> Options:
    """Compare completing on `missing` (asks; None forbids it) with unwinding on `standing` (bids).

    `extra_ticks` widens the limit for a book that moves meanwhile, never beyond the budget. An option that covers
    more of the residual wins; among equals the one worth more a share.
    """
    complete = _walk(Purpose.COMPLETE, residual, missing, extra_ticks) if missing is not None else None
    unwind = _walk(Purpose.UNWIND, residual, standing, extra_ticks)
    best = max((o for o in (complete, unwind) if o is not None), key=lambda o: (o.size, o.value), default=None)
    limit = "no limit (asked by a person)" if residual.floor is None else f"lowest allowed ${plain(residual.floor)}"
    why = f"completing: {_final(residual, complete)}; unwinding: {_final(residual, unwind)}; {limit}"
    return Options(complete, unwind, best, why)


def asks_of(quote: Quote | None) -> Levels:
    return quote.asks if quote is not None else ()


def bids_of(quote: Quote | None) -> Levels:
    return quote.bids if quote is not None else ()


def _walk(purpose: Purpose, residual: Residual, book: Book, extra_ticks: int) -> Repair | None:
    buying = purpose is Purpose.COMPLETE
    taken = value = Decimal(0)
    limit: Decimal | None = None
    for price, size in book.levels:
        if taken >= residual.shares or not _affordable(residual, price, book.fees, buying=buying):
            break
        part = min(size, residual.shares - taken)
        value += (residual.payoff - price if buying else price) * part - book.fees.trade_fee(price, part)
        taken += part
        limit = price
    if limit is None or taken <= 0:
        return None
    for _ in range(extra_ticks):
        wider = limit + book.tick if buying else limit - book.tick
        if not book.tick <= wider <= residual.payoff - book.tick:
            break
        if not _affordable(residual, wider, book.fees, buying=buying):
            break
        limit = wider
    return Repair(purpose, Side.BUY if buying else Side.SELL, taken, limit, value / taken)


def _affordable(residual: Residual, price: Decimal, fees: FeeSchedule, *, buying: bool) -> bool:
    """Whether doing all of the residual at `price` keeps the final P&L at or above the floor."""
    if residual.floor is None:
        return True
    fee = fees.taker * price * (1 - price) + fees.unit
    each = (residual.payoff - price if buying else price) - fee
    return residual.sunk + each * residual.shares >= residual.floor


def _final(residual: Residual, repair: Repair | None) -> str:
    if repair is None:
        return "impossible (no depth within the budget)"
    final = residual.sunk + repair.value * residual.shares
    return f"{plain(repair.size)} shares to {plain(repair.limit)}, final P&L about ${final:.4f}"
