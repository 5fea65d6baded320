"""Polymarket's books compared with those the venue answers over REST, now and then: what no message can show.

A stream without sequence numbers may lose a message that leaves the best prices as they are, or freeze while it answers
pings. So every `every_s` all books are read and compared by levels, not by hash alone. What differs is looked at again
after `grace_s`, against the same answer: a change that was on its way has arrived by then. Books that agree are quiet,
not frozen. An answer older than our book says nothing: the venue's `/book` is at times stale itself
(github.com/Polymarket/py-clob-client/issues/180).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from domain.errors import SurefootError
from venues.market_events import Doubt, Malformed
from venues.polymarket.book_feed import PolymarketFeed
from venues.polymarket.market_data import BookImage, read_books

ReadBooks = Callable[[Sequence[str]], Awaitable[bytes]]
"""The body of `POST /books` for these tokens as the venue answered it. May raise SurefootError or OSError."""


class BookComparison:
    """Compares the books of `feed`, at most `batch` a request.

    `on_doubt` gets the markets of a book that is wrong, `on_quiet` those that agree, `on_dead` an answer that cannot be
    read and why. `compared`, `doubted` and `unread` count books, doubts and requests without an answer to use.
    """

    def __init__(
        self,
        feed: PolymarketFeed,
        read: ReadBooks,
        *,
        on_doubt: Callable[[tuple[str, ...], Doubt], None],
        on_quiet: Callable[[tuple[str, ...]], None] = lambda markets: None,
        on_dead: Callable[[bytes, str], None] = lambda raw, why: None,
        every_s: float = 30.0,
        grace_s: float = 2.0,
        batch: int = 100,
    ) -> None:
        self._feed = feed
        self._read = read
        self._on_doubt = on_doubt
        self._on_quiet = on_quiet
        self._on_dead = on_dead
        self._every_s = every_s
        self._grace_s = grace_s
        self._batch = batch
        self.compared = 0
        self.doubted = 0
        self.unread = 0

    async def run(self) -> None:
        """Compare until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            await self.once()

    async def once(self) -> None:
        """All books once."""
        markets = list(self._feed.books)
        for begin in range(0, len(markets), self._batch):
            await self._compare(markets[begin : begin + self._batch])

    async def _compare(self, markets: Sequence[str]) -> None:
        try:
            raw = await self._read(markets)
        except (SurefootError, OSError):
            self.unread += 1
            return
        try:
            books = read_books(raw)
        except Malformed as wrong:
            self.unread += 1
            self._on_dead(raw, str(wrong))
            return
        self.compared += len(books)
        doubtful: list[BookImage] = []
        quiet: list[str] = []
        for rest in books:
            if self._feed.judge(rest) is not None:
                doubtful.append(rest)
            elif self._feed.agrees(rest):
                quiet.append(rest.market)
        if quiet:
            self._on_quiet(tuple(quiet))
        if not doubtful:
            return
        await asyncio.sleep(self._grace_s)
        for rest in doubtful:
            doubt = self._feed.judge(rest)
            if doubt is not None:
                self.doubted += 1
                self._on_doubt((rest.market,), doubt)
