"""What features have learned, kept for the next start: a volatility needs minutes that a restart need not cost.

Only what was learned of spot prices is kept. Features of a book begin with its snapshot, and are warm in seconds.
A state that is too old is never used, whatever it holds; between two ticks further apart than it bears, an average
begins anew in any case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import msgspec

from domain.features.spot_folds import SpotState

VERSION = 1


@dataclass(frozen=True, slots=True)
class WarmState:
    """`saved_at` is our wall clock in microseconds."""

    saved_at: int
    spots: tuple[SpotState, ...]
    version: int = VERSION

    def usable(self, now: int, most_age_us: int) -> bool:
        """Whether it is of this version, holds anything, and was saved at most so long before `now`; never one that was
        saved after it."""
        return self.version == VERSION and bool(self.spots) and 0 <= now - self.saved_at <= most_age_us


class WarmCache(Protocol):
    """Keeps one state for another process. Both may block, for a second or two at most; both raise Unavailable."""

    def load(self) -> bytes | None:
        """What was saved last, if it is still there."""
        ...

    def save(self, state: bytes, keep_ms: int) -> None:
        """Replace it; it may be forgotten after `keep_ms`."""
        ...


class MemoryCache:
    """A cache that is gone with its process."""

    def __init__(self) -> None:
        self.kept: bytes | None = None

    def load(self) -> bytes | None:
        return self.kept

    def save(self, state: bytes, keep_ms: int) -> None:
        self.kept = state


_decoder = msgspec.json.Decoder(WarmState)


def encode(state: WarmState) -> bytes:
    return msgspec.json.encode(state)


def decode(raw: bytes | str) -> WarmState:
    """The inverse, to the last bit. Raises ValueError for anything else."""
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise ValueError(f"not a saved state of features: {wrong}") from None
