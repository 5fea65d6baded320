"""What was known of the spot price when the book was as it is: a join by exchange time, backwards, with a tolerance.

    spot at t = the last tick with exchange time ≤ t, valid if t − that time ≤ tolerance

Never the next tick, however close: it was not there. Clocks of two exchanges differ, so a tick may carry a time
slightly after the book's although it came first; `ahead` says how far that is forgiven, and is part of the join's
result. An index that reports a second late is joined like any other: its delay is in its own times, not corrected here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from domain.features.feature import Flaw
from domain.spot import SpotTick


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Microseconds. `age`: how much older than the book the tick may be; `ahead`: how much newer."""

    age: int = 2_000_000
    ahead: int = 0

    def __post_init__(self) -> None:
        if self.age < 0 or self.ahead < 0:
            raise ValueError(f"{self}: expected figures of at least 0")


@dataclass(frozen=True, slots=True)
class Joined:
    """The tick to use, or why there is none. `gap` is the book's time minus the tick's, in microseconds; the tick is
    given for the record even where it may not be used."""

    tick: SpotTick | None
    gap: int = 0
    flaw: Flaw | None = None

    @property
    def valid(self) -> bool:
        return self.flaw is None


class AsOf:
    """The last ticks of one source and symbol, looked up by exchange time. Keeps `keep` microseconds of them.

    A tick older than the newest is put where it belongs; one older than all that is kept is left out (`late`).
    """

    __slots__ = ("_keep", "_ticks", "_times", "_tolerance", "late")

    def __init__(self, tolerance: Tolerance, *, keep: int = 10_000_000) -> None:
        if keep < tolerance.age:
            raise ValueError(f"keep {keep} µs is shorter than the tolerance, {tolerance.age} µs")
        self._tolerance = tolerance
        self._keep = keep
        self._times: deque[int] = deque()
        self._ticks: deque[SpotTick] = deque()
        self.late = 0

    def __len__(self) -> int:
        return len(self._ticks)

    def update(self, tick: SpotTick) -> None:
        times, ticks, at = self._times, self._ticks, tick.exchange_at
        if times and at <= times[-1] - self._keep:
            self.late += 1
            return
        if not times or at >= times[-1]:
            times.append(at)
            ticks.append(tick)
        else:
            place = bisect_right(times, at)
            times.insert(place, at)
            ticks.insert(place, tick)
        while len(times) > 1 and times[0] < times[-1] - self._keep:
            times.popleft()
            ticks.popleft()

    def at(self, when: int) -> Joined:
        """What to use for a book of exchange time `when` (µs). Ticks of equal time: the one that came last."""
        times = self._times
        if not times:
            return Joined(None, flaw=Flaw.MISSING)
        # Most often the newest tick is the answer; a search is for books that lag behind the spot.
        place = len(times) if times[-1] <= when else bisect_right(times, when)
        if place == 0 or when - times[place - 1] > self._tolerance.age:
            nearest = place if place < len(times) else place - 1
            ahead = times[nearest] - when
            if 0 < ahead <= self._tolerance.ahead:
                return Joined(self._ticks[nearest], -ahead)
            if place == 0:
                return Joined(self._ticks[0], when - times[0], Flaw.AHEAD)
            return Joined(self._ticks[place - 1], when - times[place - 1], Flaw.STALE)
        return Joined(self._ticks[place - 1], when - times[place - 1])


def join(books: Sequence[int], ticks: Sequence[SpotTick], tolerance: Tolerance) -> list[Joined]:
    """For each book time (µs, in any order) its tick; `ticks` in order of exchange time. The fold, for columns."""
    times = [tick.exchange_at for tick in ticks]
    found = []
    for when in books:
        place = bisect_right(times, when)
        if place and when - times[place - 1] <= tolerance.age:
            found.append(Joined(ticks[place - 1], when - times[place - 1]))
        elif place < len(times) and times[place] - when <= tolerance.ahead:
            found.append(Joined(ticks[place], when - times[place]))
        elif place:
            found.append(Joined(ticks[place - 1], when - times[place - 1], Flaw.STALE))
        elif times:
            found.append(Joined(ticks[0], when - times[0], Flaw.AHEAD))
        else:
            found.append(Joined(None, flaw=Flaw.MISSING))
    return found
