"""What is under way, read from the ledger four times a second: by ingest before it decides to trade, and by every
process that carries trades before a first leg leaves.

While the ledger cannot be read, what was read last stands: halts, which fail closed, are read from the same place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from domain.admission import Admission, AdmissionLimits, Load, load_of
from domain.errors import SurefootError
from ledger.port import LoadLedger

log = structlog.get_logger(__name__)

_LOOK_S = 0.25
_PATIENCE_S = 1.0
_STEP_US = 250_000


class LoadWatch:
    """Calls `tell` whenever what is under way has changed. `clock` is wall-clock microseconds."""

    def __init__(
        self,
        ledger: LoadLedger,
        limits: AdmissionLimits,
        clock: Callable[[], int],
        tell: Callable[[Load], None] = lambda load: None,
    ) -> None:
        self._ledger = ledger
        self._admission = Admission(limits)
        self._clock = clock
        self._tell = tell
        self._limited = limits != AdmissionLimits(None, None)
        self._said = ""
        self.known = Load()

    async def run(self) -> None:
        """Until cancelled; returns at once where nothing is limited."""
        while self._limited:
            await self.look()
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Read once."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                load = load_of(await self._ledger.at_work(), self._clock())
        except (SurefootError, TimeoutError):
            return  # `workers.halt_watch` says it
        load = replace(load, waited=load.waited // _STEP_US * _STEP_US)  # so that it changes no more often than told
        if load != self.known:
            self.known = load
            self._tell(load)

    def busy(self) -> str:
        """Why no trade may be opened now; empty if one may."""
        said = self._admission.busy(self.known)
        if bool(said) != bool(self._said):
            log.info("no trade is opened: hedging comes first" if said else "trades are opened again", why=said)
        self._said = said
        return said
