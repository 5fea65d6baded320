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

_FEE_UNIT = Decimal("0.0001")

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


def options(residual: Residual, missing: Book | None, standing: Book | None, extra_ticks: int) -> Options:
    """Compare completing on `missing` (asks) with unwinding on `standing` (bids); None forbids that way.

    The best is the one expected to bring more dollars for the whole residual, what its book does not hold being done
    the other way; among equals completing, which needs no second look. `extra_ticks` widens the limit for a book that
    moves meanwhile, never beyond the budget.
    """
    books = {Purpose.COMPLETE: missing, Purpose.UNWIND: standing}
    found: dict[Purpose, Repair | None] = {}
    worth: dict[Purpose, Decimal] = {}
    for purpose, other in ((Purpose.COMPLETE, Purpose.UNWIND), (Purpose.UNWIND, Purpose.COMPLETE)):
        first = found[purpose] = _walk(purpose, residual, books[purpose], residual.shares, extra_ticks)
        if first is not None:
            rest = _walk(other, residual, books[other], residual.shares - first.size, 0)
            worth[purpose] = first.value * first.size + (rest.value * rest.size if rest else Decimal(0))
    best = found[max(worth, key=lambda purpose: worth[purpose])] if worth else None
    complete, unwind = found[Purpose.COMPLETE], found[Purpose.UNWIND]
    limit = "no limit (asked by a person)" if residual.floor is None else f"lowest allowed ${plain(residual.floor)}"
    why = f"completing: {_final(residual, complete)}; unwinding: {_final(residual, unwind)}; {limit}"
    return Options(complete, unwind, best, why)


def asks_of(quote: Quote | None) -> Levels:
    return quote.asks if quote is not None else ()


def bids_of(quote: Quote | None) -> Levels:
    return quote.bids if quote is not None else ()


def _walk(purpose: Purpose, residual: Residual, book: Book | None, shares: Decimal, extra_ticks: int) -> Repair | None:
    """The order that does as much of `shares` as the book and the budget allow; None if that is nothing."""
    if book is None:
        return None
    buying = purpose is Purpose.COMPLETE
    taken = value = Decimal(0)
    limit: Decimal | None = None
    for n, (price, size) in enumerate(book.levels, start=1):
        if taken >= shares or not _affordable(residual, price, book.fees, n, buying=buying):
            break
        part = min(size, shares - taken)
        value += (residual.payoff - price if buying else price) * part - book.fees.trade_fee(price, part)
        taken += part
        limit = price
    if limit is None or taken <= 0:
        return None
    for n in range(1, extra_ticks + 1):
        wider = limit + book.tick if buying else limit - book.tick
        if not book.tick <= wider <= residual.payoff - book.tick:
            break
        if not _affordable(residual, wider, book.fees, len(book.levels) + n, buying=buying):
            break
        limit = wider
    return Repair(purpose, Side.BUY if buying else Side.SELL, taken, limit, value / taken)


def _affordable(residual: Residual, price: Decimal, fees: FeeSchedule, fills: int, *, buying: bool) -> bool:
    """Whether doing all of the residual at `price`, in `fills` fills, keeps the final P&L at or above the floor.

    Each fill's fee is rounded up, and its change in cash to the member's unit: for a few hundredths of a share that
    is more than the fee itself.
    """
    if residual.floor is None:
        return True
    fee = fees.taker * price * (1 - price)
    each = (residual.payoff - price if buying else price) - fee
    rounding = (_FEE_UNIT + fees.unit) * fills
    return residual.sunk + each * residual.shares - rounding >= residual.floor


def _final(residual: Residual, repair: Repair | None) -> str:
    if repair is None:
        return "impossible (no offer within the budget was seen)"
    final = residual.sunk + repair.value * repair.size
    return f"{plain(repair.size)} shares to {plain(repair.limit)}, P&L then about ${final:.4f}"
