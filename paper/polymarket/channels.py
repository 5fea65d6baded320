"""What both channels share: connections, keep-alive, the queue of frames out, and faults on the way.

The client sends the text `PING` and gets `PONG`. A client that does not read is cut off when `_BACKLOG` frames wait for
it. A frame goes out alone or, on request of the protocol, as an array; an event fault (lost, late, twice, out of order,
broken) hits one frame of one connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from paper.core.faults import Faults
from paper.core.metrics import Metrics
from paper.core.outbox import Outbox

_BACKLOG = 20_000


@dataclass(eq=False)
class Line:
    """One client's connection. `silent_until` (µs): until then everything meant for it is lost, PONG excepted."""

    socket: web.WebSocketResponse
    outbox: Outbox
    silent_until: int = 0
    wanted: set[str] = field(default_factory=set)
    everything: bool = False
    custom: bool = False
    keeper: str = ""
    begun: bool = False


class Channel:
    """Connections of one path. Subclasses say what a text from a client means."""

    def __init__(self, name: str, faults: Faults, metrics: Metrics, clock: Callable[[], int]) -> None:
        self.lines: set[Line] = set()
        self._name = name
        self._faults = faults
        self._metrics = metrics
        self._clock = clock

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False, timeout=2.0)
        await socket.prepare(request)
        line = Line(socket, Outbox("polymarket", self._faults, self._metrics, _BACKLOG))
        self.lines.add(line)
        writer = asyncio.create_task(self._write(line))
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                if message.data == "PING":
                    line.outbox.put(b"PONG", "pong")
                    continue
                if not self._receive(line, message.data):
                    await socket.close(code=WSCloseCode.POLICY_VIOLATION)
        finally:
            self.lines.discard(line)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return socket

    def received(self, line: Line, message: dict[str, Any]) -> bool:
        """A client's message. False: it is none this channel takes, and the connection ends."""
        raise NotImplementedError

    def silence(self, ms: int) -> None:
        """Every connection open now carries nothing but PONGs for `ms`."""
        until = self._clock() + ms * 1000
        for line in self.lines:
            line.silent_until = max(line.silent_until, until)

    async def close(self) -> None:
        for line in tuple(self.lines):
            await line.socket.close(code=WSCloseCode.GOING_AWAY, message=b"server stops")

    def send(self, line: Line, event: str, body: Any) -> None:
        if line.silent_until and self._clock() < line.silent_until:
            return
        self._metrics.frames.labels(event).inc()
        line.outbox.put(body if isinstance(body, bytes) else msgspec.json.encode(body), event)

    def _receive(self, line: Line, text: str) -> bool:
        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return False
        return isinstance(message, dict) and self.received(line, message)

    async def _write(self, line: Line) -> None:
        while True:
            frame = await line.outbox.get()
            if frame is None:
                await line.socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"slow consumer")
                return
            with contextlib.suppress(ConnectionError):
                await line.socket.send_frame(frame, WSMsgType.TEXT)


def texts(value: object) -> list[str]:
    """The strings of a list, in order; empty for anything else."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
