"""A whole campaign on one stack: watch every path, enumerate its points, kill at each, judge after each kill."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

from domain.errors import SurefootError
from proof.chaos import operator, steps, verdict
from proof.chaos import plan as plans
from proof.chaos.paths import PATHS, Path
from proof.chaos.rounds import Lane, Round, Stage, Victim
from proof.chaos.steps import Step
from proof.chaos.system import System, clear_away, survivors
from workers.seam import PLAN_VARIABLE

Say = Callable[[str], None]
Keep = Callable[[dict[str, str], Sequence[str]], None]
"""Hears after each round: step → "held", "violated" or "unreached", and what was violated."""

_SETTINGS = {
    "SUREFOOT_VENUES": '["kalshi", "polymarket"]',
    "SUREFOOT_PAPER__OPENING_CASH": "10000000",
    "SUREFOOT_PAPER__POLYMARKET__OPENING_CASH": "10000000",
    "SUREFOOT_PAPER__RUDENESS": "0",  # a step is a step of its path: rudeness has paths of its own
    "SUREFOOT_STRATEGY__MARGIN": "0.2",
    "SUREFOOT_STRATEGY__MAX_SIZE": "10",
    "SUREFOOT_STRATEGY__TTL_MS": "10000",
    "SUREFOOT_READINESS__SETTLE_MS": "0",  # an offer stands from a moment on, and nothing changes after it
    "SUREFOOT_GATES__MAX_BOOK_AGE_MS": "60000",
    "SUREFOOT_GATES__MAX_SKEW_MS": "60000",
    "SUREFOOT_GATES__MAX_LAG_MS": "60000",
    "SUREFOOT_ADMISSION__MOST_TRADING": "null",  # trades are held half-way by the dozen, and more are begun
    "SUREFOOT_ADMISSION__HEDGE_WAIT_MS": "null",
    "SUREFOOT_WORKER__MAX_CONCURRENT_ACTIVITIES": "400",
    "SUREFOOT_WORKER__MAX_CONCURRENT_WORKFLOW_TASKS": "400",
}
"""Wide where a busy machine would meet a limit that has tests of its own."""


@asynccontextmanager
async def stage(say: Say) -> AsyncIterator[Stage]:
    """A stack in a folder of its own, its processes following a plan; nothing of it is left afterwards."""
    folder, plan_file = prepared()
    set_up = Stage(System(folder, {**_SETTINGS, PLAN_VARIABLE: str(plan_file)}), plan_file)
    try:
        say(f"starting a stack in {folder}")
        await set_up.system.up()
        yield set_up
    finally:
        await set_up.close()
        clear_away(folder)
        left = survivors(folder)
        if not left:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            say(f"still running in {folder}: {left}")


def prepared() -> tuple[File, File]:
    """A fresh state folder with a plan that stops nobody yet."""
    folder = File(tempfile.mkdtemp(prefix="surefoot-chaos-"))
    folder.chmod(0o711)  # under root the embedded Postgres runs as another user, who must get through
    plan_file = folder / "chaos" / "plan.json"
    plan_file.parent.mkdir()
    plans.write(plan_file, plans.Plan())
    return folder, plan_file


@dataclass(slots=True)
class Result:
    """What a campaign found. `unreached` are steps no trade came to in two tries; they prove nothing.
    `left` those there was no time for, `halts` what reconciliation stopped meanwhile."""

    steps: int = 0
    kills: int = 0
    violations: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)
    left: int = 0
    halts: int = 0
    recoveries: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def summary(self) -> dict[str, Any]:
        """Recoveries in seconds, over every trade that was held; see `Round.recoveries`."""
        return {
            "steps": self.steps - self.left,
            "left": self.left,
            "kills": self.kills,
            "violations": len(self.violations),
            "unreached": len(self.unreached),
            "halts_by_rule": self.halts,
            "recovery_p50_s": quantile(self.recoveries, 50),
            "recovery_p99_s": quantile(self.recoveries, 99),
            "seconds": round(self.seconds, 1),
        }


def quantile(values: Sequence[float], percent: int) -> float | None:
    """None without values; the nearest rank, milliseconds kept."""
    if not values:
        return None
    if len(values) == 1:
        return round(values[0], 3)
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 3)


async def watch(on: Stage, paths: Iterable[Path], say: Say, times: int = 2) -> list[Step]:
    """Let every path run undisturbed and list the steps to kill at, in the order they come."""
    chosen, watched = list(paths), []
    if any(path.halted for path in chosen):
        await operator.halt(on.system, "HALTED-RED")
    for _ in range(times):
        this = await on.play([Lane(f"{path.name}.0", path, 0, None) for path in chosen])
        wrong = await verdict.violations(on.system, this)
        if wrong:
            raise SurefootError(f"undisturbed trades do not end well: {'; '.join(wrong)}", "chaos")
        watched.append(this)
    found = steps.learnt(watched, chosen)
    say(f"{len(chosen)} paths have {len(found)} steps to kill at")
    return found


async def kill_at(
    on: Stage,
    wanted: Sequence[Step],
    say: Say,
    minutes: float | None = None,
    keep: Keep = lambda verdicts, wrong: None,
) -> Result:
    """Make every kill, those that can share one together, or as many as fit into `minutes`; what was not reached is
    tried once more at the end, in processes that have only just started."""
    result, began = Result(steps=len(wanted)), time.monotonic()
    waiting = steps.batches(wanted)
    say(f"{len(wanted)} steps in {len(waiting)} rounds")
    again: dict[str, Step] = {}
    retrying = False
    while waiting or (again and not retrying):
        if minutes is not None and time.monotonic() - began > minutes * 60:
            break
        if not waiting:
            waiting, retrying = steps.batches(list(again.values())), True
        batch = waiting.pop(0)
        victim = batch[0].victim
        made = steps.lanes(batch)
        if retrying:  # some calls are made by a fresh process only: it keeps what it has read
            on.system.kill(("worker", "ingest"))
        this = await on.play(made, victim)
        wrong = await verdict.violations(on.system, this)
        result.kills += this.kills
        result.recoveries += this.recoveries()
        _tell(say, this, victim, wrong, len(waiting))
        result.violations += wrong
        result.halts += await operator.lift_halts(on.system, say)
        missed = [step for step, lane in zip(batch, made, strict=True) if not lane.reached]
        keep({step.name: _verdict(lane, wrong) for step, lane in zip(batch, made, strict=True)}, wrong)
        if retrying:
            result.unreached += [step.name for step in missed]
        else:
            again.update({step.name: step for step in missed})
    result.left = sum(len(batch) for batch in waiting) + (0 if retrying else len(again))
    for name in result.unreached:
        say(f"never reached: {name}")
    result.seconds = time.monotonic() - began
    return result


def _verdict(lane: Lane, wrong: Sequence[str]) -> str:
    if not lane.reached:
        return "unreached"
    return "violated" if lane in _told_of([lane], wrong) else "held"


def _told_of(lanes: Sequence[Lane], wrong: Sequence[str]) -> list[Lane]:
    """Those of `lanes` that what is wrong speaks of."""
    return [lane for lane in lanes if any(lane.step in text or lane.trade in text for text in wrong if lane.trade)]


def _tell(say: Say, this: Round, victim: Victim, wrong: Sequence[str], left: int) -> None:
    slowest = max(this.held, key=lambda lane: lane.resolved_at, default=None)
    last = f"last after {slowest.resolved_at - this.back_at:.1f} s more, {slowest.step}" if slowest else "none held"
    say(
        f"{this.name}: {victim} killed with {len(this.held)} of {len(this.lanes)} trades at their points; whole after "
        f"{this.back_at - this.killed_at:.1f} s, {last}; {left} rounds to go"
    )
    for problem in wrong:
        say(f"  VIOLATION {problem}")
    suffix = "" if victim is Victim.SELF else f":{victim}"
    for lane in _told_of(this.lanes, wrong) or this.lanes if wrong else ():
        say(f"  surefoot-proof chaos --only '{lane.step}{suffix}'")


def named(names: Iterable[str], found: Sequence[Step], paths: Sequence[Path] = PATHS) -> list[Step]:
    """The steps of these names. Raises `SurefootError` for one that watching did not show."""
    by_name = {step.name: step for step in found}
    wanted = []
    for name in names:
        if name not in by_name:
            path = next((path.name for path in paths if f":{path.name}:" in name), None)
            alike = [known for known in by_name if path is None or f":{path}:" in known]
            raise SurefootError(f"no step {name}; there are {', '.join(alike[:60])}", "chaos")
        wanted.append(by_name[name])
    return wanted
