"""The adapter of a venue: everything the rooms above ask of one venue and not of another, behind one class.

A venue's folder has an `adapter.py` with its own; `venues.registry` finds it by the venue. Nothing outside `venues/`
and `paper/` asks which venue it has before it. How to write one: docs/how-to-add-a-venue.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from domain.market import Venue
from domain.validation import Obstacle
from venues.book_feed import Counters, Feed, Told
from venues.checklist import Check
from venues.labels import Label
from venues.pauses import Pause
from venues.port import VenueClient


@dataclass(frozen=True, slots=True)
class Account:
    """What a checklist compares the venue's answers with, as configured: the id of the key, "" where the venue has
    none or the client knows it; the tier of rate limits, "" for the lowest."""

    key_id: str = ""
    tier: str = ""


class Permits(ABC):
    """What an account itself may not do at one venue. What was learnt is kept, so one object serves a process."""

    @abstractmethod
    async def missing(self, markets: Iterable[str]) -> Sequence[Obstacle]:
        """What keeps these markets from being traded; empty if nothing does. Raises as the client's reads do."""

    async def early(self, market: str) -> Sequence[Obstacle]:
        """As `missing`, asked before an opportunity depends on the answer; empty, unasked, where the answer is soon
        out of date or costs a trade nothing."""
        return ()


class NoPermits(Permits):
    """Of a venue where an account may do whatever the venue takes."""

    async def missing(self, markets: Iterable[str]) -> Sequence[Obstacle]:
        return ()


class VenueAdapter(ABC):
    """One venue. Where a method takes a client, it may be a stand-in that answers the port and no more: then the
    answer is that of a venue of which nothing is known."""

    venue: Venue
    sells_short = False
    """Whether an instrument may be sold there without holding it."""
    fills_finer = False
    """Whether orders fill in finer parts than `MarketSpec.size_step`."""

    tells_our_ids = False
    """Whether news of an order carries the id that we gave it; else the venue's own alone."""

    @abstractmethod
    def names(self, market: str) -> bool:
        """Whether an instrument named without its venue is one of this venue's, by the form of its name. No two venues
        may claim one name."""

    @abstractmethod
    def book_feed(self, counters: Counters, told: Told, *, yes_price: bool = True) -> Feed:
        """The books that this venue's frames keep. `yes_price` says, where a venue writes NO levels, that it writes
        them at their YES price; sessions keep it, and other venues pass it over."""

    @abstractmethod
    def label(self, raw: bytes) -> Label:
        """Off the outside of a frame. May raise `msgspec.DecodeError`, UnicodeDecodeError, ValueError, RecursionError:
        such a frame has no label."""

    @abstractmethod
    def read_again(self, raw: bytes, at: int) -> str:
        """What a frame that could not be used once says to today's decoders, in a few words; `at` is when we had it
        (µs). Raises Malformed if it still cannot be read."""

    @abstractmethod
    async def checklist(self, client: VenueClient, account: Account, markets: Sequence[str]) -> list[Check]:
        """What this account needs before it may trade `markets`, as the venue answers it now."""

    @abstractmethod
    async def rule_text(self, client: VenueClient, market: str) -> str:
        """The text by which the venue decides `market`; "" if it gives none. Raises as the client's reads do."""

    def is_own(self, raw: bytes) -> bool:
        """Whether a frame is the account's business, not the books', where both come over one socket."""
        return False

    def permits(self, client: VenueClient, clock: Callable[[], int]) -> Permits:
        """What the account of `client` may not do; `clock` is wall-clock microseconds."""
        return NoPermits()

    def known_pause(self, client: VenueClient | None, now: int) -> Pause | None:
        """The pause of trading that holds at `now` (µs), as far as it is known without asking. From any thread."""
        return None
