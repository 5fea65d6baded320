"""What the recorder of a running system keeps of its set-up is enough to decide again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from config.settings import Settings
from domain.errors import BadInput
from domain.limits import SetParams, StrategySpec
from domain.market import Venue
from ingest.sets import sets_of
from ingest.strategies.registry import strategies_of
from recording.recorded_engine import TapedEngine
from recording.replay import TimedTrades
from recording.rerun import Verdict, rerun
from recording.session_reader import RecordedEvents
from recording.sources import synth_cross
from recording.sources.instruments import instruments
from recording.wire import wire
from workers.recording import recorder_of
from workers.watch import Watched


def recorded(settings: Settings, folder: Path) -> tuple[RecordedEvents, int]:
    """A game of two venues decided by `settings` with a recorder beside it, and how many intents came of it."""
    game = synth_cross.make(3)
    specs = instruments(game.markets, game.conditions)
    sets = sets_of(specs)
    watched = Watched(sets, strategies_of(settings, sets, specs, game.claims, paper=True), game.claims)
    troubles: list[str] = []
    recorder = recorder_of(folder, settings, watched, on_trouble=troubles.append)
    trades = TimedTrades(500)
    engine = TapedEngine(
        recorder,
        watched.strategies,
        settings.gates,
        trades.started,
        lambda _: None,
        venue_limits={Venue.POLYMARKET: settings.gates_polymarket},
    )
    recorder.start()
    for raw, at, venue in wire(game):
        trades.close_due(engine, at)
        engine.on_frame(raw, at, venue)
    engine.finish()
    assert recorder.close()
    assert troubles == []
    return RecordedEvents(folder), engine.counters.intents


def test_a_session_recorded_as_a_host_would_replays_to_its_decisions(tmp_path: Path) -> None:
    session, intents = recorded(Settings(strategy=SetParams(margin=Decimal("0.002"))), tmp_path)
    assert session.setup.rules.strategy.margin == Decimal("0.002")
    again = rerun(session)
    assert again.verdict is Verdict.SAME
    assert len(again.intents) == intents > 0


def test_a_session_of_a_strategy_that_is_gone_cannot_be_decided_again(tmp_path: Path) -> None:
    session, _ = recorded(Settings(strategies=(StrategySpec("basket", "mine"),)), tmp_path)
    rules = msgspec.structs.replace(session.setup.rules, strategies=(StrategySpec("gone", "mine"),))
    session.setup = msgspec.structs.replace(session.setup, rules=rules)
    with pytest.raises(BadInput, match="there is no strategy 'gone'"):
        rerun(session)


def test_a_session_keeps_the_strategies_that_were_declared_and_no_path_of_their_files(tmp_path: Path) -> None:
    declared = (
        StrategySpec("cross", "claims", {"margin": "0.003"}, source="file /somewhere/claims.yaml"),
        StrategySpec("calm", "quiet", {"calmest": "0.004"}, pairs=("SYN",), source="file /somewhere/quiet.yaml"),
    )
    session, intents = recorded(Settings(strategies=declared), tmp_path)
    assert session.setup.rules.strategies == tuple(replace(spec, source="") for spec in declared)
    again = rerun(session)
    assert again.verdict is Verdict.SAME
    assert {intent.strategy for intent in again.intents} == {"claims"}
    assert len(again.intents) == intents > 0
