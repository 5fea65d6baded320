"""The whole system as a person starts it, against a paper exchange that does on purpose what a case tells of.

    input:
      recording: synth-cross:5              a generated game that both venues trade
      faults:                               as `paper.core.fault` has them
        - {match: {request: place_order, every: 3}, do: lost_answer, times: 50}
      at_least: 3                           times that it must have happened

The exchange's own habits are off, so that the case alone happens. Facts: `happened` enough, `intents`, how many of them
are `closed`, what of the invariants is `violated`, which `bodies` there were for the order that had most, and the
`difference` between each venue's cash and the ledger's, in dollars.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from proof.chaos.system import survivors
from workers.local.layout import Layout
from workers.local.processes import wait_ended

_ENVIRONMENT = {
    "SUREFOOT_VENUES": '["kalshi", "polymarket"]',
    "SUREFOOT_PAPER__POLYMARKET__OPENING_CASH": "5000",
    "SUREFOOT_PAPER__RUDENESS": "0",
}
_PATIENCE_S = 120


async def trade(given: Mapping[str, Any]) -> dict[str, Any]:
    """Up, faults armed, a session played to its end, all paid, compared, down."""
    return await asyncio.to_thread(_traded, given)


def _traded(given: Mapping[str, Any]) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="surefoot-record-"))
    folder.chmod(0o711)  # the embedded Postgres must reach it, also under root
    try:
        _run(folder, "up", "--detach", check=True)
        with httpx.Client(base_url=_admin(folder), trust_env=False, timeout=30) as paper:
            paper.post("/paper/v1/faults", json=given["faults"]).raise_for_status()
            _run(folder, "play", "--recording", given.get("recording", "synth-cross:5"), "--resolve", check=True)
            over = time.monotonic() + _PATIENCE_S
            while any(one["state"] != "CLOSED" for one in _told(folder, "trades")) and time.monotonic() < over:
                time.sleep(0.5)
            fired = sum(fault["fired"] for fault in paper.get("/paper/v1/faults").raise_for_status().json())
            paper.delete("/paper/v1/faults").raise_for_status()  # the books are compared in peace
            audit = paper.get("/paper/v1/audit").raise_for_status().json()
            report, compared = _told(folder, "report"), _told(folder, "reconcile")["comparisons"]
    finally:
        _run(folder, "down")
        wait_ended(survivors(folder), 10)
        shutil.rmtree(folder)
    orders = (audit["orders"] | audit["polymarket_orders"]).values()
    return {
        "happened": fired >= given["at_least"],
        "fired": fired,
        "traded": report["intents"] > 0,
        "all_closed": report["trades"] == {"CLOSED": report["intents"]},
        "violated": ", ".join(sorted(name for name, holds in report["invariants"].items() if holds is not True)),
        "bodies": max((len(order["sha256"]) for order in orders), default=0),
        "difference": max(abs(Decimal(one["cash"]) - Decimal(one["booked"])) for one in compared),
        "story": {name: report[name] for name in ("trades", "fills", "pnl", "violations")} | {"fired": fired},
    }


def _run(folder: Path, *arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", "--state-dir", str(folder), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=280, check=False, env=os.environ | _ENVIRONMENT
    )
    assert not check or done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done


def _told(folder: Path, *arguments: str) -> Any:
    done = _run(folder, *arguments, "--json")
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def _admin(folder: Path) -> str:
    url: str = json.loads(Layout(folder).stack.read_text())["endpoints"]["paper_admin"]
    return url
