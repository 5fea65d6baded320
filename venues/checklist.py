"""The start-up checklist of a venue: what was looked at, what was seen, what to do about it. See `surefoot doctor`.

Venues retire reads without notice. So each look says what hangs on it: one that trading *needs* and that cannot be had
fails the check; one that only *informs* is a line that warns, and no trade waits for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from domain.errors import SurefootError

Finding = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line. `fail` means that trades there cannot work; `warn` that some may not. `fix` is empty if all is well."""

    name: str
    verdict: Finding
    seen: str
    fix: str = ""


class Weight(Enum):
    """What hangs on a read that could not be had."""

    NEEDED = "fail"  # an order, its money or its market is known by this read alone
    INFORMS = "warn"  # a person would like to know; orders are judged by the venue's own answers without it


@dataclass(frozen=True, slots=True)
class LookAt:
    """One look of a checklist, under a name, with what hangs on it."""

    name: str
    weight: Weight
    look: Callable[[], Awaitable[list[Check]]]


async def look_at(venue: str, looks: Sequence[LookAt]) -> list[Check]:
    """Every look, whatever became of the others."""
    found: list[Check] = []
    for one in looks:
        try:
            found += await one.look()
        except SurefootError as failure:
            name = f"{venue} {one.name}"
            if one.weight is Weight.NEEDED:
                found.append(Check(name, "fail", failure.message, "mend that first, then look again"))
            else:
                said = f"not read: {failure.message}"
                found.append(Check(name, "warn", said, "no trade waits for it; look at the venue's own pages"))
    return found
