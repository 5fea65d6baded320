"""What each process of a stack holds in memory."""

from __future__ import annotations

from contextlib import suppress

import psutil

from proof.bench.figures import emit
from workers.local.layout import Stack, read_stack_file
from workers.local.locks import SUPERVISOR
from workers.local.processes import find
from workers.stack import host


def run(stack: Stack, command: str, when: str) -> None:
    """One figure a process of stack.json, its children (Postgres has many) included and shared pages counted once."""
    document = read_stack_file(stack.layout)
    records = host.recorded(document)
    supervisor = host.supervisor_of(document)
    for record in [*records, *([supervisor] if supervisor else [])]:
        process = find(record)
        if process is None:
            continue
        with_children = record.name != SUPERVISOR  # all others are its children
        rss, pss, number = _held(process, with_children)
        values = {"process": record.name, "when": when, "rss": rss, "pss": pss, "processes": number}
        emit("memory", "MB", command, values)


def _held(process: psutil.Process, with_children: bool) -> tuple[float, float, int]:
    """Resident megabytes of the process itself; proportional ones of it and its children; how many those are."""
    family = [process, *(process.children(recursive=True) if with_children else ())]
    pss = 0
    for member in family:
        with suppress(psutil.Error):
            pss += member.memory_full_info().pss
    return round(process.memory_info().rss / 1e6, 1), round(pss / 1e6, 1), len(family)
