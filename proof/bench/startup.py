"""How long a command takes to start: each one's `--help`, as a multiple of a bare interpreter of the same run."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cli.commands import PANELS
from proof.bench.figures import emit

_ROUNDS = 5
_BARE = ("-c", "pass")
_TREE = Path(__file__).parents[2]


def run(command: str) -> None:
    """Rounds of a bare interpreter and every command's `--help`, one after the other; processor time, so that what else
    runs on the machine weighs little."""
    names = ["", *(row.name for rows in PANELS.values() for row in rows)]
    bare: list[float] = []
    taken: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(_ROUNDS):
        bare.append(_processor_ms(_BARE))
        for name in names:
            taken[name].append(_processor_ms(("-m", "cli.main", *([name] if name else []), "--help")))
    unit = statistics.median(bare)
    times = {name: statistics.median(each) / unit for name, each in taken.items()}
    worst = max(times, key=times.__getitem__)
    values = {
        "--help": round(times[""], 1),
        **{f"{name} --help": round(times[name], 1) for name in ("halt", "status", "trades", "down", "unwind")},
        "median of all commands": round(statistics.median(times.values()), 1),
        "worst": round(times[worst], 1),
        "worst command": worst or "--help",
        "bare interpreter, ms": round(unit, 1),
        "n": _ROUNDS,
    }
    emit("start of a command", "bare interpreters, processor time", command, values, "≤ 12")


def _processor_ms(arguments: Sequence[str]) -> float:
    """User and system time of one interpreter with these arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run((sys.executable, *arguments), check=True, stdout=subprocess.DEVNULL, cwd=_TREE)  # noqa: S603
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000
