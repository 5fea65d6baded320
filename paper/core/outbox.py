"""Frames on their way to one WebSocket client, and what may go wrong with each of them.

| `do` | what becomes of the frame |
|---|---|
| drop | it is lost |
| late | it goes out `ms` later, after whatever was sent meanwhile |
| duplicate | it goes out twice |
| reorder | it goes out after the next one |
| malformed | it goes out cut in half |
"""

from __future__ import annotations

import asyncio

from paper.core.faults import Faults
from paper.core.metrics import Metrics


class Outbox:
    """`limit` frames at most; the client that lets more pile up is given up (`get` returns None)."""

    def __init__(self, venue: str, faults: Faults, metrics: Metrics, limit: int) -> None:
        self._venue = venue
        self._faults = faults
        self._metrics = metrics
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(limit)
        self._held: list[bytes] = []
        self._overflowed = False

    def put(self, frame: bytes, event: str) -> None:
        """Queue a frame, or what a fault makes of it. `event` is its name in a fault script."""
        fault = self._faults.pick_event(self._venue, event)
        if fault is None:
            self._push(frame)
            return
        self._metrics.faults.labels(fault.do).inc()
        if fault.do == "late":
            asyncio.get_running_loop().call_later((fault.ms or 0) / 1000, self._push, frame)
        elif fault.do == "duplicate":
            self._push(frame)
            self._push(frame)
        elif fault.do == "reorder":
            self._held.append(frame)
        elif fault.do == "malformed":
            self._push(frame[: max(1, len(frame) // 2)])

    async def get(self) -> bytes | None:
        frame = await self._queue.get()
        return None if self._overflowed else frame

    def _push(self, frame: bytes) -> None:
        held, self._held = self._held, []
        for one in (frame, *held):
            try:
                self._queue.put_nowait(one)
            except asyncio.QueueFull:
                self._overflowed = True
