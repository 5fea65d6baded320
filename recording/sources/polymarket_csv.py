"""Reads CSVs of Polymarket's market channel, one file a token: `Polymarket_<NAME>_YES.csv.gz` and `…_NO.csv.gz`.

Columns: `timestamp,event_type,price,side,size,best_bid,best_ask`. A `price_change` carries a level's new **absolute**
size (0 removes it), BUY a bid and SELL an ask, and the venue's own best prices beside it. A `book` was a whole book,
cut by the recorder to its two best levels, one row each. `last_trade_price` rows move no level.

So depth is known only as far as changes told of it. After each row, levels better than the venue's best prices are
dropped, and where the best price has no level one of 0.01 shares is put there: something stood there, its size was
never seen. A `book` opens with a BookReset of what is then known; more than an hour of silence forgets all but the
touch, since what left the book meanwhile was not recorded.

Both tokens of a condition were recorded, and both are played as recorded. The files say nothing of the other members
of their neg-risk event, so a condition is a set of its own here: its two tokens, of which one pays.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from domain.errors import BadInput
from domain.fees import FeeModel, FeeSchedule
from domain.market import MarketSpec, PriceRange, Venue
from domain.money import MICRO
from recording.sources import numbers
from recording.sources.kalshi_csv import HEADER, SMALLEST
from recording.sources.numbers import Unreadable
from recording.sources.quarantine import BadLine, Quarantine
from recording.sources.session import BidSide, BookDelta, Condition, RecordedSession, SessionEvent
from recording.sources.text import numbered_lines
from recording.sources.window import Levels

TOKENS_FILE = re.compile(r"Polymarket_([A-Za-z0-9]+)_(YES|NO)\.csv(?:\.gz)?")

_FORGOTTEN = 3_600 * MICRO
_DISORDER_TOLERATED = 100_000
_SIDES: dict[str, BidSide] = {"BUY": "yes", "SELL": "no"}
_KINDS = ("price_change", "book", "last_trade_price")
_GRID = (PriceRange(Decimal("0.001"), Decimal("0.999"), Decimal("0.001")),)
_FREE = FeeSchedule(taker=Decimal(0), unit=Decimal("0.000001"), model=FeeModel.POLYMARKET)
"""Of the time: such markets carried no fee then."""


@dataclass(frozen=True, slots=True)
class _Row:
    """`price` and bests on the side's own scale: an ask at 0.59 is a NO bid at 0.41. None for a side without best."""

    line: int
    at: int
    kind: str
    side: BidSide
    price: int
    size: int
    best: dict[BidSide, int | None]


def read_tokens(folder: Path, game: str | None, quarantine: Quarantine) -> RecordedSession:
    """The conditions of the folder whose two tokens were recorded; `game` names one of them.

    Raises BadInput for a name it does not hold, and for a line that cannot be read, unless `quarantine` keeps it.
    """
    files = {found.groups(): path for path in sorted(folder.iterdir()) if (found := TOKENS_FILE.fullmatch(path.name))}
    names = [name for name, label in files if label == "YES" and (name, "NO") in files]
    if game is not None:
        names = [name for name in names if name.lower() == game.lower()]
    if not names:
        known = ", ".join(sorted({name for name, _ in files}))
        raise BadInput(f"{folder} has no {game or 'pair of files _YES and _NO'}; it holds {known}", "no_market")
    markets = [spec for name in names for spec in _markets(name)]
    log: list[SessionEvent] = []
    for spec in markets:
        label = "YES" if spec.outcome == "Yes" else "NO"
        log += _events(list(_rows(files[spec.title, label], quarantine)), spec.market)
    log.sort(key=lambda event: event.at)
    note = f"{', '.join(names)}: both tokens as recorded; levels nobody spoke of are unknown, depth is incomplete"
    about = tuple(_condition(name) for name in names)
    return RecordedSession(folder.name, tuple(markets), tuple(log), (note,), conditions=about)


def token(name: str, label: str) -> str:
    """A token id made from the file's name: decimal digits, as the venue writes them."""
    return str(int.from_bytes(hashlib.sha256(f"{name} {label}".encode()).digest()[:31]))


