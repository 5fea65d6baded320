"""One instrument's order book in scaled integers: the form the hot path keeps and strategies look at.

Prices in micros of a dollar on the YES side, sizes in micro-contracts. Times in microseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable

from domain.money import MICRO

Level = tuple[int, int]
"""(price, size) in micros."""

CALM_US = 1_000_000
"""How long a touch is taken to stand before its own pace is known."""


class Book:
    """A YES book: bids, and asks that are NO bids seen from the YES side (ask = 1 − NO bid).

    `best_bid` and `best_ask` are kept current; reading them costs nothing. A change costs a dictionary update, and a
    scan of one side only when its best level disappears. `version` counts changes and never goes back, so equal
    versions mean equal levels. `ready` is false until the first snapshot; `gapped` is true from a lost message to
    the next snapshot, and the levels are then only what was last believed; `doubt` says in words what happened to it.
    A snapshot that is crossed itself ends no doubt. `unsettled` is true while what the venue says of this very instant
    is not ours yet: the book is between two messages of one transaction, to be waited for and not to be traded on.

    `believed_at` is our time of the snapshot since which it is believed, `first_believed_at` that of the first such; 0
    before there was one. They are not taken back when it is doubted: `ready` and `gapped` say whether it is believed.

    `exchange_at` is the exchange's time of the last change, `received_at` ours; both only as given by the caller.
    `touched_at` is when the best bid or ask last moved, `touch_gap` the smoothed time between such moves (an eighth of
    each new gap; moves within one microsecond count once), `CALM_US` before any was seen.
    """

    __slots__ = (
        "_ask_levels",
        "_ask_levels_at",
        "_bid_levels",
        "_bid_levels_at",
        "asks",
        "believed_at",
        "best_ask",
        "best_bid",
        "bids",
        "doubt",
        "exchange_at",
        "first_believed_at",
        "gapped",
        "market",
        "ready",
        "received_at",
        "touch_gap",
        "touched_at",
        "unsettled",
        "version",
    )

    def __init__(self, market: str) -> None:
        self.market = market
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.best_bid: int | None = None
        self.best_ask: int | None = None
        self.version = 0
        self.exchange_at = 0
        self.received_at = 0
        self.touched_at = 0
        self.touch_gap = CALM_US
        self.ready = False
        self.gapped = False
        self.unsettled = False
        self.doubt = ""
        self.believed_at = 0
        self.first_believed_at = 0
        self._bid_levels: tuple[Level, ...] = ()
        self._bid_levels_at = 0
        self._ask_levels: tuple[Level, ...] = ()
        self._ask_levels_at = 0

    def reset(self, yes: Iterable[Level], no: Iterable[Level], exchange_at: int, received_at: int) -> None:
        """Replace everything by a snapshot: YES bids and NO bids, each (price on its own side, size) in micros."""
        self.replace(yes, ((MICRO - price, size) for price, size in no), exchange_at, received_at)

    def replace(self, bids: Iterable[Level], asks: Iterable[Level], exchange_at: int, received_at: int) -> None:
        """Replace everything by a snapshot whose bids and asks are both on this book's own side."""
        self.bids = {price: size for price, size in bids if size > 0}
        self.asks = {price: size for price, size in asks if size > 0}
        self.best_bid = max(self.bids, default=None)
        self.best_ask = min(self.asks, default=None)
        self.unsettled = False
        self.version += 1
        self.exchange_at = exchange_at
        self.received_at = received_at
        self.touched_at = self.touched_at or exchange_at
        if self.gapped or not self.ready:
            self.ready = True
            self.gapped = self.gapped and self.crossed()
            if not self.gapped:
                self.believed_at = received_at
                self.first_believed_at = self.first_believed_at or received_at

    def change_bid(self, price: int, delta: int, exchange_at: int, received_at: int) -> bool:
        """Change the YES bid at `price` by `delta`. False, and nothing is changed, if the level would fall below 0:
        a message was lost before."""
        left = self.bids.get(price, 0) + delta
        if left > 0:
            self.bids[price] = left
            if self.best_bid is None or price > self.best_bid:
                self.best_bid = price
                self._touch_moved(exchange_at)
        elif left == 0:
            self.bids.pop(price, None)
            if price == self.best_bid:
                self.best_bid = max(self.bids, default=None)
                self._touch_moved(exchange_at)
        else:
            return False
        self.version += 1
        self.exchange_at = exchange_at
        self.received_at = received_at
        return True

    def change_ask(self, price: int, delta: int, exchange_at: int, received_at: int) -> bool:
        """Change the YES ask at `price` (1 − the NO bid's price) by `delta`; otherwise as `change_bid`."""
        left = self.asks.get(price, 0) + delta
        if left > 0:
            self.asks[price] = left
            if self.best_ask is None or price < self.best_ask:
                self.best_ask = price
                self._touch_moved(exchange_at)
        elif left == 0:
            self.asks.pop(price, None)
            if price == self.best_ask:
                self.best_ask = min(self.asks, default=None)
                self._touch_moved(exchange_at)
        else:
            return False
        self.version += 1
        self.exchange_at = exchange_at
        self.received_at = received_at
        return True

    def set_bid(self, price: int, size: int, exchange_at: int, received_at: int) -> None:
        """The bid at `price` is now `size`, whatever it was; 0 removes it. `size` is not negative."""
        if size:
            self.bids[price] = size
            if self.best_bid is None or price > self.best_bid:
                self.best_bid = price
                self._touch_moved(exchange_at)
        else:
            self.bids.pop(price, None)
            if price == self.best_bid:
                self.best_bid = max(self.bids, default=None)
                self._touch_moved(exchange_at)
        self.version += 1
        self.exchange_at = exchange_at
        self.received_at = received_at

    def set_ask(self, price: int, size: int, exchange_at: int, received_at: int) -> None:
        """The ask at `price` is now `size`; otherwise as `set_bid`."""
        if size:
            self.asks[price] = size
            if self.best_ask is None or price < self.best_ask:
                self.best_ask = price
                self._touch_moved(exchange_at)
        else:
            self.asks.pop(price, None)
            if price == self.best_ask:
                self.best_ask = min(self.asks, default=None)
                self._touch_moved(exchange_at)
        self.version += 1
        self.exchange_at = exchange_at
        self.received_at = received_at

    def _touch_moved(self, at: int) -> None:
        gap = at - self.touched_at
        if gap > 0:
            self.touch_gap += (gap - self.touch_gap) >> 3
            self.touched_at = at

    def crossed(self) -> bool:
        """Whether the best bid is at or above the best ask: a state no exchange shows, so the book is not believed.

        Between two messages of one instant it may be; `outlasted` tells that from a book that has lost something."""
        return self.best_bid is not None and self.best_ask is not None and self.best_bid >= self.best_ask

    def outlasted(self, at: int) -> bool:
        """Whether a change at `at` finds the book crossed since an earlier instant."""
        return (
            self.best_bid is not None
            and self.best_ask is not None
            and self.best_bid >= self.best_ask
            and at > self.exchange_at
        )

    def bid_levels(self) -> tuple[Level, ...]:
        """Bids best (highest) first; sorted once a version."""
        if self._bid_levels_at != self.version:
            self._bid_levels = tuple(sorted(self.bids.items(), reverse=True))
            self._bid_levels_at = self.version
        return self._bid_levels

    def ask_levels(self) -> tuple[Level, ...]:
        """Asks best (lowest) first; sorted once a version."""
        if self._ask_levels_at != self.version:
            self._ask_levels = tuple(sorted(self.asks.items()))
            self._ask_levels_at = self.version
        return self._ask_levels
