"""A raw frame's label: which instruments it is about, when, and its number, read off its outside alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """`market` as a recording writes it (of a spot feed, its symbols), "" where the frame names none; `at` exchange
    microseconds, 0 where it has none; `seq` the feed's own number, 0 where it has none."""

    market: str = ""
    at: int = 0
    seq: int = 0


def millis(said: str | int) -> int:
    """Milliseconds since the epoch in microseconds; 0 for anything that is no such number."""
    value = int(said) if isinstance(said, int) or said.isdecimal() else 0
    return value * 1000 if 0 <= value < 10**14 else 0
