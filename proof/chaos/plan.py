"""The plan: which trade is on which lane, and where on it a process is to stop. A file, replaced at once.

    {"round": "7", "verdict": "hold",
     "lanes": {"hedged.2": {"call": "submit_order.B1/venue.submit", "when": "after"}, "missed.0": null},
     "trades": {"i-…": "hedged.2"}, "orders": {"client order id": "hedged.2"}, "pairs": {"DECIDED-03": "decided.3"}}

Whoever comes to a lane's point first holds there, once a round (a file in `reached/ROUND` says so), until the
verdict is no longer "hold": "die" ends it with SIGKILL, "pass" lets it go on. Every point passed is traced.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

When = Literal["before", "after"]
Verdict = Literal["hold", "die", "pass"]


@dataclass(frozen=True, slots=True)
class Point:
    """A call as its process makes it: `role` who (trader, ingest, cli), `call` what, with its number from the second
    time on (`#2`), and on which side of it."""

    role: str
    call: str
    when: When

    def named(self, path: str) -> str:
        return f"{self.role}:{self.call}:{path}:{self.when}"


@dataclass(frozen=True, slots=True)
class Plan:
    """`lanes` maps a lane to its point, None to let it run free. A lane is a path's name, a dot and a number."""

    round: str = ""
    verdict: Verdict = "pass"
    lanes: dict[str, Point | None] = field(default_factory=dict)
    trades: dict[str, str] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    pairs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passed:
    """One line of the trace. `at` is wall-clock seconds."""

    at: float
    pid: int
    lane: str
    point: Point
    held: bool


def path_of(lane: str) -> str:
    return lane.rpartition(".")[0]


def write(file: Path, plan: Plan) -> None:
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".plan.")
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump(asdict(plan), out)
    Path(name).replace(file)


def read(file: Path) -> Plan:
    document: dict[str, Any] = json.loads(file.read_bytes())
    document["lanes"] = {lane: Point(**point) if point else None for lane, point in document["lanes"].items()}
    return Plan(**document)


def reached_folder(file: Path, name: str) -> Path:
    return file.parent / "reached" / name


def trace_file(file: Path) -> Path:
    return file.parent / "trace.jsonl"


def trace_size(file: Path) -> int:
    trace = trace_file(file)
    return trace.stat().st_size if trace.exists() else 0


def read_trace(file: Path, since: int = 0) -> list[Passed]:
    """All points passed after byte `since` of the trace, in the order they were; half a line is left out."""
    passed: list[Passed] = []
    try:
        with trace_file(file).open("rb") as trace:
            trace.seek(since)
            lines = trace.readlines()
    except FileNotFoundError:
        return passed
    for line in lines:
        if line.endswith(b"\n"):
            item = json.loads(line)
            passed.append(Passed(item["at"], item["pid"], item["lane"], Point(**item["point"]), item["held"]))
    return passed
