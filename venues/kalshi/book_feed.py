"""Kalshi's order-book feed: signed deltas and snapshots, numbered per subscription."""

from __future__ import annotations

from collections.abc import Sequence

from domain.book import Book
from domain.market import Venue
from venues.book_feed import Counters, Feed, Told
from venues.kalshi.market_data import Delta, Lifecycle, Snapshot, decode, numbered
from venues.market_events import Doubt, Malformed
from venues.spot import AHEAD_US

PASSED_OVER = frozenset(
    {"subscribed", "unsubscribed", "ok", "error", "list_subscriptions", "ticker", "trade", "fill", "user_order"}
    | {"market_position", "market_positions", "market_lifecycle_v2", "multivariate_market_lifecycle", "communications"}
    | {"order_group_updates", "cfbenchmarks_value", "cfbenchmarks_value_5hz", "pyth_value"}
)
"""Messages that are no business of books. Any other kind is new to us and kept for a person."""

_OVER = frozenset({"determined", "settled"})
"""States of a market that has its result: nobody trades there any more, and no snapshot will come."""


class KalshiFeed(Feed):
    """Books of Kalshi markets. `yes_price` says how the feed writes NO levels (see `venues.kalshi.market_data`).

    A number missing in a subscription gaps all its markets, a level below zero its own: a message was lost. So was one
    where a book is still crossed when the next change is of a later time: within one transaction of the exchange it may
    be, from message to message. A number that came before says that the count itself cannot be trusted: all markets of
    the subscription are gapped and what the message holds is not taken, since it would be taken twice.

    Each market follows the subscription that brought its last snapshot. Time does not order Kalshi's messages, numbers
    do; only one far ahead of our clock is refused, which would make every other book look old.
    """

    venue = Venue.KALSHI

    def __init__(self, counters: Counters, told: Told, *, yes_price: bool = True) -> None:
        super().__init__(counters, told)
        self._yes_price = yes_price
        self._seqs: dict[int, int] = {}
        self._sids: dict[str, int] = {}  # of each market's last snapshot

    def take(self, raw: bytes, received_at: int, link: int) -> Sequence[Book]:
        counters = self.counters
        event = decode(raw, yes_price=self._yes_price)
        sid, seq = event.sid, event.seq
        if isinstance(event, Delta):
            at = event.at
            if at > received_at + AHEAD_US:
                raise Malformed(
                    f"time {at} µs, received at {received_at} µs; expected at most {AHEAD_US // 1_000_000} s ahead"
                )
            counters.deltas += 1
            if self._seqs.get(sid) == seq - 1:
                self._seqs[sid] = seq
            elif not self._out_of_step(sid, seq):
                return ()
            market = event.market
            book = self.books.get(market)
            if book is None or not book.ready:
                counters.passed_over += 1
                return ()
            if self._sids.get(market) != sid:
                self.told.doubt((market,), self.venue, Doubt.LOST)
                counters.duplicates += 1
                return ()
            self.at = at
            if book.outlasted(at):
                self.told.doubt((market,), self.venue, Doubt.CROSSED)
            change = book.change_bid if event.bid else book.change_ask
            if not change(event.price, event.delta, at, received_at):
                self.told.doubt((market,), self.venue, Doubt.LOST)
            return (book,)
        # The answer to a request of ours may repeat the number of the message before it: whether it is counted is
        # nowhere said. One with an older number is an old snapshot.
        in_step = sid <= 0 or seq <= 0 or self._seqs.get(sid) == seq or self._out_of_step(sid, seq)
        if isinstance(event, Snapshot):
            counters.snapshots += 1
            book = self.books.get(event.market)
            if book is None:
                counters.passed_over += 1
                return ()
            if not in_step:
                return ()
            self._sids[event.market] = sid
            self.at = received_at  # a snapshot carries no time; it is what the exchange shows as it is sent
            book.reset(event.yes, event.no, received_at, received_at)
            return (book,)
        if isinstance(event, Lifecycle):
            counters.passed_over += 1
            if event.said in _OVER and (book := self.books.get(event.market)) is not None:
                book.ready = False
        elif event.kind in PASSED_OVER:
            counters.passed_over += 1
        else:
            counters.unknown += 1
            self.told.dead(raw, f"unknown message type {event.kind!r}")
            # Among numbered changes it may be one, in a form that is new.
            self.told.doubt(self._markets_of(sid), self.venue, Doubt.MALFORMED)
        return ()

    def _out_of_step(self, sid: int, seq: int) -> bool:
        """Count a message that may not be the next of its subscription. False for one whose number came before."""
        last = self._seqs.get(sid)
        if last is None or seq > last:
            self._seqs[sid] = seq
        if last is not None and seq != last + 1:
            self.told.doubt(self._markets_of(sid), self.venue, Doubt.LOST)
            if seq <= last:
                self.counters.duplicates += 1
                return False
        return True

    def _markets_of(self, sid: int) -> list[str]:
        return [market for market, followed in self._sids.items() if followed == sid] if sid else []

    def damaged(self, raw: bytes, link: int) -> list[str]:
        # A frame whose number can be read counts; the number of any other shows as missing at the next.
        said = numbered(raw)
        if said is not None and min(said) > 0:
            self._out_of_step(*said)
        return super().damaged(raw, link)

    def down(self) -> None:
        super().down()
        self._seqs.clear()
        self._sids.clear()
