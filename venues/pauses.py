"""A pause of trading at a venue, as whoever explains silence needs it."""

from __future__ import annotations

from typing import Protocol


class Pause(Protocol):
    """Trading stands still. Its text says so for people, with the venue's name, why, and until when."""

    @property
    def until(self) -> int:
        """Wall-clock microseconds; 0 if nobody says."""
        ...

    @property
    def why(self) -> str: ...
