"""What spot feeds of all venues share: a decoder from frames to ticks, and what may be wrong with a frame.

A decoder is pure and is what a replay runs: the same frames in the same order, with the numbers of the connections that
brought them, give the same ticks. The sockets around it add nothing but reconnects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from domain.spot import SpotTick

OnTick = Callable[[SpotTick], None]
OnDead = Callable[[bytes, str, int], None]
"""(frame, why, our wall clock in µs)."""

AHEAD_US = 60_000_000
"""How far a source's clock may be ahead of ours: a price from the far future would make all later ones look old."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Unreadable(ValueError):
    """A frame that cannot be believed. The text says what was seen and what was expected."""


class OutOfStep(Exception):
    """Something before this frame is missing, or the book contradicts itself: only a new subscription cures it."""


class SpotDecoder(Protocol):
    """`take` gives the ticks of one frame, in the source's order; none for frames that are not about prices and for
    types nobody knows, which are counted. Raises Unreadable, OutOfStep."""

    def take(self, raw: bytes, received_at: int, link: int = 1, /) -> Sequence[SpotTick]: ...


def micros_of(text: str) -> int:
    """An ISO time, with a zone, to microseconds since the epoch (what is finer is cut off). Raises Unreadable."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable(f"time {text!r} is not ISO 8601; expected such as 2026-04-07T14:30:03.000000Z") from None
    if moment.tzinfo is None:
        raise Unreadable(f"time {text!r} has no zone; expected such as 2026-04-07T14:30:03.000000Z")
    return (moment - _EPOCH) // _MICROSECOND


def not_ahead(exchange_at: int, received_at: int) -> int:
    """`exchange_at` as it is. Raises Unreadable for a time that is not after the epoch, or too far ahead of ours."""
    if not 0 < exchange_at <= received_at + AHEAD_US:
        raise Unreadable(
            f"time {exchange_at} µs, received at {received_at} µs; expected after the epoch and at most "
            f"{AHEAD_US // 1_000_000} s ahead"
        )
    return exchange_at
