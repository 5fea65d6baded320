"""Kalshi's order-book feed as docs.kalshi.com/websockets/orderbook-updates tells it, NO levels at their YES price."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from proof.fuzz.slow_books import (
    AHEAD,
    MICRO,
    TWICE,
    NoText,
    SlowBook,
    Unsure,
    micros,
    names,
    parsed,
    price,
    text,
    whole,
)
from venues.kalshi.book_feed import PASSED_OVER


class SlowKalshi:
    def __init__(self, markets: tuple[str, ...]) -> None:
        self.books = {market: SlowBook(market) for market in markets}
        self._last: dict[int, int] = {}
        self._before = (copy.deepcopy(self.books), dict(self._last))

    def take(self, raw: bytes, received_at: int) -> None:
        self._before = (copy.deepcopy(self.books), dict(self._last))
        try:
            said = parsed(raw)
        except NoText:
            self._doubt(self.books)
            return
        try:
            self._read(said, received_at)
        except (Unsure, TypeError, ValueError, AttributeError, LookupError, OverflowError):
            self._doubt(list(names(said, self.books)) or self.books)

    def refuse(self, raw: bytes) -> None:
        """The frame was not taken, for whatever reason: books as before it, and what it names in doubt. Where its head
        says something twice, nobody knows which number was counted."""
        books, last = self._before
        for market, book in books.items():
            self.books[market].become(book)
        try:
            said = parsed(raw)
        except NoText:
            said = {}
        if isinstance(said, dict) and TWICE in said:
            self._last = {sid: seq for sid, seq in self._last.items() if last.get(sid) == seq}
        self._doubt(list(names(said, self.books)) or self.books)

    def down(self) -> None:
        self._last.clear()
        for book in self.books.values():
            book.ready, book.source = False, 0

    def _doubt(self, markets: Any) -> None:
        for market in markets:
            self.books[market].doubted = True

    def _doubt_subscription(self, sid: int) -> None:
        self._doubt([market for market, book in self.books.items() if sid and book.source == sid])

    def _read(self, said: dict[str, Any], received_at: int) -> None:
        kind, sid, seq = text(said.get("type", "")), whole(said.get("sid", 0)), whole(said.get("seq", 0))
        last = self._last.get(sid)
        seen_before = False
        if sid > 0 and seq > 0:
            self._last[sid] = max(seq, last or seq)
            if last is not None and seq != last + 1 and not (seq == last and kind != "orderbook_delta"):
                self._doubt_subscription(sid)
                seen_before = seq <= last
        if kind == "orderbook_delta":
            self._delta(said["msg"], sid, seq, received_at, seen_before)
        elif kind == "orderbook_snapshot":
            self._snapshot(said["msg"], sid, received_at, seen_before)
        elif kind == "market_lifecycle_v2":
            self._lifecycle(said.get("msg"))
        elif not kind:
            raise Unsure
        elif kind not in PASSED_OVER:
            self._doubt_subscription(sid)

    def _delta(self, said: Any, sid: int, seq: int, received_at: int, seen_before: bool) -> None:
        side, size = text(said["side"]), text(said["delta_fp"])
        change = -micros(size[1:]) if size.startswith("-") else micros(size)
        at, level = _time(said), price(said["price_dollars"])
        if side not in ("yes", "no") or sid <= 0 or seq <= 0 or not 0 < at <= received_at + AHEAD:
            raise Unsure
        book = self.books.get(text(said["market_ticker"]))
        if book is None or not book.ready or seen_before:
            return
        if book.source != sid or (book.crossed() and at > book.at):
            book.doubted = True
        left = (book.bids if side == "yes" else book.asks).get(level, 0) + change
        if book.source != sid or left < 0:
            book.doubted = True
        else:
            book.put(side == "yes", level, left, at)

    def _snapshot(self, said: Any, sid: int, received_at: int, seen_before: bool) -> None:
        sides = []
        for name in ("yes_dollars_fp", "no_dollars_fp"):
            rows = said.get(name, [])
            levels = {price(row[0]): micros(row[1]) for row in rows}
            if not isinstance(rows, list) or len(levels) < len(rows) or any(len(row) != 2 for row in rows):
                raise Unsure
            sides.append(levels)
        if sid <= 0 or not text(said["market_ticker"]):
            raise Unsure
        book = self.books.get(said["market_ticker"])
        if book is None or seen_before:
            return
        book.replace(sides[0], sides[1], received_at)
        book.source = sid

    def _lifecycle(self, said: Any) -> None:
        if isinstance(said, dict) and said.get("event_type") in ("determined", "settled"):
            book = self.books.get(str(said.get("market_ticker")))
            if book is not None:
                book.ready = False


def _time(said: dict[str, Any]) -> int:
    stamp = said.get("ts", "")
    if isinstance(stamp, str) and stamp:
        moment = datetime.fromisoformat(stamp)
        if moment.tzinfo is not UTC and moment.utcoffset() != UTC.utcoffset(None):
            raise Unsure
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86_400 + since.seconds) * MICRO + since.microseconds
    return whole(said["ts_ms"]) * 1000
