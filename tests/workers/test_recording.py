"""What the recorder of a running system keeps of its set-up is enough to decide again."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from config.settings import Settings
from domain.limits import SetParams
from domain.market import Venue
from ingest.replay import TimedTrades
from ingest.rerun import Verdict, rerun
from ingest.session_reader import RecordedEvents
from ingest.sets import sets_of
from ingest.strategies.registry import strategies_of
from ingest.taped import TapedEngine
from ingest.wire import wire
from venues.recording import synth_cross
from venues.recording.instruments import instruments
from workers.recording import recorder_of
from workers.watch import Watched


def test_a_session_recorded_as_a_host_would_replays_to_its_decisions(tmp_path: Path) -> None:
    settings = Settings(strategy=SetParams(margin=Decimal("0.002")))
    game = synth_cross.make(3)
    specs = instruments(game.markets, game.conditions)
    sets = sets_of(specs)
    watched = Watched(sets, strategies_of(settings, sets, specs, game.claims, paper=True), game.claims)
    troubles: list[str] = []
    recorder = recorder_of(tmp_path, settings, watched, on_trouble=troubles.append)
    trades = TimedTrades(500)
    engine = TapedEngine(
        recorder, (), settings.strategy, settings.gates, settings.policy, trades.started, lambda _: None,
        strategies=watched.strategies, venue_limits={Venue.POLYMARKET: settings.gates_polymarket},
    )  # fmt: skip
    recorder.start()
    for raw, at, venue in wire(game):
        trades.close_due(engine, at)
        engine.on_frame(raw, at, venue)
    engine.finish()
    assert recorder.close()
    assert troubles == []
    session = RecordedEvents(tmp_path)
    assert session.setup.rules.strategy.margin == Decimal("0.002")
    again = rerun(session)
    assert again.verdict is Verdict.SAME
    assert len(again.intents) == engine.counters.intents > 0
