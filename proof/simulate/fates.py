"""When a trade's process dies, when its own code raises, and who lets it go on after that."""

from __future__ import annotations

from random import Random
from typing import Protocol

from domain.operator import Action
from proof.simulate.clock import VirtualLoop
from proof.simulate.durable import Broken, Event, History, Kind
from proof.simulate.life import Life
from proof.simulate.scenario import START, Scenario
from proof.simulate.weather import Weather
from workflows.state import TradeMemory

_MOST_CRASHED = 60  # a trade that waits for long is replayed at each crash, from the start: time better spent elsewhere
_MOST_RUNS = 200
_DOWN_MS = (0, 0, 0, 0, 0, 50, 300, 2_000, 8_000)


class Place(Protocol):
    """The world, as the fates of its trades need it."""

    scenario: Scenario
    lives: list[Life]
    rng: Random
    weather: Weather
    loop: VirtualLoop

    def name(self, history: History) -> str: ...

    def now(self) -> int: ...

    def fail(self, why: str) -> None: ...

    def say(self, trade: int, action: Action) -> None: ...


class Fates:
    """Of the trades of one world."""

    def __init__(self, world: Place) -> None:
        self._world = world
        self._rng = Random(world.scenario.seed ^ 0xC4A5)  # noqa: S311 - chance, not secrets
        self._rate = world.scenario.crashes

    def turn_calm(self) -> None:
        """Who dies at every await goes on dying."""
        self._rate = 1 if self._rate >= 1 else 0

    def dies(self, life: Life, where: str) -> int | None:
        """Milliseconds for which the process is down if it dies here; None if not."""
        history = life.history
        if not self._rate or len(history.commands) > _MOST_CRASHED:
            return None
        if self._rate < 1:
            return self._rng.choice(_DOWN_MS) if self._rng.random() < self._rate else None
        n = (history.run, len(history.commands) + (where == "asked"))  # the same await, before and after its record
        if n in life.deaths or (where != "answered" and self._rng.random() < 0.6):
            return None
        life.deaths.add(n)
        return 0

    def breaks(self, life: Life, event: Event) -> bool:
        """Whether the life raises over this event."""
        world, kind = self._world, None
        if event.kind is Kind.SAID:  # few are said, so that more of them break it
            kind = "a_command_raises" if world.rng.random() < 4 * world.weather.rate("life") else None
        elif event.n >= 0:
            kind = world.weather.drawn("life")
        if kind is None:
            return False
        world.weather.strike(f"life:{kind}", world.name(life.history))
        life.broken_on_purpose = True
        return True

    def continued(self, life: Life, memory: TradeMemory) -> None:
        """A run has ended. No life may raise anything but what was put there: what else parks it is a find. Somebody
        ends the park, at the latest in the calm."""
        world, name = self._world, self._world.name(life.history)
        if life.history.run > _MOST_RUNS:
            raise Broken(f"{name} is not at an end after {_MOST_RUNS} runs")
        life.parks.append((world.now(), memory.fault is not None))
        if memory.fault is None:
            world.weather.strike("life:renewed", name)
            return
        if not life.broken_on_purpose or "a mistake in the" not in memory.fault.text:
            world.fail(f"{name} was parked: {memory.fault.text}")
        life.closed_at = None  # if it broke over that very answer, the trade goes on
        n, draw, soon_s = world.lives.index(life), world.rng.random(), world.rng.choice((0.05, 1, 10, 60))
        if draw < 0.3:
            world.loop.call_later(soon_s, life.history.add, Kind.RESUME, "mended")
        elif draw < 0.7:
            world.loop.call_later(soon_s, world.say, n, Action.UNWIND if draw < 0.5 else Action.RETRY)
        if world.now() >= START + world.scenario.calm_ms * 1000:
            world.say(n, Action.RETRY)
