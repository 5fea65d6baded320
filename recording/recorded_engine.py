"""The decision engine with a recorder beside it: everything it is told and everything it decides, in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from domain.admission import Load
from domain.decisions import Suppression
from domain.intent import Intent
from domain.limits import GateLimits
from domain.market import Venue
from domain.spot import SpotFeed
from ingest.engine import Engine
from ingest.gates import Halts
from ingest.readiness import Pauses
from ingest.strategy import Strategy
from ingest.warm import WarmState
from recording.envelope import EventType
from recording.recorder import Recorder
from venues.market_events import Doubt


class TapedEngine(Engine):
    """An Engine whose session `recorder` keeps; all else as `Engine`, the recorder being started by its owner.

    Every call is recorded before it takes effect, and a decision as soon as it is made, so the recording replays to the
    same decisions (`recording.rerun`). What the engine tells itself within a call is not recorded: the replay does too.
    """

    def __init__(
        self,
        recorder: Recorder,
        strategies: Iterable[Strategy],
        limits: GateLimits,
        on_intent: Callable[[Intent], None],
        on_suppressed: Callable[[Suppression], None],
        **more: Any,
    ) -> None:
        def intended(intent: Intent) -> None:
            recorder.decision(intent)
            on_intent(intent)

        def refused(suppression: Suppression) -> None:
            recorder.decision(suppression)
            on_suppressed(suppression)

        self._recorder = recorder
        self._inside = False
        super().__init__(strategies, limits, intended, refused, **more)

    def on_frame(self, raw: bytes, received_at: int, venue: Venue, link: int = 0) -> None:
        self._recorder.frame(venue, raw, received_at, time.monotonic_ns(), link)
        self._inside = True
        try:
            super().on_frame(raw, received_at, venue, link)
        finally:
            self._inside = False

    def on_spot(self, feed: SpotFeed, raw: bytes, received_at: int, link: int = 1) -> None:
        self._recorder.frame(feed, raw, received_at, time.monotonic_ns(), link)
        super().on_spot(feed, raw, received_at, link)

    def on_warm(self, state: WarmState) -> int:
        self._recorder.control(EventType.WARM, state)
        return super().on_warm(state)

    def on_gap(self, markets: Iterable[str], venue: Venue, doubt: Doubt = Doubt.LOST) -> None:
        named = tuple(markets)
        if not self._inside:
            self._recorder.control(EventType.GAP, {"markets": named, "doubt": doubt}, venue=venue)
        super().on_gap(named, venue, doubt)

    def on_link_lost(self, link: int, venue: Venue) -> None:
        self._recorder.control(EventType.LINK_LOST, {"link": link}, venue=venue)
        self._inside = True
        try:
            super().on_link_lost(link, venue)
        finally:
            self._inside = False

    def on_state(self, up: bool, reason: str, venue: Venue) -> None:
        self._recorder.control(EventType.STATE, {"up": up, "reason": reason}, venue=venue)
        super().on_state(up, reason, venue)

    def on_users(self, up: bool, reason: str, venue: Venue) -> None:
        self._recorder.control(EventType.USERS, {"up": up, "reason": reason}, venue=venue)
        super().on_users(up, reason, venue)

    def expect(self, name: str, pauses: Pauses = Pauses.ALL, *, feed: bool = False) -> None:
        self._recorder.control(EventType.CONDITION, {"expected": name, "pauses": pauses, "feed": feed})
        super().expect(name, pauses, feed=feed)

    def on_condition(self, name: str, ok: bool, why: str, at: int, pauses: Pauses = Pauses.ALL) -> None:
        said = {"name": name, "ok": ok, "why": why, "at": at, "pauses": pauses}
        self._recorder.control(EventType.CONDITION, said, at=at)
        super().on_condition(name, ok, why, at, pauses)

    def on_time(self, at: int) -> None:
        self._recorder.control(EventType.CONDITION, {"time": at}, at=at)
        super().on_time(at)

    def on_stop(self, at: int) -> None:
        self._recorder.control(EventType.CONDITION, {"stopping": at}, at=at)
        super().on_stop(at)

    def on_load(self, load: Load) -> None:
        self._recorder.control(EventType.CONDITION, {"trading": load.trading, "waited": load.waited})
        super().on_load(load)

    def on_halts(self, halts: Halts) -> None:
        self._recorder.control(EventType.HALTS, halts)
        super().on_halts(halts)

    def trade_opened(self, pair: str) -> None:
        self._recorder.control(EventType.TRADE_OPENED, {}, market=pair)
        super().trade_opened(pair)

    def trade_closed(self, pair: str) -> None:
        self._recorder.control(EventType.TRADE_CLOSED, {}, market=pair)
        super().trade_closed(pair)

    def finish(self) -> None:
        self._recorder.control(EventType.FINISH, {})
        super().finish()
