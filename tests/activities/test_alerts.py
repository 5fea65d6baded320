"""The alert command of the operator."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from activities.alerts import Alerts


async def test_the_alert_command_gets_one_line_of_json_and_its_failure_stops_nothing(tmp_path: Path) -> None:
    told = tmp_path / "alert.json"
    write = f"import sys, pathlib; pathlib.Path({str(told)!r}).write_text(sys.stdin.read()); sys.exit(3)"
    counted: list[str] = []
    await Alerts((sys.executable, "-c", write), counted.append).tell("mismatch", "it differs", "look", halt="h-1")
    assert json.loads(told.read_text()) == {"alert": "mismatch", "text": "it differs", "do": "look", "halt": "h-1"}
    assert counted == ["mismatch"]
    await Alerts(("/no/such/command",)).tell("mismatch", "it differs", "look")