def _condition(name: str) -> Condition:
    made = f"0x{hashlib.sha256(f'condition {name}'.encode()).hexdigest()}"
    return Condition(token(name, "YES"), made, rules=f"{name}: the recording holds no rule text.")


def _markets(name: str) -> Iterator[MarketSpec]:
    for label, other in (("YES", "NO"), ("NO", "YES")):
        yield MarketSpec(
            venue=Venue.POLYMARKET,
            market=token(name, label),
            event=_condition(name).condition_id,
            title=name,
            fees=_FREE,
            price_ranges=_GRID,
            min_size=Decimal(5),
            min_notional=Decimal(1),
            outcomes=2,
            outcome=label.capitalize(),
            complement=token(name, other),
        )


def _rows(path: Path, quarantine: Quarantine) -> Iterator[_Row]:
    latest = 0
    for number, text in numbered_lines(path):
        if number == 1:
            if text != HEADER:
                raise BadInput(f"{path.name} line 1: saw {text[:120]!r}; expected the header {HEADER}", "bad_header")
            continue
        try:
            row = _row(number, text)
            if row is None:
                continue
            numbers.not_before(row.at, latest - _DISORDER_TOLERATED)
            latest = max(latest, row.at)
            yield row
        except Unreadable as wrong:
            quarantine.refuse(BadLine(path.name, number, text, str(wrong)))


def _row(number: int, text: str) -> _Row | None:
    """None for a trade. Raises Unreadable with what was expected."""
    cells = text.split(",")
    if len(cells) != 7:
        raise Unreadable(f"7 columns ({HEADER}), not {len(cells)}")
    timestamp, kind, price, side, size, best_bid, best_ask = cells
    if kind not in _KINDS or side not in _SIDES:
        raise Unreadable(f"event_type {', '.join(_KINDS)} and side BUY or SELL, not {kind!r} and {side!r}")
    if kind == "last_trade_price":
        return None
    at = numbers.moment(timestamp)
    best: dict[BidSide, int | None] = {"yes": _best(best_bid), "no": _flipped(_best(best_ask))}
    own = numbers.price(price) if side == "BUY" else MICRO - numbers.price(price)
    return _Row(number, at, kind, _SIDES[side], own, numbers.size(size), best)


def _best(text: str) -> int | None:
    """A best price; 0 and 1 stand for an empty side."""
    value = numbers.micros(text) if text else 0
    return value if 0 < value < MICRO else None


def _flipped(price: int | None) -> int | None:
    return None if price is None else MICRO - price


def _events(rows: list[_Row], market: str) -> Iterator[SessionEvent]:
    """What happened to one token's book. A pair of `book` rows of one moment is one BookReset."""
    rows.sort(key=lambda row: row.at)
    book, last = Levels(), 0
    opening: _Row | None = None
    for row in rows:
        if opening is not None and (row.kind != "book" or row.at != opening.at):
            yield book.reset(opening.at, market)
            opening = None
        if not last or row.at - last > _FORGOTTEN:
            book = Levels()
            opening = row  # whatever comes first after a silence opens the book anew
        last = row.at
        if row.kind == "book":
            book.side(row.side)[row.price] = row.size
            _tidied(book, row, market)
            opening = row
        elif opening is not None:
            _put(book, row)
            _tidied(book, row, market)
        else:
            delta = row.size - book.side(row.side).get(row.price, 0)
            if delta:
                _put(book, row)
                yield BookDelta(row.at, market, row.side, row.price, delta)
            yield from _tidied(book, row, market)
    if opening is not None:
        yield book.reset(opening.at, market)


def _put(book: Levels, row: _Row) -> None:
    if row.size:
        book.side(row.side)[row.price] = row.size
    else:
        book.side(row.side).pop(row.price, None)


def _tidied(book: Levels, row: _Row, market: str) -> list[BookDelta]:
    """Make the best levels those the venue carried beside the row; what that changed."""
    made: list[BookDelta] = []
    for side, best in row.best.items():
        levels = book.side(side)
        for better in [price for price in levels if best is None or price > best]:
            made.append(BookDelta(row.at, market, side, better, -levels.pop(better)))
        if best is not None and best not in levels:
            levels[best] = SMALLEST
            made.append(BookDelta(row.at, market, side, best, SMALLEST))
    return made
