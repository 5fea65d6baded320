"""A recording run again: the same decisions, or the first that differs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from domain.intent import Intent
from domain.market import Venue
from ingest.sets import sets_of
from ingest.strategies.cross import cross_strategies
from recording.recorder import Recorder
from recording.replay import TimedTrades, replay
from recording.rerun import Verdict, rerun
from recording.session_reader import RecordedEvents
from recording.session_setup import Rules, Setup, whole_sets
from recording.sources import synth_cross
from recording.sources.instruments import instruments
from recording.sources.session import RecordedSession
from recording.wire import wire
from tests.ingest.taping import record, taped
from tests.places import ROOT


def test_a_recorded_session_replays_to_the_same_decisions(tmp_path: Path) -> None:
    record(tmp_path)
    again = rerun(RecordedEvents(tmp_path))
    assert (again.verdict, again.why) == (Verdict.SAME, "")
    assert again.fingerprint == again.recorded
    assert again.intents
    assert again.suppressed


def replayed_whole(game: RecordedSession) -> tuple[Intent, ...]:
    specs = instruments(game.markets, game.conditions)
    rules = Rules()
    strategies = cross_strategies(game.claims, specs, rules.cross, rules.gates, rules.policy, paper=True)
    return replay(game, sets=sets_of(specs), strategies=strategies).intents


def test_a_session_of_two_venues_and_a_declared_claim_replays_to_the_same_decisions(tmp_path: Path) -> None:
    game = synth_cross.make(3)
    specs = instruments(game.markets, game.conditions)
    setup = Setup(
        name="cross", origin="test", instruments=specs, sets=whole_sets(specs), claims=game.claims, paper=True
    )
    recorder = Recorder(tmp_path, setup)
    recorder.start()
    trades = TimedTrades(500)
    engine = taped(setup, recorder, trades)
    for number, (raw, at, venue) in enumerate(wire(game)):
        trades.close_due(engine, at)
        engine.on_frame(raw, at, venue, link=1)
        if number == 2_000:
            engine.on_link_lost(1, Venue.POLYMARKET)
    engine.finish()
    assert recorder.close()
    again = rerun(RecordedEvents(tmp_path))
    assert again.verdict is Verdict.SAME
    assert {intent.claim for intent in again.intents} == {game.claims[0].pin}
    assert 0 < len(again.intents) < len(replayed_whole(game))


def test_other_rules_are_shown_by_the_first_decision_that_differs(tmp_path: Path) -> None:
    record(tmp_path)
    session = RecordedEvents(tmp_path)
    rules = msgspec.structs.replace(session.setup.rules, gates=msgspec.structs.replace(Rules()).gates)
    session.setup = msgspec.structs.replace(session.setup, sets=session.setup.sets[:1], rules=rules)
    again = rerun(session)
    assert again.verdict is Verdict.DIFFERENT
    assert again.difference is not None
    assert again.difference.recorded != again.difference.replayed
    assert '"pair":"SYNCUP-7"' in again.difference.recorded


def test_a_recording_that_broke_off_is_compared_as_far_as_it_goes(tmp_path: Path) -> None:
    record(tmp_path)
    path = tmp_path / "evening.session.zst"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 200])  # the footer and more
    again = rerun(RecordedEvents(path))
    assert again.verdict is Verdict.INCOMPLETE
    assert "breaks off" in again.why
    assert again.difference is None


def test_the_decisions_of_a_recording_are_the_same_under_every_hash_seed(tmp_path: Path) -> None:
    record(tmp_path)
    code = (
        "import sys; from pathlib import Path; from recording.rerun import rerun;"
        "from recording.session_reader import RecordedEvents;"
        "print(rerun(RecordedEvents(Path(sys.argv[1]))).fingerprint)"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    assert said == {rerun(RecordedEvents(tmp_path)).recorded}
