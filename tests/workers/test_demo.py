"""The whole system once, as a person starts it: synthetic game in, closed trades and a true report out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from recording.sources import session_file, synth

pytestmark = [pytest.mark.stack, pytest.mark.ladder, pytest.mark.timeout(600)]

REPORTED = {"intents", "suppressed", "trades", "fills", "fees", "pnl", "unhedged_notional_seconds", "invariants"}


PATIENT = {
    "SUREFOOT_STRATEGY__TTL_MS": "20000",
    "SUREFOOT_GATES__MAX_BOOK_AGE_MS": "60000",
    "SUREFOOT_GATES__MAX_SKEW_MS": "60000",
    "SUREFOOT_GATES__MAX_LAG_MS": "60000",
    "SUREFOOT_KALSHI__READ_TIMEOUT_MS": "14000",
}
"""The limits that a busy machine would meet: they have tests of their own."""


def surefoot(state_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", "--state-dir", str(state_dir), *arguments]
    env = os.environ | PATIENT
    return subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, env=env)


def left_running(state_dir: Path) -> list[str]:
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline"])
        if any(str(state_dir) in word for word in process.info["cmdline"] or ())
    ]


def test_a_demo_trades_reports_the_truth_and_leaves_nothing_running_and_so_does_a_second(state_dir: Path) -> None:
    game = state_dir / "short.session.jsonl.gz"
    session_file.write(synth.make(11, seconds=20), game)
    seen = []
    for _ in range(2):
        demo = surefoot(state_dir, "demo", "--recording", str(game))
        assert demo.returncode == 0, demo.stdout + demo.stderr
        assert left_running(state_dir) == []
        told = surefoot(state_dir, "report", "--json")
        assert told.returncode == 0, told.stderr
        report = json.loads(told.stdout)
        assert report.keys() >= REPORTED
        assert report["intents"] > 0
        assert report["trades"] == {"CLOSED": report["intents"]}
        assert report["fills"] >= 2
        assert report["suppressed"].keys() <= {"crossed", "stale", "shallow", "open_trade", "skewed", "lagged", "busy"}
        assert set(report["invariants"].values()) == {True}, report["violations"]
        assert sum(kind["seen"] for kind in report["faults"].values()) > 100  # could have happened
        assert "the exchange was rude" in demo.stdout
        seen.append(report["run"])
    assert seen[0] != seen[1]


def test_trades_on_a_game_whose_winner_nobody_knows_stay_settling_until_a_person_says_who_won(state_dir: Path) -> None:
    game = state_dir / "unknown.session.jsonl.gz"
    session = replace(synth.make(11, seconds=14), results=())
    session_file.write(session, game)
    demo = surefoot(state_dir, "demo", "--recording", str(game))
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "ended is not known" in demo.stderr
    after = json.loads(surefoot(state_dir, "report", "--json").stdout)
    held = after["outcomes"].get("hedged", 0) + after["outcomes"].get("reduced", 0)
    assert after["trades"]["SETTLING"] == held > 0, "on a busy machine one may be missed or sold again, and closes"

    up = surefoot(state_dir, "up", "--detach")
    assert up.returncode == 0, up.stderr
    try:
        for market in {spec.event: spec.market for spec in session.markets}.values():
            told = surefoot(state_dir, "resolve", market, "yes", "--event")
            assert f"{market}: yes" in told.stdout, told.stderr
        assert surefoot(state_dir, "resolve", session.markets[0].market, "maybe").returncode == 3
        while "SETTLING" in (report := json.loads(surefoot(state_dir, "report", "--all", "--json").stdout))["trades"]:
            time.sleep(1)
    finally:
        surefoot(state_dir, "down")
    assert report["trades"].keys() == {"CLOSED"}
    assert set(report["invariants"].values()) == {True}, report["violations"]
    assert left_running(state_dir) == []


def test_a_recording_that_is_not_there_starts_nothing(state_dir: Path) -> None:
    demo = surefoot(state_dir, "demo", "--recording", str(state_dir / "nothing"))
    assert demo.returncode == 3
    assert "does not exist" in demo.stderr
    assert left_running(state_dir) == []
