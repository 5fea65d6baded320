"""Virtual time: an asyncio loop whose clock jumps to the next timer as soon as nothing is ready.

    loop = VirtualLoop()
    loop.run_until_complete(world())      # a sleep of a month costs microseconds, and no real clock is ever read

What is ready runs in the order it became so, and timers in the order of their times: equal programs run equally, every
time and everywhere. asyncio's own loop is kept, only its selector is replaced: there are no sockets to select.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Deadlock(RuntimeError):
    """Nothing is ready and no timer is set, yet somebody still waits."""


class VirtualLoop(asyncio.BaseEventLoop):
    """`time()` is seconds since the loop was made."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual = 0.0
        self._clock_resolution = 1e-6  # far above the rounding of a float that counts the seconds of years
        self._selector = _Jump(self)

    def time(self) -> float:
        return self._virtual

    def jump(self, seconds: float) -> None:
        self._virtual += seconds

    def _process_events(self, event_list: list[Any]) -> None:
        """No sockets, no events."""

    def _write_to_self(self) -> None:
        """One thread: nobody has to be woken."""


class _Jump:
    """What stands where a selector would wait for sockets."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Deadlock("nothing is ready and no timer is set; somebody waits for what will never come")
        if timeout > 0:
            self._loop.jump(timeout)
        return []
