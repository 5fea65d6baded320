"""What each process spends of the processor, a trade: on two cores this, and not waiting, bounds the throughput."""

from __future__ import annotations

from contextlib import suppress

import psutil

from proof.bench.figures import emit
from workers.local.layout import Stack, read_stack_file
from workers.local.locks import SUPERVISOR
from workers.local.processes import find
from workers.stack import host

_ME = "bench (ingest's place)"


class Meter:
    """Reads processor seconds of every process of the stack, children included, and of this one."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._before = self._read()

    def report(self, command: str, trades: int) -> None:
        """One figure a process: processor milliseconds a trade since this object was made."""
        for name, seconds in self._read().items():
            spent = (seconds - self._before.get(name, 0.0)) * 1000 / trades
            emit("processor time a trade", "ms", command, {"process": name, "value": round(spent, 2)})

    def _read(self) -> dict[str, float]:
        document = read_stack_file(self._stack.layout)
        found = {_ME: _seconds(psutil.Process())}
        for record in host.recorded(document):
            process = find(record)
            if process is not None:
                family = [process, *process.children(recursive=True)]
                found[record.name] = sum(_seconds(member) for member in family)
        supervisor = host.supervisor_of(document)
        process = find(supervisor) if supervisor is not None else None
        if process is not None:
            found[SUPERVISOR] = _seconds(process, reaped=True)
        return found


def _seconds(process: psutil.Process, *, reaped: bool = False) -> float:
    """User and system time; with `reaped` that of ended children too (the supervisor's health checks)."""
    with suppress(psutil.Error):
        times = process.cpu_times()
        spent = times.user + times.system
        return float(spent + times.children_user + times.children_system if reaped else spent)
    return 0.0
