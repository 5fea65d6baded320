"""Whether Temporal answers, asked every second: without a durable start there is no trade, so ingest pauses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

log = structlog.get_logger(__name__)

_EVERY_S = 1.0
_PATIENCE = timedelta(seconds=1)


class TemporalWatch:
    """Calls `tell` with (answers, why not) after the first look and at every change."""

    def __init__(self, client: Client, tell: Callable[[bool, str], None]) -> None:
        self._client = client
        self._tell = tell
        self.answers: bool | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Ask once."""
        try:
            async with asyncio.timeout(2 * _PATIENCE.total_seconds()):
                answers = await self._client.service_client.check_health(timeout=_PATIENCE)
            why = "" if answers else "it says of itself that it is not serving"
        except (RPCError, RuntimeError) as away:
            answers, why = False, f"it does not answer: {away}"
        except TimeoutError:
            answers, why = False, f"it did not answer within {2 * _PATIENCE.total_seconds():g} s"
        if answers is not self.answers:
            log.info("temporal", answers=answers, why=why)
            self.answers = answers
            self._tell(answers, why)
