"""The failures that are armed, what they do to the next request or event, and how often each kind has happened.

Beside those that somebody asked for stand the *habits*: what a venue does now and then without being asked (see
`rudeness`). They draw from dice of their own, so that a script happens as it did whatever the habits are.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from domain.errors import BadInput
from paper.core.fault import Action, Fault, Match
from paper.core.requests import name_of, venue_of

_CLOSED = {
    "kalshi": {"error": {"code": "exchange_unavailable", "message": "exchange is down for maintenance"}},
    "polymarket": {"error": "Trading is currently disabled. Check polymarket.com for updates"},
}


@dataclass(slots=True)
class _Armed:
    fault: Fault
    seen: int = 0
    fired: int = 0

    @property
    def spent(self) -> bool:
        return self.fault.limit is not None and self.fired >= self.fault.limit

    def fires(self, dice: random.Random) -> bool:
        """Whether it happens to what just matched."""
        match = self.fault.match
        self.seen += 1
        if match.nth is not None:
            # With `times` > 1 the fault covers that many requests from the nth on.
            hit = self.seen >= match.nth
        elif match.every is not None:
            hit = self.seen % match.every == 0
        else:
            hit = match.probability is None or dice.random() < match.probability
        self.fired += hit
        return hit


class Faults:
    """`pick` says what goes wrong with one request: at most one thing, first armed first served, habits last."""

    def __init__(self, seed: int, habits: Iterable[Fault] = ()) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.whim = random.Random(f"rude {seed}")  # noqa: S311 - repeatable on purpose
        self._armed: list[_Armed] = []
        self._habits = [_Armed(fault) for fault in habits]
        self._of_events: dict[str, list[_Armed]] = {}  # asked for every frame: found without looking through them all
        for armed in self._habits:
            if armed.fault.match.event is not None:
                self._of_events.setdefault(armed.fault.match.event, []).append(armed)
        self._past: list[_Armed] = []
        self._closed: dict[str, float] = {}
        self._released = asyncio.Event()

    def add(self, faults: Sequence[Fault]) -> None:
        self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        """Disarm all, open what is closed, and let go every answer that is being held. Habits stay."""
        self._past += self._armed
        self._armed.clear()
        self._closed.clear()
        self._released.set()
        self._released = asyncio.Event()

    async def hold(self, ms: int) -> None:
        """Return after `ms`, or when the faults are cleared if that comes first."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._released.wait(), ms / 1000)

    def pick(self, method: str, path: str, client_order_id: str = "", salt: int = 0) -> Fault | None:
        """What goes wrong with one request, if anything does."""
        name, venue = name_of(method, path), venue_of(path)
        if name is not None and self._shut(venue):
            return Fault(do="status", code=503, body=_CLOSED[venue])
        fault = self._first(lambda match: match.covers(method, path, client_order_id, salt), self._habits)
        if fault is not None and fault.do == "maintenance":
            self._closed[venue] = time.monotonic() + (fault.ms or 0) / 1000
            return Fault(do="status", code=503, body=_CLOSED[venue])
        return fault

    def pick_event(self, venue: str, event: str, salt: int = 0) -> Fault | None:
        """What goes wrong with one event, if anything does. `salt` is that of the order a settlement is about."""
        return self._first(lambda match: match.hears(venue, event, salt), self._of_events.get(event, ()))

    def _first(self, meant: Callable[[Match], bool], habits: Sequence[_Armed]) -> Fault | None:
        for faults, dice in ((self._armed, self._dice), (habits, self.whim)):
            for armed in faults:
                if not armed.spent and meant(armed.fault.match) and armed.fires(dice):
                    return armed.fault
        return None

    def _shut(self, venue: str) -> bool:
        return time.monotonic() < self._closed.get(venue, 0.0)

    def reseed(self, seed: int) -> None:
        """Begin the draws anew: a script with a seed of its own."""
        self._dice = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def status(self) -> list[dict[str, Any]]:
        """Each armed fault as it was given, with how many requests it matched and how often it happened."""
        return [
            armed.fault.model_dump(mode="json", exclude_none=True) | {"seen": armed.seen, "fired": armed.fired}
            for armed in self._armed
        ]

    def counts(self) -> dict[str, dict[str, int]]:
        """By kind: how many requests or events could have met it, and how many did, since the start."""
        told: dict[str, dict[str, int]] = {}
        for armed in (*self._habits, *self._past, *self._armed):
            kind = told.setdefault(armed.fault.do, {"seen": 0, "fired": 0})
            kind["seen"] += armed.seen
            kind["fired"] += armed.fired
        return dict(sorted(told.items()))


_LIST = TypeAdapter(list[Fault])


def parse(value: Any, source: str) -> list[Fault]:
    """Raises `BadInput` (code `bad_faults`) naming the entry, the key and what is wrong with it."""
    try:
        return _LIST.validate_python(value)
    except ValidationError as error:
        where = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'list'}: {e['msg']}" for e in error.errors())
        raise BadInput(
            f"{source}: {where}. Expected a list of {{match, do, times, …}}; do is one of "
            f"{', '.join(get_args(Action))}; fix or drop the entry",
            "bad_faults",
        ) from None


class Script(BaseModel):
    """A file of faults and the seed of their draws (None: the exchange's own)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    faults: list[Fault]
    seed: int | None = None


def load(path: Path) -> Script:
    """A script from a JSON or YAML file. Raises `BadInput` if it cannot be read or is none."""
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(
            f"{path}: {error}; expected a JSON or YAML list of faults; fix the file or drop the setting", "bad_faults"
        ) from None
    return read(value, str(path))


def read(value: Any, source: str) -> Script:
    """A script from what a JSON or YAML document holds. Raises `BadInput` as `parse`."""
    if not isinstance(value, dict):
        return Script(faults=parse(value, source))
    seed = value.get("seed")
    foreign = sorted(value.keys() - {"seed", "faults"})
    if foreign or not (seed is None or type(seed) is int):
        raise BadInput(
            f"{source}: {', '.join(map(str, foreign)) or f'seed {seed!r}'}; expected `faults`, a list, and perhaps "
            "`seed`, a whole number; fix the script",
            "bad_faults",
        )
    return Script(faults=parse(value.get("faults", []), source), seed=seed)
