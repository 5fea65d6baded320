"""Parameters of decisions, as plain data: what a profile sets and an intent's strategy version pins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from domain.later import later


@dataclass(frozen=True, slots=True)
class SetParams:
    """The strategy on sets of outcomes. `margin` is dollars a share that must remain after all fees.

    Sizes are shares; `ttl_ms` is how long after its decision an intent may still send leg A. With `sell`, every outcome
    is also sold where the bids together exceed the payoff; off unless asked for: in a polled recording of a Super Bowl
    such bids stood for 40 s, which no exchange shows, and nothing in the books told them from real ones.
    A tenth of a cent covers fees rounded up at every level; the smallest recorded edge was half a cent a share.
    """

    margin: Decimal = Decimal("0.001")
    min_size: Decimal = Decimal("1")
    max_size: Decimal = Decimal("100")
    ttl_ms: int = 1_000
    sell: bool = False

    def __post_init__(self) -> None:
        _check(self.min_size, self.max_size, self.ttl_ms)


@dataclass(frozen=True, slots=True)
class CrossParams:
    """The strategy on claims that two venues trade. `margin` is dollars a share that must remain after all fees.

    `hurdle` is what a dollar locked until the claim pays must earn a year, as a fraction of itself; `lock_days` is how
    long it is taken to be locked where not every market of the claim says when it resolves. Sizes are shares; `ttl_ms`
    is how long after its decision an intent may still send its first leg. How old and how far apart the books of two
    venues may be is the gates' business.
    """

    margin: Decimal = Decimal("0.002")
    min_size: Decimal = Decimal("5")
    max_size: Decimal = Decimal("100")
    ttl_ms: int = 1_000
    hurdle: Decimal = Decimal("0.10")
    lock_days: Decimal = Decimal("3")

    def __post_init__(self) -> None:
        _check(self.min_size, self.max_size, self.ttl_ms)
        if min(self.hurdle, self.lock_days) < 0:
            raise ValueError(f"hurdle {self.hurdle}, lock_days {self.lock_days}: expected 0 or more; raise the lower")


def _check(min_size: Decimal, max_size: Decimal, ttl_ms: int) -> None:
    """Raises ValueError for what no strategy can trade by."""
    if not Decimal(0) < min_size <= max_size:
        raise ValueError(f"sizes {min_size} to {max_size} shares: min_size must be above 0 and not above max_size")
    if ttl_ms < 1:
        raise ValueError(f"ttl_ms {ttl_ms}: an intent must live for at least 1 ms; raise it")


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """One strategy to run beside others: `strategy` names its code, `name` is what halts, reports and intents call it.

    `params` are as the strategy's own schema says, those left out at its defaults. It looks only at what is filed under
    a pair whose name begins with one of `pairs`; at all there is, if none is given. `version`, where given, is what its
    version must come to. `source` says for people where this was written.
    """

    strategy: str
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    pairs: tuple[str, ...] = ()
    version: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class GateLimits:
    """When not to trade. Ages are exchange time between the deciding event and a book's last change.

    `max_skew_ms` bounds how far apart the last changes of a set's books may lie; `max_lag_ms` how long a frame may
    have been under way (receive minus exchange time); `max_open_per_pair` how many trades of a set may be open. With
    `users`, nothing is opened at the venue while its private channel, which tells of our fills, is not acknowledged.

    Where the defaults come from: in a recorded NBA game on Kalshi with 61,000 book changes in 12 minutes, all 20
    after-fee opportunities opened with the two books' last changes at most 0.18 s apart and stayed within 0.40 s;
    books whose recorder had died stood 700 s and more apart and promised 58 dollars a hundred shares. A half second
    between keeps all of the former and none of the latter, and refuses neighbouring samples of a recording taken
    once a second. Age matters where a third party's event decides; two seconds is several times the longest pause of
    a book that trades.
    """

    max_book_age_ms: int = 2_000
    max_skew_ms: int = 500
    max_lag_ms: int = 1_000
    max_open_per_pair: int = 1
    users: bool = later(True)
