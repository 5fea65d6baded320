"""The template's books: each frame is the whole book of one market, numbered.

{"market": "A", "seq": 7, "at_ms": 1780000000000, "bids": [["0.47", "100"]], "asks": [["0.49", "100"]]}
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain.book import Book
from domain.market import Venue
from domain.money import Inexact, decimal, to_micros
from venues.book_feed import Counters, Feed, Told
from venues.market_events import Doubt, Malformed


class Image(msgspec.Struct):
    """A frame. What trading rests on has no default: a frame without it is malformed, not empty."""

    market: str
    seq: int
    at_ms: int
    bids: tuple[tuple[str, str], ...]
    asks: tuple[tuple[str, str], ...]


_image = msgspec.json.Decoder(Image)


def decode(raw: bytes) -> Image:
    """Raises Malformed for anything else than a frame of this venue."""
    try:
        raw.decode()  # msgspec looks at the texts it returns, and at no others
        return _image.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Malformed(str(wrong)) from None


def _levels(said: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
    try:
        return [(to_micros(decimal(price)), to_micros(decimal(size))) for price, size in said]
    except Inexact as wrong:
        raise Malformed(str(wrong)) from None


class TemplateFeed(Feed):
    """A number that does not follow the one before says that a message is missing: the image is taken, the doubt told
    first, so that the image settles it."""

    def __init__(self, venue: Venue, counters: Counters, told: Told) -> None:
        super().__init__(counters, told)
        self.venue = venue
        self._seqs: dict[str, int] = {}

    def take(self, raw: bytes, received_at: int, link: int) -> Sequence[Book]:
        said = decode(raw)
        bids, asks = _levels(said.bids), _levels(said.asks)
        book = self.books.get(said.market)
        if book is None:
            self.counters.passed_over += 1
            return ()
        last = self._seqs.get(said.market)
        if last is not None and said.seq != last + 1:
            self.told.doubt((said.market,), self.venue, Doubt.LOST)
        self._seqs[said.market] = said.seq
        self.counters.snapshots += 1
        self.at = said.at_ms * 1000
        book.replace(bids, asks, self.at, received_at)
        return (book,)

    def down(self) -> None:
        super().down()
        self._seqs.clear()
