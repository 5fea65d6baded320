"""Polymarket's market channel: bytes to a book that is believed, a change at a time, beside NautilusTrader's path.

The same frames go through our feed (decode, levels, every check), through the whole engine (a pair of tokens watched),
and through NautilusTrader's own decoder and book where there is an interpreter that has it: this one, or the one named
by SUREFOOT_NAUTILUS_PYTHON (`pip install "nautilus_trader[polymarket]==1.221.0"` in an environment of its own). Ours
is taken before and after theirs. The figure is microseconds a change: a frame's time over its changes.
"""

from __future__ import annotations

import base64
import csv
import gc
import gzip
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from domain.book import Book
from domain.fees import FeeModel, FeeSchedule
from domain.intent import LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec, Venue
from domain.money import MICRO, to_micros
from ingest.engine import Engine
from ingest.sets import OutcomeSet
from ingest.strategies.basket import baskets
from proof.bench.figures import emit, percentiles
from venues.book_feed import Counters, Told
from venues.polymarket import frames
from venues.polymarket.book_feed import PolymarketFeed
from venues.polymarket.frames import LevelChange

INTERPRETER = "SUREFOOT_NAUTILUS_PYTHON"
_PEER = Path(__file__).with_name("nautilus_polymarket.py")
_TARGET = "p50 ≤ 5 µs a change"
_CONDITION = "0x" + "5f" * 32
_YES = "52114319501245915516055106046884209969926127482827954674443846427813813222426"
_NO = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
_T0 = 1_780_000_000_000_000
_CENT = MICRO // 100


@dataclass(frozen=True, slots=True)
class Script:
    """Frames of one condition, the first a snapshot of both tokens, and how many changes each holds."""

    name: str
    frames: tuple[bytes, ...]
    changes: tuple[int, ...]


def generated(count: int = 20_000, seed: int = 7) -> Script:
    """A book of some thirty levels a side whose sizes change, whose touch moves, and both of whose tokens are sent."""
    rng = random.Random(seed)  # noqa: S311 - a script of frames
    book = Book(_YES)
    book.replace(
        [(cents * _CENT, 100 * MICRO) for cents in range(18, 48)],
        [(cents * _CENT, 100 * MICRO) for cents in range(50, 80)],
        _T0,
        _T0,
    )
    script = [_images(book, _T0)]
    for step in range(1, count + 1):
        bid = rng.random() < 0.5
        best = (book.best_bid or 18 * _CENT) if bid else (book.best_ask or 80 * _CENT)
        away = int(rng.expovariate(0.4)) - 1  # now and then inside the spread
        price = best - away * _CENT if bid else best + away * _CENT
        limit = (book.best_ask or MICRO) - _CENT if bid else (book.best_bid or 0) + _CENT
        price = min(price, limit) if bid else max(price, limit)
        price = min(max(price, _CENT), MICRO - _CENT)
        levels = book.bids if bid else book.asks
        emptied = price in levels and len(levels) > 5 and rng.random() < 0.25
        size = 0 if emptied else rng.randint(1, 50_000) * 10_000
        script.append(_change(book, bid, price, size, _T0 + step * 1000))
    return Script("generated", tuple(script), (0, *([2] * count)))


def recorded(folder: Path) -> Script:
    """The Shai token of the recorded award market and its mirror, one frame for each millisecond that changed it."""
    path = folder / "polymarket_nba_mvp" / "Polymarket_Shai_YES.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["event_type"] == "price_change"]
    book = Book(_YES)
    script, changes = [_images(book, _micros(rows[0]["timestamp"]))], [0]
    for stamp, group in groupby(rows, key=lambda row: row["timestamp"]):
        at = _micros(stamp)
        levels: list[LevelChange] = []
        for row in group:
            price, size = to_micros(row["price"]), to_micros(row["size"])
            levels.extend(_both(book, row["side"] == "BUY", price, size, at))
        script.append(frames.price_change(_CONDITION, levels, at))
        changes.append(len(levels))
    return Script("polymarket_nba_mvp Shai", tuple(script), tuple(changes))


def _micros(stamp: str) -> int:
    return round(datetime.fromisoformat(stamp).timestamp() * 1000) * 1000


def _images(book: Book, at: int) -> bytes:
    mirrored_bids = [(MICRO - price, size) for price, size in book.asks.items()]
    mirrored_asks = [(MICRO - price, size) for price, size in book.bids.items()]
    return frames.array(
        frames.book(_CONDITION, _YES, book.bids.items(), book.asks.items(), at),
        frames.book(_CONDITION, _NO, mirrored_bids, mirrored_asks, at),
    )


