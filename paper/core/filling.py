"""How an order is filled when a fault has picked it: in part, at better prices, by several makers.

Pure: what an order would take comes in, what it takes goes out. Prices are those of the book's first side, in micros.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from domain.money import to_micros
from paper.core.book import ONE
from paper.core.engine import Take
from paper.core.fault import Fault

_KINDS = ("partial", "self_trade", "improve", "makers", "merge")


@dataclass(frozen=True, slots=True)
class Filling:
    """`fraction` of what it could fill is all it gets, the rest is cancelled; `prevented` says why. The first `shares`
    (micros) are `ticks` better than displayed. `makers` stand at each level; `merged`: all levels are one trade."""

    fraction: Decimal | None = None
    prevented: bool = False
    ticks: int = 0
    shares: int = 0
    makers: int = 1
    merged: bool = False


PLAIN = Filling()


def filling_of(fault: Fault | None) -> Filling:
    """What a fault wants of the order whose request it picked; `PLAIN` if nothing."""
    if fault is None or fault.do not in _KINDS:
        return PLAIN
    return Filling(
        fraction=fault.fraction,
        prevented=fault.do == "self_trade",
        ticks=fault.ticks or 0,
        shares=to_micros(fault.shares) if fault.shares is not None else 0,
        makers=fault.count or 1,
        merged=fault.do == "merge",
    )


def better(price: int, ticks: int, tick: int, *, buys: bool) -> int:
    """A price `ticks` better for the taker, as far as there is one on the grid."""
    reached = price - ticks * tick if buys else price + ticks * tick
    return min(max(reached, min(price, tick)), max(price, ONE - tick))


def improved(takes: Iterable[Take], filling: Filling, tick: int, *, buys: bool) -> tuple[Take, ...]:
    """The same takes, the first `shares` of each at a better price."""
    found: list[Take] = []
    left = filling.shares
    for take in takes:
        part = min(take.size, left)
        left -= part
        if part:
            price = better(take.price, filling.ticks, tick, buys=buys)
            found.append(Take(price, part, take.level_side, take.level))
        if take.size > part:
            found.append(Take(take.price, take.size - part, take.level_side, take.level))
    return tuple(found)


def shared(size: int, makers: int, step: int) -> list[int]:
    """A size as so many makers have it, none as much as the next, each whole steps.

    >>> shared(10_000_000, 3, 10_000)
    [1660000, 3330000, 5010000]
    """
    parts: list[int] = []
    left = size
    for number in range(1, makers):
        part = size * 2 * number // (makers * (makers + 1))
        part = min(left, part - part % step)
        if part:
            parts.append(part)
            left -= part
    return [*parts, left] if left else parts


def split(takes: Iterable[Take], makers: int, step: int) -> tuple[Take, ...]:
    """The same takes, a row for each maker."""
    return tuple(
        Take(take.price, part, take.level_side, take.level)
        for take in takes
        for part in shared(take.size, makers, step)
    )
