"""Records a running session beside it: what the engine was given and what it decided, off the hot path.

The caller appends to a queue in memory and goes on; a thread of the recorder's own labels, packs and writes. Twice a
second what was gathered becomes a block and is synced to the disk, so a kill or a power cut loses less than a second.

The queue is bounded where that can be helped. While the disk does not keep up and `most_waiting` bytes of frames wait,
further frames are dropped and counted by venue; a `dropped` event stands in the recording where they begin to be
missing, and another, with their number, where they end. Everything else, decisions and messages of our own channel
above all, is never dropped: there is little of it, and the host should stop deciding (a gate) while `behind` says that
nothing has reached the disk for too long.

The order of calls is the order of the recording, so the frame must be recorded before it is decided on.
`recording.recorded_engine.TapedEngine` does that.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import BinaryIO

import msgspec

from domain.decisions import Suppression
from domain.errors import BadInput
from domain.intent import Intent, canonical
from domain.market import Venue
from domain.spot import SpotFeed
from recording.envelope import Envelope, EventType, envelope
from recording.frame_labels import label
from recording.session_setup import Setup
from recording.session_writer import SessionWriter, new_file

DRAIN_S = 0.1
SYNC_S = 0.5
MOST_WAITING = 64 << 20
MOST_BYTES = 256 << 20
"""Of one file; then the next part begins. It begins anew at midnight UTC besides."""
_FRAME, _USER = EventType.FRAME, EventType.USER
_DAY_US = 86_400_000_000
_TURN, _NAP_S = 32, 50e-6
"""After so many events the thread sleeps for a moment. A thread that only computes keeps the interpreter for five
milliseconds at a time, and the one that decides would wait for it with a frame in its hands."""
_FRAME_COST = 200
"""Bytes a waiting frame takes besides its own."""


_Source = Venue | SpotFeed
_Frame = tuple[EventType, _Source, bytes, int, int, int]
"""A message as it waits: type, whose, bytes, wall clock µs, monotonic ns, connection. A tuple, because the thread that
decides makes one a frame and nothing is cheaper."""


@dataclass(slots=True)
class _Lost:
    """Frames of one feed that were dropped in a row."""

    frames: int = 0
    bytes: int = 0
    first_at: int = 0
    last_at: int = 0


_Waiting = _Frame | Envelope | Intent | Suppression


class Recorder:
    """Records one session into `folder`. `start` before the first event, `close` after the last.

    `frame` belongs to one thread; everything else may be called from any. None of them blocks, waits for the disk or
    raises. `on_trouble` hears, on the recorder's thread, once each time the disk stops taking what is written, and is
    told "" when it takes it again. `open_file` opens a new file for writing bytes.
    """

    def __init__(
        self,
        folder: Path,
        setup: Setup,
        *,
        most_waiting: int = MOST_WAITING,
        most_bytes: int = MOST_BYTES,
        on_trouble: Callable[[str], None] = lambda trouble: None,
        open_file: Callable[[Path], BinaryIO] = new_file,
    ) -> None:
        started = setup.started_at or time.time_ns() // 1000
        self._writer = SessionWriter(folder, msgspec.structs.replace(setup, started_at=started), open_file=open_file)
        self._day = started // _DAY_US
        self._most_waiting, self._most_bytes = most_waiting, most_bytes
        self._on_trouble = on_trouble
        self._queue: deque[_Waiting] = deque()
        self._put = self._taken = 0
        self._lost: dict[_Source, _Lost] = {}
        self._stop = threading.Event()
        self._synced = time.monotonic()
        self._since = 0.0
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self.trouble = ""
        """Why the disk does not take what is written, now; "" if it does."""
        self.dropped: Counter[_Source] = Counter()
        """Frames that could not be kept, by venue or spot feed, since the start."""

    # -- from the session ---------------------------------------------------------------------------------------

    def frame(self, venue: Venue | SpotFeed, raw: bytes, received_at: int, received_ns: int = 0, link: int = 0) -> None:
        """One message of a public feed: `received_at` wall clock µs, `received_ns` monotonic ns."""
        cost = len(raw) + _FRAME_COST
        if self._put - self._taken + cost > self._most_waiting:
            self._drop(venue, raw, received_at)
            return
        if self._lost:
            self._mark_lost()
        self._put += cost
        self._queue.append((_FRAME, venue, raw, received_at, received_ns, link))

    def user(self, venue: Venue, raw: bytes, received_at: int, received_ns: int = 0) -> None:
        """One message of our own channel. Never dropped."""
        self._queue.append((_USER, venue, raw, received_at, received_ns, 0))

    def control(self, type: EventType, said: object, *, venue: str = "", market: str = "", at: int = 0) -> None:
        """Something else that the engine was told, `said` as JSON, `at` our clock where it says so. Never dropped."""
        body = msgspec.json.encode(said)
        self._queue.append(envelope(type, body, venue=venue, market=market, received_at=at, source="engine"))

    def decision(self, decision: Intent | Suppression) -> None:
        """What the engine decided on the frame before. Never dropped."""
        self._queue.append(decision)

    @property
    def waiting(self) -> int:
        """Bytes of frames in memory that are not in a block yet."""
        return self._put - self._taken

    @property
    def behind(self) -> float:
        """Seconds since everything recorded until then was on the disk; below one while the disk keeps up."""
        return time.monotonic() - self._synced

    @property
    def path(self) -> Path:
        """The part being written."""
        return self._writer.path

    def _drop(self, venue: _Source, raw: bytes, at: int) -> None:
        lost = self._lost.get(venue)
        if lost is None:
            # Where they begin to be missing too: decisions made on them follow at once.
            lost = self._lost[venue] = _Lost(first_at=at, last_at=at)
            self._queue.append(_dropped(venue, lost))
        self.dropped[venue] += 1
        lost.frames += 1
        lost.bytes += len(raw)
        lost.last_at = at

    def _mark_lost(self) -> None:
        for venue, lost in self._lost.items():
            self._queue.append(_dropped(venue, lost))
        self._lost = {}

    # -- starting and ending ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Creates the first file. Raises OSError or BadInput (`exists`) if that cannot be done."""
        self._writer.flush()
        self._thread.start()

    def close(self, timeout_s: float = 10.0) -> bool:
        """Write what waits, the footer with the fingerprint, and end. False if the disk did not take it in time: the
        recording then has no end, as after a crash."""
        if self._lost:
            self._mark_lost()
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive() and not self.trouble

    # -- on the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            stopping = self._stop.wait(DRAIN_S)
            try:
                self._drain()
                if stopping:
                    self._writer.close()
                elif self._since and time.monotonic() - self._since >= SYNC_S - DRAIN_S:
                    self._writer.flush()
                    self._since = 0.0
                if not self._since:
                    self._synced = time.monotonic()
                self._say("")
            except (OSError, BadInput) as wrong:
                self._say(f"{self._writer.path.name}: {type(wrong).__name__}: {wrong}")
            if stopping:
                return

    def _drain(self) -> None:
        """Everything that waits into the writer's blocks. Stops at the first failure; nothing leaves the queue before
        the writer has it."""
        if self.trouble:
            self._writer.flush()
        for number in count(1):
            if not self._queue:
                return
            if number % _TURN == 0 and self.waiting < self._most_waiting // 2:
                time.sleep(_NAP_S)
            if self._writer.full:
                self._writer.flush()
            waiting = self._queue[0]
            event = self._enveloped(waiting)
            if event.received_at // _DAY_US > self._day or self._writer.written > self._most_bytes:
                self._day = max(self._day, event.received_at // _DAY_US)
                self._writer.rotate(event.received_at)
            self._writer.write(event)
            self._queue.popleft()
            if not self._since:
                self._since = time.monotonic()
            if isinstance(waiting, tuple) and waiting[0] is _FRAME:
                self._taken += len(waiting[2]) + _FRAME_COST

    def _say(self, trouble: str) -> None:
        if trouble and self.trouble:
            self.trouble = trouble
        elif trouble != self.trouble:
            self.trouble = trouble
            self._on_trouble(trouble)

    @staticmethod
    def _enveloped(waiting: _Waiting) -> Envelope:
        if isinstance(waiting, Envelope):
            return waiting
        if isinstance(waiting, tuple):
            kind, venue, raw, at, ns, link = waiting
            named = label(venue, raw)
            return envelope(
                kind, raw, venue=venue, market=named.market, exchange_at=named.at, received_at=at, received_ns=ns,
                seq=named.seq, source="feed", link=link,
            )  # fmt: skip
        return decided(waiting)


def _dropped(venue: _Source, lost: _Lost) -> Envelope:
    said = {"frames": lost.frames, "bytes": lost.bytes, "from": lost.first_at, "to": lost.last_at}
    body = msgspec.json.encode(said)
    return envelope(EventType.DROPPED, body, venue=venue, received_at=lost.last_at, seq=lost.frames, source="recorder")


def decided(decision: Intent | Suppression) -> Envelope:
    """A decision as an event: its canonical text, filed under its pair at its exchange time."""
    if isinstance(decision, Intent):
        kind, at = EventType.INTENT, decision.decided_at
    else:
        kind, at = EventType.SUPPRESSED, decision.at
    return envelope(kind, canonical(decision), market=decision.pair, exchange_at=at, source="engine")


def name_at(at: int) -> str:
    """A name for the session that begins at `at` (wall clock µs): `20261121T094500-123456Z`."""
    seconds, micros = divmod(at, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y%m%dT%H%M%S}-{micros:06d}Z"
