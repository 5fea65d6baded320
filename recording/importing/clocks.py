"""Times as recorders of these files wrote them: zones left out, so the file's place and date must say them.

New York's rule is written out rather than looked up: a machine's table of time zones may be missing or newer, and equal
files must give equal sessions.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain.money import MICRO
from recording.sources.numbers import Unreadable

_HOUR = 3_600 * MICRO
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def clock(text: str) -> int:
    """`2026-03-25 22:21:29,187`, with a comma or a point, as microseconds since the epoch were it UTC."""
    try:
        stamp = datetime.fromisoformat(text.replace(",", ".")).replace(tzinfo=UTC)
    except ValueError:
        raise Unreadable(f"a time such as 2026-03-25 22:21:29,187, not {text[:40]!r}") from None
    return micros_of(stamp)


def micros_of(stamp: datetime) -> int:
    """Microseconds since the epoch, exactly."""
    return (stamp - _EPOCH) // timedelta(microseconds=1)


def from_eastern(local: int) -> int:
    """A clock of New York, in microseconds as if it were UTC, as UTC: four hours are added from the second Sunday of
    March, 2:00, to the first of November, 2:00, and five otherwise. (The hour that comes twice is taken as summer.)"""
    year = (_EPOCH + timedelta(microseconds=local)).year
    summer = micros_of(_sunday(year, 3, 2)) <= local < micros_of(_sunday(year, 11, 1))
    return local + (4 if summer else 5) * _HOUR


def _sunday(year: int, month: int, nth: int) -> datetime:
    """The nth Sunday of a month, at two in the morning."""
    first = datetime(year, month, 1, 2, tzinfo=UTC)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (nth - 1))
