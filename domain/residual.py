"""What to do with shares that stand alone: take the other sides, give them back, or keep them. By value, in budget.

Every leg holds some number of shares, counted in the leg's own direction; only what all of them have is hedged. A
*target* is the number every leg is brought to: the highest count completes, the lowest unwinds, one between does both.
With the books in hand each target has an expected final P&L, since what the shares cost is sunk; the best target whose
next order keeps the final P&L within the budget, even if all of it fills at its limit, is the one to go for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.fees import FeeModel, FeeSchedule
from domain.intent import Way
from domain.market import PriceRange, floored, raised
from domain.money import plain, whole_lots
from domain.orders import Purpose, Quote, Side

_FEE_UNIT = Decimal("0.0001")
_ZERO = Decimal(0)

Levels = tuple[tuple[Decimal, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Stand:
    """One leg as a repair sees it: its shares in its own direction, and the levels that each way would take.

    `shares` below zero: more was given back than there was. `take` are the levels for more shares of the leg (asks
    for one that buys), `give` those for fewer; best first, empty if the book could not be read or holds nothing.
    """

    name: str
    side: Side
    shares: Decimal
    take: Levels
    give: Levels
    fees: FeeSchedule
    tick: Decimal
    min_size: Decimal
    lot: Decimal
    bands: tuple[PriceRange, ...] = ()

    def wider(self, limit: Decimal, side: Side) -> Decimal | None:
        """The next price of the grid that gives an order on `side` more room; None at its end."""
        move = self.tick if side is Side.BUY else -self.tick
        if self.bands:
            # A tick is what it is where the leg was planned; elsewhere the grid may be coarser: then one step of it.
            price = floored(self.bands, limit + move) if side is Side.BUY else raised(self.bands, limit + move)
            if price == limit:
                price = raised(self.bands, limit + move) if side is Side.BUY else floored(self.bands, limit + move)
            return price
        price = limit + move
        return price if self.tick <= price <= 1 - self.tick else None


@dataclass(frozen=True, slots=True)
class Residual:
    """The legs, the trade's cash so far, and what one share of every leg pays together.

    `floor` is the lowest final P&L the policy allows (minus the loss budget); None when a person lifted it.
    `ways` are those allowed. `extra_ticks` widens an order's limit for a book that moves, never beyond the budget.
    `most` is the count no leg is completed beyond: what an order brought above it is given back or kept. `refused` are
    the ways and legs whose last order the venue refused: there are no orders of these. `spare` is what is left of the
    trade's reservation, in dollars: no order takes more shares than that pays for. None: a person lifted it.
    """

    legs: tuple[Stand, ...]
    cash: Decimal
    payoff: Decimal
    floor: Decimal | None
    ways: frozenset[Way]
    hold_discount: Decimal = _ZERO
    extra_ticks: int = 0
    most: Decimal | None = None
    refused: frozenset[tuple[Way, str]] = frozenset()
    spare: Decimal | None = None

    def give_of(self, leg: Stand) -> Levels:
        """The levels that fewer shares of the leg would take."""
        return () if (Way.UNWIND, leg.name) in self.refused else leg.give

    def take_of(self, leg: Stand) -> Levels:
        """The levels that more shares of the leg would take."""
        return () if (Way.COMPLETE, leg.name) in self.refused else leg.take


@dataclass(frozen=True, slots=True)
class Repair:
    """One order on one leg that brings it nearer to `target`; `final` is the P&L expected of the whole plan."""

    leg: str
    purpose: Purpose
    side: Side
    size: Decimal
    limit: Decimal
    target: Decimal
    final: Decimal


@dataclass(frozen=True, slots=True)
class Options:
    """What was compared. `best` is None when no order fits the budget; `hold` when keeping is worth most.

    `too_small`: what stands alone is below the venue's smallest order on every way, so no order can ever repair it;
    `affordable_loss` then says whether even its total loss is within the budget. `why` gives the numbers.
    """

    best: Repair | None
    hold: bool
    too_small: bool
    affordable_loss: bool
    why: str


def hedged(shares: Iterable[Decimal]) -> Decimal:
    """What every leg has."""
    return max(min(shares), _ZERO)


def alone(shares: Sequence[Decimal]) -> Decimal:
    """Shares of any leg that are no part of a whole set, those given back too often included."""
    whole = hedged(shares)
    return sum((abs(count - whole) for count in shares), _ZERO)


def levels_of(quote: Quote | None, side: Side) -> Levels:
    """The levels that an order on `side` takes."""
    if quote is None:
        return ()
    return quote.asks if side is Side.BUY else quote.bids


def options(residual: Residual) -> Options:
    """Compare every target, and holding; see this module."""
    lowest = hedged(leg.shares for leg in residual.legs)
    highest = max(lowest, *(leg.shares for leg in residual.legs))
    if residual.most is not None:
        highest = max(lowest, min(highest, residual.most))
    told: list[str] = []
    plans: list[tuple[Decimal, Decimal, Repair]] = []
    small: list[bool] = []
    for wanted, target in _targets(residual, lowest, highest):
        expected = _project(residual, target)
        small.append(_all_too_small(residual, wanted))  # whatever the books hold just now
        first = _first(residual, target, expected) if target == wanted or target != lowest else None
        told.append(f"{_words(wanted, lowest, highest)}: {_final(first, expected)}")
        if first is not None:
            plans.append((expected, target, first))
    best = max(plans, key=lambda plan: plan[:2])[2] if plans else None
    keeping = _held_value(residual, lowest)
    total_loss = _if_worthless(residual, lowest)
    affordable = residual.floor is None or total_loss >= residual.floor
    hold = False
    if Way.HOLD in residual.ways and keeping is not None:
        hold = affordable and (best is None or keeping > best.final)
        told.append(f"holding: P&L then about ${keeping:.4f}, ${total_loss:.4f} at worst")
    told.append(
        "no limit (asked by a person)" if residual.floor is None else f"lowest allowed ${plain(residual.floor)}"
    )
    return Options(None if hold else best, hold, bool(small) and all(small), affordable, "; ".join(told))


# ---------------------------------------------------------------------- targets


def _targets(residual: Residual, lowest: Decimal, highest: Decimal) -> list[tuple[Decimal, Decimal]]:
    """Where all legs could be brought to, highest first: each leg's count, and how far the books reach towards it.

    Where both ways are open, what one book does not hold is done the other way; if even both together cannot do all
    of it, the count itself stays the target and part of the way there is gone.
    """
    completing, unwinding = Way.COMPLETE in residual.ways, Way.UNWIND in residual.ways
    wanted = {min(max(leg.shares, lowest), highest) for leg in residual.legs} if completing and unwinding else set()
    wanted |= {highest} if completing else set()
    # A leg given back too often is bought back whatever was asked: its shares belong to somebody else.
    wanted |= {lowest} if unwinding or any(leg.shares < 0 for leg in residual.legs) else set()
    ranked = sorted(wanted, reverse=True)
    if not (completing and unwinding):
        return [(target, target) for target in ranked]
    floor = max(
        (leg.shares - _depth(residual.give_of(leg)) for leg in residual.legs if leg.shares > lowest), default=lowest
    )
    roof = min(
        (leg.shares + _depth(residual.take_of(leg)) for leg in residual.legs if leg.shares < highest), default=highest
    )
    if floor > roof or roof < lowest:
        return [(target, target) for target in ranked]
    return [(target, min(max(target, floor), roof, highest)) for target in ranked]


def _first(residual: Residual, target: Decimal, expected: Decimal) -> Repair | None:
    """The next order towards `target`: what was given back too often, then the scarcest side missing, then the
    largest that stands. None if there is none that its book, the venue's minimum and the budget allow.

    A side is taken only as far as every other side missing can follow: one that stays behind leaves more standing alone
    than before, to be given back again, and so round and round at the cost of a spread each time.
    """

    def urgency(leg: Stand) -> tuple[int, Decimal]:
        need = target - leg.shares
        if leg.shares < 0:
            return 0, leg.shares
        return (1, _depth(leg.take) - need) if need > 0 else (2, need)

    missing = [leg for leg in residual.legs if leg.shares < target]
    reach = min((leg.shares + _reach(residual, leg, target)[0] for leg in missing), default=target)
    for leg in sorted((leg for leg in residual.legs if leg.shares != target), key=urgency):
        until = target
        if leg.shares < target:
            until = max(reach, _ZERO) if leg.shares < 0 else reach
        order = _order(residual, leg, target, until, expected)
        if order is not None:
            return order
    return None


def _reach(residual: Residual, leg: Stand, target: Decimal) -> tuple[Decimal, Decimal | None]:
    """How much of the way to `target` the leg's book holds within the budget, in whole lots and not below the venue's
    minimum, and the worst price of it."""
    need, taking = abs(target - leg.shares), target > leg.shares
    side = leg.side if taking else leg.side.opposite
    bounds = _Bounds(residual.floor, _project(residual, target, without=leg), leg.fees, side, need)
    taken = _ZERO
    limit: Decimal | None = None
    for n, (price, size) in enumerate(residual.take_of(leg) if taking else residual.give_of(leg), start=1):
        if taken >= need or not bounds.allow(price, fills=n):
            break
        taken += min(size, need - taken)
        limit = price
    size = whole_lots(taken, leg.lot)
    return (size, limit) if size >= leg.min_size else (_ZERO, None)


def _order(residual: Residual, leg: Stand, target: Decimal, until: Decimal, expected: Decimal) -> Repair | None:
    """The leg's order of a plan for `target`, for no more than brings the leg to `until`."""
    taking = target > leg.shares
    side = leg.side if taking else leg.side.opposite
    size, limit = _reach(residual, leg, target)
    if taking:
        size = whole_lots(min(size, max(until - leg.shares, _ZERO)), leg.lot)
    if limit is None or size <= 0 or size < leg.min_size:
        return None
    levels = leg.take if taking else leg.give
    need = abs(target - leg.shares)
    bounds = _Bounds(residual.floor, _project(residual, target, without=leg), leg.fees, side, need)
    for n in range(1, residual.extra_ticks + 1):
        wider = leg.wider(limit, side)
        if wider is None or wider == limit:
            break
        if not bounds.allow(wider, fills=len(levels) + n) or (taking and _paid_for(residual, leg, size, wider) < size):
            break
        limit = wider
    if taking:
        size = _paid_for(residual, leg, size, limit)
        if size <= 0 or size < leg.min_size:
            return None
    purpose = Purpose.COMPLETE if taking else Purpose.UNWIND
    return Repair(leg.name, purpose, side, size, limit, target, expected)


