"""Plays a recorded session as if it happened now.

    exchange time out = anchor + (recorded time − session start) / speed

`anchor` is the wall clock at which the session began (plus a lead, during which the opening books already stand).
Anchor and description are on disk before the first event is out, so after kill -9 the playback goes on where the
wall clock says: what happened meanwhile is applied silently, nothing trades on it, and clients get snapshots when
they subscribe again. At the end the last books stay, and orders are still taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import msgspec
import structlog

from domain.errors import BadInput, SurefootError
from paper.core.book import ONE
from paper.core.due import ended
from paper.core.metrics import Metrics
from paper.session.floor import LIVE, Floor
from recording.sources.session import BookReset, Session, SessionEvent
from venues.kalshi.frames import COUNT_UNIT, PRICE_UNIT

OpenSession = Callable[["Spec"], Session]

_BATCH = 200  # events played before other work gets its turn
_LOG = structlog.get_logger("paper.playback")


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What to play. `start` and `end` narrow the recording (None: the reader's own window); `speed` > 0."""

    recording: str
    game: str | None = None
    start: str | None = None
    end: str | None = None
    speed: Decimal = Decimal(1)
    lead_ms: int = 0


class _Saved(msgspec.Struct, frozen=True):
    spec: Spec
    anchor: int


@dataclass(slots=True)
class _Playing:
    spec: Spec
    session: Session
    events: Sequence[SessionEvent]
    anchor: int
    index: int = 0
    speed: Fraction = field(init=False)

    def __post_init__(self) -> None:
        self.speed = Fraction(self.spec.speed)

    def due(self, at: int) -> int:
        """When something recorded at `at` is published, in wall-clock microseconds."""
        return self.anchor + int((at - self.session.start) / self.speed)

    def position(self, now: int) -> int:
        """The recorded time that `now` stands for, within the session."""
        reached = self.session.start + int((now - self.anchor) * self.speed)
        return max(self.session.start, min(reached, self.session.end))


