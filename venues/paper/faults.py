"""Failures on request: which request or event goes wrong, how, and how often.

A fault is one object; a script is a JSON or YAML list of them, or a mapping of `faults` (that list) and `seed`:

    seed: 11
    faults:
      - match: {venue: polymarket, request: place_order, nth: 2}
        do: lost_answer
      - match: {venue: polymarket, event: trade, probability: 0.1}
        do: duplicate

| do | of a request | needs |
|---|---|---|
| lost_answer | it takes effect, the connection drops before the answer | |
| lost_request | no effect, the connection drops | |
| late_answer | effect at once, answer after `ms`, or as soon as the faults are cleared | ms |
| status | answers `code` (and `body`), `when` before or after the effect | code |
| partial | the order gets only `fraction` of what it could fill, the rest is cancelled | fraction |
| read_lag | this read shows the account as it was `ms` ago | ms |
| silent_socket | WebSockets stay open and are pinged but carry nothing for `ms`: frames are lost, seq runs on | ms |

| do | of an event: a frame to one client | needs |
|---|---|---|
| drop, duplicate, reorder, malformed | lost; twice; after the next one; cut in half | |
| late | sent `ms` later | ms |

| do | of the event `settlement` (Polymarket) | needs |
|---|---|---|
| fail | the match ends as FAILED: `stage` early (never mined, after a retry) or late (mined first) | |

`match` narrows by `venue`, `request` (a name of `requests.REQUESTS`) or `event` (a frame's type, or `settlement`), by
`method`, `path_prefix`, and one order by `client_order_id` (of the body) or, at Polymarket, where an order has none, by
its `salt`: its request, or the `settlement` of its matches. Of what matches it picks the `nth`, or each `every`-th, or
one with `probability` (drawn from the seed), or all. `times` bounds how often the fault happens: 1 unless `every` or
`probability` is given. `silent_socket` with an empty `match` starts at once. `do` may also be written as
{"late_answer": {"ms": 300}}.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from domain.errors import BadInput
from venues.paper.requests import REQUESTS, name_of, venue_of

Action = Literal[
    "lost_answer",
    "lost_request",
    "late_answer",
    "status",
    "partial",
    "read_lag",
    "silent_socket",
    "drop",
    "duplicate",
    "reorder",
    "malformed",
    "late",
    "fail",
]
_OF_EVENTS = ("drop", "duplicate", "reorder", "malformed", "late", "fail")
SETTLEMENT = "settlement"

_STRICT = ConfigDict(extra="forbid", frozen=True)
_Millis = Annotated[int, Field(ge=0, le=600_000)]
_NEEDS: dict[str, tuple[str, ...]] = {
    "late_answer": ("ms",),
    "read_lag": ("ms",),
    "silent_socket": ("ms",),
    "status": ("code",),
    "partial": ("fraction",),
    "late": ("ms",),
}
_TAKES: dict[str, tuple[str, ...]] = _NEEDS | {"status": ("code", "body", "when"), "fail": ("stage",)}
_DETAILS = ("ms", "code", "body", "when", "fraction", "stage")


class Match(BaseModel):
    model_config = _STRICT

    venue: Literal["kalshi", "polymarket"] | None = None
    request: str | None = None
    event: str | None = None
    method: Literal["GET", "POST", "PUT", "DELETE"] | None = None
    path_prefix: str | None = None
    client_order_id: str | None = None
    salt: int | None = None
    nth: Annotated[int, Field(ge=1)] | None = None
    every: Annotated[int, Field(ge=1)] | None = None
    probability: Annotated[float, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _known(self) -> Match:
        if self.request is not None and self.event is not None:
            raise ValueError("match takes request or event, not both")
        known = [name for venue, name in REQUESTS if self.venue in (None, venue)]
        if self.request is not None and self.request not in known:
            raise ValueError(f"request {self.request} is unknown; expected one of {', '.join(sorted(set(known)))}")
        return self

    def covers(self, method: str, path: str, client_order_id: str, salt: int) -> bool:
        return (
            self.event is None
            and self.venue in (None, venue_of(path))
            and self.request in (None, name_of(method, path))
            and self.method in (None, method)
            and path.startswith(self.path_prefix or "")
            and self.client_order_id in (None, client_order_id)
            and self.salt in (None, salt)
        )

    def hears(self, venue: str, event: str, salt: int) -> bool:
        return self.event == event and self.venue in (None, venue) and self.salt in (None, salt)

    @property
    def empty(self) -> bool:
        return self == Match()


class Fault(BaseModel):
    model_config = _STRICT

    match: Match = Match()
    do: Action
    times: Annotated[int, Field(ge=1)] | None = None
    ms: _Millis | None = None
    code: Annotated[int, Field(ge=400, le=599)] | None = None
    body: Any = None
    when: Literal["before", "after"] | None = None
    fraction: Annotated[Decimal, Field(ge=0, le=1)] | None = None
    stage: Literal["early", "late"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("do"), dict) and len(value["do"]) == 1:
            ((name, details),) = value["do"].items()
            return value | {"do": name} | (details or {})
        return value

    @model_validator(mode="after")
    def _complete(self) -> Fault:
        missing = [name for name in _NEEDS.get(self.do, ()) if getattr(self, name) is None]
        given = [name for name in _DETAILS if getattr(self, name) is not None]
        foreign = [name for name in given if name not in _TAKES.get(self.do, ())]
        if missing:
            raise ValueError(f"{self.do} needs {', '.join(missing)}")
        if foreign:
            raise ValueError(f"{self.do} takes no {', '.join(foreign)}")
        if (self.match.event is not None) != (self.do in _OF_EVENTS):
            raise ValueError(f"{self.do} happens to {'events' if self.do in _OF_EVENTS else 'requests'}; match one")
        if (self.do == "fail") != (self.match.event == SETTLEMENT):
            raise ValueError(f"fail is what happens to the event {SETTLEMENT}, and nothing else does")
        if sum(getattr(self.match, name) is not None for name in ("nth", "every", "probability")) > 1:
            raise ValueError("match takes one of nth, every, probability")
        return self

    @property
    def limit(self) -> int | None:
        if self.times is not None:
            return self.times
        return None if self.match.every or self.match.probability else 1


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
    """The armed faults. `pick` says what goes wrong with one request: at most one thing, first armed first served."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._armed: list[_Armed] = []
        self._released = asyncio.Event()

    def add(self, faults: Sequence[Fault]) -> None:
        self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        """Disarm all, and let go every answer that is being held."""
        self._armed.clear()
        self._released.set()
        self._released = asyncio.Event()

    async def hold(self, ms: int) -> None:
        """Return after `ms`, or when the faults are cleared if that comes first."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._released.wait(), ms / 1000)

    def pick(self, method: str, path: str, client_order_id: str = "", salt: int = 0) -> Fault | None:
        """What goes wrong with one request, if anything does."""
        return self._first(lambda match: match.covers(method, path, client_order_id, salt))

    def pick_event(self, venue: str, event: str, salt: int = 0) -> Fault | None:
        """What goes wrong with one event, if anything does. `salt` is that of the order a settlement is about."""
        return self._first(lambda match: match.hears(venue, event, salt))

    def _first(self, meant: Callable[[Match], bool]) -> Fault | None:
        for armed in self._armed:
            if not armed.spent and meant(armed.fault.match) and armed.fires(self._dice):
                return armed.fault
        return None

    def reseed(self, seed: int) -> None:
        """Begin the draws anew: a script with a seed of its own."""
        self._dice = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def status(self) -> list[dict[str, Any]]:
        """Each armed fault as it was given, with how many requests it matched and how often it happened."""
        return [
            armed.fault.model_dump(mode="json", exclude_none=True) | {"seen": armed.seen, "fired": armed.fired}
            for armed in self._armed
        ]


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

    model_config = _STRICT

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
