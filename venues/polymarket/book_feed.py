"""Polymarket's market channel: absolute levels without sequence numbers, so every doubt has to be noticed.

What is checked, and what a contradiction is called (`Doubt`):

| seen | done |
|---|---|
| the best prices carried beside a change are not ours when its instant is over | `best` |
| best prices of a `best_bid_ask` are still not ours when time has gone on | `best` |
| a book is still crossed when the next change is of a later time | `crossed` |
| a message of an asset is older than the one before on its connection | `time` |
| `tick_size_change` | `tick`: the venue rebuilds the book on the new grid |
| the first snapshot of a connection has a hash that its levels do not give | `hash` |
| another snapshot's hash differs | counted, a hint: what else it hashes is often late |
| a book read over REST has other levels at the same time, or stays newer than ours | `levels`, `behind` |
| the connection that carried an asset is gone | `link` |

**Prices are compared per instant.** One transaction of the venue may come in several frames of one millisecond, each
carrying the best prices as they are after the whole of it (github.com/nautechsystems/nautilus_trader/issues/4050). So a
book whose best prices are not the carried ones after a frame is *unsettled*: not traded on, and not doubted before the
venue's time goes on for it, or `GRACE_US` of ours have passed without another frame that settles it.

What a hash covers and the stream leaves out is learnt from REST books; until one was read, hashes prove nothing.

Several connections may carry one asset while one takes over from another. Each asset follows one of them: the youngest
that has brought a snapshot. What older ones still say is passed over, so that no change is applied out of order.
Source: docs.polymarket.com/asyncapi.json and market-data/realtime-data.
"""

from __future__ import annotations

from collections.abc import Sequence

from domain.book import Book
from domain.market import Venue
from domain.money import MICRO
from venues.book_feed import Counters, Feed, Told, named_in
from venues.market_events import Doubt, Malformed, Resolved, TickChange
from venues.polymarket.book import book_hash
from venues.polymarket.market_data import NOT_CARRIED, Best, BookImage, Change, Unknown, WireBook, decode
from venues.spot import AHEAD_US

_NOBODY = -1

GRACE_US = 250_000
"""How long the rest of an instant may be under way. Messages of one transaction leave together; the wire may part them
by a retransmission, and longer than that means that one is lost."""


class _Asset:
    """One token: its book, the connection it follows, what was carried last, and what its hash needs besides."""

    __slots__ = ("best_ask", "best_bid", "book", "claim", "instant", "link", "min_order_size", "neg_risk", "since")

    def __init__(self, book: Book) -> None:
        self.book = book
        self.link = _NOBODY
        self.best_bid = NOT_CARRIED
        self.best_ask = NOT_CARRIED
        self.claim: Best | None = None
        self.instant = 0  # of the best prices carried last, where the book is unsettled
        self.since = 0  # our time of the frame that left it so
        self.min_order_size: str | None = None
        self.neg_risk: bool | None = None


