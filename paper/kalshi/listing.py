"""A market's life: active, closed, determined, amended, finalized. Pure; all times in wall-clock microseconds.

    active ──close──▶ closed ──┬─ result known ─▶ determined ──── paid ──▶ finalized
                               │                    │    ▲ timer again
                               │                    └─ other result ─▶ amended ── paid ──▶ finalized

A market closes when its result is given, or when another session replaces the one it belongs to. Between the result
and the payment lies the settlement timer, half of it before the market says what the result is; until it is paid the
result may still be amended, which starts the timer anew. Source: docs.kalshi.com/getting_started/market_lifecycle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from domain.errors import BadInput
from domain.market import MarketSpec
from domain.money import from_micros
from paper.core.book import ONE

Stage = Literal["active", "closed", "determined", "amended", "finalized"]
Result = Literal["", "yes", "no", "scalar"]

_CENT = 10_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a market ends: `value` is what a YES share pays, in micro-dollars."""

    result: Result
    value: int


YES = Outcome("yes", ONE)
NO = Outcome("no", 0)


def scalar(value: int) -> Outcome:
    """Raises `BadInput` for a value that is not whole cents from 0 to a dollar: finer ones the venue rounds, and how
    it does is not recorded."""
    if not 0 <= value <= ONE or value % _CENT:
        raise BadInput(
            f"settlement_value {from_micros(value)} was asked; expected dollars from 0.00 to 1.00 in whole cents",
            "settlement_value",
        )
    return Outcome("scalar", value)


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One market as it stands. `result` and `value` are decided once `settles_at` is set, public from `determined` on.

    `determines_at` and `settles_at` are when they are due, `settled_at` when it was paid; 0 for not yet.
    """

    spec: MarketSpec
    opened_at: int
    stage: Stage = "active"
    result: Result = ""
    value: int = 0
    closed_at: int = 0
    determined_at: int = 0
    determines_at: int = 0
    settles_at: int = 0
    settled_at: int = 0

    @property
    def ticker(self) -> str:
        return self.spec.market

    @property
    def trading(self) -> bool:
        return self.stage == "active"

    @property
    def decided(self) -> bool:
        """Somebody said how it ends; it has not been paid yet."""
        return self.settles_at > 0 and not self.settled_at

    @property
    def public(self) -> bool:
        """Whether the market says how it ended."""
        return self.stage in ("determined", "amended", "finalized")

    @property
    def updated_at(self) -> int:
        return max(self.opened_at, self.closed_at, self.determined_at, self.settled_at)

    @property
    def filter(self) -> str:
        """The word of `GET /markets?status=` that lists it."""
        if self.stage == "active":
            return "open"
        return "settled" if self.stage == "finalized" else "closed"

    @property
    def due(self) -> int:
        """When its next step is due; 0 if none is."""
        if not self.decided:
            return 0
        return self.settles_at if self.public else self.determines_at


def closed(listing: Listing, at: int) -> Listing:
    return msgspec.structs.replace(listing, stage="closed", closed_at=at)


def decide(listing: Listing, outcome: Outcome, at: int, timer: int) -> Listing:
    """Close it if it trades, and start the settlement timer (microseconds). The same outcome again changes nothing.

    Raises `BadInput` for another outcome than the one that was already paid."""
    same = (listing.result, listing.value) == (outcome.result, outcome.value)
    if same and listing.settles_at:
        return listing
    if listing.settled_at:
        raise BadInput(
            f"{listing.ticker} was finalized as {listing.result} ({from_micros(listing.value)}) and paid; it cannot "
            f"become {outcome.result}: play its session again to open it anew",
            "finalized",
        )
    shut = listing if listing.stage != "active" else closed(listing, at)
    return msgspec.structs.replace(
        shut,
        stage="amended" if listing.public else "closed",
        result=outcome.result,
        value=outcome.value,
        determined_at=at if listing.public else 0,
        determines_at=at + timer // 2,
        settles_at=at + timer,
    )


def determined(listing: Listing, at: int) -> Listing:
    return msgspec.structs.replace(listing, stage="determined", determined_at=at)


def finalized(listing: Listing, at: int) -> Listing:
    first = listing.determined_at or at
    return msgspec.structs.replace(listing, stage="finalized", determined_at=first, settled_at=at)
