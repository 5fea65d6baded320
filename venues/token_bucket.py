"""A venue's rate limit, kept on our side so that it never has to turn us away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from domain.errors import Denied, Unavailable


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

    @property
    def level(self) -> float:
        """Tokens there are now; below zero while waiters have theirs still to come."""
        return self._flow()

    def resize(self, *, rate: float, capacity: float) -> None:
        """New limits, starting from a full bucket."""
        if rate <= 0 or capacity <= 0:
            raise ValueError(f"the {self.name} limit is {rate}/s, capacity {capacity}; expected both above 0")
        self.rate = rate
        self.capacity = capacity
        self._level = capacity

    async def take(self, cost: float) -> None:
        """Wait until `cost` tokens are ours. Raises `Unavailable` (code `rate_limited`) at once, taking nothing, if
        that would last longer than `max_wait` seconds; `Denied` (code `above_burst`) if it could never be."""
        if cost > self.capacity:
            raise Denied(
                f"a request costs {cost:g} tokens and the {self.name} limit never holds more than {self.capacity:g}; "
                "nothing was sent: split it into smaller ones",
                "above_burst",
            )
        wait = (cost - self._flow()) / self.rate
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

    def spend(self, cost: float) -> None:
        """Take what a request turned out to have cost, without waiting: the next ones wait for it."""
        self._flow()
        self._level -= cost

    def lower(self, level: float) -> None:
        """The venue counts fewer tokens than we do; believe it. More tokens than we count are not believed."""
        self._level = min(self._flow(), level)

    def shut_for(self, seconds: float) -> None:
        """The venue asked to be left alone that long: no token before."""
        self.lower(-seconds * self.rate)

    def _flow(self) -> float:
        now = self._clock()
        self._level = min(self.capacity, self._level + (now - self._at) * self.rate)
        self._at = now
        return self._level
