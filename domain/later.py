"""Fields added to what has a canonical text. At their default they say nothing, so the text of older content stays."""

from __future__ import annotations

from dataclasses import field
from typing import TypeVar

LATER = "later"

Value = TypeVar("Value")


def later(default: Value) -> Value:
    """A dataclass field that the canonical text leaves out while it holds `default`."""
    made: Value = field(default=default, metadata={LATER: True})
    return made