def _paid_for(residual: Residual, leg: Stand, size: Decimal, limit: Decimal) -> Decimal:
    """How many of `size` more shares of the leg what is left of the reservation pays for, at `limit` and with fees.

    The loss budget alone does not say: an order sized in dollars brings more shares than asked at a better price, and
    what was paid for these is out until they are given back. What was given back too often is bought back whatever it
    costs.
    """
    if residual.spare is None or leg.shares < 0:
        return size
    price = limit if leg.side is Side.BUY else 1 - limit
    fee = leg.fees.share_fee(limit)
    if leg.fees.model is FeeModel.POLYMARKET and leg.side is Side.BUY:
        fee = max(fee, leg.fees.taker * price)  # the same dollars at any better price
    rounding = (_FEE_UNIT + leg.fees.unit) * (len(leg.take) + residual.extra_ticks)
    if (price + fee) * size + rounding <= residual.spare:
        return size
    return whole_lots(max(residual.spare - rounding, _ZERO) / (price + fee), leg.lot)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What one leg's part of a plan may cost: `rest` is the final P&L without it, `need` its shares."""

    floor: Decimal | None
    rest: Decimal
    fees: FeeSchedule
    side: Side
    need: Decimal

    def allow(self, price: Decimal, *, fills: int) -> bool:
        """Whether all of the need at `price`, in `fills` fills, keeps the final P&L at or above the floor.

        Each fill's fee is rounded up, and its change in cash to the member's unit: for a few hundredths of a share
        that is more than the fee itself.
        """
        if self.floor is None:
            return True
        each = (-price if self.side is Side.BUY else price) - self.fees.share_fee(price)
        return self.rest + each * self.need - (_FEE_UNIT + self.fees.unit) * fills >= self.floor


