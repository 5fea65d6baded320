"""What the engine needs of one venue's feed: frames in, changed books out, and which books are not believed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from domain.book import Book
from domain.market import Venue
from venues.market_events import Doubt, Malformed, News


@dataclass(slots=True)
class Counters:
    """What was seen since the engine was made. `deltas` are book changes; `passed_over` other messages, and messages
    of markets nobody watches; `unknown` messages of a kind we do not know; `duplicates` changes that another
    connection has brought or will bring; `hash_hints` hashes that differed where the venue's hash proves nothing."""

    frames: int = 0
    snapshots: int = 0
    deltas: int = 0
    passed_over: int = 0
    malformed: int = 0
    unknown: int = 0
    duplicates: int = 0
    hash_hints: int = 0
    gaps: int = 0
    intents: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """Where a feed reports to, from inside `take`: books to distrust, news, and messages kept for a person
    (raw, why)."""

    doubt: Callable[[Iterable[str], Venue, Doubt], None]
    news: Callable[[News], None]
    dead: Callable[[bytes, str], None]


class Feed(ABC):
    """One venue's books by market. `at` is the exchange time (µs) of the event that `take` brought last; `unheard` why
    its private channel tells nothing of our account, empty while it does."""

    venue: Venue

    def __init__(self, counters: Counters, told: Told) -> None:
        self.books: dict[str, Book] = {}
        self.up = True
        self.unheard = ""
        self.at = 0
        self.counters = counters
        self.told = told

    def watch(self, market: str) -> Book:
        """The book of `market`, made if nobody watched it before."""
        return self.books.setdefault(market, Book(market))

    @abstractmethod
    def take(self, raw: bytes, received_at: int, link: int) -> Sequence[Book]:
        """One frame of connection `link`: applied, and the books it touched. Raises Malformed for what cannot be read;
        the engine then asks `damaged` which markets it may have been about."""

    def damaged(self, raw: bytes, link: int) -> list[str]:
        """The markets a broken frame may have been about: those it names, or, naming none, all."""
        return named_in(raw, self.books) or list(self.books)

    def link_lost(self, link: int) -> None:
        """Connection `link` is gone, of a venue with several. The books that followed it are distrusted."""
        del link

    def on_time(self, at: int) -> None:
        """It is `at` by our clock (µs), where nothing else happens: what has waited too long is doubted."""
        del at

    def down(self) -> None:
        """The feed is gone: every book waits for a snapshot, and the next connection starts afresh."""
        self.up = False
        for book in self.books.values():
            book.ready = False


def named_in(raw: bytes, markets: Iterable[str]) -> list[str]:
    """Those of `markets` that a frame names; none where it may have named more than can be seen: one that is no JSON
    may have been cut, or bent in a name, and an escaped name does not look like one."""
    if b"\\" in raw:
        return []
    try:
        raw.decode()
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return [market for market in markets if b'"' + market.encode() + b'"' in raw]


def take_alone(make: Callable[[Counters, Told], Feed], raw: bytes, at: int) -> None:
    """Give a frame to a feed that watches nothing. Raises Malformed as the feed does, and for what it calls dead."""
    said: list[str] = []
    told = Told(doubt=lambda markets, venue, why: None, news=lambda news: None, dead=lambda raw, why: said.append(why))
    make(Counters(), told).take(raw, at, 1)
    if said:
        raise Malformed(said[0])


def counted(events: Iterable[object]) -> str:
    """`2 Change, 1 BookImage`."""
    return ", ".join(f"{count} {name}" for name, count in Counter(type(one).__name__ for one in events).items())