def _change(book: Book, bid: bool, price: int, size: int, at: int) -> bytes:
    return frames.price_change(_CONDITION, _both(book, bid, price, size, at), at)


def _both(book: Book, bid: bool, price: int, size: int, at: int) -> list[LevelChange]:
    (book.set_bid if bid else book.set_ask)(price, size, at, at)
    other_bid = None if book.best_ask is None else MICRO - book.best_ask
    other_ask = None if book.best_bid is None else MICRO - book.best_bid
    return [
        LevelChange(_YES, bid, price, size, book.best_bid, book.best_ask),
        LevelChange(_NO, not bid, MICRO - price, size, other_bid, other_ask),
    ]


def run(command: str, recordings: Path | None) -> None:
    """Figures: our feed, our engine, and NautilusTrader's path, on generated frames and on the recording if there."""
    scripts = [generated()]
    if recordings is not None and (recordings / "polymarket_nba_mvp").is_dir():
        scripts.append(recorded(recordings))
    for script in scripts:
        said: dict[str, Any] = {"frames": len(script.frames) - 1, "input": script.name}
        emit("Polymarket change: decode and book", "µs a change", command, said | measure(script, _feed), _TARGET)
        emit("Polymarket change: to decision", "µs a change", command, said | measure(script, _engine))
        theirs = _nautilus(script)
        emit("Polymarket change: NautilusTrader, decode and book", "µs a change", command, said | theirs)
        if "skipped" not in theirs:
            again = said | measure(script, _feed)
            emit("Polymarket change: decode and book, again", "µs a change", command, again, _TARGET)


Take = Callable[[bytes], object]


def measure(script: Script, make: Callable[[], Take]) -> dict[str, float]:
    """Percentiles of microseconds a change over the whole script, after one warm-up pass, without collections."""
    _pass(script, make())
    gc.collect()
    gc.disable()
    try:
        return percentiles(_pass(script, make()))
    finally:
        gc.enable()


def _pass(script: Script, take: Take) -> list[float]:
    clock = time.perf_counter_ns
    spent: list[float] = []
    for raw, changes in zip(script.frames, script.changes, strict=True):
        begun = clock()
        take(raw)
        taken = clock() - begun
        if changes:
            spent.append(taken / 1000 / changes)
    return spent


def _feed() -> Take:
    told = Told(doubt=_pass_over, news=lambda news: None, dead=lambda raw, why: None)
    feed = PolymarketFeed(Counters(), told)
    feed.watch(_YES)
    feed.watch(_NO)
    return lambda raw: feed.take(raw, _T0, 1)


def _pass_over(markets: object, venue: object, doubt: object) -> None:
    """A recording with gaps contradicts itself here and there; its changes are booked all the same."""


def _engine() -> Take:
    fees = FeeSchedule(model=FeeModel.POLYMARKET)
    specs = tuple(
        MarketSpec(Venue.POLYMARKET, mine, _CONDITION, mine, fees, outcomes=2, complement=other)
        for mine, other in ((_YES, _NO), (_NO, _YES))
    )
    engine = Engine(
        baskets([OutcomeSet(specs)], SetParams(), GateLimits(), LegPolicy()),
        GateLimits(),
        lambda intent: None,
        lambda suppression: None,
    )
    return lambda raw: engine.on_frame(raw, _T0, Venue.POLYMARKET, 1)


def _nautilus(script: Script) -> dict[str, Any]:
    """Its figures from an interpreter that has it, or why there are none."""
    named = os.environ.get(INTERPRETER, "")
    if not named and importlib.util.find_spec("nautilus_trader") is None:
        return {"skipped": f"no nautilus_trader here and no {INTERPRETER}"}
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as told:
        for line in _lines(script):
            told.write(line)
        told.flush()
        ran = subprocess.run(  # noqa: S603 - the interpreter a person named, on a file of ours
            [named or sys.executable, str(_PEER), told.name, _CONDITION, _YES, _NO],
            capture_output=True,
            text=True,
            check=False,
        )
    if ran.returncode:
        return {"skipped": (ran.stderr.strip().splitlines() or ["failed"])[-1]}
    found = json.loads(ran.stdout)
    return percentiles(found["spent"]) | {"version": found["version"], "python": found["python"]}


def _lines(script: Script) -> Iterator[str]:
    for raw, changes in zip(script.frames, script.changes, strict=True):
        yield json.dumps([base64.b64encode(raw).decode(), changes]) + "\n"
