"""What goes wrong, and how often: seeded chances, one a group of faults, that all end when the weather turns calm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random

from proof.simulate.catalogue import DRAWN

Tell = Callable[[str, str], None]
"""Of the trace: who did it, and what."""


class Weather:
    """`rates` are chances by the name of a group of `proof.simulate.catalogue`."""

    def __init__(self, rng: Random, rates: Mapping[str, float], tell: Tell) -> None:
        self.rng = rng
        self.counts: Counter[str] = Counter()
        self._rates = dict(rates)
        self._tell = tell

    def turn_calm(self) -> None:
        """What markets are said to have paid is wrong now and then even so: only then do they pay at all."""
        self._rates = {group: rate for group, rate in self._rates.items() if group == "payout"}

    def rate(self, group: str) -> float:
        return self._rates.get(group, 0.0)

    def drawn(self, group: str) -> str | None:
        """A kind of the group, or None: mostly the latter. Nothing is drawn where the group's rate is zero. It has
        not happened yet: what strikes nothing is not counted."""
        rate = self._rates.get(group)
        if not rate or self.rng.random() >= rate:
            return None
        return self.rng.choice(DRAWN[group])

    def fault(self, group: str, where: str) -> str | None:
        """The same of a kind that always strikes."""
        kind = self.drawn(group)
        if kind is not None:
            self.strike(f"{group}:{kind}", where)
        return kind

    def strike(self, name: str, where: str) -> None:
        self.counts[name] += 1
        self._tell("fault", f"{name} at {where}")
