"""The process side of a plan: every point is traced, and the one the plan names is held until the verdict."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import Counter
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from domain.intent import Intent
from proof.chaos import plan as plans
from proof.chaos.plan import Plan, Point, When
from workers.seam import PLAN_VARIABLE

_LOOK_S = 0.005
_LONGEST_HOLD_S = 30.0


class Switch:
    """One a process. `owner` finds the lane of a trade, of a client order id, of an intent ingest has just made."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read_as: tuple[int, int] = (0, 0)
        self._plan = Plan()
        self._counts: Counter[tuple[str, str, str, When]] = Counter()
        self._learned: dict[str, str] = {}
        self._trace = os.open(plans.trace_file(file), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def owner(self, of: object) -> str | None:
        """The lane, None if the plan does not speak of it: `of` is an intent, a trade's id or a client order id."""
        plan = self._current()
        if isinstance(of, Intent):
            lane = plan.trades.get(of.id) or plan.pairs.get(of.pair)
            if lane is not None:
                self._learned[of.id] = lane
            return lane
        return plan.trades.get(str(of)) or plan.orders.get(str(of)) or self._learned.get(str(of))

    async def at(self, lane: str | None, role: str, call: str, when: When) -> None:
        """Come by a point. Returns at once unless the plan stops somebody here; may end the process."""
        plan = self._current()
        if lane is None:
            return
        self._counts[lane, role, call, when] += 1
        number = self._counts[lane, role, call, when]
        point = Point(role, call if number == 1 else f"{call}#{number}", when)
        held = plan.verdict == "hold" and plan.lanes.get(lane) == point and self._claim(plan, lane)
        line = {"at": time.time(), "pid": os.getpid(), "lane": lane, "point": asdict(point), "held": held}
        os.write(self._trace, json.dumps(line).encode() + b"\n")
        if held:
            await self._hold(plan.round)

    async def _hold(self, name: str) -> None:
        until = time.monotonic() + _LONGEST_HOLD_S
        while time.monotonic() < until:
            plan = self._current()
            if plan.round != name or plan.verdict == "pass":
                return
            if plan.verdict == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            await asyncio.sleep(_LOOK_S)

    def _claim(self, plan: Plan, lane: str) -> bool:
        """Whether this process is the first of this round at the lane's point."""
        try:
            file = os.open(
                plans.reached_folder(self._file, plan.round) / lane, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644
            )
        except OSError:
            return False
        os.write(file, str(os.getpid()).encode())
        os.close(file)
        return True

    def _current(self) -> Plan:
        try:
            status = self._file.stat()
            if (status.st_ino, status.st_mtime_ns) != self._read_as:
                former, self._plan = self._plan.round, plans.read(self._file)
                self._read_as = (status.st_ino, status.st_mtime_ns)
                if self._plan.round != former:
                    self._learned.clear()
                    self._counts.clear()
        except FileNotFoundError:
            self._plan = Plan()
        return self._plan


@lru_cache(maxsize=1)
def switch() -> Switch:
    return Switch(Path(os.environ[PLAN_VARIABLE]))
