"""How far our clock is from a venue's, seen from the times its messages carry.

A message is under way for some time, never for less than none: the least of many differences (our time of receipt minus
the exchange's) is our clock's lead plus the shortest way. Where it is negative our clock is behind by at least that
much. The other direction cannot be told from a slow line, and either is refused by the gate `lagged`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from domain.book import Book


class ClockWatch:
    """One venue. `look` once a second over its books; `behind` in microseconds."""

    def __init__(self, window_us: int = 30_000_000) -> None:
        self._window = window_us
        self._least: deque[tuple[int, int]] = deque()  # (when, least difference seen then)
        self._since = 0

    def look(self, books: Iterable[Book], now: int) -> None:
        """Take in what changed since the last look. A snapshot without an exchange time carries ours, and says
        nothing."""
        seen = [
            book.received_at - book.exchange_at
            for book in books
            if book.received_at > self._since and book.exchange_at != book.received_at
        ]
        self._since = now
        if seen:
            self._least.append((now, min(seen)))
        while self._least and now - self._least[0][0] > self._window:
            self._least.popleft()

    @property
    def behind(self) -> int:
        """How far our clock is behind at least; 0 where nothing shows that it is."""
        return max(0, -min((least for _, least in self._least), default=0))
