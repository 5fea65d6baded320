"""What a feed can say besides book changes, and what can be wrong with what it says; the same words for every venue."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.market import Venue


class Malformed(ValueError):
    """A message that cannot be believed. The text says what was seen and what was expected."""


class Doubt(StrEnum):
    """Why a book is distrusted until its next snapshot. The value is the stable word in logs and metrics."""

    LOST = "lost"  # a sequence number is missing, or a level fell below zero
    MALFORMED = "malformed"  # a frame that could not be read may have been a change of it
    BEST = "best"  # our best prices are not those the venue carries beside the change
    CROSSED = "crossed"  # its best bid stayed at or above its best ask when the exchange's time went on
    TIME = "time"  # the venue's time went backwards
    TICK = "tick"  # the tick size changed: the venue rebuilds the book
    HASH = "hash"  # the snapshot's hash is not that of its levels
    LEVELS = "levels"  # the book read over REST has other levels at the same time
    BEHIND = "behind"  # the book read over REST is newer than what the stream brought
    SILENT = "silent"  # nothing came for it for too long
    LINK = "link"  # the connection that carried it is gone

    @property
    def words(self) -> str:
        """The middle of a sentence that begins with the market and ends with "and waits for its snapshot"."""
        return _WORDS[self]


_WORDS = {
    Doubt.LOST: "lost a message",
    Doubt.MALFORMED: "may have lost a frame that cannot be read",
    Doubt.BEST: "contradicts the best prices the venue carries",
    Doubt.CROSSED: "stayed crossed",
    Doubt.TIME: "had a message older than the one before",
    Doubt.TICK: "has a new tick size",
    Doubt.HASH: "does not match its snapshot's hash",
    Doubt.LEVELS: "has other levels than the venue's REST book of the same time",
    Doubt.BEHIND: "is older than the venue's REST book",
    Doubt.SILENT: "was silent for too long",
    Doubt.LINK: "lost its connection",
}


@dataclass(frozen=True, slots=True)
class TradePrint:
    """Somebody traded: `price` and `size` in micros, `bought` whether the taker bought, `at` exchange microseconds."""

    venue: Venue
    market: str
    price: int
    size: int
    bought: bool
    at: int


@dataclass(frozen=True, slots=True)
class TickChange:
    """The price grid of a market changed: its rules must be read again before an order. Steps in micros."""

    venue: Venue
    market: str
    old: int
    new: int
    at: int


@dataclass(frozen=True, slots=True)
class Resolved:
    """A market has a result. News, not evidence: whoever waits for money asks the venue. `group` is the venue's id of
    the condition, `markets` its instruments, `winner` the one that pays (empty where none was named)."""

    venue: Venue
    group: str
    markets: tuple[str, ...]
    winner: str
    at: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A new market: `group` as in `Resolved`, its instruments and question."""

    venue: Venue
    group: str
    markets: tuple[str, ...]
    question: str
    at: int


News = TradePrint | TickChange | Resolved | Listed
