"""The venue's token buckets per signer, if they are switched on: orders 40 a second and 60 at once, cancels twice that.

A post of n orders costs n, a cancel of n ids n, cancel-all and cancel-market 1 and as many as they cancelled. A request
passes whole or not at all; one that costs more than a full bucket never passes. Cancels may overdraw their bucket, and
then wait until it is filled again. Source: docs.polymarket.com/api-reference/trading-rate-limits (Standard tier).
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from paper.polymarket import refusals

_ORDERS, _CANCELS = (40, 60), (80, 120)  # a second, at once
_SECOND = 1_000_000


@dataclass(slots=True)
class _Bucket:
    rate: int
    burst: int
    left: float
    at: int

    def fill(self, now: int) -> None:
        self.left = min(self.burst, self.left + self.rate * (now - self.at) / _SECOND)
        self.at = now

    def seconds_until(self, needed: float) -> int:
        return max(1, int(-(-(needed - self.left) // self.rate)))


class Limits:
    """By the address that signs."""

    def __init__(self) -> None:
        self._orders: dict[str, _Bucket] = {}
        self._cancels: dict[str, _Bucket] = {}

    def admit(self, address: str, method: str, path: str, body: bytes, now: int) -> dict[str, str]:
        """Take what the request costs and return the headers that say what is left. Raises 429."""
        if method == "POST" and path in ("/order", "/orders"):
            bucket = self._bucket(self._orders, address, _ORDERS, now)
            cost = _entries(body) if path == "/orders" else 1
            if bucket.left < cost:
                raise _limited(bucket, cost)
            bucket.left -= cost
            return _headers(bucket)
        if method == "DELETE" and path in ("/order", "/orders", "/cancel-all", "/cancel-market-orders"):
            bucket = self._bucket(self._cancels, address, _CANCELS, now)
            cost = _entries(body) if path == "/orders" else 1
            if bucket.left <= 0 or cost > bucket.burst:
                raise _limited(bucket, min(cost, 1))
            bucket.left -= cost
            return _headers(bucket)
        return {}

    def cancelled(self, address: str, count: int) -> None:
        """What a cancel of everything cost beyond its one."""
        if address in self._cancels:
            self._cancels[address].left -= count

    def _bucket(self, buckets: dict[str, _Bucket], address: str, size: tuple[int, int], now: int) -> _Bucket:
        bucket = buckets.setdefault(address, _Bucket(size[0], size[1], size[1], now))
        bucket.fill(now)
        return bucket


def _entries(body: bytes) -> int:
    try:
        return max(1, len(msgspec.json.decode(body, type=list[msgspec.Raw])))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 1


def _headers(bucket: _Bucket) -> dict[str, str]:
    return {
        "Poly-RateLimit-Remaining": str(int(bucket.left)),
        "Poly-RateLimit-Reset": str(bucket.seconds_until(bucket.burst)),
        "Poly-RateLimit-Tier": "Standard",
    }


def _limited(bucket: _Bucket, cost: int) -> refusals.PolyRefusal:
    refused = refusals.rate_limited(bucket.seconds_until(cost))
    refused.headers |= _headers(bucket)
    return refused
