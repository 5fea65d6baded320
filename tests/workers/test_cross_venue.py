"""A claim traded at two venues by the whole stack, its processes killed on the way: hedged, paid, equal to the cent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.stack, pytest.mark.ladder, pytest.mark.timeout(300)]

UP = {"SUREFOOT_VENUES": '["kalshi", "polymarket"]', "SUREFOOT_PAPER__POLYMARKET__OPENING_CASH": "5000"}


def surefoot(state_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", "--state-dir", str(state_dir), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, env=os.environ | UP)


def told(state_dir: Path, *arguments: str) -> Any:
    done = surefoot(state_dir, *arguments, "--json")
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def killed(state_dir: Path, name: str) -> None:
    for process in json.loads((state_dir / "stack.json").read_text())["processes"]:
        if process["name"] == name and psutil.pid_exists(process["pid"]):
            os.kill(process["pid"], signal.SIGKILL)


def until(what: str, condition: Any, seconds: float = 60) -> None:
    over = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < over, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)


def test_trades_between_two_venues_survive_the_death_of_every_process_that_carries_them(state_dir: Path) -> None:
    try:
        up = surefoot(state_dir, "up", "--detach")
        assert up.returncode == 0, up.stdout + up.stderr
        seen = told(state_dir, "doctor")["checks"]
        names = {check["name"].partition(" ")[0] for check in seen}
        assert {"kalshi", "polymarket"} <= names
        assert [check for check in seen if check["verdict"] == "fail"] == []
        command = [sys.executable, "-m", "cli.main", "--state-dir", str(state_dir)]
        play = subprocess.Popen(
            [*command, "play", "--recording", "synth-cross:5", "--resolve"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | UP,
        )
        until("a first trade", lambda: told(state_dir, "trades"))
        killed(state_dir, "ingest")  # it carries the trades it began
        killed(state_dir, "worker")  # and this one would have taken them over
        assert play.wait(240) == 0
        until("closed", lambda: all(trade["state"] == "CLOSED" for trade in told(state_dir, "trades")))
        report = told(state_dir, "report")
        assert report["intents"] > 0
        assert set(report["invariants"].values()) == {True}, report["violations"]
        assert {account["venue"] for account in report["capital"]} == {"kalshi", "polymarket"}
        assert [account["trades"] for account in report["capital"]] == [0, 0]
        reconciled = surefoot(state_dir, "reconcile", "--json")
        assert reconciled.returncode == 0, reconciled.stdout
        comparisons = json.loads(reconciled.stdout)["comparisons"]
        assert [one["venue"] for one in comparisons] == ["kalshi", "polymarket"]
        booked = [(Decimal(one["cash"]), Decimal(one["booked"])) for one in comparisons]
        assert all(cash == ledger for cash, ledger in booked), booked
    finally:
        surefoot(state_dir, "down")
