"""Alerts: a log line, a count, and a command of the operator's choosing. None of them may hold up what raised them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec
import structlog

log = structlog.get_logger(__name__)

_PATIENCE_S = 10.0


class Alerts:
    """`command` is run with the alert as one line of JSON on its standard input: `{"alert", "text", "do", …}`.

    It gets ten seconds, and no shell; how it ends is logged and changes nothing. `count` is told of each alert's name.
    """

    def __init__(self, command: Sequence[str] = (), count: Callable[[str], None] = lambda name: None) -> None:
        self._command = tuple(command)
        self._count = count

    async def tell(self, alert: str, text: str, do: str, **ids: str) -> None:
        """Never raises."""
        log.error("alert", alert=alert, text=text, do=do, **ids)
        self._count(alert)
        if self._command:
            line = msgspec.json.encode({"alert": alert, "text": text, "do": do, **ids}) + b"\n"
            await self._run(line, alert)

    async def _run(self, line: bytes, alert: str) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            log.warning("alert command not started", alert=alert, command=self._command[0], error=str(error))
            return
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await process.communicate(line)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            log.warning("alert command ended: it took too long", alert=alert, seconds=_PATIENCE_S)
        else:
            if process.returncode:
                log.warning("alert command failed", alert=alert, code=process.returncode)
