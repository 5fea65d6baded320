"""Ends a process whose workflow tasks never end: the SDK would wait for them for ever.

A task that blocks is interrupted by the SDK's deadlock detector after two seconds. Where the interruption does not end
it, or leaves a workflow that cannot be evicted, the SDK keeps the thread and the slot, tries again every two seconds,
and hangs when it is told to stop; the trade stands still while its process looks well. No process can end a thread, so
it ends itself, and its supervisor starts another: the trade's history is replayed there, and an order in flight is
settled by evidence, as after any kill.

Time is counted in looks, one a second, not by a clock: a process that was stopped for a minute has only been stopped.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

LOOK_S = 1.0
MOST_LOOKS = 30
_EXIT_CODE = 5


class TaskPulse:
    """Told, on threads of the worker, when a workflow's task or eviction begins and how it ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looks: dict[tuple[str, str], int] = {}  # (run, what is under way) → looks that saw it

    def begins(self, run_id: str) -> None:
        with self._lock:
            self._looks[run_id, "task"] = 0

    def ends(self, run_id: str) -> None:
        with self._lock:
            self._looks.pop((run_id, "task"), None)

    def not_evicted(self, run_id: str) -> None:
        """An eviction failed; it is tried again."""
        with self._lock:
            self._looks.setdefault((run_id, "eviction"), 0)

    def evicted(self, run_id: str) -> None:
        with self._lock:
            self._looks.pop((run_id, "eviction"), None)

    def look(self) -> int:
        """How many looks what is under way longest has been seen by, this one included."""
        with self._lock:
            for key in self._looks:
                self._looks[key] += 1
            return max(self._looks.values(), default=0)

    def stuck(self, most: int) -> list[str]:
        with self._lock:
            return [run for (run, _), looks in self._looks.items() if looks >= most]


async def end_when_stuck(
    pulse: TaskPulse,
    end: Callable[[int], object] = os._exit,
    *,
    look_s: float = LOOK_S,
    most_looks: int = MOST_LOOKS,
) -> None:
    """Until cancelled; ends the process at once, without a word to the worker, which would wait."""
    while True:
        await asyncio.sleep(look_s)
        if pulse.look() >= most_looks:
            log.error(
                "a workflow task neither ends nor can be evicted; ending this process", runs=pulse.stuck(most_looks)
            )
            end(_EXIT_CODE)
