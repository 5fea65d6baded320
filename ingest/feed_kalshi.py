"""Kalshi's order-book feed: signed deltas and snapshots, numbered per subscription."""

from __future__ import annotations

from collections.abc import Sequence

from domain.book import Book
from domain.market import Venue
from ingest.decode_kalshi import Delta, Snapshot, decode
from ingest.events import Doubt
from ingest.feed import Counters, Feed, Told

_KNOWN = frozenset(
    {"subscribed", "unsubscribed", "ok", "error", "list_subscriptions", "ticker", "trade", "fill", "user_order"}
    | {"market_position", "market_positions", "market_lifecycle_v2", "multivariate_market_lifecycle", "communications"}
    | {"order_group_updates", "cfbenchmarks_value", "cfbenchmarks_value_5hz", "pyth_value"}
)
"""Messages that are no business of books. Any other kind is new to us and kept for a person."""


class KalshiFeed(Feed):
    """Books of Kalshi markets. `yes_price` says how the feed writes NO levels (see `ingest.decode_kalshi`).

    A number missing in a subscription gaps all its markets, a level below zero its own: a message was lost. So was one
    where a book is still crossed when the next change is of a later time: within one transaction of the exchange it may
    be, from message to message.
    """

    venue = Venue.KALSHI

    def __init__(self, counters: Counters, told: Told, *, yes_price: bool = True) -> None:
        super().__init__(counters, told)
        self._yes_price = yes_price
        self._seqs: dict[int, int] = {}
        self._markets_of: dict[int, dict[str, None]] = {}  # a set in order of arrival

    def take(self, raw: bytes, received_at: int, link: int) -> Sequence[Book]:
        counters = self.counters
        event = decode(raw, yes_price=self._yes_price)
        sid, seq = event.sid, event.seq
        if sid and seq:
            last = self._seqs.get(sid)
            self._seqs[sid] = seq
            if last is not None and seq != last + 1:
                self.told.doubt(self._markets_of.get(sid, ()), self.venue, Doubt.LOST)
        if isinstance(event, Delta):
            counters.deltas += 1
            book = self.books.get(event.market)
            if book is None or not book.ready:
                counters.passed_over += 1
                return ()
            self.at = event.at
            if book.outlasted(event.at):
                self.told.doubt((event.market,), self.venue, Doubt.CROSSED)
            change = book.change_bid if event.bid else book.change_ask
            if not change(event.price, event.delta, event.at, received_at):
                self.told.doubt((event.market,), self.venue, Doubt.LOST)
            return (book,)
        if isinstance(event, Snapshot):
            counters.snapshots += 1
            book = self.books.get(event.market)
            if book is None:
                counters.passed_over += 1
                return ()
            self._markets_of.setdefault(sid, {})[event.market] = None
            self.at = received_at  # a snapshot carries no time; it is what the exchange shows as it is sent
            book.reset(event.yes, event.no, received_at, received_at)
            return (book,)
        if event.kind in _KNOWN:
            counters.passed_over += 1
        else:
            counters.unknown += 1
            self.told.dead(raw, f"unknown message type {event.kind!r}")
        return ()

    def damaged(self, raw: bytes, link: int) -> list[str]:
        # Its sequence number is lost with it: the next frame sets the count again instead of gapping everything.
        self._seqs.clear()
        return super().damaged(raw, link)

    def down(self) -> None:
        super().down()
        self._seqs.clear()
        self._markets_of.clear()
