"""What requests cost, so that the venue never has to turn us away.

Two token buckets, reads (GET) and writes (everything else). Basic tier: 200 and 100 tokens a second, holding one
second's worth; other tiers' write buckets hold two. A request costs `default_cost` (10) unless
`/account/endpoint_costs` lists it; each item of a batch is billed. A 429 carries no Retry-After as a rule; one that
does is obeyed, any other empties the bucket.
Source: docs.kalshi.com/getting_started/rate_limits; recorded `/account/limits` and `/account/endpoint_costs`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

DEFAULT_COST = 10

_LISTED = (
    ("DELETE", "/portfolio/events/orders/:order_id", 2),
    ("DELETE", "/portfolio/events/orders/batched", 2),
    ("GET", "/portfolio/orders/:order_id", 2),
)
"""What the recorded list says of the endpoints used here; in force until the account's own list was read."""


class Costs:
    """Tokens by method and path (below `/trade-api/v2`). A part of a listed path that begins with `:` or `*` stands
    for any; a path listed literally counts before one with such parts."""

    def __init__(self, listed: Iterable[tuple[str, str, int]] = _LISTED, default: int = DEFAULT_COST) -> None:
        self.default = default
        self._listed = tuple((method, tuple(path.strip("/").split("/")), cost) for method, path, cost in listed)
        self._find = lru_cache(maxsize=4096)(self._look_up)

    def of(self, method: str, path: str, items: int = 1) -> int:
        """The cost of a request with `items` orders in it (1 where it is no batch)."""
        return self._find(method, path) * items

    def _look_up(self, method: str, path: str) -> int:
        parts = tuple(path.strip("/").split("/"))
        literal = [cost for m, listed, cost in self._listed if m == method and listed == parts]
        like = [cost for m, listed, cost in self._listed if m == method and _stands_for(listed, parts)]
        return (literal or like or [self.default])[0]


def _stands_for(listed: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    return len(listed) == len(parts) and all(a == b or a[:1] in (":", "*") for a, b in zip(listed, parts, strict=True))
