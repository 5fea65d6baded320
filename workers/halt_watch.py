"""What ingest knows of halts: the standing ones, read again and again, and nothing while they cannot be read.

It fails closed twice: before the first read, and once no read has succeeded for `patience_s`, everything is halted. In
between what was read last holds: nobody can set a halt in a ledger that is away, and the order that opens a trade is
refused as long as the ledger cannot be asked. The halts of the flag (`workers.halt_flag`) stand beside the ledger's,
whether it answers or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from domain.errors import SurefootError
from domain.halt import Halt
from ingest.gates import Halts

log = structlog.get_logger(__name__)

_LOOK_S = 0.25
_PATIENCE_S = 1.0

NOT_READ_YET = Halts(unread="they were not read yet")


class StandingHalts(Protocol):
    """What the watch needs of the ledger."""

    async def halts(self) -> tuple[Halt, ...]: ...


class HaltWatch:
    """Reads halts four times a second and calls `tell` whenever what it knows has changed.

    `away` hears at once why the ledger could not be read, and "" when it was read again.
    """

    def __init__(
        self,
        ledger: StandingHalts,
        tell: Callable[[Halts], None],
        *,
        patience_s: float = 0.0,
        away: Callable[[str], None] = lambda why: None,
        flagged: Callable[[], Sequence[Halt]] = lambda: (),
    ) -> None:
        self._ledger = ledger
        self._tell = tell
        self._patience_s = patience_s
        self._away = away
        self._flagged = flagged
        self._ledgers = NOT_READ_YET
        self._trouble: str | None = None
        self._read_at: float | None = None
        self.known = NOT_READ_YET

    async def run(self) -> None:
        """Until cancelled. A ledger that is slow to answer does not hold up the flag."""
        await asyncio.gather(self._read_ledger(), self._read_flag())

    async def _read_ledger(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_S)

    async def _read_flag(self) -> None:
        while True:
            self._know()
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Read once."""
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                read = Halts(await self._ledger.halts())
            self._read_at = asyncio.get_running_loop().time()
        except SurefootError as away:
            read = Halts(unread=away.message)
        except TimeoutError:
            read = Halts(unread=f"the ledger did not answer within {_PATIENCE_S:g} s")
        if read.unread != self._trouble:
            self._trouble = read.unread
            self._away(read.unread)
        if not (read.unread and self._read_at is not None and now - self._read_at < self._patience_s):
            self._ledgers = read
        self._know()

    def _know(self) -> None:
        """What the ledger said last and what the flag says now."""
        read = replace(self._ledgers, standing=(*self._flagged(), *self._ledgers.standing))
        if read == self.known:
            return
        if read.unread:
            log.warning("no trade is opened while halts cannot be read", error=read.unread)
        else:
            log.info("halts read", in_force=[str(halt) for halt in read.standing])
        self.known = read
        self._tell(read)
