"""When not to trade. Each gate names itself, so that "why didn't it trade?" has an answer.

Checked in this order, and the first one shut is the answer: what makes the books themselves doubtful comes before what
makes them old, that before what makes the trade impossible, that before what makes it unwanted.

    NOT_READY   the feed is down, or a book has no snapshot yet
    CROSSED     a book's best bid is at or above its best ask: no exchange shows that
    GAPPED      a message of a book was lost, or it stayed crossed; until its next snapshot its levels are a belief
    WARMING     a book is believed, but not for `settle` yet: what was lost and found may be lost again
    MIRRORED    two tokens of one condition do not mirror each other: they are seen at different instants
    IMPOSSIBLE  a quote no exchange shows            ) the quote firewall refused
    DEGENERATE  a book nobody means                  ) one of the books
    ARTEFACT    a micro-price made by sizes alone    ) (`ingest.firewall`)
    JUMP        a mid moved beyond its volatility    )
    STALE       a book last changed more than its venue's max_book_age before the deciding event
    SKEWED      the books' last changes are more than max_skew apart
    LAGGED      the deciding frame was under way for more than max_lag (receive minus exchange time)
    FEATURES    a feature that the strategy stands on is not valid, or speaks against the trade
    SHALLOW     depth runs out before the smallest size
    USERS       a venue's private channel is not acknowledged: fills there would be heard of late
    HALTED      a halt in force covers one of the markets or the strategy, or nobody can say whether one does
    PAUSED      the process is not RUNNING (`ingest.readiness`)
    BUSY        as many trades are under way, over all processes, as hedging leaves room for, or a hedge waits
    OPEN_TRADE  the set has as many open trades as it may

Limits may differ by venue. A book's age is judged by its own venue's, the way of a frame by that of the venue that sent
it, and books of several venues may lie as far apart as the most patient of them allows.

A share of each token of a condition pays one dollar together, so the venue matches a bid for one with a bid for the
other: both books are one book seen from two sides, YES.bid + NO.ask == 1 and YES.ask + NO.bid == 1. An edge between the
two can only be two views of different instants. (Measured: it held in every one of 22,508 pairs of the same
millisecond, and failed in every false edge of a recorder that polled one side after the other.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.book import Book
from domain.decisions import Gate, Refused
from domain.halt import Halt
from domain.limits import GateLimits
from domain.market import MarketSpec, Venue
from domain.money import MICRO, from_micros


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of one watch, in microseconds. `ages` in the order of its books; `lags` by venue; `mirrors` are the
    places of two books that must mirror each other; `settle` is how long a book must have been believed, by our
    clock."""

    ages: tuple[int, ...]
    skew: int
    lags: Mapping[Venue, int]
    most_open: int
    mirrors: tuple[tuple[int, int], ...] = ()
    settle: int = 0


