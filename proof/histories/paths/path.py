"""What a path is, and how a part of the life lists its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from proof.histories.stage import Stage


@dataclass(frozen=True, slots=True)
class Path:
    """`told` is the sentence of the index; `live` carries the trade through, with a worker up; `stage` its options."""

    name: str
    told: str
    live: Callable[[Stage], Awaitable[None]]
    stage: dict[str, Any]


class Paths(dict[str, Path]):
    """The paths of one part of the life, by name, in the order they are told."""

    def path(self, name: str, told: str, **stage: Any) -> Callable[[Callable[[Stage], Awaitable[None]]], None]:
        def add(live: Callable[[Stage], Awaitable[None]]) -> None:
            self[name] = Path(name, told, live, stage)

        return add