class Playback:
    """Owns the one session that plays. `open_session` reads a recording; it may block and runs in a thread."""

    def __init__(self, floor: Floor, open_session: OpenSession, metrics: Metrics) -> None:
        self.floor = floor
        self._open = open_session
        self._metrics = metrics
        self._playing: _Playing | None = None
        self._task: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()

    @property
    def state(self) -> Literal["idle", "playing", "ended", "failed"]:
        if self.floor.failed:
            return "failed"
        if self._playing is None:
            return "idle"
        return "playing" if self._playing.index < len(self._playing.events) else "ended"

    @property
    def window(self) -> tuple[int, int]:
        """When the session opens and closes in exchange time out; (0, 0) while idle."""
        if self._playing is None:
            return (0, 0)
        return self._playing.anchor, self._playing.due(self._playing.session.end)

    async def play(self, spec: Spec, *, replace: bool = False) -> None:
        """Start a session from its beginning. The same one already playing plays on, unless `replace`.

        Raises `BadInput` for a speed, a lead or a recording that cannot be played.
        """
        if not spec.speed.is_finite() or spec.speed <= 0:
            raise BadInput(f"speed {spec.speed} was asked; expected a number above 0, such as 1 or 20", "speed")
        if not 0 <= spec.lead_ms <= 60_000:
            raise BadInput(f"lead_ms {spec.lead_ms} was asked; expected 0 to 60000", "lead_ms")
        async with self._opening:
            same = self._playing is not None and self._playing.spec == spec
            if same and self.state == "playing" and not replace:
                return
            session, events = await asyncio.to_thread(self._read, spec)
            await self.stop()
            anchor = self.floor.now() + spec.lead_ms * 1000
            self.floor.begin(session, msgspec.json.encode(_Saved(spec, anchor)).decode())
            self._playing = playing = _Playing(spec, session, events, anchor)
            while playing.index < len(events) and events[playing.index].at <= session.start:
                self._step(playing)
            self._run_on()
        _LOG.info("session started", session=session.name, events=len(events), speed=str(spec.speed))

    async def resume(self) -> None:
        """Go on with the session on disk, if there is one. Raises `BadInput` if its recording is gone."""
        text = self.floor.description
        if text is None or text.startswith(LIVE):
            return
        saved = msgspec.json.decode(text, type=_Saved)
        session, events = await asyncio.to_thread(self._read, saved.spec)
        playing = _Playing(saved.spec, session, events, saved.anchor)
        floor = self.floor
        floor.resume(session, text)
        now = floor.now()
        for event in events:
            due = playing.due(event.at)
            # Whatever was applied before the end of the process counts as applied, even inside a lead.
            if due > now and event.at > session.start:
                break
            floor.apply(event, due, silent=True)
            playing.index += 1
        floor.reopen()
        self._playing = playing
        self._run_on()
        _LOG.info("session resumed", session=session.name, applied=playing.index, events=len(events))

    async def stop(self) -> None:
        await ended(self._task)
        self._task = None

    def status(self) -> dict[str, Any]:
        """`position`, `start` and `end` are recorded microseconds; `progress` runs from 0 to 1."""
        playing, state = self._playing, self.state
        if playing is None:
            return {"session": None, "state": state, "position": 0, "start": 0, "end": 0, "progress": 0.0}
        start, end = playing.session.start, playing.session.end
        position = end if state == "ended" else playing.position(self.floor.now())
        return {
            "session": playing.session.name,
            "state": state,
            "position": position,
            "start": start,
            "end": end,
            "progress": 1.0 if state == "ended" or end == start else round((position - start) / (end - start), 6),
            "anchor": playing.anchor,
            "speed": str(playing.spec.speed),
            "recording": playing.spec.recording,
            "game": playing.spec.game,
            "markets": [spec.market for spec in playing.session.markets],
            "events": playing.index,
            "events_total": len(playing.events),
        }

    def _read(self, spec: Spec) -> tuple[Session, Sequence[SessionEvent]]:
        session = self._open(spec)
        events = tuple(session.events())
        _check(session, events)
        return session, events

    def _run_on(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        playing = self._playing
        assert playing is not None
        try:
            while playing.index < len(playing.events):
                wait = playing.due(playing.events[playing.index].at) - self.floor.now()
                if wait > 0:
                    await asyncio.sleep(wait / 1_000_000)
                    continue
                self._play_due(playing)
                await asyncio.sleep(0)
        except Exception as error:
            # Half-applied books must not be traded on; a restart replays them from the start of the session.
            self.floor.fail()
            _LOG.exception("playback failed", session=playing.session.name, error=str(error))
            return
        _LOG.info("session ended", session=playing.session.name, events=playing.index)

    def _play_due(self, playing: _Playing) -> None:
        now = self.floor.now()
        for _ in range(_BATCH):
            if playing.index >= len(playing.events) or playing.due(playing.events[playing.index].at) > now:
                return
            self._step(playing)

    def _step(self, playing: _Playing) -> None:
        event = playing.events[playing.index]
        due = playing.due(event.at)
        self.floor.apply(event, due)
        playing.index += 1
        self._metrics.events.inc()
        self._metrics.lag.set(max(0, self.floor.now() - due) / 1_000_000)


def _check(session: Session, events: Sequence[SessionEvent]) -> None:
    """A session that breaks its own contract is refused before it plays, not while."""

    def refuse(number: int, found: str, expected: str) -> SurefootError:
        return BadInput(
            f"session {session.name}, event {number}: {found}; expected {expected}; re-import the recording",
            "bad_session",
        )

    if not events:
        raise BadInput(f"session {session.name} has no events in this window; widen from/to", "bad_session")
    known = {spec.market for spec in session.markets}
    begun: set[str] = set()
    last = events[0].at
    for number, event in enumerate(events, 1):
        if event.at < last:
            raise refuse(number, f"time {event.at} after {last}", "events in time order")
        last = event.at
        if event.market not in known:
            raise refuse(number, f"market {event.market}", f"one of {', '.join(sorted(known))}")
        if isinstance(event, BookReset):
            begun.add(event.market)
            changes = [*event.yes, *event.no]
        elif event.market not in begun:
            raise refuse(number, f"a change of {event.market} before its book", "a whole book first")
        else:
            changes = [(event.price, event.delta)]
        for price, size in changes:
            if price % PRICE_UNIT or not 0 < price < ONE or size % COUNT_UNIT:
                raise refuse(
                    number,
                    f"level {price} × {size} micros in {event.market}",
                    "a price between 0 and 1 in steps of 0.0001 and a size in steps of 0.01",
                )
