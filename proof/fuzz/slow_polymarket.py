"""Polymarket's market channel as docs.polymarket.com/asyncapi.json tells it: the new size of a level, whole books, and
the best prices carried beside each change."""

from __future__ import annotations

import copy
from typing import Any

from proof.fuzz.slow_books import AHEAD, MICRO, NoText, SlowBook, Unsure, micros, names, parsed, price, text

_Carried = tuple[int | None, int | None]
"""Best bid (0 for none) and best ask (MICRO for none); None where the message does not say."""


class SlowPolymarket:
    def __init__(self, tokens: tuple[str, ...]) -> None:
        self.books = {token: SlowBook(token, source=-1) for token in tokens}
        self._before = copy.deepcopy(self.books)

    def take(self, raw: bytes, received_at: int, link: int) -> None:
        """A frame is taken whole or not at all."""
        self._before = copy.deepcopy(self.books)
        try:
            said = parsed(raw)
            self._read(said if isinstance(said, list) else [said], received_at, link)
        except (Unsure, TypeError, ValueError, AttributeError, LookupError, OverflowError):
            self.refuse(raw, link)

    def refuse(self, raw: bytes, link: int) -> None:
        """Nothing of the last frame is believed, for whatever reason: as before it, but in doubt."""
        for token, book in self._before.items():
            self.books[token].become(book)
        carried = [book for book in self.books.values() if book.source == link]
        try:
            named = set(names(parsed(raw), self.books))
        except NoText:
            named = set()
        self._doubt([book for book in carried if book.market in named] or carried)

    def lost(self, link: int) -> None:
        for book in self.books.values():
            if book.source == link:
                book.doubted, book.source = True, -1

    def down(self) -> None:
        for book in self.books.values():
            book.ready, book.source, book.half = False, -1, None

    @staticmethod
    def _doubt(books: list[SlowBook]) -> None:
        for book in books:
            book.doubted = True

    def _read(self, messages: list[Any], received_at: int, link: int) -> None:
        carried: dict[str, _Carried] = {}
        for said in messages:
            kind = text(said["event_type"])
            if kind == "price_change":
                self._changes(said, received_at, link, carried)
            elif kind == "book":
                self._book(said, received_at, link, carried)
            elif kind == "tick_size_change":
                price(said["old_tick_size"])
                price(said["new_tick_size"])
                _time(said["timestamp"])
                self._doubt([book for book in self.books.values() if book.market == said.get("asset_id")])
            elif kind == "market_resolved":
                for token in names(said.get("assets_ids", []), self.books):
                    self.books[token].ready = False
        for token, (bid, ask) in carried.items():
            book = self.books[token]
            if bid not in (None, max(book.bids, default=0)) or ask not in (None, min(book.asks, default=MICRO)):
                book.half = book.at if book.half is None else book.half
            else:
                book.half = None

    def _changes(self, said: Any, received_at: int, link: int, carried: dict[str, _Carried]) -> None:
        at = _time(said["timestamp"])
        for change in said["price_changes"]:
            side, level, size = text(change["side"]), price(change["price"]), micros(change["size"])
            bests = _best(change.get("best_bid", ""), 0), _best(change.get("best_ask", ""), MICRO)
            if side not in ("BUY", "SELL"):
                raise Unsure
            book = self.books.get(text(change["asset_id"]))
            if book is None or book.source != link:
                continue
            if at > received_at + AHEAD:
                raise Unsure
            if at < book.at or (book.crossed() and at > book.at):
                book.doubted = True
            if book.half is not None and at > book.half:
                book.doubted, book.half = True, None  # that instant is over, and what it told never came
            book.put(side == "BUY", level, size, at)
            carried[book.market] = bests

    def _book(self, said: Any, received_at: int, link: int, carried: dict[str, _Carried]) -> None:
        at = _time(text(said["timestamp"]))
        sides = []
        for name in ("bids", "asks"):
            levels = {price(level["price"]): micros(level["size"]) for level in said[name]}
            if len(levels) < len(said[name]):
                raise Unsure
            sides.append(levels)
        if not text(said["asset_id"]) or at > received_at + AHEAD:
            raise Unsure
        book = self.books.get(said["asset_id"])
        if book is None or link < book.source:
            return
        backwards = link == book.source and book.ready and at < book.at
        book.replace(sides[0], sides[1], at)
        book.source = link
        book.doubted = book.doubted or backwards
        carried.pop(book.market, None)


def _best(value: Any, none: int) -> int | None:
    if not text(value):
        return None
    found = micros(value)
    if found > MICRO or (none == 0 and found == MICRO):
        raise Unsure
    return found or none


def _time(value: Any) -> int:
    """Milliseconds, or seconds where the number is too small for those."""
    if isinstance(value, bool) or not (isinstance(value, int) or (value.isascii() and value.isdigit())):
        raise Unsure
    number = int(value)
    if not 0 <= number <= 10**15:
        raise Unsure
    return number * 1000 if number >= 10**11 else number * MICRO
