"""One market's book as everyone sees it: the recording, minus what was taken from it, plus our own resting orders.

    visible = max(0, recorded − taken) + own

The recording cannot know that somebody bought from it, so what was taken stays taken: it is subtracted from the
recorded level until the recording itself lets go of it. When the recorded size shrinks below what was taken, the
taken part shrinks with it; at zero it is forgotten, and size that is recorded later is new size.

Kalshi keeps bids only. Levels are keyed by price on their own side (a NO bid at p is a YES ask at 1 − p), all in
micros. The book never sells more than it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from recording.sources.session import BidSide

ONE = 1_000_000

Levels = dict[int, int]
Change = tuple[BidSide, int, int]
"""Side, price on that side, signed change of the visible size."""

_SIDES: tuple[BidSide, BidSide] = ("yes", "no")


def opposite(side: BidSide) -> BidSide:
    return "no" if side == "yes" else "yes"


class MarketBook:
    """Mutable; every change is remembered until `drain` hands it over as signed differences of the visible size."""

    __slots__ = ("_before", "own", "recorded", "taken")

    def __init__(self) -> None:
        self.recorded: dict[BidSide, Levels] = {"yes": {}, "no": {}}
        self.taken: dict[BidSide, Levels] = {"yes": {}, "no": {}}
        self.own: dict[BidSide, Levels] = {"yes": {}, "no": {}}
        self._before: dict[tuple[BidSide, int], int] = {}

    def public(self, side: BidSide, price: int) -> int:
        """What others offer there: never negative."""
        recorded = self.recorded[side].get(price, 0)
        return max(0, recorded - self.taken[side].get(price, 0)) if recorded else 0

    def visible(self, side: BidSide, price: int) -> int:
        return self.public(side, price) + self.own[side].get(price, 0)

    def levels(self, side: BidSide) -> list[tuple[int, int]]:
        """Visible levels, (price, size), lowest price first, as the venue lists them."""
        prices = self.recorded[side].keys() | self.own[side].keys()
        sizes = ((price, self.visible(side, price)) for price in sorted(prices))
        return [(price, size) for price, size in sizes if size]

    def best(self, side: BidSide) -> tuple[int, int] | None:
        """The highest visible bid of that side, (price, size)."""
        levels = self.levels(side)
        return levels[-1] if levels else None

    def crossing(self, side: BidSide, price: int) -> list[int]:
        """Prices of the other side's visible levels that a bid at `price` on `side` meets, best for the bid first."""
        other = opposite(side)
        worst = ONE - price
        prices = self.recorded[other].keys() | self.own[other].keys()
        return sorted((p for p in prices if p >= worst and self.visible(other, p)), reverse=True)

    def reset(self, yes: Iterable[tuple[int, int]], no: Iterable[tuple[int, int]]) -> None:
        """The recording starts its book over; what was taken is kept only as far as the new sizes still hold it."""
        fresh: dict[BidSide, Levels] = {"yes": dict(yes), "no": dict(no)}
        for side in _SIDES:
            for price in self.recorded[side].keys() | fresh[side].keys():
                self._touch(side, price)
            self.recorded[side] = {price: size for price, size in fresh[side].items() if size > 0}
            self._clip(side, tuple(self.taken[side]))

    def change(self, side: BidSide, price: int, delta: int) -> None:
        """A recorded change of one level; a level never goes below zero."""
        self._touch(side, price)
        size = max(0, self.recorded[side].get(price, 0) + delta)
        if size:
            self.recorded[side][price] = size
        else:
            self.recorded[side].pop(price, None)
        self._clip(side, (price,))

    def take(self, side: BidSide, price: int, size: int) -> None:
        """Take `size` of what others offer at that level. Raises `ValueError` beyond what is displayed."""
        if size > self.public(side, price):
            raise ValueError(f"{size} taken at {side} {price}, displayed {self.public(side, price)}")
        self._touch(side, price)
        self.taken[side][price] = self.taken[side].get(price, 0) + size

    def rest(self, side: BidSide, price: int, size: int) -> None:
        """Our own resting size there grows by `size` (shrinks, if negative)."""
        self._touch(side, price)
        size += self.own[side].get(price, 0)
        if size:
            self.own[side][price] = size
        else:
            self.own[side].pop(price, None)

    def drain(self) -> list[Change]:
        """The visible changes since the last call, levels that ended where they began left out."""
        changes: list[Change] = []
        for (side, price), before in self._before.items():
            after = self.visible(side, price)
            if after != before:
                changes.append((side, price, after - before))
        self._before.clear()
        return changes

    def restore(self, taken: Mapping[BidSide, Mapping[int, int]]) -> None:
        """Put back what was taken, as it was saved; clipped to what the recording holds now."""
        for side in _SIDES:
            self.taken[side] = dict(taken.get(side, {}))
            self._clip(side, tuple(self.taken[side]))

    def _touch(self, side: BidSide, price: int) -> None:
        key = (side, price)
        if key not in self._before:
            self._before[key] = self.visible(side, price)

    def _clip(self, side: BidSide, prices: Iterable[int]) -> None:
        taken, recorded = self.taken[side], self.recorded[side]
        for price in prices:
            if price in taken:
                size = min(taken[price], recorded.get(price, 0))
                if size:
                    taken[price] = size
                else:
                    del taken[price]
