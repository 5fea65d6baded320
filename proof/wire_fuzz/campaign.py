"""Many worlds, on every core, for a time: what was run, how often each lie was told, and what did not hold.

tally = campaign(itertools.count(), minutes=10)
tally.failed       # {seed: what does not hold}; empty if everything does
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import logging
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

from proof.wire_fuzz.checks import check
from proof.wire_fuzz.lies import LIES, RIGHT
from proof.wire_fuzz.plan import make
from proof.wire_fuzz.sockets import run_together
from proof.wire_fuzz.world import World

CHUNK = 20
"""Worlds that one process runs before it tells; some seconds."""

TOGETHER = 60
"""Worlds that one process runs beside each other over real sockets: they mostly wait."""

_LONGEST_S = 60
_MOST_FAILURES = 50

Progress = Callable[["Tally"], None]
Keep = Callable[[range, "Tally"], None]
Run = Callable[[range], tuple[range, "Tally"]]


class Hung(BaseException):
    """A world did not end by itself: something went round in circles without waiting."""


@dataclass(slots=True)
class Tally:
    """Sums over worlds. `lies` is how often each lie was told by `lie:kind of request`; `told` keeps, for each seed
    that failed, its lies in the order they were told."""

    worlds: int = 0
    violations: int = 0
    requests: int = 0
    copies: int = 0
    stuck: int = 0
    compared: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    lies: Counter[str] = field(default_factory=Counter)
    failed: dict[int, list[str]] = field(default_factory=dict)
    told: dict[int, list[str]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        for name in ("worlds", "violations", "requests", "copies", "stuck", "compared"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.outcomes += other.outcomes
        self.lies += other.lies
        self.failed = dict(sorted({**self.failed, **other.failed}.items())[:_MOST_FAILURES])
        self.told = {seed: told for seed, told in {**self.told, **other.told}.items() if seed in self.failed}

    def count(self, world: World, wrong: list[str], compared: bool) -> None:
        """Add one world that has run."""
        self.worlds += 1
        self.requests += world.line.requests if world.line else 0
        self.copies += len(world.line.copies) if world.line else 0
        self.stuck += bool(world.states["STUCK"])
        self.compared += compared
        self.outcomes[str(world.record.outcome) if world.record is not None else "not closed"] += 1
        self.lies += world.liar.counts
        if wrong:
            self.violations += 1
            self.failed[world.plan.seed] = wrong
            self.told[world.plan.seed] = world.liar.told[:400]

    def by_lie(self) -> dict[str, int]:
        """How often each lie was told; those of `lies` that never were stand with 0."""
        sums = Counter[str]()
        for name, times in self.lies.items():
            sums[name.partition(":")[0]] += times
        return {name: sums[name] for name in (RIGHT, *LIES, *sorted(set(sums) - {RIGHT, *LIES}))}

    def summary(self, seconds: float) -> dict[str, Any]:
        """What `surefoot-proof wire-fuzz --json` prints as its last line."""
        return {
            "worlds": self.worlds,
            "violations": self.violations,
            "seconds": round(seconds, 1),
            "requests": self.requests,
            "copies": self.copies,
            "stuck": self.stuck,
            "found_by_comparing_accounts": self.compared,
            "outcomes": dict(sorted(self.outcomes.items())),
            "lies": self.by_lie(),
            "lies_by_request": dict(sorted(self.lies.items())),
            "failed": {str(seed): wrong for seed, wrong in self.failed.items()},
        }


def run_one(seed: int, *, tracing: bool = False) -> tuple[World, list[str], bool]:
    """The world of one seed after its run, what did not hold in it, and whether only accounts show what came of it."""
    with _quiet():
        world = World(make(seed), tracing=tracing)
        with _bounded(world):
            world.run()
        wrong, compared = check(world)
        return world, wrong, compared


def run_seeds(seeds: range) -> tuple[range, Tally]:
    """In this process, one after the other."""
    tally = Tally()
    for seed in seeds:
        tally.count(*run_one(seed))
    gc.collect()
    return seeds, tally


def run_sockets(seeds: range) -> tuple[range, Tally]:
    """The same over real sockets: in this process, all beside each other."""
    tally = Tally()
    with _quiet():
        worlds = asyncio.run(run_together(seeds))
    for world in worlds:
        tally.count(world, *check(world))
    return seeds, tally


def campaign(
    chunks: Iterator[range],
    *,
    minutes: float,
    run: Run = run_seeds,
    jobs: int = 0,
    progress: Progress = lambda tally: None,
    keep: Keep = lambda seeds, tally: None,
) -> Tally:
    """Worlds of `chunks` until the time is over, in `jobs` processes (0: one a core). `progress` hears the sums so far
    after every chunk, `keep` each chunk with its own."""
    total, until = Tally(), time.monotonic() + minutes * 60
    timely = itertools.takewhile(lambda _: time.monotonic() < until, chunks)
    jobs = jobs or os.cpu_count() or 1
    if jobs == 1:
        done: Iterator[tuple[range, Tally]] = map(run, timely)
        _gather(done, total, progress, keep)
        return total
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        _gather(_in_turn(pool, run, timely, jobs), total, progress, keep)
    return total


def _in_turn(pool: Any, run: Run, chunks: Iterator[range], jobs: int) -> Iterator[tuple[range, Tally]]:
    """Two chunks a process under way, never more: those that wait when the time is over would be waste."""
    waiting = [pool.apply_async(run, (chunk,)) for chunk in itertools.islice(chunks, 2 * jobs)]
    while waiting:
        yield waiting.pop(0).get()
        waiting += [pool.apply_async(run, (chunk,)) for chunk in itertools.islice(chunks, 1)]


def _gather(done: Iterator[tuple[range, Tally]], total: Tally, progress: Progress, keep: Keep) -> None:
    for seeds, tally in done:
        total.add(tally)
        keep(seeds, tally)
        progress(total)


def write_down(folder: Path, seed: int, wrong: list[str], told: list[str]) -> Path:
    """A failed seed with the lies it took, for people and for `--replay`."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"seed-{seed}.json"
    file.write_text(json.dumps({"seed": seed, "wrong": wrong, "lies": told}, indent=1, ensure_ascii=True) + "\n")
    return file


@contextmanager
def _bounded(world: World) -> Iterator[None]:
    """A world that goes round in circles ends as one that failed. In the main thread of a process only."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(_LONGEST_S)
    try:
        yield
    except Hung:
        world.fail(f"blocked: the world did not end within {_LONGEST_S} s; something goes round in circles")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Clients speak by the thousand; their log lines would only be noise."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
