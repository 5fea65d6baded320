"""What goes wrong, and how often: seeded chances, one a kind of call, that all end when the weather turns calm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import TypeVar

T = TypeVar("T")

Tell = Callable[[str, str], None]
"""Of the trace: who did it, and what."""


class Weather:
    """`rates` are chances by the name of a group: `crash`, `worker`, `wire`, `read`, `ledger`, `listing`, `venue`."""

    def __init__(self, rng: Random, rates: Mapping[str, float], tell: Tell) -> None:
        self.rng = rng
        self.counts: Counter[str] = Counter()
        self._rates = dict(rates)
        self._tell = tell

    def turn_calm(self) -> None:
        self._rates.clear()

    def fault(self, group: str, kinds: tuple[T, ...], where: str) -> T | None:
        """One of `kinds`, or None: mostly the latter. Nothing is drawn where the group's rate is zero."""
        rate = self._rates.get(group)
        if not rate or self.rng.random() >= rate:
            return None
        kind = self.rng.choice(kinds)
        self.strike(f"{group}:{kind}", where)
        return kind

    def strike(self, name: str, where: str) -> None:
        self.counts[name] += 1
        self._tell("fault", f"{name} at {where}")
