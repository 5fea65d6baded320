"""The exchange's opening: whether it trades, its hours and maintenance windows, and what it announces.

A *trading pause* takes no new orders and no amends but lets orders be cancelled; an *exchange pause* takes nothing.
Resting orders stay through both, unless they were placed with `cancel_order_on_pause`.
Source: docs.kalshi.com/getting_started/maintenance_and_pauses.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from paper.kalshi import refusals
from paper.kalshi.store import Store

Doing = Literal["place", "cancel"]
_KEY = "office"


class Window(msgspec.Struct, frozen=True):
    """Announced maintenance, wall-clock microseconds."""

    start: int
    end: int


class Notice(msgspec.Struct, frozen=True):
    """`kind` is info, warning or error; `at` when it was delivered, microseconds."""

    kind: Literal["info", "warning", "error"]
    message: str
    at: int


class Opening(msgspec.Struct, frozen=True):
    """`resumes_at` is the venue's own estimate, microseconds, 0 for none."""

    trading: bool = True
    active: bool = True
    resumes_at: int = 0
    windows: tuple[Window, ...] = ()
    notices: tuple[Notice, ...] = ()


class Office:
    """Durable: a restart finds the exchange as open as it was."""

    def __init__(self, store: Store) -> None:
        self._store = store
        text = store.get(_KEY)
        self.opening = Opening() if text is None else msgspec.json.decode(text, type=Opening)

    def set(self, opening: Opening) -> None:
        """Into the transaction that is open."""
        self._store.put(_KEY, msgspec.json.encode(opening).decode())
        self.opening = opening

    @property
    def trading(self) -> bool:
        return self.opening.active and self.opening.trading

    def admit(self, doing: Doing) -> None:
        """Raise the venue's `Refusal` while it takes no such request."""
        if not self.opening.active:
            raise refusals.paused("exchange_is_paused")
        if doing == "place" and not self.opening.trading:
            raise refusals.paused("trading_is_paused")
