"""Trades whose own code raises: on the paths named `raises-…`, once, as leg B is about to be sent.

Workflows run in the process that imported them (`workers/sandbox.py` passes them through), so the life is broken where
it is kept. It is broken by what the trade remembers alone: a replay in another process breaks at the same place, and a
trade that was parked for it goes on when a person retries it.
"""

from __future__ import annotations

from typing import Any

from workflows.lifecycle import Trade

PREFIX = "raises-"


def break_lives() -> None:
    """From now on in this process. Once is enough."""
    whole = Trade._hedge
    if getattr(whole, "broken", False):
        return

    async def broken(self: Trade) -> Any:
        if self.intent.pair.startswith(PREFIX) and not self.memory.faults:
            raise RuntimeError("chaos: the code of this trade is wrong here")
        return await whole(self)

    broken.broken = True  # type: ignore[attr-defined]
    Trade._hedge = broken  # type: ignore[method-assign]
