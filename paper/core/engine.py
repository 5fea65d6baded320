"""Matching, and nothing else: what an order meets in a market's book, and which resting orders the book now crosses.

| order | meets | outcome |
|---|---|---|
| taker | levels at its limit or better, best first, each at the level's own price | one take per level |
| taker at our own order | others there first; then `taker_at_cross` stops it, `maker` cancels ours | no self-trade |
| resting | recorded size that comes to stand at its price or through it | filled at the resting price |

A resting order is filled only by size that the recorded book displays across it, so quotes inside the spread trade when
the market comes to them and not before. It also stands behind the size displayed at its level when it came
(`front`): that much of what comes across goes to those ahead of it. The front shrinks when the recorded level shrinks
below it (whoever left is taken to have stood behind us: the pessimist's choice) and by trades printed at the level.

Pure: no clock, no I/O, no money. Prices are YES prices unless a name says `level`; everything in micros.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from paper.core.book import ONE, MarketBook, opposite
from paper.core.records import BookSide, SelfTrade
from recording.sources.session import BidSide


@dataclass(frozen=True, slots=True)
class Take:
    """`size` contracts at YES price `price`, from the level `level` of the bids of `level_side`."""

    price: int
    size: int
    level_side: BidSide
    level: int


def cut(takes: Iterable[Take], size: int) -> tuple[Take, ...]:
    """The same takes, ended after `size`."""
    kept: list[Take] = []
    for take in takes:
        part = min(take.size, size)
        if part <= 0:
            break
        kept.append(Take(take.price, part, take.level_side, take.level))
        size -= part
    return tuple(kept)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an incoming order would do. `stopped`: it met our own order and ends there. `displaced`: ids to cancel."""

    takes: tuple[Take, ...]
    stopped: bool = False
    displaced: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return sum(take.size for take in self.takes)

    @property
    def crosses(self) -> bool:
        return bool(self.takes) or self.stopped or bool(self.displaced)

    def cut(self, size: int) -> Plan:
        """The same plan, ended after `size` contracts."""
        return Plan(cut(self.takes, size), self.stopped, self.displaced)


@dataclass(slots=True)
class Resting:
    """A working order as the book needs it; ranked by price, then by `seq`. `front` is the size ahead of it."""

    order_id: str
    seq: int
    side: BookSide
    price: int
    remaining: int
    front: int = 0

    @property
    def level_side(self) -> BidSide:
        return own_side(self.side)

    @property
    def level(self) -> int:
        return own_level(self.side, self.price)


def own_side(side: BookSide) -> BidSide:
    return "yes" if side == "bid" else "no"


def own_level(side: BookSide, price: int) -> int:
    """The price on its own side of the bids at which an order stands."""
    return price if side == "bid" else ONE - price


@dataclass(slots=True)
class MarketEngine:
    """One market. `step` is the smallest count that trades; a displayed size is used in whole steps."""

    step: int
    book: MarketBook = field(default_factory=MarketBook)
    resting: dict[str, Resting] = field(default_factory=dict)

    def plan(self, side: BookSide, price: int, size: int, self_trade: SelfTrade) -> Plan:
        """What an order of `size` with limit `price` would take now. Changes nothing."""
        level_side = opposite(own_side(side))
        takes: list[Take] = []
        displaced: list[str] = []
        for level in self.book.crossing(own_side(side), own_level(side, price)):
            if size <= 0:
                break
            part = min(size, self._whole(self.book.public(level_side, level)))
            if part:
                takes.append(Take(level if level_side == "yes" else ONE - level, part, level_side, level))
                size -= part
            ours = self._at(level_side, level)
            if size and ours:
                if self_trade == "taker_at_cross":
                    return Plan(tuple(takes), stopped=True, displaced=tuple(displaced))
                displaced += [order.order_id for order in ours]
        return Plan(tuple(takes), displaced=tuple(displaced))

    def take(self, take: Take) -> None:
        self.book.take(take.level_side, take.level, take.size)
        self.shorten()

    def rest(self, order: Resting) -> None:
        """Put a working order into the book, behind everybody who is there."""
        order.front = self.book.public(order.level_side, order.level)
        self.resting[order.order_id] = order
        self.book.rest(order.level_side, order.level, order.remaining)

    def remove(self, order_id: str) -> Resting | None:
        """Take a working order out of the book; None if it is not working here."""
        order = self.resting.pop(order_id, None)
        if order is not None:
            self.book.rest(order.level_side, order.level, -order.remaining)
        return order

    def reduce(self, order_id: str, size: int) -> None:
        """A working order gives up `size` of what it has left; its place in line stays."""
        order = self.resting[order_id]
        order.remaining -= size
        self.book.rest(order.level_side, order.level, -size)

    def ahead(self, order_id: str) -> int:
        """Size before a working order at its level: its `front`, and our own earlier ones."""
        order = self.resting[order_id]
        return order.front + sum(o.remaining for o in self._at(order.level_side, order.level) if o.seq < order.seq)

    def shorten(self) -> None:
        """After a change of what is displayed: nobody has more ahead of him than that."""
        for order in self.resting.values():
            if order.front:
                order.front = min(order.front, self.book.public(order.level_side, order.level))

    def printed(self, level_side: BidSide, level: int, size: int) -> Iterator[tuple[str, Take]]:
        """Somebody sold `size` to the bids of `level_side`, down to `level`: our orders there have their turn.

        One that bids more than `level` was traded through and fills first; one at `level` waits for its front to go.
        Never more than `size` in all."""
        ranked = sorted(self.resting.values(), key=lambda o: (-o.level, o.seq))
        for order in [o for o in ranked if o.level_side == level_side and o.level >= level]:
            ahead = min(order.front, size) if order.level == level else 0
            order.front -= ahead
            part = min(order.remaining, self._whole(size - ahead))
            if not part:
                continue
            size -= part
            self.book.rest(order.level_side, order.level, -part)
            order.remaining -= part
            if not order.remaining:
                del self.resting[order.order_id]
            yield order.order_id, Take(order.price, part, opposite(level_side), ONE - level)

    def crossed(self) -> Iterator[tuple[str, Take]]:
        """Fill the resting orders the book crosses, best price first; yields each match after it is in the book."""
        for order in sorted(self.resting.values(), key=lambda o: (o.level_side, -o.level, o.seq)):
            level_side = opposite(order.level_side)
            for level in self.book.crossing(order.level_side, order.level):
                displayed = max(0, self.book.public(level_side, level) - order.front)
                part = min(order.remaining, self._whole(displayed))
                if not part:
                    continue
                self.book.take(level_side, level, part)
                self.book.rest(order.level_side, order.level, -part)
                order.remaining -= part
                if not order.remaining:
                    del self.resting[order.order_id]
                yield order.order_id, Take(order.price, part, level_side, level)
                if not order.remaining:
                    break

    def _whole(self, size: int) -> int:
        return size - size % self.step

    def _at(self, level_side: BidSide, level: int) -> list[Resting]:
        if level not in self.book.own[level_side]:
            return []
        return [o for o in self.resting.values() if o.level_side == level_side and o.level == level]
