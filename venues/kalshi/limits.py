"""The venue's rate limits, kept on our side so that it never has to turn us away.

Two token buckets, reads and writes. Basic tier: 200 and 100 tokens a second, holding one second's worth. A request
costs 10 unless the venue says otherwise; a V2 cancel and the read of one order cost 2.
Source: docs.kalshi.com/getting_started/rate_limits; recorded `/account/limits` and `/account/endpoint_costs`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from domain.errors import Unavailable

DEFAULT_COST = 10
CANCEL_COST = 2
ORDER_READ_COST = 2


class TokenBucket:
    """`capacity` tokens at most, `rate` of them a second; `take` waits its turn, but never longer than `max_wait`.

    Tokens are handed out in the order asked, by letting the level go below zero: each waiter sleeps until the moment
    its own tokens will have flowed in. `clock` is monotonic seconds.
    """

    __slots__ = ("_at", "_clock", "_level", "capacity", "max_wait", "name", "rate")

    def __init__(
        self,
        name: str,
        *,
        rate: float,
        capacity: float,
        max_wait: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.max_wait = max_wait
        self._clock = clock
        self._at = clock()
        self.resize(rate=rate, capacity=capacity)

    def resize(self, *, rate: float, capacity: float) -> None:
        """New limits, starting from a full bucket."""
        if rate <= 0 or capacity <= 0:
            raise ValueError(f"the {self.name} limit is {rate}/s, capacity {capacity}; expected both above 0")
        self.rate = rate
        self.capacity = capacity
        self._level = capacity

    async def take(self, cost: float) -> None:
        """Wait until `cost` tokens are ours. Raises `Unavailable` (code `rate_limited`) at once, taking nothing, if
        that would last longer than `max_wait` seconds."""
        now = self._clock()
        self._level = min(self.capacity, self._level + (now - self._at) * self.rate)
        self._at = now
        wait = (cost - self._level) / self.rate
        if wait > self.max_wait:
            raise Unavailable(
                f"the {self.name} rate limit of {self.rate:g} tokens/s is used up for {wait:.2f} s, more than the "
                f"{self.max_wait:g} s a request may wait; nothing was sent: ask again later",
                "rate_limited",
            )
        self._level -= cost
        if wait > 0:
            try:
                await asyncio.sleep(wait)
            except asyncio.CancelledError:
                self._level += cost
                raise
