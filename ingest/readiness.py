"""When the process may trade: one machine, from the start to the stop.

    STARTING ──every feed has come──▶ WARMING ──all hold, for `settle`──▶ RUNNING ⇄ DEGRADED
        └───────────────────────────────┴───────────── told to stop ────────────┴──▶ STOPPING

Conditions are said from outside (`say`): a feed is up, Temporal answers, the clock is right. Each says what it pauses:
everything, what trades at one venue, what looks at features, or nothing (a warm cache that is away is worth a line, not
a pause). From RUNNING one that fails degrades at once; the way back takes `settle` microseconds during which all of
them hold, so that what comes and goes trades at neither end. Before it first runs everything waits for everything.
While paused, events are processed, books kept and features computed; opportunities are seen, counted and not taken.

Pure: time comes with what is said and asked, so a recording of the same words replays to the same phases. A market's
own state rests on its book, not on words: `market_phase`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.book import Book
from venues.book_feed import Feed

_KEPT = 32


class Phase(StrEnum):
    STARTING = "starting"  # not every feed that is expected has come yet
    WARMING = "warming"  # they have; something else does not hold yet, or not for long enough
    RUNNING = "running"
    DEGRADED = "degraded"  # it was running, and something holds no longer, or not for long enough
    STOPPING = "stopping"


class Pauses(StrEnum):
    """What stands still while a condition does not hold."""

    ALL = "all"
    VENUE = "venue"  # what trades at one venue; that venue's own gates say so
    FEATURES = "features"  # strategies that look at features
    NOTHING = "nothing"


@dataclass(slots=True)
class Condition:
    """`since` is when it last began or ceased to hold (µs); `ever` whether it has held at all."""

    name: str
    pauses: Pauses
    feed: bool = False
    ok: bool = False
    why: str = "not heard of yet"
    since: int = 0
    ever: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """From one phase to another at `at` (µs), and why."""

    before: Phase
    after: Phase
    at: int
    why: str


class Readiness:
    """The process's machine. `on_change` hears of every change of phase, once.

    With nothing expected and nothing said, as in a replay of frames alone, it is RUNNING.
    """

    def __init__(self, settle: int = 0, on_change: Callable[[Change], None] = lambda change: None) -> None:
        """`settle` in microseconds."""
        self.settle = settle
        self.phase = Phase.RUNNING
        self.conditions: dict[str, Condition] = {}
        self.changes: deque[Change] = deque(maxlen=_KEPT)
        self._on_change = on_change

    def expect(self, name: str, pauses: Pauses = Pauses.ALL, *, feed: bool = False) -> None:
        """Something that must hold before anything is taken. Call it before the first word is said."""
        self.conditions.setdefault(name, Condition(name, pauses, feed))
        if self.phase is not Phase.STOPPING:
            self.phase = Phase.STARTING

    def say(self, name: str, ok: bool, why: str, at: int, pauses: Pauses = Pauses.ALL) -> None:
        """`name` holds or does not at `at` (µs), and why not. One that nobody expected counts from now on."""
        self.step(at)  # what time alone has brought about comes first
        condition = self.conditions.get(name)
        if condition is None:
            condition = self.conditions[name] = Condition(name, pauses, ever=True)
            changed = not ok  # holding from its first word, it interrupts nothing
        else:
            changed = condition.ok != ok
        if changed:
            condition.since = at
        condition.ok, condition.why = ok, "" if ok else why
        condition.ever = condition.ever or ok
        self.step(at)

    def stop(self, at: int) -> None:
        self._enter(Phase.STOPPING, "told to stop", at)

    def step(self, at: int) -> Phase:
        """Bring the phase up to `at`: what time alone changes is only noted here and in `say`."""
        while (change := self._next(self.phase, at)) is not None:
            self._enter(*change, at)
        return self.phase

    def _next(self, phase: Phase, at: int) -> tuple[Phase, str] | None:
        """The one transition that `phase` allows at `at`, and why; None to stay. The whole machine is here."""
        counted = self._counted()
        if phase is Phase.STARTING and all(c.ever for c in self.conditions.values() if c.feed):
            return Phase.WARMING, "every feed has come"
        if phase is Phase.RUNNING and any(not condition.ok for condition in counted):
            return Phase.DEGRADED, self._unmet(counted, at)
        if phase in (Phase.WARMING, Phase.DEGRADED) and not self._unmet(counted, at):
            return Phase.RUNNING, "everything holds"
        return None

    def phase_at(self, at: int) -> Phase:
        """The phase as `step` would bring it about. Changes nothing."""
        phase = self.phase
        while (change := self._next(phase, at)) is not None:
            phase = change[0]
        return phase

    def obstacle(self, at: int, *, features: bool) -> str:
        """Why nothing may be taken at `at` by a strategy that looks at features, or by one that does not; empty if it
        may be. Changes nothing, so asking leaves no trace in what is decided later."""
        phase = self.phase_at(at)
        if phase is Phase.RUNNING:
            return ""
        if phase is Phase.STOPPING:
            return "the process is stopping"
        stands = set(Pauses) - {Pauses.NOTHING}
        if phase is Phase.DEGRADED:  # what does not hold may be no business of this strategy
            stands = {Pauses.ALL, Pauses.FEATURES} if features else {Pauses.ALL}
        why = self._unmet([condition for condition in self.conditions.values() if condition.pauses in stands], at)
        return f"{phase}: {why}" if why else ""

    def waits_for(self, at: int) -> str:
        """What keeps the phase from RUNNING at `at`; empty if it runs. Changes nothing."""
        phase = self.phase_at(at)
        if phase is Phase.RUNNING:
            return ""
        return "the process is stopping" if phase is Phase.STOPPING else self._unmet(self._counted(), at)

    def _counted(self) -> list[Condition]:
        return [condition for condition in self.conditions.values() if condition.pauses is not Pauses.NOTHING]

    def _unmet(self, matters: Sequence[Condition], at: int) -> str:
        """The first of them that does not hold, or that they have not held for long enough; empty if they have."""
        for condition in matters:
            if not condition.ok:
                return f"{condition.name}: {condition.why}"
        held = at - max((condition.since for condition in matters), default=0)
        if held >= self.settle:
            return ""
        return f"everything has held for {held / 1e6:.1f} s of {self.settle / 1e6:g} s"

    def _enter(self, phase: Phase, why: str, at: int) -> None:
        if phase is not self.phase:
            change = Change(self.phase, phase, at, why)
            self.phase = phase
            self.changes.append(change)
            self._on_change(change)


def market_phase(book: Book, feed: Feed, settle: int, at: int, *, stopping: bool = False) -> tuple[Phase, str]:
    """A market's state at `at` (µs, our clock) and why: the same machine, whose one condition is its book.

    | state    | the book                                                                              |
    |----------|---------------------------------------------------------------------------------------|
    | STARTING | never had a snapshot                                                                  |
    | WARMING  | has its first snapshot, not yet for `settle`                                          |
    | RUNNING  | has been believed for `settle`                                                        |
    | DEGRADED | lost belief (its feed is down, a message is missing, it is crossed), or got it back   |
    |          | less than `settle` ago                                                                |
    """
    if stopping:
        return Phase.STOPPING, "the process is stopping"
    if not book.believed_at:
        return Phase.STARTING, "waits for its first snapshot"
    if not feed.up:
        return Phase.DEGRADED, f"the feed of {feed.venue} is down"
    if not book.ready:
        return Phase.DEGRADED, "waits for a snapshot after its feed was lost"
    if book.gapped:
        return Phase.DEGRADED, f"{book.doubt} and waits for its snapshot"
    if book.crossed():
        return Phase.DEGRADED, "is crossed"
    believed = at - book.believed_at
    if believed < settle:
        phase = Phase.WARMING if book.first_believed_at == book.believed_at else Phase.DEGRADED
        return phase, f"believed for {believed / 1e6:.1f} s of {settle / 1e6:g} s"
    return Phase.RUNNING, ""
