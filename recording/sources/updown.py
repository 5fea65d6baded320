"""Reads a poll of Polymarket's fifteen-minute up/down markets: best prices of both tokens, once a second.

Columns: `Timestamp,TargetTime,Expiration,UpBid,UpAsk,UpMid,UpSpread,UpBidLiquidity,UpAskLiquidity,DownBid,…`; times are
UTC without saying so. The recorder asked for one token and then for the other, so a row shows **two instants**: in one
row of twenty the two do not mirror each other, and what looks like a profit inside one market is that and nothing else.
Here a row is two events of one moment, the Up book and then the Down book.

A `…Liquidity` sums the five best levels, so a fifth of it is taken to stand at the touch: a nominal depth, not a
recorded one. A price of 0.0 is an empty side or a request that failed, and a row after its window has closed says
nothing. Rows out of order are put in order; of several rows of one second the last stands.

Each window is a market of its own, `btc-updown-15m-<unix seconds of TargetTime>`, with token ids made from that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from domain.errors import BadInput
from domain.fees import FeeModel, FeeSchedule
from domain.market import MarketSpec, PriceRange, Venue
from domain.money import MICRO
from recording.sources import numbers
from recording.sources.numbers import Unreadable
from recording.sources.quarantine import BadLine, Quarantine
from recording.sources.session import BookReset, Condition, RecordedSession
from recording.sources.text import numbered_lines

POLL_FILE = re.compile(r"market_data_(\d{8})(?:\.partial)?\.csv(?:\.gz)?")
_HEAD = "Timestamp,TargetTime,Expiration,UpBid,UpAsk,UpMid,UpSpread,UpBidLiquidity,UpAskLiquidity,"
HEADER = _HEAD + "DownBid,DownAsk,DownMid,DownSpread,DownBidLiquidity,DownAskLiquidity"

_LEVELS_SUMMED = 5
_LOT = 10_000
_GRID = (PriceRange(Decimal("0.001"), Decimal("0.999"), Decimal("0.001")),)
_FEES = FeeSchedule(taker=Decimal("0.07"), unit=Decimal("0.000001"), model=FeeModel.POLYMARKET)
_moment = lru_cache(maxsize=4096)(numbers.moment)


@dataclass(frozen=True, slots=True)
class _Poll:
    at: int
    window: int  # microseconds at which the window opens
    expires: int
    up: BookReset
    down: BookReset


def read_polls(folder: Path, game: str | None, quarantine: Quarantine) -> RecordedSession:
    """Every window of the folder's files; `game` "2025-12-26" names a day.

    Raises BadInput for a day it does not hold, and for a line that cannot be read, unless `quarantine` keeps it.
    """
    files = {found[1]: path for path in sorted(folder.iterdir()) if (found := POLL_FILE.fullmatch(path.name))}
    if game is not None:
        day = game.replace("-", "")
        if day not in files:
            raise BadInput(f"{folder} has no {game}; it holds {', '.join(files)}: name a day 2025-12-26", "no_market")
        files = {day: files[day]}
    polls = {
        (poll.at, poll.window): poll for path in files.values() for poll in _polls(path, quarantine)
        if poll.window <= poll.at < poll.expires
    }  # fmt: skip
    rows = sorted(polls.values(), key=lambda poll: poll.at)
    windows = {poll.window: poll.expires for poll in rows}
    if not rows:
        raise BadInput(f"{folder} holds no row of an open window; expected a poll of up/down markets", "empty")
    markets = tuple(spec for window, end in windows.items() for spec in _markets(window, end))
    conditions = tuple(_condition(window, end) for window, end in windows.items())
    log = tuple(event for poll in rows for event in (poll.up, poll.down))
    note = f"{len(windows)} windows, {len(rows)} rows; a row shows two instants, and its depth is nominal"
    return RecordedSession(folder.name, markets, log, (note,), conditions=conditions)


def _polls(path: Path, quarantine: Quarantine) -> Iterator[_Poll]:
    for number, text in numbered_lines(path):
        if number == 1:
            if text != HEADER:
                raise BadInput(f"{path.name} line 1: saw {text[:120]!r}; expected the header {HEADER}", "bad_header")
            continue
        try:
            yield _poll(text)
        except Unreadable as wrong:
            quarantine.refuse(BadLine(path.name, number, text, str(wrong)))


def _poll(text: str) -> _Poll:
    cells = text.split(",")
    if len(cells) != 15:
        raise Unreadable(f"15 columns, not {len(cells)}")
    at, window, expires = (_moment(cell) for cell in cells[:3])
    up, down = (_book(cells[start : start + 6]) for start in (3, 9))
    return _Poll(
        at, window, expires, BookReset(at, token(window, "up"), *up), BookReset(at, token(window, "down"), *down)
    )


def _book(cells: list[str]) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    """Bids, and asks as bids of the other side, of `Bid,Ask,Mid,Spread,BidLiquidity,AskLiquidity`."""
    bid, ask = numbers.micros(cells[0]), numbers.micros(cells[1])
    return _level(bid, cells[4]), _level(MICRO - ask if ask else 0, cells[5])


def _level(price: int, liquidity: str) -> tuple[tuple[int, int], ...]:
    standing = numbers.size(liquidity) // _LEVELS_SUMMED
    standing -= standing % _LOT
    return ((price, standing),) if 0 < price < MICRO and standing else ()


@lru_cache(maxsize=4096)
def token(window: int, outcome: str) -> str:
    """A token id made from the window's slug: decimal digits, as the venue writes them."""
    return str(int.from_bytes(hashlib.sha256(f"{_slug(window)} {outcome}".encode()).digest()[:31]))


def _slug(window: int) -> str:
    return f"btc-updown-15m-{window // MICRO}"


def _condition(window: int, expires: int) -> Condition:
    made = f"0x{hashlib.sha256(f'condition {_slug(window)}'.encode()).hexdigest()}"
    rules = f"{_slug(window)}: the recording holds no rule text."
    return Condition(token(window, "up"), made, ("Up", "Down"), slug=_slug(window), rules=rules, ends_at=expires)


def _markets(window: int, expires: int) -> Iterator[MarketSpec]:
    for outcome, other in (("up", "down"), ("down", "up")):
        yield MarketSpec(
            venue=Venue.POLYMARKET,
            market=token(window, outcome),
            event=_condition(window, expires).condition_id,
            title=_slug(window),
            fees=_FEES,
            price_ranges=_GRID,
            min_size=Decimal(5),
            min_notional=Decimal(1),
            outcomes=2,
            outcome=outcome.capitalize(),
            complement=token(window, other),
            resolves_at=expires,
        )
