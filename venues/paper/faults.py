"""Failures on request: which request goes wrong, how, and how often.

A fault is one JSON object; a file of faults is a JSON or YAML list of them:

    {"match": {"method": "POST", "path_prefix": "/trade-api/v2/portfolio/events/orders", "nth": 2},
     "do": "lost_answer", "times": 1}

| do | what happens | needs |
|---|---|---|
| lost_answer | the request takes effect, the connection drops before the answer | |
| lost_request | no effect, the connection drops | |
| late_answer | effect at once, answer after `ms`, or as soon as the faults are cleared | ms |
| status | answers `code` (and `body`), `when` before or after the effect | code |
| partial | the order gets only `fraction` of what it could fill, the rest is cancelled | fraction |
| read_lag | this read shows the account as it was `ms` ago | ms |
| silent_socket | WebSockets stay open and are pinged but carry nothing for `ms`: frames are lost, seq runs on | ms |

`match` narrows by `method`, `path_prefix`, `client_order_id` (of the body); of the requests that match it picks the
`nth`, or each `every`-th, or one with `probability` (drawn from the exchange's seed), or all. `times` bounds how often
the fault happens: 1 unless `every` or `probability` is given. `silent_socket` with an empty `match` starts at once.
`do` may also be written as {"late_answer": {"ms": 300}}.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from domain.errors import BadInput

Action = Literal["lost_answer", "lost_request", "late_answer", "status", "partial", "read_lag", "silent_socket"]

_STRICT = ConfigDict(extra="forbid", frozen=True)
_Millis = Annotated[int, Field(ge=0, le=600_000)]
_NEEDS: dict[str, tuple[str, ...]] = {
    "late_answer": ("ms",),
    "read_lag": ("ms",),
    "silent_socket": ("ms",),
    "status": ("code",),
    "partial": ("fraction",),
}
_TAKES: dict[str, tuple[str, ...]] = _NEEDS | {"status": ("code", "body", "when")}


class Match(BaseModel):
    model_config = _STRICT

    method: Literal["GET", "POST", "DELETE"] | None = None
    path_prefix: str | None = None
    client_order_id: str | None = None
    nth: Annotated[int, Field(ge=1)] | None = None
    every: Annotated[int, Field(ge=1)] | None = None
    probability: Annotated[float, Field(gt=0, le=1)] | None = None

    def covers(self, method: str, path: str, client_order_id: str) -> bool:
        return (
            self.method in (None, method)
            and path.startswith(self.path_prefix or "")
            and self.client_order_id in (None, client_order_id)
        )

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
        given = [name for name in ("ms", "code", "body", "when", "fraction") if getattr(self, name) is not None]
        foreign = [name for name in given if name not in _TAKES.get(self.do, ())]
        if missing:
            raise ValueError(f"{self.do} needs {', '.join(missing)}")
        if foreign:
            raise ValueError(f"{self.do} takes no {', '.join(foreign)}")
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

    def fires(self, method: str, path: str, client_order_id: str, dice: random.Random) -> bool:
        match = self.fault.match
        if self.spent or not match.covers(method, path, client_order_id):
            return False
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

    def pick(self, method: str, path: str, client_order_id: str) -> Fault | None:
        for armed in self._armed:
            if armed.fires(method, path, client_order_id, self._dice):
                return armed.fault
        return None

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


def load(path: Path) -> list[Fault]:
    """Faults from a JSON or YAML file. Raises `BadInput` if it cannot be read or is not a list of faults."""
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(
            f"{path}: {error}; expected a JSON or YAML list of faults; fix the file or drop the setting", "bad_faults"
        ) from None
    return parse(value, str(path))
