"""When the exchange trades: its status, its hours and its maintenance windows, read into one answer.

| seen | trading | comes back |
|---|---|---|
| `trading_active` of the shard | yes | |
| not active, `exchange_estimated_resume_time` given | no | then ("can be extended", says the venue) |
| not active, inside a maintenance window | no | at the window's end |
| not active, outside the standard hours | no | at the next opening |
| not active otherwise | no | nobody says |

Every Thursday from 3 to 5 in the morning, Eastern time, no order may be placed or amended; cancels work.
Sources: docs.kalshi.com/getting_started/maintenance_and_pauses, and GET /exchange/status and /exchange/schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.errors import Unavailable
from venues.kalshi.exchange_messages import ExchangeStatus, MaintenanceWindow, Schedule, Session
from venues.kalshi.translate import micros_of

_EASTERN = ZoneInfo("America/New_York")
_AHEAD_DAYS = 14  # a longer closure than that is not announced by opening hours
_THURSDAY = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pause:
    """Trading stands still. `until` is wall-clock microseconds, 0 if nobody says; `why` a few words for people."""

    until: int
    why: str

    def __str__(self) -> str:
        if not self.until:
            return f"Kalshi's trading is paused ({self.why}); the venue does not say until when"
        end = (_EPOCH + timedelta(microseconds=self.until)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"Kalshi's trading is paused until {end} ({self.why})"


def active_on(status: ExchangeStatus, shard: int | None) -> bool:
    """Whether orders may be placed on a shard; with None, on every one. The top level speaks for a shard not listed."""
    listed = status.exchange_index_statuses or ()
    chosen = [one for one in listed if shard is None or one.exchange_index == shard]
    if not chosen:
        return status.exchange_active and status.trading_active
    return all(one.exchange_active and one.trading_active for one in chosen)


def pause_of(status: ExchangeStatus, schedule: Schedule | None, now: int, shard: int | None = None) -> Pause | None:
    """The pause in force at `now` (µs), None while trading is on. Without a schedule only the status is asked.

    Raises `Unavailable` for times that cannot be read."""
    if active_on(status, shard):
        return None
    what = "maintenance" if not status.exchange_active else "a halt"
    if status.exchange_estimated_resume_time:
        return Pause(micros_of(status.exchange_estimated_resume_time), f"{what}, by the venue's own estimate")
    if schedule is not None:
        window = window_at(schedule, now)
        if window is not None:
            return window
        opening = next_opening(schedule, now)
        if opening > now:
            return Pause(opening, "outside the exchange's hours")
    return Pause(0, what)


def window_at(schedule: Schedule, now: int) -> Pause | None:
    """The announced maintenance window that `now` (µs) lies in; of several, the one that ends last."""
    ends = [end for start, end in map(_span, schedule.maintenance_windows or ()) if start <= now < end]
    return Pause(max(ends), "scheduled maintenance") if ends else None


def weekly_pause(now: int) -> Pause | None:
    """The pause of every Thursday from 3 to 5, Eastern time, if `now` (µs) lies in it: known without asking."""
    day = datetime.combine(_at(now).astimezone(_EASTERN).date(), time(), _EASTERN)
    if day.weekday() != _THURSDAY:
        return None
    start, end = (_micros(datetime.combine(day.date(), time(hour), _EASTERN)) for hour in (3, 5))
    return Pause(end, "the weekly maintenance") if start <= now < end else None


def next_window(schedule: Schedule, now: int) -> tuple[int, int] | None:
    """The maintenance window that begins next, (start, end) in µs."""
    return min((span for span in map(_span, schedule.maintenance_windows or ()) if span[0] > now), default=None)


def next_opening(schedule: Schedule, now: int) -> int:
    """When the standard hours next have the exchange open, µs; `now` itself while they do, 0 if they never do.

    Two sessions that touch at midnight are one: the exchange does not close between them."""
    local = _at(now).astimezone(_EASTERN)
    for days in range(_AHEAD_DAYS + 1):
        day = local.date() + timedelta(days=days)
        for opens, closes in sorted(_sessions(schedule, datetime.combine(day, time(), _EASTERN))):
            if closes > now:
                return max(opens, now)
    return 0


def _sessions(schedule: Schedule, day: datetime) -> list[tuple[int, int]]:
    """The sessions of one Eastern day (its midnight), in µs."""
    name = day.strftime("%A").lower()
    noon = _micros(day + timedelta(hours=12))
    found = []
    for week in schedule.standard_hours or ():
        if micros_of(week.start_time) <= noon < micros_of(week.end_time):
            sessions: list[Session] = getattr(week, name) or []
            found += [(_on(day, one.open_time), _on(day, one.close_time, end=True)) for one in sessions]
    return found


def _on(day: datetime, clock: str, *, end: bool = False) -> int:
    """`HH:MM` of a day; `24:00`, and `00:00` as an end, are the midnight that ends it."""
    hours, _, minutes = clock.partition(":")
    try:
        h, m = int(hours), int(minutes[:2])
        if h == 24 or (end and h == m == 0):
            return _micros(datetime.combine(day.date() + timedelta(days=1), time(), _EASTERN))
        return _micros(datetime.combine(day.date(), time(h, m), _EASTERN))
    except ValueError:
        raise Unavailable(
            f"the venue's schedule has the time {clock!r}; expected HH:MM: ask again later", "unparseable"
        ) from None


def _span(window: MaintenanceWindow) -> tuple[int, int]:
    return micros_of(window.start_datetime), micros_of(window.end_datetime)


def _at(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _micros(at: datetime) -> int:
    return (at.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
