"""The enumeration: which points each path comes by, learnt by watching it, and which of them may share a kill."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proof.chaos.paths import Path
from proof.chaos.plan import Point, path_of
from proof.chaos.rounds import Lane, Round, Victim

MOST_REPEATS = 2
"""Of a call that a path makes again and again, such as a poll, the first so many are distinguished."""

_MOST_LANES = 32
_MOST_ALIKE = 8
_SAME_TIME_S = 0.7  # what is held longer times out where it is held: a local activity after a second, a task after two
_REPEAT = re.compile(r"#(\d+)$")


@dataclass(frozen=True, slots=True)
class Step:
    """A kill to be made: who dies while a trade of `path` is at `point`, reached `after_s` undisturbed."""

    path: Path
    point: Point
    victim: Victim
    after_s: float

    @property
    def name(self) -> str:
        point = self.point.named(self.path.name)
        return point if self.victim is Victim.SELF else f"{point}:{self.victim}"


def learnt(watched: Sequence[Round], paths: Iterable[Path]) -> list[Step]:
    """Every point that undisturbed trades came by, in time order, each with its kills; polls cut short."""
    earliest: dict[tuple[str, Point], float] = {}
    for this in watched:
        began: dict[str, float] = {}
        for passed in this.passed:
            began.setdefault(passed.lane, passed.at)
            key = (path_of(passed.lane), passed.point)
            after = passed.at - began[passed.lane]
            earliest[key] = min(after, earliest.get(key, after))
    by_name = {path.name: path for path in paths}
    steps = [
        Step(by_name[name], point, victim, after)
        for (name, point), after in earliest.items()
        if name in by_name and _told_apart(point)
        for victim in victims(point)
    ]
    return sorted(steps, key=lambda step: (step.after_s, step.name))


def victims(point: Point) -> Iterable[Victim]:
    """Who is worth killing there: the process itself, always, and the server it talks to."""
    yield Victim.SELF
    target = point.call.rpartition("/")[2]
    if target.startswith("venue."):
        yield Victim.PAPER
    elif target.startswith("ledger."):
        yield Victim.POSTMASTER if point.when == "before" else Victim.POSTGRES
    elif target.startswith(("temporal.", "task.", "report")):
        yield Victim.TEMPORAL


def batches(steps: Sequence[Step]) -> list[list[Step]]:
    """Steps that one kill may meet: one victim, reached at about the same time, no more than a machine can play."""
    found: list[tuple[float, list[Step]]] = []
    by_victim: dict[Victim, list[Step]] = defaultdict(list)
    for step in steps:
        by_victim[step.victim].append(step)
    for waiting in by_victim.values():
        many = len(waiting)
        while waiting:
            first, used = waiting[0], defaultdict[str, int](int)
            taken: list[Step] = []
            for step in list(waiting):
                fits = step.after_s - first.after_s <= _SAME_TIME_S and used[step.path.name] < _MOST_ALIKE
                if len(taken) < _MOST_LANES and fits:
                    used[step.path.name] += 1
                    taken.append(step)
                    waiting.remove(step)
            found.append((len(waiting) / many, taken))
    found.sort(key=lambda batch: -batch[0])  # victims take turns, so that a campaign cut short has seen them all
    return [taken for _, taken in found]


def lanes(steps: Iterable[Step]) -> list[Lane]:
    """A trade for each step."""
    used: dict[str, int] = defaultdict(int)
    made = []
    for step in steps:
        number = used[step.path.name]
        used[step.path.name] += 1
        made.append(Lane(f"{step.path.name}.{number}", step.path, number, step.point, step.after_s))
    return made


def _told_apart(point: Point) -> bool:
    repeat = _REPEAT.search(point.call)
    return repeat is None or int(repeat[1]) <= MOST_REPEATS
