"""The best prices of one product, from a snapshot and absolute level sizes.

A whole book of BTC-USD has tens of thousands of levels a side, so the best is found by a heap whose dead entries are
dropped when they come to the top, never by a scan.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from domain.spot import SpotKind, SpotSource, SpotTick
from venues.spot import OutOfStep


class TouchBook:
    """Prices and sizes in attos. Not `ready` before its snapshot."""

    __slots__ = ("_ask_heap", "_asks", "_bid_heap", "_bids", "_said", "product", "ready")

    def __init__(self, product: str) -> None:
        self.product = product
        self.clear()

    def clear(self) -> None:
        """Forget everything: another connection, another book."""
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._bid_heap: list[int] = []  # negated
        self._ask_heap: list[int] = []
        self._said = (0, 0, 0, 0)
        self.ready = False

    def replace(self, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]]) -> None:
        self._bids = {price: size for price, size in dict(bids).items() if size}
        self._asks = {price: size for price, size in dict(asks).items() if size}
        self._bid_heap = [-price for price in self._bids]
        self._ask_heap = list(self._asks)
        heapify(self._bid_heap)
        heapify(self._ask_heap)
        self.ready = True

    def set(self, bid: bool, price: int, size: int) -> None:
        """The level is now `size`; 0 removes it."""
        levels, heap, key = (self._bids, self._bid_heap, -price) if bid else (self._asks, self._ask_heap, price)
        if size:
            if price not in levels:
                heappush(heap, key)
            levels[price] = size
        else:
            levels.pop(price, None)

    def tick(self, exchange_at: int, received_at: int) -> SpotTick | None:
        """The touch, if it is not what was said last and has both sides. Raises OutOfStep for a crossed one."""
        while self._bid_heap and -self._bid_heap[0] not in self._bids:
            heappop(self._bid_heap)
        while self._ask_heap and self._ask_heap[0] not in self._asks:
            heappop(self._ask_heap)
        if not self._bid_heap or not self._ask_heap:
            return None
        bid, ask = -self._bid_heap[0], self._ask_heap[0]
        if bid >= ask:
            raise OutOfStep(f"{self.product} bid {bid / 1e18:g} is not below ask {ask / 1e18:g}: a change was lost")
        touch = (bid, self._bids[bid], ask, self._asks[ask])
        if touch == self._said:
            return None
        self._said = touch
        return SpotTick(
            SpotSource.COINBASE,
            self.product,
            SpotKind.QUOTE,
            (bid + ask) // 2,
            exchange_at,
            received_at,
            bid=bid,
            ask=ask,
            bid_size=touch[1],
            ask_size=touch[3],
        )
