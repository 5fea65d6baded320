"""Reads a file of order-book tops taken once a second, all markets of one event in one file.

Columns: `timestamp,ticker,best_bid_price,best_bid_size,best_ask_price,best_ask_size,bid_levels,ask_levels,spread`. Only
the touch is known, so each book here has at most one level a side; an empty price is an empty side. Times have no
zone and are taken as UTC. All rows of one timestamp are one instant: what left the books is removed from every market
before anything is added, so that no state in between shows the old top of one market beside the new top of another.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from domain.errors import BadInput
from domain.money import MICRO
from recording.sources import numbers
from recording.sources.numbers import Unreadable
from recording.sources.quarantine import BadLine, Quarantine
from recording.sources.session import BidSide, BookDelta, BookReset, SessionEvent
from recording.sources.text import numbered_lines

HEADER = "timestamp,ticker,best_bid_price,best_bid_size,best_ask_price,best_ask_size,bid_levels,ask_levels,spread"

_BOTH: tuple[BidSide, BidSide] = ("yes", "no")

Touch = tuple[int, int] | None
"""(price, size) in micros on the level's own side, or None for an empty side."""


@dataclass(frozen=True, slots=True)
class Top:
    """One row. `stretch` counts the unreadable lines before it: after each, books start over with a BookReset."""

    at: int
    ticker: str
    yes: Touch
    no: Touch
    stretch: int


def events_of(tops: list[Top], tickers: tuple[str, ...]) -> tuple[SessionEvent, ...]:
    """What happened to the books of `tickers`."""
    wanted = [top for top in tops if top.ticker in tickers]
    events: list[SessionEvent] = []
    standing: dict[str, Top] = {}
    for at, group in groupby(wanted, key=attrgetter("at")):
        removals: list[SessionEvent] = []
        additions: list[SessionEvent] = []
        for top in group:
            before = standing.get(top.ticker)
            standing[top.ticker] = top
            if before is None or before.stretch != top.stretch:
                additions.append(BookReset(at, top.ticker, _levels(top.yes), _levels(top.no)))
                continue
            for side in _BOTH:
                gone, come = _moved(before, top, side)
                removals += gone
                additions += come
        events += removals
        events += additions
    return tuple(events)


def _levels(touch: Touch) -> tuple[tuple[int, int], ...]:
    return () if touch is None else (touch,)


def _moved(before: Top, after: Top, side: BidSide) -> tuple[list[BookDelta], list[BookDelta]]:
    """What left one side, and what came to it."""
    old, new = (before.yes, after.yes) if side == "yes" else (before.no, after.no)
    if old == new:
        return [], []
    if old is not None and new is not None and old[0] == new[0]:
        return [], [BookDelta(after.at, after.ticker, side, new[0], new[1] - old[1])]
    gone = [] if old is None else [BookDelta(after.at, after.ticker, side, old[0], -old[1])]
    come = [] if new is None else [BookDelta(after.at, after.ticker, side, new[0], new[1])]
    return gone, come


def read_tops(path: Path, quarantine: Quarantine) -> list[Top]:
    """Every row in order. Raises BadInput for a wrong header and, unless `quarantine` keeps it, for a bad line."""
    tops: list[Top] = []
    latest = stretch = 0
    for number, text in numbered_lines(path):
        if number == 1:
            if text != HEADER:
                raise BadInput(f"{path.name} line 1: saw {text[:120]!r}; expected the header {HEADER}", "bad_header")
            continue
        try:
            top = _top(text, stretch)
            numbers.not_before(top.at, latest)
        except Unreadable as wrong:
            quarantine.refuse(BadLine(path.name, number, text, str(wrong)))
            stretch += 1
            continue
        latest = top.at
        tops.append(top)
    return tops


def _top(text: str, stretch: int) -> Top:
    cells = text.split(",")
    if len(cells) != 9:
        raise Unreadable(f"9 columns ({HEADER}), not {len(cells)}")
    at = numbers.moment(cells[0])
    if not cells[1]:
        raise Unreadable("a ticker in column 2, not an empty cell")
    ask = _touch(cells[4], cells[5])
    no = None if ask is None else (MICRO - ask[0], ask[1])
    return Top(at, cells[1], _touch(cells[2], cells[3]), no, stretch)


def _touch(price: str, size: str) -> Touch:
    if not price:
        return None
    standing = numbers.size(size)
    return (numbers.price(price), standing) if standing else None
