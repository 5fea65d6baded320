"""A thousand markets of two venues through one engine: how long a frame takes, how many a second, and what it costs.

* frame to decision: the clock around each `on_frame`, collections as in the ingest process (frozen at the start, then
  on);
* events a second: a pass without the clock, same collections; by the processor's own time too, which other work on the
  machine cannot take away;
* collections: by `gc.callbacks` over that pass;
* memory: what Python allocated for the engine and its full books, over the number of markets;
* burst: frames arrive at BASE a second, for a while at ten times that, and each waits for those before it. The times
  they took are those measured, in their order, so a collection delays what stands behind it;
* soak: the same frames again and again at full speed, and the resident memory after each round.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Sequence
from typing import Any

import psutil

from domain.intent import Intent, LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import Venue
from ingest.engine import Engine
from ingest.sets import sets_of
from ingest.strategies.basket import baskets
from proof.bench.crowd import Crowd, crowd
from proof.bench.figures import emit, percentiles
from recording.replay import TRADE_MS, TimedTrades
from recording.wire import Frame

MARKETS = 1_000
FRAMES = 100_000
BASE = 10_000
_UNDER_WAY_US = 5_000
_LATENCY = "p50 ≤ 5 µs, p99.9 ≤ 1 ms"
_RATE = "≥ 150,000 events/s"


def run(command: str) -> None:
    script = crowd(MARKETS, FRAMES)
    said: dict[str, Any] = {"markets": len(script.markets), "frames": len(script.frames), "changes": script.changes}
    _pass(script)  # warm caches
    spent, run_ = timed(script)
    decided = {"intents": run_.engine.counters.intents, "suppressed": run_.suppressed}
    emit("crowd: frame to decision", "µs", command, said | percentiles(spent) | decided, _LATENCY)
    seconds, worked, pauses = untimed(script)
    rates = {
        "events_per_s": round(len(script.frames) / seconds),
        "changes_per_s": round(script.changes / seconds),
        "events_per_cpu_s": round(len(script.frames) / worked),
    }
    emit("crowd: throughput of one core", "per second", command, said | rates, _RATE)
    for generation, each in enumerate(pauses):
        values = {"generation": generation} | percentiles(each)
        emit("crowd: pauses by collections", "ms", command, said | values)
    emit("crowd: memory of a market", "kB", command, said | {"per_market": round(memory(script) / 1000, 2)})
    values = {"base_per_s": BASE, "burst_per_s": 10 * BASE} | burst(spent, BASE)
    emit("crowd: lag under a 10× burst", "ms", command, said | values)


def soak(command: str, minutes: float) -> None:
    """One figure at the end; a line of it a minute on the way would be no figure."""
    script = crowd(MARKETS, FRAMES)
    engine = _Run(script)
    process = psutil.Process()
    resident: list[float] = []
    until = time.monotonic() + minutes * 60
    rounds = 0
    while time.monotonic() < until or rounds < 3:
        engine.again()
        for frame in script.frames:
            engine.take(frame)
        rounds += 1
        resident.append(process.memory_info().rss / 1e6)
    settled = resident[2]
    values = {
        "rounds": rounds,
        "events": rounds * len(script.frames),
        "minutes": minutes,
        "intents": engine.engine.counters.intents,
        "first": round(settled, 1),
        "last": round(resident[-1], 1),
        "most": round(max(resident[2:]), 1),
        "objects": len(gc.get_objects()),
    }
    emit("crowd: resident memory over a long replay", "MB", command, values, "flat")


class _Run:
    """One engine with its full books, and trades that are over in time."""

    def __init__(self, script: Crowd) -> None:
        self._script = script
        self._trades = TimedTrades(TRADE_MS)
        self.suppressed = 0
        self.engine = Engine(
            baskets(sets_of(script.markets), SetParams(), GateLimits(), LegPolicy()),
            GateLimits(),
            self._took,
            lambda suppression: self._count(),
        )
        self._open()

    def _took(self, intent: Intent) -> None:
        self._trades.started(intent)

    def _count(self) -> None:
        self.suppressed += 1

    def _open(self) -> None:
        for raw, at, venue in self._script.opening:
            self.engine.on_frame(raw, at, venue, 1)

    def again(self) -> None:
        """Every feed comes back with new books: the same frames may follow."""
        self._trades.close_due(self.engine, 1 << 62)
        for venue in dict.fromkeys(spec.venue for spec in self._script.markets):
            self.engine.on_state(False, "the session begins again", venue)
            self.engine.on_state(True, "the session begins again", venue)
        self._open()

    def take(self, frame: Frame) -> None:
        raw, at, venue = frame
        self._trades.close_due(self.engine, at)
        self.engine.on_frame(raw, at + _UNDER_WAY_US, venue, 1)


def _pass(script: Crowd) -> _Run:
    run_ = _Run(script)
    for frame in script.frames:
        run_.take(frame)
    return run_


def timed(script: Crowd) -> tuple[list[float], _Run]:
    """Microseconds each frame took, in order."""
    run_ = _Run(script)
    engine, trades, clock = run_.engine, run_._trades, time.perf_counter_ns
    spent: list[float] = []
    _frozen()
    try:
        for raw, at, venue in script.frames:
            trades.close_due(engine, at)
            received_at = at + _UNDER_WAY_US
            begun = clock()
            engine.on_frame(raw, received_at, venue, 1)
            spent.append((clock() - begun) / 1000)
    finally:
        gc.unfreeze()
    return spent, run_


def untimed(script: Crowd) -> tuple[float, float, tuple[list[float], ...]]:
    """Seconds and processor seconds for all frames, and the milliseconds of every collection by generation."""
    run_ = _Run(script)
    pauses: tuple[list[float], ...] = ([], [], [])
    begun = 0

    def collecting(phase: str, info: dict[str, int]) -> None:
        nonlocal begun
        if phase == "start":
            begun = time.perf_counter_ns()
        else:
            pauses[info["generation"]].append((time.perf_counter_ns() - begun) / 1e6)

    _frozen()
    gc.callbacks.append(collecting)
    try:
        started, working = time.perf_counter(), time.thread_time()
        for frame in script.frames:
            run_.take(frame)
        return time.perf_counter() - started, time.thread_time() - working, pauses
    finally:
        gc.callbacks.remove(collecting)
        gc.unfreeze()


def _frozen() -> None:
    """As the decision thread does once its books stand."""
    gc.collect()
    gc.freeze()


def memory(script: Crowd) -> float:
    """Bytes a market, books, watches and what the decoders remember of them."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = _Run(script)
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    return (after - before) / len(kept.engine.feed(Venue.KALSHI).books | kept.engine.feed(Venue.POLYMARKET).books)


def burst(spent: Sequence[float], base: int) -> dict[str, float]:
    """Milliseconds frames wait and are worked on, where the second half second of a session comes ten times as fast;
    `drained` is how long after the burst the queue is empty."""
    quiet, many = base // 2, base * 5
    if len(spent) < quiet + many + 1:
        many = max(1, len(spent) - 2 * quiet)
    arrives, ready = 0.0, 0.0
    lags: list[float] = []
    ended = drained = 0.0
    for number, each in enumerate(spent):
        in_burst = quiet <= number < quiet + many
        arrives += 1e6 / (base * 10 if in_burst else base)
        idle = ready <= arrives
        ready = max(ready, arrives) + each
        if in_burst:
            lags.append((ready - arrives) / 1000)
            ended = arrives
        elif number >= quiet + many and idle and not drained:
            drained = max(0.0, arrives - ended) / 1000
    return percentiles(lags) | {"drained": round(drained, 3)}
