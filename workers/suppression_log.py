"""Suppressions on their way into the ledger: at once where it answers, by way of the disk where it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from domain.decisions import Suppression
from domain.errors import SurefootError
from workers import metrics
from workers.spool import Spool

log = structlog.get_logger(__name__)

_PATIENCE_S = 5.0


class SuppressionLedger(Protocol):
    """What this needs of the ledger. Keys make a repeated write harmless."""

    async def record_suppressions(self, run_id: str, suppressions: Sequence[Suppression]) -> None: ...


class SuppressionLog:
    """`add` what was seen and not taken, `flush` now and then. `say` hears (holds, why not) at each change of the
    spool: once it is full nothing more is kept, and trading should pause."""

    def __init__(
        self,
        ledger: SuppressionLedger,
        run_id: str,
        spool: Spool,
        say: Callable[[bool, str], None] = lambda holds, why: None,
        *,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._ledger, self._run_id = ledger, run_id
        self._spool = spool
        self._say = say
        self._patience_s = patience_s
        self._waiting: list[Suppression] = []
        self._trouble = ""
        self._held = True

    @property
    def waiting(self) -> tuple[Suppression, ...]:
        """What was added since the last flush."""
        return tuple(self._waiting)

    def add(self, suppression: Suppression) -> None:
        self._waiting.append(suppression)

    async def flush(self) -> None:
        """What waits on the disk first, as it is older. Never raises."""
        batch = self._waiting[:]
        if batch or self._spool.bytes:
            try:
                async with asyncio.timeout(self._patience_s):
                    await self._write(batch)
                self._heard("")
            except SurefootError as away:
                await self._set_aside(batch, away.message)
            except TimeoutError:
                await self._set_aside(batch, f"the ledger did not answer within {self._patience_s:g} s")
            del self._waiting[: len(batch)]
        metrics.SPOOLED.set(self._spool.bytes)
        if self._held is self._spool.full:
            self._held = not self._spool.full
            mib = self._spool.bytes / (1 << 20)
            self._say(self._held, f"{mib:.1f} MiB wait on the disk for a ledger that is away; nothing more is kept")

    async def _write(self, batch: Sequence[Suppression]) -> None:
        if self._spool.bytes:
            for run_id, waiting in await asyncio.to_thread(self._spool.waiting):
                await self._ledger.record_suppressions(run_id, waiting)
            await asyncio.to_thread(self._spool.taken)
        if batch:
            await self._ledger.record_suppressions(self._run_id, batch)

    async def _set_aside(self, batch: Sequence[Suppression], why: str) -> None:
        self._heard(why)
        if not batch:
            return
        if self._spool.full:
            metrics.SPOOL_DROPPED.inc(len(batch))
            return
        try:
            await asyncio.to_thread(self._spool.keep, self._run_id, batch)
        except OSError as wrong:
            metrics.SPOOL_DROPPED.inc(len(batch))
            log.warning("neither ledger nor disk takes what was not traded", error=str(wrong), lost=len(batch))

    def _heard(self, trouble: str) -> None:
        if trouble and not self._trouble:
            log.warning("what is not traded waits on the disk for the ledger", error=trouble)
        elif self._trouble and not trouble:
            log.info("what waited on the disk is in the ledger")
        self._trouble = trouble
