"""What trading rests on, as the decision thread says it: to the engine, which pauses by it, and to the metrics.

| condition | who knows |
|---|---|
| `feed VENUE`, `users VENUE`, `spot FEED` | the streams |
| `positions`, `halts`, `temporal`, `ledger`, `spool` | the trading side |
| `bus` | what crosses between the two |
| `clock VENUE`, `recorder`, `disk`, `warm cache` | nobody says it: looked at once a second, here |

docs/readiness.md has what each pauses.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from config.settings import Settings
from domain.market import Venue
from domain.spot import SpotFeed
from ingest.clock_watch import ClockWatch
from ingest.engine import Engine
from ingest.readiness import Pauses
from recording.recorder import Recorder
from venues.wire import wall_clock_us
from workers import metrics
from workers.warm_keeper import WarmKeeper

Said = Mapping[str, tuple[bool, str, Pauses]]
"""Conditions of the trading side by name: whether each holds, why not, and what it pauses."""


class Conditions:
    """The conditions of one engine. All of it belongs to the engine's thread."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        recorder: Recorder | None,
        warm: WarmKeeper | None,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        """`free` says how many bytes are free where a folder lies."""
        self._engine = engine
        self._recorder, self._warm = recorder, warm
        self._behind_s = settings.recording.behind_s
        self._clock_limit = settings.readiness.clock_ms * 1000
        self._clocks: dict[Venue, ClockWatch] = {}
        self._disk = DiskRoom(settings.readiness.disk_mib << 20)
        self._folder, self._free = settings.state_dir, free

    def expect(self, venues: Iterable[Venue], hearing: Iterable[Venue], spots: Iterable[SpotFeed], said: Said) -> None:
        """What must hold before anything is taken, and what is known of it already. `hearing` are the venues whose
        private channel must be acknowledged."""
        for venue in venues:
            self._clocks[venue] = ClockWatch()
            self._engine.expect(feed(venue), Pauses.VENUE, feed=True)
        for each in spots:
            self._engine.expect(spot(each), Pauses.FEATURES, feed=True)
        for venue in hearing:
            self._engine.expect(users(venue), Pauses.VENUE)
        for name, (ok, why, pauses) in said.items():
            self._engine.expect(name, pauses)
            self.say(name, ok, why, pauses)

    def say(self, name: str, ok: bool, why: str, pauses: Pauses = Pauses.ALL) -> None:
        metrics.CONDITION.labels(name).set(1 if ok else 0)
        self._engine.on_condition(name, ok, why, wall_clock_us(), pauses)

    def say_news(self, name: str, ok: bool, why: str, pauses: Pauses = Pauses.ALL) -> None:
        """Where it changed."""
        known = self._engine.readiness.conditions.get(name)
        if known is None or known.ok != ok:
            self.say(name, ok, why, pauses)

    def look(self, now: int) -> None:
        """What nobody says and time brings about: clocks, the disk, the warm cache, the phase."""
        for venue, clock in self._clocks.items():
            clock.look(self._engine.books(venue), now)
            behind = clock.behind
            why = f"ours is {behind / 1e6:.3f} s behind the venue's"
            self.say_news(f"clock {venue}", behind <= self._clock_limit, why)
        if self._warm is not None and self._warm.cached:
            self.say_news("warm cache", not self._warm.trouble, self._warm.trouble, Pauses.NOTHING)
        recorder = self._recorder
        if recorder is not None:
            metrics.RECORDER_BEHIND.set(recorder.behind)
            metrics.RECORDER_DROPPED.set(sum(recorder.dropped.values()))
            why = f"nothing has reached the disk for {recorder.behind:.0f} s; {recorder.trouble or 'it is slow'}"
            self.say_news("recorder", recorder.behind <= self._behind_s, why)
        with suppress(OSError):  # what cannot be asked says nothing
            self.say_news("disk", *self._disk.look(self._free(self._folder)))
        self._engine.on_time(now)


class DiskRoom:
    """Whether there is room to go on recording, with a quarter between the two ends: what is freed a little at a time
    trades at neither."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._low = False

    def look(self, free: int) -> tuple[bool, str]:
        """Whether enough of the disk is free (bytes), and why not."""
        wanted = self._least + self._least // 4 if self._low else self._least
        self._low = free < wanted
        return not self._low, f"{free >> 20} MiB are free, expected {wanted >> 20}; free some, it goes on by itself"


def feed(venue: Venue) -> str:
    return f"feed {venue}"


def users(venue: Venue) -> str:
    return f"users {venue}"


def spot(feed: SpotFeed) -> str:
    return f"spot {feed}"
