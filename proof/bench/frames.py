"""How long a frame takes from bytes to decision. Measured, never asserted."""

from __future__ import annotations

import gc
import time

from domain.intent import LegPolicy
from domain.limits import GateLimits, SetParams
from ingest.engine import Engine
from ingest.sets import sets_of
from ingest.strategies.basket import baskets
from recording.replay import TRADE_MS, TimedTrades
from recording.sources.session import Session
from recording.wire import Frame, wire


def measure(session: Session) -> dict[str, float]:
    """Feed every frame of `session` to a fresh engine, one at a time, with the clock read around each.

    Returns `events`, `intents`, `p50_us`, `p99_us`, `p999_us`, `max_us` per frame and `events_per_s` over the whole
    run (a second pass, without the clock). Frames are written beforehand; trades last as in a replay. One warm-up pass
    fills the caches, and collections are off as in the ingest process, which freezes what it holds at start.
    """
    script = list(wire(session))
    _run(session, script)
    gc.collect()
    gc.disable()
    try:
        spent: list[int] = []
        engine = _run(session, script, spent)
        begun = time.perf_counter_ns()
        _run(session, script)
        whole = time.perf_counter_ns() - begun
    finally:
        gc.enable()
    spent.sort()
    return {
        "events": len(spent),
        "intents": engine.counters.intents,
        "p50_us": spent[len(spent) // 2] / 1000,
        "p99_us": spent[len(spent) * 99 // 100] / 1000,
        "p999_us": spent[len(spent) * 999 // 1000] / 1000,
        "max_us": spent[-1] / 1000,
        "events_per_s": round(len(spent) / (whole / 1e9)),
    }


def _run(session: Session, script: list[Frame], spent: list[int] | None = None) -> Engine:
    """All frames through a fresh engine; the nanoseconds each took are added to `spent` if it is given."""
    trades = TimedTrades(TRADE_MS)
    engine = Engine(
        baskets(sets_of(session.markets), SetParams(), GateLimits(), LegPolicy()),
        GateLimits(),
        trades.started,
        lambda suppression: None,
    )
    for raw, at, venue in script:
        trades.close_due(engine, at)
        if spent is None:
            engine.on_frame(raw, at, venue)
            continue
        begun = time.perf_counter_ns()
        engine.on_frame(raw, at, venue)
        spent.append(time.perf_counter_ns() - begun)
    return engine
