"""A recorded session through the decision engine, frame by frame as the venue would send it.

Every event is written as a wire frame and decoded again, so a replay runs the live path from the bytes on. A frame is
received at its exchange time: nothing here depends on a clock, and equal sessions give equal fingerprints.

There is no desk in a replay. A trade counts as open for `trade_ms` of exchange time after its intent and as closed
then, whatever would have become of it; the default is what two legs take on one machine, with room to spare.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from domain.decisions import Gate, Suppression
from domain.intent import Intent, LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import Venue
from ingest.engine import Counters, Engine
from ingest.sets import OutcomeSet, sets_of
from ingest.strategies.basket import baskets
from ingest.strategy import Strategy
from recording.fingerprint import Fingerprint
from recording.sources.session import Session
from recording.wire import wire

TRADE_MS = 500


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a replay decided. Times are exchange microseconds; `suppressed` counts opportunities by gate."""

    events: int
    intents: tuple[Intent, ...]
    suppressions: tuple[Suppression, ...]
    suppressed: dict[Gate, int]
    fingerprint: str
    first_at: int
    last_at: int
    counters: Counters


class TimedTrades:
    """Stands in for the desk: every trade is over `trade_ms` of exchange time after its intent."""

    def __init__(self, trade_ms: int) -> None:
        self._lasts = trade_ms * 1000
        self._closing: deque[tuple[int, str]] = deque()

    def started(self, intent: Intent) -> None:
        self._closing.append((intent.decided_at + self._lasts, intent.pair))

    def close_due(self, engine: Engine, at: int) -> None:
        """Tell the engine of every trade that is over at `at`; to be called before the frame of that time."""
        for pair in self.due(at):
            engine.trade_closed(pair)

    def due(self, at: int) -> Iterator[str]:
        """The pair of every trade that is over at `at`; each is named once."""
        while self._closing and self._closing[0][0] <= at:
            yield self._closing.popleft()[1]


def replay(
    session: Session,
    *,
    params: SetParams | None = None,
    limits: GateLimits | None = None,
    policy: LegPolicy | None = None,
    trade_ms: int = TRADE_MS,
    sets: Sequence[OutcomeSet] | None = None,
    strategies: Sequence[Strategy] = (),
    venue_limits: Mapping[Venue, GateLimits] | None = None,
) -> ReplayResult:
    """Run `session` as fast as it goes, on `sets` (those its markets make, if None) and `strategies`.

    Raises BadInput for a session whose markets make no set where none were given."""
    intents: list[Intent] = []
    suppressions: list[Suppression] = []
    fingerprint = Fingerprint()
    trades = TimedTrades(trade_ms)

    def taken(intent: Intent) -> None:
        intents.append(intent)
        fingerprint.add(intent)
        trades.started(intent)

    def refused(suppression: Suppression) -> None:
        suppressions.append(suppression)
        fingerprint.add(suppression)

    limits = limits or GateLimits()
    watched = sets_of(session.markets) if sets is None else sets
    engine = Engine(
        (*baskets(watched, params or SetParams(), limits, policy or LegPolicy()), *strategies),
        limits,
        taken,
        refused,
        venue_limits=venue_limits,
        yes_price=True,
    )
    for raw, at, venue in wire(session):
        trades.close_due(engine, at)
        engine.on_frame(raw, at, venue)
    engine.finish()
    return ReplayResult(
        events=engine.counters.frames,
        intents=tuple(intents),
        suppressions=tuple(suppressions),
        suppressed=dict(sorted(Counter(s.gate for s in suppressions).items())),
        fingerprint=fingerprint.hexdigest(),
        first_at=session.start,
        last_at=session.end,
        counters=engine.counters,
    )
