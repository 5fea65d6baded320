"""Who won, where a recording knows it: said by its source, or shown by the last books of the whole recording.

result of the source                                          known
one market bid at 0.95 or more, every other asked 0.05 or less    known: its last books say so
anything else                                                 not known, and never invented
"""

from __future__ import annotations

from domain.money import MICRO
from recording.sources.session import RecordedSession
from recording.sources.window import Levels

SURE = 950_000
"""Micros: what somebody still bids for a market that has as good as won; a dollar less this is asked for the rest."""


def winners(session: RecordedSession) -> dict[str, str | None]:
    """By event, the market that won; None where that is not known. Give it the whole recording: a window's last books
    are of the middle of the game."""
    said = {result.event: result.winner for result in session.results}
    books = {spec.market: Levels() for spec in session.markets}
    for event in session.log:
        books[event.market].apply(event)
    members: dict[str, list[str]] = {}
    for spec in session.markets:
        members.setdefault(spec.event, []).append(spec.market)
    return {event: said.get(event) or _shown({m: books[m] for m in markets}) for event, markets in members.items()}


def _shown(books: dict[str, Levels]) -> str | None:
    won = [market for market, levels in books.items() if max(levels.yes, default=0) >= SURE]
    if len(won) != 1 or len(books) < 2:
        return None
    # The best ask is a dollar less the best NO bid; a side without bids asks for nothing and shows nothing.
    lost = all(MICRO - max(levels.no, default=0) <= MICRO - SURE for m, levels in books.items() if m != won[0])
    return won[0] if lost else None
