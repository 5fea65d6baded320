"""Part of a session: from a moment to a moment, with the books at its start built by everything before."""

from __future__ import annotations

from dataclasses import replace

from domain.errors import BadInput
from recording.sources.numbers import Unreadable, iso, moment_of_day
from recording.sources.session import BidSide, BookReset, RecordedSession, SessionEvent

VOUCHED_FOR = 10_000_000
"""Microseconds a book may have been quiet before a window's start and still open it."""


class Levels:
    """The resting bids of one market while a session is read: size by price and side, never negative."""

    __slots__ = ("no", "yes")

    def __init__(self) -> None:
        self.yes: dict[int, int] = {}
        self.no: dict[int, int] = {}

    def side(self, side: BidSide) -> dict[int, int]:
        return self.yes if side == "yes" else self.no

    def apply(self, event: SessionEvent) -> None:
        if isinstance(event, BookReset):
            self.yes = dict(event.yes)
            self.no = dict(event.no)
            return
        levels = self.side(event.side)
        left = levels.get(event.price, 0) + event.delta
        if left > 0:
            levels[event.price] = left
        else:
            levels.pop(event.price, None)

    def reset(self, at: int, market: str) -> BookReset:
        return BookReset(at, market, tuple(sorted(self.yes.items())), tuple(sorted(self.no.items())))


def cut(session: RecordedSession, start: str | None, end: str | None) -> RecordedSession:
    """The session between two moments given as ISO times or `HH:MM[:SS]` UTC; None leaves that end as it is.

    Raises BadInput for a time that cannot be read or a window that holds nothing of the session.
    """
    if start is None and end is None:
        return session
    try:
        first = session.start if start is None else moment_of_day(start, session.start)
        last = session.end if end is None else moment_of_day(end, session.start)
    except Unreadable as wrong:
        raise BadInput(f"window of {session.name}: expected {wrong}", "bad_window") from None
    if first >= last or first >= session.end or last <= session.start:
        raise BadInput(
            f"window {iso(first)} to {iso(last)} holds nothing of {session.name}, which runs from "
            f"{iso(session.start)} to {iso(session.end)}; choose start and end inside it (UTC)",
            "bad_window",
        )
    return between(session, first, last)


def played(session: RecordedSession) -> RecordedSession:
    """A session of claims without the games that it does not play: claims with an instrument nobody quotes in it, and
    the markets of no other claim. Sessions without claims stay as they are."""
    quoted = {event.market for event in session.log}
    firsts = {spec.complement: spec.market for spec in session.markets if spec.complement}
    claims = tuple(
        record
        for record in session.claims
        if all(firsts.get(one.market, one.market) in quoted for one in record.instruments)
    )
    if claims == session.claims:
        return session
    kept = {firsts.get(one.market, one.market) for record in claims for one in record.instruments}
    return replace(
        session,
        markets=tuple(spec for spec in session.markets if spec.market in kept),
        log=tuple(event for event in session.log if event.market in kept),
        conditions=tuple(one for one in session.conditions if one.token in kept),
        claims=claims,
    )


def between(session: RecordedSession, first: int, last: int) -> RecordedSession:
    """Events with first ≤ at ≤ last (microseconds), after a BookReset at `first` of what all earlier events built.

    A book that had not changed for ten seconds before `first` is not vouched for: its recorder may have been gone.
    It comes in with a BookReset at its next change instead, so that a window cannot make an old book look new.
    """
    books: dict[str, Levels] = {}
    changed: dict[str, int] = {}
    log: list[SessionEvent] = []
    waiting: set[str] = set()
    opened = False
    for event in session.log:
        if event.at > last:
            break
        if event.at >= first:
            if not opened:
                waiting = {market for market, at in changed.items() if at < first - VOUCHED_FOR}
                log.extend(books[market].reset(first, market) for market in books if market not in waiting)
                opened = True
            if event.market not in waiting:
                log.append(event)
                continue
            waiting.discard(event.market)
            books[event.market].apply(event)
            log.append(books[event.market].reset(event.at, event.market))
            continue
        books.setdefault(event.market, Levels()).apply(event)
        changed[event.market] = event.at
    return replace(session, log=tuple(log))
