"""Numbers and times as recorders write them, read exactly and strictly. Every refusal says what was expected."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from domain.money import MICRO

_NUMBER = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,18}))?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_DAY = 86_400 * MICRO
_LARGEST_SIZE = 1_000_000_000 * MICRO
"""No recorded level comes near a billion contracts; a larger number is a broken row, not liquidity."""


class Unreadable(ValueError):
    """A field that does not hold what its column promises. The message reads after the word "expected"."""


def micros(text: str) -> int:
    """A plain decimal in micros: `0.47` → 470000, `1698816.0` → 1698816000000. Exact to six places.

    A recorder that computed 1 − 0.56 in floats wrote 0.43999999999999995: noise beyond the ninth place is dropped,
    anything else finer than six places is refused.
    """
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise Unreadable(f"a plain decimal such as 0.47, not {text!r}")
    sign, whole, fraction = found.groups()
    nanos = int(whole) * 10**9 + (int(fraction[:9].ljust(9, "0")) if fraction else 0)
    if fraction and len(fraction) > 9 and fraction[9] >= "5":
        nanos += 1
    value, rest = divmod(nanos, 1_000)
    if rest:
        raise Unreadable(f"at most six decimal places, not {text!r}")
    return -value if sign else value


def price(text: str) -> int:
    """A price in micros, strictly between 0 and 1 dollar."""
    value = micros(text)
    if not 0 < value < MICRO:
        raise Unreadable(f"a price between 0 and 1 dollar, not {text!r}")
    return value


def size(text: str) -> int:
    """A size in micro-contracts, not negative and below a billion contracts."""
    value = micros(text)
    if not 0 <= value <= _LARGEST_SIZE:
        raise Unreadable(f"a size from 0 to 1000000000 contracts, not {text!r}")
    return value


def change(text: str) -> int:
    """A signed change in micro-contracts, below a billion contracts either way."""
    value = micros(text)
    if not -_LARGEST_SIZE <= value <= _LARGEST_SIZE:
        raise Unreadable(f"a change of at most 1000000000 contracts, not {text!r}")
    return value


def moment(text: str) -> int:
    """An ISO date and time in microseconds since the epoch; without a zone it is taken as UTC."""
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable(f"an ISO time such as 2026-01-08T02:13:20.347975Z, not {text!r}") from None
    if "T" not in text and " " not in text:
        raise Unreadable(f"a date with a time of day such as 2026-01-08T02:13:20Z, not {text!r}")
    if stamp.tzinfo is None:
        stamp = stamp.replace(tzinfo=UTC)
    since = stamp - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * MICRO + since.microseconds


def moment_of_day(text: str, start: int) -> int:
    """`HH:MM[:SS]` UTC as the moment of the recording's day, or an ISO time as it is; microseconds since the epoch.

    A recording that runs past midnight has two such moments: one before `start`'s time of day means the next day,
    unless it lies less than an hour before the start, which can only mean the start itself was meant loosely.
    """
    found = _CLOCK.fullmatch(text)
    if found is None:
        return moment(text)
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    if hours > 23 or minutes > 59 or seconds > 59:
        raise Unreadable(f"a time of day HH:MM or HH:MM:SS, not {text!r}")
    at = start - start % _DAY + ((hours * 60 + minutes) * 60 + seconds) * MICRO
    return at if at >= start - 3_600 * MICRO else at + _DAY


def not_before(at: int, floor: int) -> None:
    """Raises Unreadable when a row is earlier than the file may go back."""
    if at < floor:
        raise Unreadable(f"rows in order of time, not one {(floor - at) / MICRO:.3f} s too early")


def iso(at: int) -> str:
    """Microseconds since the epoch as `2026-01-08T02:13:20.347975Z`."""
    seconds, rest = divmod(at, MICRO)
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%S}.{rest:06d}Z"
