"""Reads one market's CSV of Kalshi book changes and rebuilds its book.

Columns: `timestamp,event_type,price,side,size,best_bid,best_ask`, all prices on the YES side. A `price_change` carries
the *signed change* of a level: BUY is a YES bid, SELL a NO bid seen from the YES side (YES ask = 1 − NO bid).
A `book` row has no time and only the touch; `last_trade_price` rows carry unix seconds and move no level.

The recorder did not keep the depth it started from, and it lost a few removals. So, for every stretch between two
starts of the recorder (a `book` row, or a line that could not be read):

- each level starts at max(0, −min(running sum of its changes)), at the touch at least what the `book` row says;
- after each row, levels better than that row's `best_bid` / `best_ask` are dropped: those two columns come from the
  recorder's own full book. The drop is an ordinary BookDelta of the same moment;
- where the recorded best has no level, one of 0.01 contracts is put there: something stood there, its size was never
  seen. So a book the recorder saw crossed is crossed here too, and no depth is invented that could be traded.

A later stretch opens with a BookReset at its first change: what happened before it is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from domain.errors import BadInput
from domain.money import MICRO
from recording.sources import numbers
from recording.sources.numbers import Unreadable
from recording.sources.quarantine import BadLine, Quarantine
from recording.sources.session import BidSide, BookDelta, SessionEvent
from recording.sources.text import numbered_lines
from recording.sources.window import Levels

HEADER = "timestamp,event_type,price,side,size,best_bid,best_ask"
DISORDER_TOLERATED = 100_000
"""Rows at most 100 ms early are put in order (two threads of one recorder); more is a damaged file."""

SMALLEST = 10_000
"""0.01 contracts, the venue's granularity, in micros."""

_SIDES: dict[str, BidSide] = {"BUY": "yes", "SELL": "no"}
_price = lru_cache(maxsize=4096)(numbers.price)


@dataclass(frozen=True, slots=True)
class Change:
    """One `price_change`: `price` and the best NO bid on the NO side, all micros; a side's best is None when empty."""

    line: int
    at: int
    side: BidSide
    price: int
    delta: int
    best_yes: int | None
    best_no: int | None