class PolymarketFeed(Feed):
    """Books of tokens. Connections are numbered upwards as they are opened."""

    venue = Venue.POLYMARKET

    def __init__(self, counters: Counters, told: Told) -> None:
        super().__init__(counters, told)
        self._assets: dict[str, _Asset] = {}
        self._unsettled: dict[_Asset, None] = {}

    def watch(self, market: str) -> Book:
        book = super().watch(market)
        if market not in self._assets:
            self._assets[market] = _Asset(book)
        return book

    def take(self, raw: bytes, received_at: int, link: int) -> Sequence[Book]:
        counters = self.counters
        touched: list[_Asset] = []
        last: _Asset | None = None
        latest = received_at + AHEAD_US
        if self._unsettled:
            self.on_time(received_at)
        events = decode(raw)
        if raw[:1] == b"[":  # several messages: nothing of any is taken before all can be
            for event in events:
                if isinstance(event, (Change, BookImage, Best)) and event.at > latest:
                    raise _ahead(event.at, received_at)
        for event in events:
            if type(event) is Change:
                counters.deltas += 1
                asset = self._assets.get(event.market)
                if asset is None:
                    counters.passed_over += 1
                    continue
                if asset.link != link:
                    counters.duplicates += 1
                    continue
                book = asset.book
                at = event.at
                if at > latest:
                    raise _ahead(at, received_at)
                if at < book.exchange_at:
                    self.told.doubt((event.market,), self.venue, Doubt.TIME)
                elif book.outlasted(at):
                    self.told.doubt((event.market,), self.venue, Doubt.CROSSED)
                if book.unsettled and at > asset.instant:
                    self._contradicted(asset)
                if asset.claim is not None:
                    self._settle_claim(asset, at)
                if event.bid:
                    book.set_bid(event.price, event.size, at, received_at)
                else:
                    book.set_ask(event.price, event.size, at, received_at)
                asset.best_bid, asset.best_ask = event.best_bid, event.best_ask
                self.at = at
                if asset is not last and asset not in touched:
                    touched.append(asset)
                    last = asset
            else:
                asset = self._rare(raw, event, received_at, link)
                if asset is not None and asset not in touched:
                    touched.append(asset)
        for asset in touched:
            bid, ask, book = asset.best_bid, asset.best_ask, asset.book
            if bid not in (NOT_CARRIED, book.best_bid or 0) or ask not in (NOT_CARRIED, book.best_ask or MICRO):
                if not book.unsettled:
                    book.unsettled, asset.instant, asset.since = True, book.exchange_at, received_at
                    self._unsettled[asset] = None
            elif asset in self._unsettled:
                book.unsettled = False
                del self._unsettled[asset]
        return [asset.book for asset in touched]

    def on_time(self, at: int) -> None:
        """It is `at` by our clock (µs): what has been unsettled for too long has lost a message."""
        for asset in [one for one in self._unsettled if at - one.since > GRACE_US]:
            self._contradicted(asset)

    def _contradicted(self, asset: _Asset) -> None:
        """The instant is over and the venue's best prices never became ours."""
        asset.book.unsettled = False
        self._unsettled.pop(asset, None)
        self.told.doubt((asset.book.market,), self.venue, Doubt.BEST)

    def _rare(self, raw: bytes, event: object, received_at: int, link: int) -> _Asset | None:
        """Anything but a change; the asset it touched, if it touched a book."""
        counters = self.counters
        match event:
            case BookImage() | Best() if event.at > received_at + AHEAD_US:
                raise _ahead(event.at, received_at)
            case BookImage():
                return self._snapshot(event, received_at, link)
            case Best():
                asset = self._assets.get(event.market)
                if asset is None or asset.link != link or not asset.book.ready:
                    counters.passed_over += 1
                else:
                    asset.claim = event
            case TickChange():
                counters.passed_over += event.market not in self._assets
                if event.market in self._assets:
                    self.told.news(event)
                    self.told.doubt((event.market,), self.venue, Doubt.TICK)
            case Resolved():
                # No snapshot will come any more: the books stay unready, and nobody asks for one.
                for market in event.markets:
                    if (asset := self._assets.get(market)) is not None:
                        asset.book.ready = False
                self.told.news(event)
            case Unknown():
                counters.unknown += 1
                self.told.dead(raw, f"unknown event_type {event.kind!r}")
            case _:
                counters.passed_over += 1
                self.told.news(event)  # type: ignore[arg-type]  # a trade or a listing: the decoder has no other
        return None

    def _snapshot(self, event: BookImage, received_at: int, link: int) -> _Asset | None:
        counters = self.counters
        counters.snapshots += 1
        asset = self._assets.get(event.market)
        if asset is None:
            counters.passed_over += 1
            return None
        if link < asset.link:
            counters.duplicates += 1
            return None
        book = asset.book
        backwards = link == asset.link and book.ready and event.at < book.exchange_at
        first = link != asset.link
        asset.link = link
        asset.claim = None
        asset.best_bid = asset.best_ask = NOT_CARRIED
        book.replace(event.bids, event.asks, event.at, received_at)
        self.at = event.at
        if backwards:
            self.told.doubt((event.market,), self.venue, Doubt.TIME)
        elif self._hash_differs(asset, event.wire):
            if first:
                self.told.doubt((event.market,), self.venue, Doubt.HASH)
            else:
                counters.hash_hints += 1
        return asset

    def _settle_claim(self, asset: _Asset, at: int) -> None:
        """A `best_bid_ask` may come before or after the change it speaks of; once time has gone on, it must be true."""
        claim, book = asset.claim, asset.book
        if claim is None or at <= claim.at:
            return
        asset.claim = None
        if book.exchange_at <= claim.at and (
            claim.best_bid not in (NOT_CARRIED, book.best_bid or 0)
            or claim.best_ask not in (NOT_CARRIED, book.best_ask or MICRO)
        ):
            self.told.doubt((book.market,), self.venue, Doubt.BEST)

    # -- the venue's REST books ------------------------------------------------------------------------------------

    def judge(self, rest: BookImage) -> Doubt | None:
        """What a book read over REST says against ours where their levels differ: LEVELS if both last changed at the
        same time, BEHIND if ours is older. None where they agree, where ours is newer, and where ours is not believed
        anyway.

        A change may be on its way while the answer is read, so a doubt counts only if it is still one a while later.
        A REST book whose hash is not that of its own levels says nothing; one that says what hashes cover is used for
        that too.
        """
        asset = self._assets.get(rest.market)
        wire = rest.wire
        if asset is None or not asset.book.ready or asset.book.gapped:
            return None
        if wire.min_order_size is not None and wire.neg_risk is not None:
            asset.min_order_size, asset.neg_risk = wire.min_order_size, wire.neg_risk
        if self._hash_differs(asset, wire):
            self.counters.hash_hints += 1
            return None
        if rest.at < asset.book.exchange_at or self.agrees(rest):
            return None
        return Doubt.BEHIND if rest.at > asset.book.exchange_at else Doubt.LEVELS

    def agrees(self, rest: BookImage) -> bool:
        """Whether a book read over REST has the levels of ours, and ours is believed."""
        book = self.books.get(rest.market)
        if book is None or not book.ready or book.gapped:
            return False
        bids = {price: size for price, size in rest.bids if size}
        asks = {price: size for price, size in rest.asks if size}
        return bids == book.bids and asks == book.asks

    def _hash_differs(self, asset: _Asset, wire: WireBook) -> bool:
        """False too where nobody has said what the hash covers."""
        size = asset.min_order_size if wire.min_order_size is None else wire.min_order_size
        neg_risk = asset.neg_risk if wire.neg_risk is None else wire.neg_risk
        if not wire.hash or size is None or neg_risk is None or wire.tick_size is None or wire.last_trade_price is None:
            return False
        found = book_hash(
            market=wire.market,
            asset_id=wire.asset_id,
            timestamp=wire.timestamp,
            bids=[(level.price, level.size) for level in wire.bids],
            asks=[(level.price, level.size) for level in wire.asks],
            min_order_size=size,
            tick_size=wire.tick_size,
            neg_risk=neg_risk,
            last_trade_price=wire.last_trade_price,
            version=wire.version,
        )
        return found != wire.hash

    # -- connections ----------------------------------------------------------------------------------------------

    def link_lost(self, link: int) -> None:
        """Connection `link` is gone: what followed it is distrusted and follows whoever brings the next snapshot."""
        orphans = [market for market, asset in self._assets.items() if asset.link == link]
        for market in orphans:
            self._assets[market].link = _NOBODY
        self.told.doubt(orphans, self.venue, Doubt.LINK)

    def damaged(self, raw: bytes, link: int) -> list[str]:
        """Of the tokens that follow this connection those the frame names, or else all; what it says of others is not
        looked at anyway."""
        carried = [market for market, asset in self._assets.items() if asset.link == link]
        return named_in(raw, carried) or carried

    def down(self) -> None:
        super().down()
        self._unsettled.clear()
        for asset in self._assets.values():
            asset.link = _NOBODY
            asset.claim = None
            asset.book.unsettled = False


def _ahead(at: int, received_at: int) -> Malformed:
    return Malformed(
        f"time {at} µs, received at {received_at} µs; expected at most {AHEAD_US // 1_000_000} s ahead of our clock"
    )
