"""The trading floor: what a session does to the exchange of each venue whose markets it holds.

A session is one stream of events over markets of one or more venues; each exchange is given its own markets and events.
"""

from __future__ import annotations

from domain.market import Venue
from paper.core.state_file import Taken
from paper.kalshi.exchange import Exchange
from paper.polymarket.exchange import Clob
from recording.sources.session import BookDelta, Session, SessionEvent

LIVE = "live:"
"""What the description of live books begins with; there is no recording to play on after a restart."""


class Floor:
    def __init__(self, kalshi: Exchange, clob: Clob) -> None:
        self.kalshi = kalshi
        self.clob = clob
        self._tokens: set[str] = set()
        self._to_restore: dict[str, tuple[int, Taken]] = {}
        self._clob_to_restore: dict[str, tuple[int, Taken]] = {}

    @property
    def failed(self) -> bool:
        return self.kalshi.failed or self.clob.failed

    def fail(self) -> None:
        """Nothing is right any more until a restart."""
        self.kalshi.failed = self.clob.failed = True

    def now(self) -> int:
        return self.kalshi.now()

    @property
    def description(self) -> str | None:
        """What was playing when the process ended, as `begin` was told."""
        return self.kalshi.store.get("playback")

    def begin(self, session: Session, description: str) -> None:
        """A new session on every floor: working orders end, nothing of its books is taken yet. Polymarket first: a
        process that dies in between finds the old session at the other side and plays it on (`Clob.resume`)."""
        self._list(session)
        self.clob.begin(session, description)
        self.kalshi.begin([spec for spec in session.markets if spec.venue is Venue.KALSHI], description)

    def resume(self, session: Session, description: str) -> None:
        """The session that was playing when the process ended. `apply` its events silently, then `reopen`."""
        self._list(session)
        self._to_restore = self.kalshi.resume([spec for spec in session.markets if spec.venue is Venue.KALSHI])
        self._clob_to_restore = self.clob.resume(session, description)

    def apply(self, event: SessionEvent, at: int, *, silent: bool = False) -> None:
        """One recorded event, stamped `at`. In a silent catch-up what was taken is put back at its point."""
        if event.market in self._tokens:
            self.clob.apply(event, at, silent=silent)
            if silent:
                for condition, (applied, sizes) in self._clob_to_restore.items():
                    if applied == self.clob.applied and condition in self.clob.engines:
                        self.clob.restore(condition, sizes)
            return
        self.kalshi.apply(event, at, silent=silent)
        if silent:
            for ticker, (applied, sizes) in self._to_restore.items():
                if applied == self.kalshi.applied and ticker in self.kalshi.engines:
                    self.kalshi.restore(ticker, sizes)

    def set_level(self, token: str, bids: bool, price: int, size: int) -> None:
        """A live feed says that `size` now stands at `price` of the bids or asks of a Polymarket token."""
        market = self.clob.markets.of_token(token)
        if market is None or market.id not in self.clob.engines:
            return
        bought = bids == (market.index(token) == 0)
        level = price if bids else 1_000_000 - price
        stands = self.clob.engines[market.id].book.recorded["yes" if bought else "no"].get(level, 0)
        if size != stands:
            now = self.now()
            self.apply(BookDelta(now, token, "yes" if bids else "no", level, size - stands), now)

    def reopen(self) -> None:
        self.kalshi.reopen()
        self.clob.reopen()

    def _list(self, session: Session) -> None:
        of_clob = [spec for spec in session.markets if spec.venue is Venue.POLYMARKET]
        self._tokens = {token for spec in of_clob for token in (spec.market, spec.complement)}