@dataclass(slots=True)
class Stretch:
    """Changes between two starts of the recorder, and the touch (price, size) its `book` rows gave."""

    touch: dict[BidSide, tuple[int, int]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """One market's events, and after how many changes the best ask, as rebuilt from changes alone, equals the
    recorded one. Far below 98 % means that the recorder's own book was wrong, or is not the one its changes describe.
    """

    events: tuple[SessionEvent, ...]
    changes: int
    asks_agreed: int
    reordered: int
    restarts: int


def rebuild(stretches: list[Stretch], market: str) -> Rebuilt:
    """The events of a file's stretches, as `market`."""
    events: list[SessionEvent] = []
    agreed = reordered = 0
    for stretch in stretches:
        reordered += _put_in_order(stretch.changes)
        agreed += _rebuild(stretch, market, events)
    changes = sum(len(stretch.changes) for stretch in stretches)
    return Rebuilt(tuple(events), changes, agreed, reordered, len(stretches) - 1)


def read_stretches(path: Path, quarantine: Quarantine) -> list[Stretch]:
    """The file's rows; every stretch has changes, and there is at least one.

    Raises BadInput for a file without any, a wrong header, and, unless `quarantine` keeps it, a bad line.
    """
    stretches = [stretch for stretch in _stretches(path, quarantine) if stretch.changes]
    if not stretches:
        raise BadInput(f"{path.name} holds no price_change row; expected a recording of book changes", "empty")
    return stretches


def _stretches(path: Path, quarantine: Quarantine) -> list[Stretch]:
    stretches: list[Stretch] = []
    latest = 0
    for number, text in numbered_lines(path):
        if number == 1:
            if text != HEADER:
                raise BadInput(f"{path.name} line 1: saw {text[:120]!r}; expected the header {HEADER}", "bad_header")
            continue
        try:
            row = _Row.parse(text)
            at = row.moment()
            if row.kind == "price_change":
                numbers.not_before(at, latest - DISORDER_TOLERATED)
            if row.kind == "book":
                _open(stretches).touch[row.side] = row.level()
            elif row.kind == "price_change":
                change = row.change(number, at)
                if not stretches:
                    stretches.append(Stretch())
                stretches[-1].changes.append(change)
                latest = max(latest, at)
        except Unreadable as wrong:
            quarantine.refuse(BadLine(path.name, number, text, str(wrong)))
            if not stretches or stretches[-1].changes:
                stretches.append(Stretch())
    return stretches


def _open(stretches: list[Stretch]) -> Stretch:
    """The stretch a `book` row belongs to: its BUY and SELL rows come in a pair, before any change."""
    if not stretches or stretches[-1].changes:
        stretches.append(Stretch())
    return stretches[-1]


@dataclass(frozen=True, slots=True)
class _Row:
    """The seven columns; every method raises Unreadable with what it expected."""

    timestamp: str
    kind: str
    price: str
    side: BidSide
    size: str
    best_bid: str
    best_ask: str

    @classmethod
    def parse(cls, text: str) -> _Row:
        cells = text.split(",")
        if len(cells) != 7:
            raise Unreadable(f"7 columns ({HEADER}), not {len(cells)}")
        timestamp, kind, price, side, size, best_bid, best_ask = cells
        if kind not in ("price_change", "book", "last_trade_price"):
            raise Unreadable(f"event_type price_change, book or last_trade_price, not {kind!r}")
        if side not in _SIDES:
            raise Unreadable(f"side BUY or SELL, not {side!r}")
        return cls(timestamp, kind, price, _SIDES[side], size, best_bid, best_ask)

    def moment(self) -> int:
        if self.kind == "price_change":
            return numbers.moment(self.timestamp)
        if self.kind == "last_trade_price":
            numbers.micros(self.timestamp)
            _price(self.price)
            numbers.size(self.size)
        return 0

    def level(self) -> tuple[int, int]:
        return _own_side(self.side, _price(self.price)), numbers.size(self.size)

    def change(self, line: int, at: int) -> Change:
        bid = _price(self.best_bid) if self.best_bid else None
        ask = _price(self.best_ask) if self.best_ask else None
        price = _own_side(self.side, _price(self.price))
        best_no = None if ask is None else MICRO - ask
        return Change(line, at, self.side, price, numbers.change(self.size), bid, best_no)


def _own_side(side: BidSide, yes_price: int) -> int:
    return yes_price if side == "yes" else MICRO - yes_price


def _put_in_order(changes: list[Change]) -> int:
    """Sort by time, keeping the order of equal times; how many rows were early."""
    latest = early = 0
    for change in changes:
        early += change.at < latest
        latest = max(latest, change.at)
    if early:
        changes.sort(key=lambda change: change.at)
    return early


def _initial_depth(stretch: Stretch) -> Levels:
    """What must have stood before the first change for no level ever to fall below zero."""
    sums: dict[tuple[BidSide, int], int] = {}
    lowest: dict[tuple[BidSide, int], int] = {}
    for change in stretch.changes:
        key = (change.side, change.price)
        total = sums[key] = sums.get(key, 0) + change.delta
        if total < lowest.get(key, 0):
            lowest[key] = total
    book = Levels()
    for (side, price), total in lowest.items():
        book.side(side)[price] = -total
    for side, (price, size) in stretch.touch.items():
        levels = book.side(side)
        levels[price] = max(size, levels.get(price, 0))
        for better in [level for level in levels if level > price]:
            del levels[better]
    return book


def _rebuild(stretch: Stretch, market: str, events: list[SessionEvent]) -> int:
    """Append the stretch's events; returns after how many changes the best ask equals the recorded one."""
    book = _initial_depth(stretch)
    events.append(book.reset(stretch.changes[0].at, market))
    agreed = 0
    restored: set[tuple[BidSide, int]] = set()
    for change in stretch.changes:
        standing = book.side(change.side).get(change.price, 0)
        delta = max(change.delta, -standing)  # a removal of more than was seen: the rest was lost before
        restored.discard((change.side, change.price))
        made: list[BookDelta] = []
        if delta:
            made.append(BookDelta(change.at, market, change.side, change.price, delta))
            book.apply(made[0])
        made.extend(_drops(book, "yes", change.best_yes, change.at, market))
        made.extend(_drops(book, "no", change.best_no, change.at, market))
        best_no = max(book.no, default=None)
        agreed += best_no == change.best_no and ("no", best_no) not in restored
        missing = _restored(book, "yes", change.best_yes, change.at, market)
        missing += _restored(book, "no", change.best_no, change.at, market)
        restored.update((level.side, level.price) for level in missing)
        events.extend(made)
        events.extend(missing)
    return agreed


def _drops(book: Levels, side: BidSide, best: int | None, at: int, market: str) -> list[BookDelta]:
    """Remove the levels better than the recorded best."""
    if best is None:
        return []
    levels = book.side(side)
    drops = [BookDelta(at, market, side, price, -levels[price]) for price in sorted(levels) if price > best]
    for drop in drops:
        book.apply(drop)
    return drops


def _restored(book: Levels, side: BidSide, best: int | None, at: int, market: str) -> list[BookDelta]:
    """Put the smallest size there is at a recorded best that has no level."""
    if best is None or best in book.side(side):
        return []
    level = BookDelta(at, market, side, best, SMALLEST)
    book.apply(level)
    return [level]
