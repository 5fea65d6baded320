"""Where a frame's instructions go: JSON, typed events, books, strategies and gates, each on the same frames.

Counted by valgrind, so that neither other work nor the clock matters; the figure of a stage is what a frame costs from
its bytes to the end of that stage. Every stage runs in a process of its own, behind the same warm-up of the whole path.
Without valgrind the figure says so.
"""

from __future__ import annotations

import gc
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from domain.intent import LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import Venue
from ingest.engine import Engine
from ingest.sets import sets_of
from ingest.strategies.basket import baskets
from proof.bench.crowd import Crowd, crowd
from proof.bench.figures import emit
from recording.wire import Frame
from venues.kalshi import market_data as decode_kalshi
from venues.polymarket import market_data as decode_polymarket

STAGES = ("nothing", "json", "events", "books", "decision")
"""`json` is msgspec's part, bytes to texts; `events` our whole decoder, prices, sizes and times as numbers; `books`
the feed; `decision` the whole engine."""

_MARKETS = 100
_WARM = 1_000
_COUNTED = 3_000
_REFS = re.compile(r"I\s+refs:\s+([\d,]+)")


def run(command: str) -> None:
    valgrind = shutil.which("valgrind")
    for venue in (Venue.KALSHI, Venue.POLYMARKET):
        said = {"venue": venue, "frames": _COUNTED}
        if valgrind is None:
            emit("instructions of a frame", "instructions", command, said | {"skipped": "no valgrind on this machine"})
            continue
        counts = {stage: _counted(valgrind, stage, venue) for stage in STAGES}
        each = {stage: round((counts[stage] - counts["nothing"]) / _COUNTED) for stage in STAGES[1:]}
        emit("instructions of a frame", "instructions", command, said | each)


def _counted(valgrind: str, stage: str, venue: Venue) -> int:
    with tempfile.NamedTemporaryFile() as out:
        ran = subprocess.run(  # noqa: S603 - ourselves, counted
            [valgrind, "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={out.name}",
             sys.executable, "-m", "proof.bench.stages", stage, venue],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": "0"},
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
    found = _REFS.search(ran.stderr)
    if found is None:
        raise RuntimeError(f"valgrind said {ran.stderr[-300:]!r}; expected a line of I refs")
    return int(found[1].replace(",", ""))


def _stage(name: str, venue: Venue) -> None:
    script = crowd(_MARKETS, 2 * (_WARM + _COUNTED) + 1_000)
    mine = [frame for frame in script.frames if frame[2] is venue][: _WARM + _COUNTED]
    engine = _engine(script)
    for raw, at, _ in mine[:_WARM]:
        engine.on_frame(raw, at, venue, 1)
    gc.collect()
    gc.freeze()
    _over(mine[_WARM:], _work(name, venue, engine))


def _work(name: str, venue: Venue, engine: Engine) -> Callable[[bytes, int], object]:
    feed = engine.feed(venue)
    json: msgspec.json.Decoder[Any] = decode_kalshi._frame if venue is Venue.KALSHI else decode_polymarket._message
    match name:
        case "nothing":
            return lambda raw, at: None
        case "json":
            return lambda raw, at: json.decode(raw)
        case "events" if venue is Venue.KALSHI:
            return lambda raw, at: decode_kalshi.decode(raw, yes_price=True)
        case "events":
            return lambda raw, at: decode_polymarket.decode(raw)
        case "books":
            return lambda raw, at: feed.take(raw, at, 1)
        case _:
            return lambda raw, at: engine.on_frame(raw, at, venue, 1)


def _over(frames: Sequence[Frame], work: Callable[[bytes, int], object]) -> None:
    for raw, at, _ in frames:
        work(raw, at)


def _engine(script: Crowd) -> Engine:
    engine = Engine(
        baskets(sets_of(script.markets), SetParams(), GateLimits(), LegPolicy()),
        GateLimits(),
        lambda intent: None,
        lambda suppression: None,
    )
    for raw, at, venue in script.opening:
        engine.on_frame(raw, at, venue, 1)
    return engine


if __name__ == "__main__":
    _stage(sys.argv[1], Venue(sys.argv[2]))
