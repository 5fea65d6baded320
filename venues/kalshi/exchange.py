"""What the exchange says of itself: whether it trades, when it comes back, its announcements, its fees to come."""

from __future__ import annotations

from domain.errors import Rejected, Unavailable
from venues.kalshi.exchange_messages import (
    Announcement,
    Announcements,
    ExchangeStatus,
    Schedule,
    ScheduleAnswer,
    SeriesFeeChange,
    SeriesFeeChanges,
)
from venues.kalshi.hours import Pause, pause_of, weekly_pause, window_at
from venues.kalshi.rest import RestWire

_STATUS_TTL = 5_000_000  # µs
_STATUS_WORTH = 60_000_000  # µs; for how long a status that nobody asked for again explains anything
_SCHEDULE_TTL = 3_600_000_000  # µs


class ExchangeDesk:
    """Reads raise `Unavailable` or `Rejected`. The status is kept for 5 seconds, the schedule for an hour."""

    def __init__(self, wire: RestWire) -> None:
        self._wire = wire
        self._status: tuple[int, ExchangeStatus] | None = None
        self._schedule: tuple[int, Schedule] | None = None
        self._failed_at = 0

    async def status(self) -> ExchangeStatus:
        now = self._wire.clock()
        if self._status is None or not 0 <= now - self._status[0] < _STATUS_TTL:
            self._status = (now, await self._wire.get("/exchange/status", ExchangeStatus))
        return self._status[1]

    async def schedule(self) -> Schedule:
        now = self._wire.clock()
        if self._schedule is None or not 0 <= now - self._schedule[0] < _SCHEDULE_TTL:
            self._schedule = (now, (await self._wire.get("/exchange/schedule", ScheduleAnswer)).schedule)
        return self._schedule[1]

    async def pause(self, shard: int | None = None) -> Pause | None:
        """The pause in force on a shard (None: on any), None while trading is on. The schedule is asked only in one,
        and does without if it cannot be read."""
        status = await self.status()
        now = self._wire.clock()
        if pause_of(status, None, now, shard) is None:
            return None
        try:
            schedule = await self.schedule()
        except (Unavailable, Rejected):
            schedule = None
        return pause_of(status, schedule, now, shard)

    async def refuse_pause(self, shard: int | None) -> None:
        """Raise `Unavailable` (code `paused`) while the exchange says that nothing can be placed on the shard. A status
        that cannot be read forbids nothing: an order sent then gets the venue's own answer."""
        now = self._wire.clock()
        if self._failed_at and 0 <= now - self._failed_at < _STATUS_TTL:
            return
        try:
            pause = await self.pause(shard)
        except (Unavailable, Rejected):
            self._failed_at = now
            return
        if pause is not None:
            raise Unavailable(str(pause), "paused")

    def look_again(self) -> None:
        """An order was refused because of a pause: what is kept of the status is out of date."""
        self._status = None

    def known_pause(self, now: int) -> Pause | None:
        """What is known already, without asking: the last status while it is worth anything, announced maintenance,
        the weekly pause. May be called from any thread; `now` is wall-clock microseconds."""
        status, schedule = self._status, self._schedule
        if status is not None and 0 <= now - status[0] < _STATUS_WORTH:
            told = pause_of(status[1], schedule[1] if schedule else None, now)
            if told is not None:
                return told
        announced = window_at(schedule[1], now) if schedule else None
        return announced or weekly_pause(now)

    async def announcements(self) -> list[Announcement]:
        """Those in force."""
        told = await self._wire.get("/exchange/announcements", Announcements)
        return [one for one in told.announcements or () if one.status in ("active", "")]

    async def fee_changes(self, series: str = "") -> list[SeriesFeeChange]:
        """Scheduled changes of fees, of one series or of all."""
        params = {"series_ticker": series} if series else {}
        return (await self._wire.get("/series/fee_changes", SeriesFeeChanges, params)).series_fee_change_arr or []
