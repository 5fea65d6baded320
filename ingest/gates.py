"""When not to trade. Each gate names itself, so that "why didn't it trade?" has an answer.

Checked in this order, and the first one shut is the answer: what makes the books themselves doubtful comes before what
makes them old, that before what makes the trade impossible, that before what makes it unwanted.

    NOT_READY   the feed is down, or a book has no snapshot yet
    GAPPED      a message of a book was lost; its levels are a belief
    CROSSED     a book's best bid is at or above its best ask: no exchange shows that
    STALE       the oldest book last changed more than max_book_age before the deciding event
    SKEWED      the books' last changes are more than max_skew apart
    LAGGED      the deciding frame was under way for more than max_lag (receive minus exchange time)
    SHALLOW     depth runs out before the smallest size
    HALTED      a halt in force covers one of the markets or the strategy, or nobody can say whether one does
    OPEN_TRADE  the set has as many open trades as it may
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.book import Book
from domain.decisions import Gate
from domain.halt import Halt
from domain.limits import GateLimits
from domain.market import MarketSpec
from domain.money import from_micros


@dataclass(frozen=True, slots=True)
class Moment:
    """What the gates look at: the deciding event's exchange and receive time, the size on offer, what is open.

    `halt` names the halt in force, or why none can be ruled out; empty when the pair may be opened.
    """

    books: Sequence[Book]
    at: int
    received_at: int
    feed_up: bool
    size: int
    min_size: int
    open_trades: int
    halt: str = ""


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


def shut_gate(moment: Moment, limits: GateLimits) -> Gate | None:
    """The first gate that is shut, in the order above, or None when trading is on."""
    books = moment.books
    if not (moment.feed_up and all(book.ready for book in books)):
        return Gate.NOT_READY
    if any(book.gapped for book in books):
        return Gate.GAPPED
    if any(book.crossed() for book in books):
        return Gate.CROSSED
    oldest, newest = _ages(books)
    if moment.at - oldest > limits.max_book_age_ms * 1000:
        return Gate.STALE
    if newest - oldest > limits.max_skew_ms * 1000:
        return Gate.SKEWED
    if moment.received_at - moment.at > limits.max_lag_ms * 1000:
        return Gate.LAGGED
    if moment.size < moment.min_size:
        return Gate.SHALLOW
    if moment.halt:
        return Gate.HALTED
    if moment.open_trades >= limits.max_open_per_pair:
        return Gate.OPEN_TRADE
    return None


def explain(gate: Gate, moment: Moment, limits: GateLimits) -> str:
    """What was seen and what the limit is, for people."""
    books = moment.books
    oldest, newest = _ages(books)
    match gate:
        case Gate.NOT_READY:
            return "the feed is down" if not moment.feed_up else "a book waits for its snapshot"
        case Gate.GAPPED:
            return f"{next(book.market for book in books if book.gapped)} lost a message and waits for its snapshot"
        case Gate.CROSSED:
            book = next(book for book in books if book.crossed())
            return f"{book.market} bid {_dollars(book.best_bid)} is not below ask {_dollars(book.best_ask)}"
        case Gate.STALE:
            age = moment.at - oldest
            older = next(book.market for book in books if book.exchange_at == oldest)
            return f"{older} last changed {_seconds(age)} before; limit {limits.max_book_age_ms / 1000:g} s"
        case Gate.SKEWED:
            return f"last changes lie {_seconds(newest - oldest)} apart; limit {limits.max_skew_ms / 1000:g} s"
        case Gate.LAGGED:
            late = moment.received_at - moment.at
            return f"the frame was under way for {_seconds(late)}; limit {limits.max_lag_ms / 1000:g} s"
        case Gate.SHALLOW:
            return f"{from_micros(moment.size)} shares on offer; smallest size {from_micros(moment.min_size)}"
        case Gate.HALTED:
            return moment.halt
        case Gate.OPEN_TRADE:
            return f"{moment.open_trades} trade(s) of the set open; limit {limits.max_open_per_pair}"
        case Gate.NO_DURABLE_START:
            return "the trade could not be started durably"


def _ages(books: Sequence[Book]) -> tuple[int, int]:
    """Exchange time of the book that changed longest ago and of the one that changed last."""
    times = [book.exchange_at for book in books]
    return min(times), max(times)


def _dollars(price: int | None) -> str:
    return "none" if price is None else str(from_micros(price))


def _seconds(micros: int) -> str:
    return f"{micros // 1_000_000}.{micros % 1_000_000 // 1000:03d} s"
