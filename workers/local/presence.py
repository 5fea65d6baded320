"""What of a state folder runs, asked of the machine: `stack.json` may be lost, and its supervisor dead.

A process belongs to the folder if any of these says so:

| sign                                                          | found by it                               |
|---------------------------------------------------------------|-------------------------------------------|
| it holds the folder's lock (an open file, deleted or not)     | the supervisor; a command that reads      |
| `stack.json` records it: start and command line are the same  | every process of the stack                |
| the folder stands in its environment, where `spawn` puts it   | every process of the stack                |
| its command line is one of ours, with this folder             | processes of versions that set no mark    |

None of them needs the wall clock. What cannot be read, because it is another user's, is not ours.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import psutil

from domain.errors import SurefootError
from workers.local.layout import Layout, read_stack_file
from workers.local.locks import READER, SUPERVISOR
from workers.local.processes import FOLDER_VARIABLE, PART_VARIABLE, ProcessRecord, find

STOP_SECONDS = 90.0
_PART_SECONDS = 20.0
_SIGNALS = {"postgres": signal.SIGINT, READER: signal.SIGINT}
_MODULES = {
    "paper.process": "paper",
    "workers.trade_worker": "worker",
    "workers.ingest_host": "ingest",
    "workers.ui_door.process": "ui_door",
}
_ORDER = (SUPERVISOR, READER, "postgres", "temporal", "paper", "worker", "ingest", "ui_door")


def running(layout: Layout) -> tuple[ProcessRecord, ...]:
    """Every living process of the folder, this one too if it supervises: who holds its lock first, then in the order
    they start. A `stack.json` that is missing or damaged hides nobody."""
    roots = {str(layout.root.absolute()), str(layout.root.resolve())}
    found = {record.pid: record for record in _recorded(layout) if find(record) is not None}
    for process in psutil.process_iter():
        if process.pid not in found and (name := _part(process, roots)):
            try:
                found[process.pid] = ProcessRecord.seen(
                    name,
                    process,
                    stop_signal=_SIGNALS.get(name, signal.SIGTERM),
                    stop_timeout=STOP_SECONDS if name == SUPERVISOR else _PART_SECONDS,
                )
            except psutil.Error:
                continue
    return tuple(sorted(_parents(found), key=lambda record: (_place(record.name), record.pid)))


def supervisor_in(layout: Layout) -> ProcessRecord | None:
    """The supervisor of the folder, if one lives."""
    return next((record for record in running(layout) if record.name == SUPERVISOR), None)


def unsupervised(layout: Layout) -> tuple[ProcessRecord, ...]:
    """What of the folder's stack runs although no supervisor does; empty while one lives, or nothing runs."""
    found = [record for record in running(layout) if record.name != READER]
    return () if any(record.name == SUPERVISOR for record in found) else tuple(found)


def _recorded(layout: Layout) -> Iterator[ProcessRecord]:
    try:
        document = read_stack_file(layout)
        items = [*(document.get("processes") or ()), document.get("supervisor")]
        for item in items:
            if item:
                yield ProcessRecord.parse(item)
    except (SurefootError, TypeError, AttributeError):
        return


def _part(process: psutil.Process, roots: Collection[str]) -> str:
    """Which part of the folder's stack the process is; "" for a stranger."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        if role := _holds(process.pid, roots):
            return role
        if name := _by_command(process, roots):
            return name
        environ = process.environ()
        return environ.get(PART_VARIABLE, "") if environ.get(FOLDER_VARIABLE) in roots else ""
    except (psutil.Error, OSError):
        return ""


def _holds(pid: int, roots: Collection[str]) -> str:
    """The role of who keeps the lock's file open. Deleted, it is still that file."""
    locks = {f"{root}/lock{end}" for root in roots for end in ("", " (deleted)")}
    try:
        handles = list(os.scandir(f"/proc/{pid}/fd"))
    except OSError:
        return ""
    for handle in handles:
        try:
            if os.readlink(handle.path) not in locks:
                continue
            said = json.loads(Path(handle.path).read_bytes())
            return READER if said.get("pid") == pid and said.get("role") == READER else SUPERVISOR
        except OSError:
            continue
        except (ValueError, AttributeError):
            return SUPERVISOR  # a version that wrote nothing into it
    return ""


def _by_command(process: psutil.Process, roots: Collection[str]) -> str:
    words = process.cmdline()
    for module, name in _MODULES.items():
        if module in words and _after(words, "--state-dir") in roots:
            return name
    if "start-dev" in words and _after(words, "--db-filename") in {f"{root}/temporal.db" for root in roots}:
        return "temporal"
    # The children of a killed postmaster have lost their command line, and work where it worked.
    if process.name() == "postgres" and process.cwd() in {f"{root}/postgres/data" for root in roots}:
        return "postgres"
    return ""


def _after(words: Sequence[str], flag: str) -> str:
    return next((words[n + 1] for n in range(len(words) - 1) if words[n] == flag), "")


def _parents(found: dict[int, ProcessRecord]) -> list[ProcessRecord]:
    """Without what a process of ours started itself: it carries the mark too, and Postgres has many."""
    kept = []
    for record in found.values():
        try:
            parent = found.get(psutil.Process(record.pid).ppid())
        except psutil.Error:
            continue
        if parent is None or parent.name != record.name:
            kept.append(record)
    return kept


def _place(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)
