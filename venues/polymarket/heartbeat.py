"""The dead man's switch: while beats arrive, orders rest; ten seconds without one and the venue cancels them all.

The first accepted beat arms it for **every open order of the API key**, whichever process placed it, and nothing but
silence disarms it. So one process owns the beats of a key: an exclusive lock on a file in the state folder, which the
system lets go when the process dies, makes a second one refuse to start.

| answer | what follows |
|---|---|
| 200 with the next id | the next beat carries it |
| 400 with the expected id | another beat was taken since (ours, its answer lost): sent again at once, with that id |
| anything else, or none | missed: reported, and tried again after a second, since ten silent ones cancel everything |

A beat is sent by the owner's loop alone, never by an activity: an activity may be repeated, delayed or run elsewhere.
Cancelling is the venue's, whose page says that its timing and success are not guaranteed.

Source: docs.polymarket.com/trading/manage-orders (heartbeats).
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import TracebackType

import msgspec

from domain.errors import Denied
from venues.polymarket.auth import l2_headers
from venues.polymarket.wallet import Credentials
from venues.wire import Answer, HttpWire, WireFailure

HEARTBEAT_PATH = "/v1/heartbeats"
EVERY_S = 5.0
LAPSES_AFTER_S = 10.0
"""The venue cancels after this long without an accepted beat."""

_AGAIN_S = 1.0
_ANSWER_S = 3.0  # an answer later than this leaves no time for two more tries


class KeyLock:
    """One API key's beats, held by one process at a time. A context manager; the lock ends with the process at the
    latest, also by kill -9."""

    def __init__(self, folder: Path, api_key: str) -> None:
        """`folder` must exist and be the same for every process that might beat for the key."""
        name = hashlib.sha256(api_key.encode()).hexdigest()[:16]
        self.path = folder / f"polymarket-heartbeat-{name}.lock"
        self._file: int | None = None

    def take(self) -> None:
        """Raises `Denied` (`heartbeat_owned`) while another process holds it."""
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise Denied(
                f"process {holder} already beats for this Polymarket API key ({self.path}); expected one owner: stop "
                "it first, or run this one without `polymarket.heartbeat`",
                "heartbeat_owned",
            ) from None
        except OSError:
            os.close(file)
            raise
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> KeyLock:
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


@dataclass(frozen=True, slots=True)
class Missed:
    """A beat that was not taken. `silent_s` is how long none was, `in_a_row` counts from 1, `why` is a sentence.

    `lapsed` means that the venue may have cancelled every open order by now: what rests must be read again.
    """

    in_a_row: int
    silent_s: float
    lapsed: bool
    why: str


class _Beat(msgspec.Struct, frozen=True):
    heartbeat_id: str = ""
    error_msg: str = ""


_BEAT = msgspec.json.Decoder(_Beat)


class Heartbeat:
    """Beats for one API key until told to stop.

    `missed` hears of every beat that was not taken, `back` of the first one taken after such (with how long it was
    silent, in seconds). `address` is the key's own address. `clock` is monotonic seconds, `pause` sleeps.
    """

    def __init__(
        self,
        wire: HttpWire,
        address: str,
        credentials: Credentials,
        lock: KeyLock,
        *,
        missed: Callable[[Missed], None],
        back: Callable[[float], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._wire = wire
        self._address = address
        self._credentials = credentials
        self._lock = lock
        self._tell_missed = missed
        self._tell_back = back
        self._clock = clock
        self._pause = pause
        self._next_id = ""
        self._taken_at: float | None = None
        self._started_at = 0.0
        self._misses = 0

    @property
    def armed(self) -> bool:
        """Whether a beat was ever taken: from then on silence cancels."""
        return self._taken_at is not None

    @property
    def silent_s(self) -> float:
        """Seconds since the last beat that was taken, or since the start."""
        return self._clock() - (self._started_at if self._taken_at is None else self._taken_at)

    async def run(self, stop: asyncio.Event) -> None:
        """Beat every five seconds until `stop` is set. Raises `Denied` (`heartbeat_owned`) if another process does.

        When it ends, the venue cancels what rests about ten seconds later; so orders are cancelled, and their ends
        awaited, before it is stopped.
        """
        with self._lock:
            self._started_at = self._clock()
            stopped = asyncio.ensure_future(stop.wait())
            try:
                while not stop.is_set():
                    began = self._clock()
                    taken = await self.beat()
                    wait = EVERY_S if taken else _AGAIN_S
                    left = max(0.0, began + wait - self._clock())
                    nap = asyncio.ensure_future(self._pause(left))
                    await asyncio.wait({nap, stopped}, return_when=asyncio.FIRST_COMPLETED)
                    nap.cancel()
            finally:
                stopped.cancel()

    async def beat(self) -> bool:
        """Send one beat, a second one at once if the first carried a stale id. True if one was taken."""
        why = ""
        for _ in range(2):
            try:
                answer = await self._send()
            except WireFailure as failure:
                why = f"no answer ({failure})"
                break
            seen = _read(answer.body)
            if answer.status == HTTPStatus.OK and seen is not None and seen.heartbeat_id:
                self._take(seen.heartbeat_id)
                return True
            stale = answer.status == HTTPStatus.BAD_REQUEST and seen is not None and seen.heartbeat_id
            if not (stale and seen is not None):
                said = seen.error_msg if seen is not None and seen.error_msg else "a body that is no beat's"
                why = f"HTTP {answer.status}: {said}"
                break
            self._next_id = seen.heartbeat_id
            why = "the id was stale twice in a row: somebody else beats for this key"
        self._miss(why)
        return False

    async def _send(self) -> Answer:
        body = msgspec.json.encode({"heartbeat_id": self._next_id})
        now_s = self._wire.clock() // 1_000_000
        headers = l2_headers(self._address, self._credentials, "POST", HEARTBEAT_PATH, body, now_s=now_s)
        return await self._wire.exchange(
            "POST",
            HEARTBEAT_PATH,
            timeout=_ANSWER_S,
            content=body,
            headers=headers | {"Content-Type": "application/json"},
        )

    def _take(self, next_id: str) -> None:
        silent = self.silent_s
        self._next_id = next_id
        self._taken_at = self._clock()
        if self._misses:
            self._misses = 0
            if self._tell_back is not None:
                self._tell_back(silent)

    def _miss(self, why: str) -> None:
        self._misses += 1
        silent = self.silent_s
        self._tell_missed(Missed(self._misses, silent, self.armed and silent >= LAPSES_AFTER_S, why))


def _read(body: bytes) -> _Beat | None:
    try:
        return _BEAT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
