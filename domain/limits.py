"""Parameters of decisions, as plain data: what a profile sets and an intent's strategy version pins."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class PairParams:
    """The two-market pair strategy. `margin` is dollars a share that must remain after all fees.

    Sizes are shares; `ttl_ms` is how long after its decision an intent may still send leg A.
    """

    margin: Decimal = Decimal("0.001")
    min_size: Decimal = Decimal("1")
    max_size: Decimal = Decimal("100")
    ttl_ms: int = 1_000


@dataclass(frozen=True, slots=True)
class GateLimits:
    """When not to trade. Ages are exchange time between the deciding event and a book's last change.

    `max_skew_ms` bounds how far apart the last changes of a pair's two books may lie; `max_lag_ms` how long a
    frame may have been under way (receive minus exchange time); `max_open_per_pair` how many trades may be open.
    """

    max_book_age_ms: int = 2_000
    max_skew_ms: int = 1_000
    max_lag_ms: int = 1_000
    max_open_per_pair: int = 1
