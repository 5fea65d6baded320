"""What goes wrong at the model exchange, on demand."""

from __future__ import annotations

from collections import defaultdict, deque
from enum import StrEnum


class Fault(StrEnum):
    """What goes wrong with one call. Reads know only `UNAVAILABLE`."""

    LOST_BEFORE = "lost_before"  # nothing arrived, and no answer came
    LOST_AFTER = "lost_after"  # it took effect, and no answer came
    PARTIAL = "partial"  # half of what it would fill
    MISCOUNT = "miscount"  # it fills, and the answer tells of half
    WORKS = "works"  # half fills, and the rest works until it is cancelled
    RESTS = "rests"  # as WORKS, and no answer came
    REJECT = "reject"  # refused before the id is looked at
    UNAVAILABLE = "unavailable"  # a read that fails; a submit that our own rate limit keeps


class Faults:
    """By name of the call, what goes wrong with each coming one; None and whatever is not scripted goes well."""

    def __init__(self) -> None:
        self._coming: dict[str, deque[Fault | None]] = defaultdict(deque)

    def script(self, call: str, faults: tuple[Fault | None, ...]) -> None:
        self._coming[call].extend(faults)

    def take(self, call: str) -> Fault | None:
        """The fault of the call that is made now."""
        waiting = self._coming.get(call)
        return waiting.popleft() if waiting else None
