"""How far a venue's clock is from ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """Venue's clock minus ours, in microseconds; the truth lies within `offset` ± `error`."""

    offset: int
    error: int


def skew_between(server_at: int, asked_at: int, answered_at: int, *, unit: int = 1_000_000) -> ClockSkew:
    """From a time the venue wrote (microseconds, cut down to a multiple of `unit`) into an answer to a question asked
    and answered at these moments of our clock."""
    # The answer was written between asked_at and answered_at, at a time from server_at to a unit later.
    low, high = server_at - answered_at, server_at + unit - asked_at
    return ClockSkew(offset=(low + high) // 2, error=(high - low + 1) // 2)
