"""Many seeds, on every core: what was run, what it covered, and what did not hold.

tally = campaign(range(20_000), jobs=2)
tally.failed       # {seed: what does not hold}; empty if everything does
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from proof.simulate.catalogue import ON
from proof.simulate.checks import check
from proof.simulate.scenario import Scenario, make
from proof.simulate.world import World

ENOUGH = 20_000
"""Worlds in which every kind of fault must have happened."""

_CHUNK = 200
_COLLECT_EVERY = 10
_MOST_FAILURES = 20

Progress = Callable[["Tally"], None]
Keep = Callable[[range, "Tally"], None]


@dataclass(slots=True)
class Tally:
    """Sums over seeds. `failed` keeps the first of them; `violations` counts all seeds in which something broke."""

    seeds: int = 0
    violations: int = 0
    trades: int = 0
    commands: int = 0
    crashes: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    transitions: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    failed: dict[int, list[str]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        self.seeds += other.seeds
        self.violations += other.violations
        self.trades += other.trades
        self.commands += other.commands
        self.crashes += other.crashes
        self.outcomes += other.outcomes
        self.faults += other.faults
        self.transitions += other.transitions
        self.rows += other.rows
        self.failed = dict(sorted({**self.failed, **other.failed}.items())[:_MOST_FAILURES])

    def count(self, world: World, wrong: list[str]) -> None:
        """Add one world that has run."""
        self.seeds += 1
        self.trades += len(world.lives)
        self.commands += sum(len(life.history.every_command()) for life in world.lives)
        self.crashes += world.crashes
        self.outcomes.update(_outcome(life.history.record) for life in world.lives)
        self.faults += world.weather.counts
        self.transitions += world.transitions
        self.rows += world.rows
        if wrong:
            self.violations += 1
            if len(self.failed) < _MOST_FAILURES:
                self.failed[world.scenario.seed] = wrong

    @property
    def missing(self) -> list[str]:
        """Kinds of faults that are switched on and never happened."""
        return [name for name in ON if not self.faults[name]]

    @property
    def ok(self) -> bool:
        """Whether everything held, and, where there were worlds enough, every kind of fault was there to show it."""
        return not self.violations and (self.seeds < ENOUGH or not self.missing)

    def summary(self, seconds: float) -> dict[str, Any]:
        """What `surefoot-proof simulate` prints as its last line."""
        states = Counter[str]()
        for transition, times in self.transitions.items():
            states[transition.partition("→")[2]] += times
        return {
            "seeds": self.seeds,
            "violations": self.violations,
            "seconds": round(seconds, 1),
            "outcomes": _sorted(self.outcomes),
            "failed": list(self.failed),
            "trades": self.trades,
            "commands": self.commands,
            "crashes": self.crashes,
            "faults": _sorted(self.faults),
            "missing": self.missing,
            "states": _sorted(states),
            "transitions": _sorted(self.transitions),
            "rows": _sorted(self.rows),
        }


def run_one(seed: int, *, trace: bool = False) -> tuple[World, list[str]]:
    """The world of one seed after its run, and what did not hold in it."""
    return run_world(make(seed), trace=trace)


def run_world(scenario: Scenario, *, trace: bool = False) -> tuple[World, list[str]]:
    """The same for a scenario of one's own."""
    with _quiet():
        world = World(scenario, trace=trace)
        world.run()
        return world, check(world)


def run_seeds(seeds: Sequence[int]) -> Tally:
    """In this process, one after the other."""
    tally = Tally()
    with _quiet(), _uncollected():
        for n, seed in enumerate(seeds, start=1):
            world = World(make(seed))
            world.run()
            tally.count(world, check(world))
            if n % _COLLECT_EVERY == 0:
                gc.collect()
    return tally


def campaign(
    seeds: range | Sequence[range],
    jobs: int = 0,
    progress: Progress = lambda tally: None,
    keep: Keep = lambda chunk, tally: None,
    minutes: float | None = None,
) -> Tally:
    """All of `seeds`, in `jobs` processes (0: one a core), or what `minutes` are enough for. `progress` hears the sums
    so far, now and then; `keep` hears of each chunk that was run, with its own sums."""
    until = time.monotonic() + minutes * 60 if minutes is not None else None
    total = Tally()
    stretches = [seeds] if isinstance(seeds, range) else seeds
    chunks = [stretch[n : n + _CHUNK] for stretch in stretches for n in range(0, len(stretch), _CHUNK)]
    jobs = min(jobs or os.cpu_count() or 1, len(chunks))
    if jobs <= 1:
        _collect(map(_run_chunk, chunks), total, progress, keep, until)
        return total
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        _collect(pool.imap_unordered(_run_chunk, chunks), total, progress, keep, until)
    return total


def _run_chunk(chunk: range) -> tuple[range, Tally]:
    return chunk, run_seeds(chunk)


def _collect(
    ran: Iterable[tuple[range, Tally]], total: Tally, progress: Progress, keep: Keep, until: float | None
) -> None:
    for chunk, tally in ran:
        total.add(tally)
        keep(chunk, tally)
        progress(total)
        if until is not None and time.monotonic() > until:
            return


@contextmanager
def _quiet() -> Iterator[None]:
    """Trades speak by the thousand; their log lines would only be noise."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Garbage is collected between worlds, not while one runs: nearly all of it goes with its world."""
    enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


def _outcome(record: Any) -> str:
    return str(record.outcome) if record is not None else "not closed"


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
