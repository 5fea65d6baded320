"""The frozen decision to trade. Its id is a pure function of its content, so a decision made twice is one trade."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from domain.fees import FeeSchedule
from domain.market import Venue
from domain.money import plain
from domain.orders import Side


@dataclass(frozen=True, slots=True)
class BookEvidence:
    """The book a decision was made on: top of book, version, exchange and receive time in microseconds."""

    market: str
    bid: Decimal | None
    ask: Decimal | None
    version: int
    exchange_at: int
    received_at: int


@dataclass(frozen=True, slots=True)
class IntentLeg:
    """One side of the trade. `limit` is the worst price planned for; `expected_cost` all-in dollars for `size`."""

    name: str
    venue: Venue
    market: str
    side: Side
    size: Decimal
    limit: Decimal
    expected_cost: Decimal
    fees: FeeSchedule
    tick: Decimal = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class LegPolicy:
    """What the lifecycle may do, pinned by the intent. Times in milliseconds, money in dollars.

    `leg_b_slack` is how many dollars a share leg B's limit may be worse than planned; `loss_budget` how much the
    whole repair of a residual may lose against break-even before the trade is parked as STUCK.
    """

    max_quote_age_ms: int = 500
    max_leg_delay_ms: int = 2_000
    leg_b_slack: Decimal = Decimal("0")
    loss_budget: Decimal = Decimal("5")
    ladder_ticks: tuple[int, ...] = (0, 1, 2, 4, 8)
    ladder_wait_ms: int = 250
    repair_deadline_ms: int = 60_000
    evidence_poll_ms: int = 100
    absence_grace_ms: int = 3_000
    unknown_deadline_ms: int = 600_000
    dust: Decimal = Decimal("0")


@dataclass(frozen=True, slots=True)
class Intent:
    """Legs in the order they are to be sent: the scarcer one first. All legs have equal size.

    `decided_at` and `expires_at` are exchange time in microseconds since the epoch. `payoff` is what one share of
    every leg together pays for certain. `edge` is the expected profit in dollars after all fees.
    """

    strategy: str
    strategy_version: str
    pair: str
    legs: tuple[IntentLeg, ...]
    payoff: Decimal
    edge: Decimal
    decided_at: int
    expires_at: int
    policy: LegPolicy
    evidence: tuple[BookEvidence, ...]

    @property
    def id(self) -> str:
        """`i-` and 32 hex digits: SHA-256 over the canonical content."""
        return _id_of(self)

    @property
    def size(self) -> Decimal:
        return self.legs[0].size

    @property
    def planned_cost(self) -> Decimal:
        """All-in dollars both legs cost as planned."""
        return sum((leg.expected_cost for leg in self.legs), Decimal(0))

    @property
    def worst_cost(self) -> Decimal:
        """The most this trade may ever have out at once.

        As planned, limits with slack and fees. A repair may pay more than planned, up to break-even (the payoff)
        and the loss budget beyond it: the edge is not a cushion, it is the first thing a repair spends.
        """
        planned = Decimal(0)
        for leg in self.legs:
            worst = min(leg.limit + self.policy.leg_b_slack, Decimal(1))
            planned += worst * leg.size + leg.fees.trade_fee(Decimal("0.5"), leg.size) + leg.fees.unit * 100
        return max(planned, self.payoff * self.size) + self.policy.loss_budget


@lru_cache(maxsize=4096)
def _id_of(intent: Intent) -> str:
    """Asked for a dozen times a trade; equal intents have equal content, so one answer serves all."""
    return id_of(canonical(intent))


def canonical(value: Any) -> str:
    """JSON with sorted keys, no spaces, and plain, normalised decimals: equal content, equal text."""

    def encode(item: Any) -> str:
        if isinstance(item, Decimal):
            return plain(item.normalize() if item else Decimal(0))  # −0 equals 0
        raise TypeError(f"{type(item).__name__} has no canonical form")

    return json.dumps(asdict(value), sort_keys=True, separators=(",", ":"), default=encode)


def id_of(text: str) -> str:
    """The id of the intent whose canonical text this is."""
    return "i-" + hashlib.sha256(text.encode()).hexdigest()[:32]
