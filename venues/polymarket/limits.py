"""The venue's rate limits, kept on our side so that it never has to turn us away.

Two kinds at once. *By address* (requests in ten seconds, per endpoint): a bucket is filled at nine tenths of the limit
and holds a tenth of it, so that no ten seconds see more than the limit. *By signer* (tokens a second, with a burst):
one bucket for orders, one for cancels at twice its size, by the account's tier. A batch costs what it holds; a cancel
of everything 1 and as many as it cancelled, which is known only afterwards and may leave that bucket below zero: later
cancels then wait, as they would at the venue. What can never fit is `Denied` at once.

`Retry-After` shuts the bucket it came for; `Poly-RateLimit-Remaining` is believed where it is lower than our own count;
`Poly-RateLimit-Tier` sets the tier. Sources: docs.polymarket.com/api-reference/rate-limits and
/api-reference/trading-rate-limits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus

import structlog

from venues.token_bucket import TokenBucket

log = structlog.get_logger(__name__)

TIERS: dict[str, tuple[float, float]] = {
    "standard": (40, 60),
    "copper": (60, 90),
    "bronze": (80, 120),
    "silver": (200, 300),
    "gold": (400, 600),
    "platinum": (450, 675),
    "diamond": (525, 787),
    "elite": (600, 900),
}
"""Orders a second and burst, by tier; cancels have twice both. By traded volume of thirty days."""


class Endpoint(Enum):
    """Name, and requests in ten seconds by address."""

    POST_ORDER = ("post order", 3_500)
    POST_ORDERS = ("post orders", 1_000)
    DELETE_ORDER = ("cancel order", 3_000)
    DELETE_ORDERS = ("cancel orders", 1_000)
    CANCEL_ALL = ("cancel all", 100)  # 250, but 6,000 in ten minutes
    CANCEL_MARKET = ("cancel market", 25)  # 1,000, but 1,500 in ten minutes
    BOOK = ("book", 1_500)
    BOOKS = ("books", 500)
    LEDGER = ("orders and trades", 500)
    BALANCE = ("balance", 200)
    BALANCE_UPDATE = ("balance update", 50)
    AUTH = ("API key", 100)
    CLOB = ("general", 9_000)
    GAMMA_MARKETS = ("Gamma markets", 300)
    GAMMA_EVENTS = ("Gamma events", 500)
    DATA = ("data", 1_000)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request takes: an endpoint's bucket, and tokens of the signer's order or cancel bucket."""

    endpoint: Endpoint
    orders: float = 0
    cancels: float = 0


class Limits:
    """All buckets of one account. `clock` is monotonic seconds; no request waits longer than `max_wait` seconds."""

    def __init__(
        self, tier: str = "standard", *, max_wait: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Raises `ValueError` for a tier that does not exist."""
        self._max_wait, self._clock = max_wait, clock
        self._endpoints: dict[Endpoint, TokenBucket] = {}
        rate, burst = self._of(tier)
        self.tier = tier.lower()
        self.orders = self._bucket("order", rate, burst)
        self.cancels = self._bucket("cancel", 2 * rate, 2 * burst)
        self.warnings = 0

    async def take(self, cost: Cost) -> None:
        """Wait for what a request costs. Raises `Denied` (`above_burst`) for what never fits, `Unavailable`
        (`rate_limited`) where the wait is too long; nothing was sent then."""
        await self.endpoint(cost.endpoint).take(1)
        if cost.orders:
            await self.orders.take(cost.orders)
        if cost.cancels:
            await self.cancels.take(cost.cancels)

    def cancelled(self, count: int) -> None:
        """A cancel of everything turned out to have cancelled that many."""
        self.cancels.spend(count)

    def heed(self, cost: Cost, status: int, headers: Mapping[str, str], wait: float) -> None:
        """Take in what an answer says of the limits. `wait` is its Retry-After in seconds, 0 if none."""
        signer = self.orders if cost.orders else self.cancels if cost.cancels else None
        tier = headers.get("Poly-RateLimit-Tier", "").lower()
        if tier in TIERS and tier != self.tier:
            self.retier(tier)
        left = _number(headers.get("Poly-RateLimit-Remaining"))
        if signer is not None and left is not None:
            signer.lower(left)
        if headers.get("Poly-RateLimit-Warning"):
            self.warnings += 1
            log.warning("the venue warns that this would be over the rate limit", tier=self.tier, remaining=left)
        if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.TOO_EARLY):
            bucket = signer if signer is not None and left is not None and left <= 0 else self.endpoint(cost.endpoint)
            bucket.shut_for(wait or 1.0)

    def retier(self, tier: str) -> None:
        """The account has another tier. Raises `ValueError` for one that does not exist."""
        rate, burst = self._of(tier)
        self.tier = tier.lower()
        for bucket, factor in ((self.orders, 1), (self.cancels, 2)):
            owed = min(bucket.level, 0)
            bucket.resize(rate=factor * rate, capacity=factor * burst)
            bucket.spend(-owed)

    def endpoint(self, endpoint: Endpoint) -> TokenBucket:
        """The bucket of one endpoint."""
        bucket = self._endpoints.get(endpoint)
        if bucket is None:
            name, limit = endpoint.value
            bucket = self._bucket(name, limit * 0.09, max(limit * 0.1, 1.0))
            self._endpoints[endpoint] = bucket
        return bucket

    def _bucket(self, name: str, rate: float, capacity: float) -> TokenBucket:
        return TokenBucket(name, rate=rate, capacity=capacity, max_wait=self._max_wait, clock=self._clock)

    @staticmethod
    def _of(tier: str) -> tuple[float, float]:
        if tier.lower() not in TIERS:
            raise ValueError(f"rate-limit tier {tier!r}; expected one of {', '.join(TIERS)}")
        return TIERS[tier.lower()]


def _number(text: str | None) -> float | None:
    """A finite number, or None: one that is none would poison the bucket it is put into."""
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and math.isfinite(value) else None
