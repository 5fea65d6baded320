"""What is done about books that stay doubted: ask, ask again, subscribe anew, connect anew.

A doubt asks for a snapshot at once. But a repair can be refused by the very rule that it should mend: a snapshot whose
number or time came before looks like an old one, a crossed one like a book that lost something. Asking for more of the
same then never ends, and the venue's feed looks healthy all the while. So each step is given a few seconds:

| a book is doubted for | done |
|---|---|
| 0 s | a snapshot is asked for (by whoever raised the doubt) |
| 2 s | it is asked for again |
| 4 s | its subscription is given up and made anew |
| 8 s | its connection is |
| every 30 s after, doubled up to 300 s | its connection is, again: one that nothing mends must cost others little |

In between a snapshot is asked for every five seconds. A book believed again for a minute begins at the top.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import IntEnum


class Step(IntEnum):
    """In the order they are taken; a later one does what the earlier ones do."""

    NOTHING = 0
    ASK = 1
    RESUBSCRIBE = 2
    RECONNECT = 3


@dataclass(frozen=True, slots=True)
class RepairTiming:
    """Seconds."""

    again_s: float = 2.0
    every_s: float = 5.0
    resubscribe_s: float = 4.0
    reconnect_s: float = 8.0
    later_s: float = 30.0
    latest_s: float = 300.0
    forget_s: float = 60.0


@dataclass(slots=True)
class _Doubted:
    """One market: since when it is doubted, what was done, and when it was last seen so."""

    since: float
    seen: float
    asked: float
    done: Step = Step.ASK
    reconnects: int = 0
    reconnected: float = 0.0


class BookRepairs:
    """The doubted books of one venue. `clock` is monotonic seconds."""

    def __init__(self, timing: RepairTiming | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._timing = timing or RepairTiming()
        self._clock = clock
        self._known: dict[str, _Doubted] = {}

    def due(self, doubted: Collection[str]) -> tuple[Step, tuple[str, ...]]:
        """The most that is due now, and for which of the markets that are doubted now. Call it about once a second."""
        now, timing = self._clock(), self._timing
        for market in [m for m, one in self._known.items() if now - one.seen > timing.forget_s]:
            del self._known[market]
        steps: dict[str, Step] = {}
        for market in doubted:
            one = self._known.get(market)
            if one is None:
                one = self._known[market] = _Doubted(now, now, now)
            elif now - one.seen > 2 * timing.again_s:  # it was believed meanwhile: a doubt of its own
                one.since, one.asked, one.done = now, now, Step.ASK
            one.seen = now
            steps[market] = self._step(one, now)
        most = max(steps.values(), default=Step.NOTHING)
        return most, tuple(market for market, step in steps.items() if step is most) if most else ()

    def _step(self, one: _Doubted, now: float) -> Step:
        timing, age = self._timing, now - one.since
        wait = min(timing.later_s * 2.0 ** max(one.reconnects - 1, 0), timing.latest_s)
        if age >= timing.reconnect_s and (not one.reconnects or now - one.reconnected >= wait):
            one.reconnects += 1
            one.reconnected = one.asked = now
            one.done = Step.RECONNECT
            return Step.RECONNECT
        if age >= timing.resubscribe_s and one.done < Step.RESUBSCRIBE:
            one.done, one.asked = Step.RESUBSCRIBE, now
            return Step.RESUBSCRIBE
        if now - one.asked >= (timing.again_s if age < timing.resubscribe_s else timing.every_s):
            one.asked = now
            return Step.ASK
        return Step.NOTHING
