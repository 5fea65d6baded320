"""A generated evening through an engine with a recorder beside it, as a live session would be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from domain.halt import Halt, Rule, Scope
from domain.market import Venue
from ingest.engine import Engine
from ingest.gates import Halts
from recording.recorded_engine import TapedEngine
from recording.recorder import Recorder
from recording.replay import TimedTrades
from recording.session_setup import Rules, Setup, engine_of, whole_sets
from recording.sources import synth
from recording.sources.instruments import instruments
from recording.wire import wire
from venues.market_events import Doubt


def setup_of(seed: int, name: str = "evening") -> Setup:
    session = synth.make(seed)
    specs = instruments(session.markets, session.conditions)
    return Setup(name=name, origin="test", instruments=specs, sets=whole_sets(specs), rules=Rules())


def taped(setup: Setup, recorder: Recorder, trades: TimedTrades) -> Engine:
    def make(*rules: Any, **more: Any) -> TapedEngine:
        return TapedEngine(recorder, *rules, **more)

    return engine_of(setup, trades.started, lambda _: None, make)


def record(folder: Path, seed: int = 7, **how: object) -> Setup:
    """A whole generated evening through an engine with a recorder beside it, as a live session would be."""
    setup = setup_of(seed)
    recorder = Recorder(folder, setup, **how)  # type: ignore[arg-type]
    recorder.start()
    run(setup, recorder, seed)
    assert recorder.close()
    return setup


def run(setup: Setup, recorder: Recorder, seed: int = 7) -> None:
    trades = TimedTrades(500)
    engine = taped(setup, recorder, trades)
    engine.on_halts(Halts())
    engine.on_state(True, "connected", Venue.KALSHI)
    for number, (raw, at, venue) in enumerate(wire(synth.make(seed))):
        trades.close_due(engine, at)
        engine.on_frame(raw, at, venue)
        if number == 1_000:
            engine.on_halts(Halts((Halt("h-1", Scope.MARKET, "SYNGAME-7-RED", Rule.OPERATOR, "ann", "look", at),)))
        if number == 2_000:
            engine.on_halts(Halts())
            engine.on_frame(b"\xff\x00 no frame", at + 1, venue)
            engine.on_gap(["SYNGAME-7-RED"], Venue.KALSHI, Doubt.SILENT)
        if number == 3_000:
            engine.on_link_lost(3, Venue.POLYMARKET)
            engine.on_state(False, "closed by the venue", Venue.KALSHI)
            engine.on_state(True, "connected", Venue.KALSHI)
    engine.finish()