# ---------------------------------------------------------------------- values


def _project(residual: Residual, target: Decimal, without: Stand | None = None) -> Decimal:
    """Final P&L if every leg (but one) is brought to `target` through its book."""
    total = residual.cash + target * residual.payoff
    for leg in residual.legs:
        if leg is not without and leg.shares != target:
            total += _flow(leg, target)
    return total


def _flow(leg: Stand, target: Decimal) -> Decimal:
    """Cash of bringing one leg to `target`; what its book does not hold goes at the last price seen, or the worst."""
    need, taking = abs(target - leg.shares), target > leg.shares
    side = leg.side if taking else leg.side.opposite
    sign = -1 if side is Side.BUY else 1
    price = 1 - leg.tick if side is Side.BUY else _ZERO
    flow = _ZERO
    for price, size in leg.take if taking else leg.give:
        part = min(size, need)
        flow += sign * price * part - leg.fees.trade_fee(price, part)
        need -= part
        if need <= 0:
            return flow
    return flow + sign * price * need - leg.fees.trade_fee(price, need)


def _held_value(residual: Residual, lowest: Decimal) -> Decimal | None:
    """P&L expected of keeping what stands: each share at the middle of its book, less the discount."""
    total = residual.cash + lowest * residual.payoff
    for leg in residual.legs:
        if leg.shares == lowest:
            continue
        if leg.shares < lowest or not leg.take or not leg.give:
            return None  # what was given back too often cannot be held; without two sides there is no middle
        middle = (leg.take[0][0] + leg.give[0][0]) / 2
        each = middle if leg.side is Side.BUY else -middle
        total += (each - residual.hold_discount) * (leg.shares - lowest)
    return total


def _if_worthless(residual: Residual, lowest: Decimal) -> Decimal:
    """The P&L if everything that stands alone ends against us: bought shares at nothing, shares held short at one."""
    total = residual.cash + lowest * residual.payoff
    for leg in residual.legs:
        over = leg.shares - lowest
        bad = over > 0 if leg.side is Side.SELL else over < 0
        total -= abs(over) if bad else _ZERO
    return total


def _all_too_small(residual: Residual, target: Decimal) -> bool:
    needs = [(abs(target - leg.shares), leg) for leg in residual.legs if leg.shares != target]
    return all(whole_lots(need, leg.lot) < max(leg.min_size, leg.lot) for need, leg in needs)


def _depth(levels: Levels) -> Decimal:
    return sum((size for _, size in levels), _ZERO)


def _words(target: Decimal, lowest: Decimal, highest: Decimal) -> str:
    if target == highest:
        return "completing"
    return "unwinding" if target == lowest else f"{plain(target)} completed and the rest unwound"


def _final(first: Repair | None, expected: Decimal) -> str:
    if first is None:
        return "impossible (no offer within the budget was seen)"
    return f"{first.side} {plain(first.size)} of {first.leg} to {plain(first.limit)}, P&L then about ${expected:.4f}"