def bounds_of(
    specs: Sequence[MarketSpec], limits: GateLimits, by_venue: Mapping[Venue, GateLimits], settle: int = 0
) -> Bounds:
    """The bounds of a watch over `specs`: each venue's own limits where `by_venue` has them, otherwise `limits`.
    `settle` in microseconds."""
    own = {spec.venue: by_venue.get(spec.venue, limits) for spec in specs}
    places = {(spec.venue, spec.market): place for place, spec in enumerate(specs)}
    mirrors = tuple(
        (place, other)
        for place, spec in enumerate(specs)
        if spec.complement and (other := places.get((spec.venue, spec.complement), -1)) > place
    )
    return Bounds(
        ages=tuple(own[spec.venue].max_book_age_ms * 1000 for spec in specs),
        skew=max(each.max_skew_ms for each in own.values()) * 1000,
        lags={venue: each.max_lag_ms * 1000 for venue, each in own.items()},
        most_open=limits.max_open_per_pair,
        mirrors=mirrors,
        settle=settle,
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """What the gates look at: the deciding event's venue, exchange and receive time, the size on offer, what is open.

    `unheard` says why the account would not be heard of at one of the venues; empty if it is at all of them.
    `halt` names the halt in force, or why none can be ruled out; empty when the pair may be opened. `refused` is what
    the quote firewall says of the books, `against` what the strategy's features say against the trade, `paused` why the
    process trades nothing now; empty while it is RUNNING. `busy` says what is under way already; empty while there is
    room for more.
    """

    books: Sequence[Book]
    venue: Venue
    at: int
    received_at: int
    feed_up: bool
    size: int
    min_size: int
    open_trades: int
    halt: str = ""
    unheard: str = ""
    refused: Refused | None = None
    against: str = ""
    paused: str = ""
    busy: str = ""


@dataclass(frozen=True, slots=True)
class Halts:
    """The halts in force as last read. `unread` says why they could not be read just now: then everything is halted."""

    standing: tuple[Halt, ...] = ()
    unread: str = ""

    def over(self, specs: Iterable[MarketSpec], strategy: str) -> str:
        """Why these markets may not be opened by this strategy, the halt named; empty if they may."""
        if self.unread:
            return f"halts cannot be read, so none can be ruled out: {self.unread}"
        markets = [(spec.venue, spec.market) for spec in specs]
        for halt in self.standing:
            if any(halt.covers_market(venue, market, strategy) for venue, market in markets):
                return str(halt)
        return ""


def shut_gate(moment: Moment, bounds: Bounds) -> Gate | None:
    """The first gate that is shut, in the order above, or None when trading is on."""
    return next(shut_gates(moment, bounds), None)


def shut_gates(moment: Moment, bounds: Bounds) -> Iterator[Gate]:
    """Every gate that is shut, in the order above. Of books that are not there nothing more is asked."""
    books = moment.books
    if not (moment.feed_up and all(book.ready for book in books)):
        yield Gate.NOT_READY
    else:
        yield from _doubts(moment, bounds)
    if moment.against:
        yield Gate.FEATURES
    if moment.size < moment.min_size:
        yield Gate.SHALLOW
    if moment.unheard:
        yield Gate.USERS
    if moment.halt:
        yield Gate.HALTED
    if moment.paused:
        yield Gate.PAUSED
    if moment.busy:
        yield Gate.BUSY
    if moment.open_trades >= bounds.most_open:
        yield Gate.OPEN_TRADE


def _doubts(moment: Moment, bounds: Bounds) -> Iterator[Gate]:
    """Those that speak of the books and of the frame."""
    books = moment.books
    if any(book.crossed() for book in books):
        yield Gate.CROSSED
    if any(book.gapped or book.unsettled for book in books):
        yield Gate.GAPPED
    if any(moment.received_at - book.believed_at < bounds.settle for book in books):
        yield Gate.WARMING
    if _broken_mirror(moment, bounds) is not None:
        yield Gate.MIRRORED
    if moment.refused is not None:
        yield moment.refused.gate
    if _too_old(moment, bounds) is not None:
        yield Gate.STALE
    oldest, newest = _ages(books)
    if newest - oldest > bounds.skew:
        yield Gate.SKEWED
    if moment.received_at - moment.at > bounds.lags[moment.venue]:
        yield Gate.LAGGED


def explain(gate: Gate, moment: Moment, bounds: Bounds) -> str:
    """What was seen and what the limit is, for people. `gate` is one that `shut_gates` said of the same moment."""
    books = moment.books
    match gate:
        case Gate.NOT_READY:
            return "the feed is down" if not moment.feed_up else "a book waits for its snapshot"
        case Gate.GAPPED:
            book = next(book for book in books if book.gapped or book.unsettled)
            if not book.gapped:
                return f"{book.market} is between two messages of one instant: its best prices are not the venue's yet"
            return f"{book.market} {book.doubt} and waits for its snapshot"
        case Gate.WARMING:
            book = max(books, key=lambda book: book.believed_at)
            believed = moment.received_at - book.believed_at
            return f"{book.market} is believed for {_seconds(believed)}; limit {bounds.settle / 1e6:g} s"
        case Gate.CROSSED:
            book = next(book for book in books if book.crossed())
            return f"{book.market} bid {_dollars(book.best_bid)} is not below ask {_dollars(book.best_ask)}"
        case Gate.MIRRORED:
            one, other = _broken_mirror(moment, bounds) or (books[0], books[-1])
            return (
                f"{one.market} {_dollars(one.best_bid)}/{_dollars(one.best_ask)} is not the mirror of "
                f"{other.market} {_dollars(other.best_bid)}/{_dollars(other.best_ask)}: two views of different instants"
            )
        case Gate.IMPOSSIBLE | Gate.DEGENERATE | Gate.ARTEFACT | Gate.JUMP:
            return moment.refused.detail if moment.refused is not None else "the quote firewall refused a book"
        case Gate.STALE:
            old, limit = _too_old(moment, bounds) or (books[0], bounds.ages[0])
            return f"{old.market} last changed {_seconds(moment.at - old.exchange_at)} before; limit {limit / 1e6:g} s"
        case Gate.SKEWED:
            oldest, newest = _ages(books)
            return f"last changes lie {_seconds(newest - oldest)} apart; limit {bounds.skew / 1e6:g} s"
        case Gate.LAGGED:
            late, limit = moment.received_at - moment.at, bounds.lags[moment.venue]
            return f"the frame was under way for {_seconds(late)}; limit {limit / 1e6:g} s"
        case Gate.FEATURES:
            return moment.against
        case Gate.SHALLOW:
            return f"{from_micros(moment.size)} shares on offer; smallest size {from_micros(moment.min_size)}"
        case Gate.USERS:
            return moment.unheard
        case Gate.HALTED:
            return moment.halt
        case Gate.PAUSED:
            return moment.paused
        case Gate.BUSY:
            return moment.busy
        case Gate.OPEN_TRADE:
            return f"{moment.open_trades} trade(s) of the set open; limit {bounds.most_open}"
        case Gate.NO_DURABLE_START:
            return "the trade could not be started durably"


class Sides(Protocol):
    """The best prices of one instrument in micros; None for a side that is empty."""

    @property
    def best_bid(self) -> int | None: ...

    @property
    def best_ask(self) -> int | None: ...


def mirrored(one: Sides, other: Sides) -> bool:
    """Whether two tokens of a condition show one book from its two sides. A side that is empty mirrors an empty one."""
    return (one.best_bid or 0) + (other.best_ask or MICRO) == MICRO and (one.best_ask or MICRO) + (
        other.best_bid or 0
    ) == MICRO


def _broken_mirror(moment: Moment, bounds: Bounds) -> tuple[Book, Book] | None:
    """The first two books of one condition that do not mirror each other."""
    for place, other in bounds.mirrors:
        if not mirrored(moment.books[place], moment.books[other]):
            return moment.books[place], moment.books[other]
    return None


def _too_old(moment: Moment, bounds: Bounds) -> tuple[Book, int] | None:
    """Of the books beyond their venue's age, the one that changed longest ago, and its limit."""
    oldest: tuple[Book, int] | None = None
    for book, limit in zip(moment.books, bounds.ages, strict=True):
        if moment.at - book.exchange_at > limit and (oldest is None or book.exchange_at < oldest[0].exchange_at):
            oldest = book, limit
    return oldest


def _ages(books: Sequence[Book]) -> tuple[int, int]:
    """Exchange time of the book that changed longest ago and of the one that changed last."""
    times = [book.exchange_at for book in books]
    return min(times), max(times)


def _dollars(price: int | None) -> str:
    return "none" if price is None else str(from_micros(price))


def _seconds(micros: int) -> str:
    return f"{micros // 1_000_000}.{micros % 1_000_000 // 1000:03d} s"
