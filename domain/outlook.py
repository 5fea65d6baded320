"""What completing or unwinding would bring at the books as they are, whatever the budget: for people, before they act.

    outlook(residual, Way.UNWIND).words    # "unwinding now: sell 10 of A down to 0.32 for $3.05, P&L then $-6.12"

Counted apart from `domain.residual`, which decides: a mistake in one is seen by comparing it with the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.intent import Way
from domain.money import plain, whole_lots
from domain.orders import Side
from domain.residual import Levels, Residual, Stand, hedged

_ZERO = Decimal(0)
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Part:
    """What one leg needs, and what its book gives of it: `size` of `wanted` shares, the last at `worst`. `cash` is
    signed dollars, fees taken off; `bound` says that the book has more, at prices that were ruled out."""

    leg: str
    side: Side
    wanted: Decimal
    size: Decimal
    worst: Decimal | None
    cash: Decimal
    bound: bool = False

    @property
    def words(self) -> str:
        verb = "sell" if self.side is Side.SELL else "buy"
        if self.worst is None:
            why = "no price is good enough" if self.bound else "nobody bids" if self.side is Side.SELL else "no offers"
            return f"{verb} {plain(self.wanted)} of {self.leg}: {why}"
        some = "" if self.size == self.wanted else f" of {plain(self.wanted)}"
        towards, cash = "down to" if self.side is Side.SELL else "up to", dollars(abs(self.cash))
        return f"{verb} {plain(self.size)}{some} of {self.leg} {towards} {plain(self.worst)} for {cash}"


@dataclass(frozen=True, slots=True)
class Outlook:
    """One way out. `final` is the P&L then, None unless the books hold all of it."""

    way: Way
    parts: tuple[Part, ...]
    final: Decimal | None

    @property
    def words(self) -> str:
        doing = {Way.COMPLETE: "completing", Way.UNWIND: "unwinding", Way.HOLD: "holding"}[self.way]
        then = "" if self.final is None else f", P&L then {dollars(self.final)}"
        return f"{doing} now: {'; '.join(part.words for part in self.parts) or 'nothing to do'}{then}"


def outlook(residual: Residual, way: Way, least: Decimal | None = None) -> Outlook:
    """`least`: no share is given back for less, see `sellable`."""
    counts = [leg.shares for leg in residual.legs]
    target = hedged(counts) if way is Way.UNWIND else max(counts, default=_ZERO)
    parts = tuple(_part(leg, target, least) for leg in residual.legs if leg.shares != target)
    whole = all(part.size == part.wanted for part in parts)
    final = residual.cash + sum((part.cash for part in parts), _ZERO) + target * residual.payoff
    return Outlook(way, parts, final if whole else None)


def sellable(levels: Levels, side: Side, least: Decimal | None) -> Levels:
    """The levels at which a share may be given back, if it must bring at least that many dollars. What is held short
    is bought back: then a dollar less `least` is the most it may cost."""
    if least is None:
        return levels
    if side is Side.SELL:
        return tuple(level for level in levels if level[0] >= least)
    return tuple(level for level in levels if level[0] <= 1 - least)


def refusals(counted: Sequence[tuple[str, str, int]], sent: int) -> str:
    """Who refused how many of the orders sent, in the venues' words: (venue, code, times). Empty if nobody did."""
    told: list[str] = []
    for venue in dict.fromkeys(venue for venue, _, _ in counted):
        codes = [(code, times) for where, code, times in counted if where == venue]
        times = sum(n for _, n in codes)
        orders = f"all {sent} orders" if times == sent > 1 else f"{times} of {sent} orders"
        if sent == times == 1:
            orders = "the order"
        told.append(f"{venue} refused {orders} ({', '.join(code for code, _ in codes)})")
    return "; ".join(told)


def dollars(amount: Decimal) -> str:
    """To the cent, for people."""
    cents = amount.quantize(_CENT)
    return f"{'-' if cents < 0 else ''}${abs(cents)}"


def _part(leg: Stand, target: Decimal, least: Decimal | None) -> Part:
    need, taking = abs(target - leg.shares), target > leg.shares
    side = leg.side if taking else leg.side.opposite
    levels = leg.take if taking else leg.give
    open_to_us = levels if taking else sellable(levels, side, least)
    taken, worst = _ZERO, None
    for price, offered in open_to_us:
        if taken >= need:
            break
        taken, worst = taken + min(offered, need - taken), price
    size = whole_lots(taken, leg.lot)
    bound = len(open_to_us) < len(levels)
    if size < max(leg.min_size, leg.lot):
        return Part(leg.name, side, need, _ZERO, None, _ZERO, bound)
    return Part(leg.name, side, need, size, worst, _cash(leg, side, open_to_us, size), bound)


def _cash(leg: Stand, side: Side, levels: Levels, size: Decimal) -> Decimal:
    cash, left = _ZERO, size
    for price, offered in levels:
        part = min(offered, left)
        cash += (price if side is Side.SELL else -price) * part - leg.fees.trade_fee(price, part)
        left -= part
        if left <= 0:
            break
    return cash
