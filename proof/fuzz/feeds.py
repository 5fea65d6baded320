"""A session of frames through the whole engine, with a slow book beside every fast one.

One frame a line. Before a frame may stand the number of its connection (`1` or `2`); a line `D` takes the feed down and
up again, `L1` and `L2` lose a connection. After every line:

* a book the engine believes is believed by the slow reading too, with the same levels and the same best prices;
* every frame was counted, and each that could not be used was handed on to be kept, whole;
* an intent rests on believed books alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from domain.fees import FeeModel, FeeSchedule
from domain.intent import Intent, LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec, Venue
from ingest.engine import Engine
from ingest.sets import OutcomeSet
from ingest.strategies.basket import baskets
from proof.fuzz.seeds import CONDITION, EVENT, T0, TICKERS, TOKENS
from proof.fuzz.slow_books import SlowBook
from proof.fuzz.slow_kalshi import SlowKalshi
from proof.fuzz.slow_polymarket import SlowPolymarket

STEP_US = 1_000
MOST_FRAMES = 400


class Wrong(AssertionError):
    """A book that is believed and is not what the venue said, or an input that vanished."""


@dataclass(slots=True)
class _Session:
    """What the engine said of a session."""

    engine: Engine
    books: dict[str, SlowBook]
    dead: list[bytes] = field(default_factory=list)

    def agree(self, venue: Venue, frame: bytes) -> None:
        feed = self.engine.feed(venue)
        for market, slow in self.books.items():
            book = feed.books[market]
            if not book.ready or book.gapped or book.unsettled:
                continue
            if not slow.sure:
                raise Wrong(f"{market} is believed after {frame[:300]!r}; the venue's words leave it in doubt")
            if (book.bids, book.asks) != (slow.bids, slow.asks):
                raise Wrong(f"{market} is {book.bids}/{book.asks} after {frame[:300]!r}; it was told {slow}")
            if (book.best_bid, book.best_ask) != (max(slow.bids, default=None), min(slow.asks, default=None)):
                raise Wrong(f"{market} says {book.best_bid}/{book.best_ask} of {slow}")
        counters = self.engine.counters
        if len(self.dead) != counters.malformed + counters.unknown:
            raise Wrong(f"{len(self.dead)} frames kept, {counters} counted; after {frame[:300]!r}")


def _session(specs: tuple[MarketSpec, ...], books: dict[str, SlowBook]) -> _Session:
    def took(intent: Intent) -> None:
        for leg in intent.legs:
            if not books[leg.market].sure:
                raise Wrong(f"an intent on {leg.market}, which is in doubt")

    def keep(source: str, raw: bytes, why: str, at: int) -> None:
        if not why:
            raise Wrong("a frame was refused without a reason")
        session.dead.append(raw)

    engine = Engine(
        baskets([OutcomeSet(specs)], SetParams(), GateLimits(), LegPolicy()),
        GateLimits(),
        took,
        lambda suppression: None,
        on_dead=keep,
    )
    session = _Session(engine, books)
    return session


def kalshi(session: bytes) -> None:
    slow = SlowKalshi(TICKERS)
    specs = tuple(MarketSpec(Venue.KALSHI, ticker, EVENT, ticker, FeeSchedule(), outcomes=2) for ticker in TICKERS)
    run = _session(specs, slow.books)
    for number, line in enumerate(session.split(b"\n")[:MOST_FRAMES]):
        at = T0 + number * STEP_US
        if line == b"D":
            slow.down()
            run.engine.on_state(False, "lost", Venue.KALSHI)
            run.engine.on_state(True, "back", Venue.KALSHI)
        else:
            refused = run.engine.counters.malformed
            slow.take(line, at)
            run.engine.on_frame(line, at, Venue.KALSHI)
            if run.engine.counters.malformed > refused:
                slow.refuse(line)  # it may be stricter: of a key said twice, say, it wants both to be right
        run.agree(Venue.KALSHI, line)


def polymarket(session: bytes) -> None:
    slow = SlowPolymarket(TOKENS)
    fees = FeeSchedule(taker=Decimal(0), unit=Decimal("0.000001"), model=FeeModel.POLYMARKET)
    specs = tuple(
        MarketSpec(Venue.POLYMARKET, mine, CONDITION, mine, fees, outcomes=2, complement=other)
        for mine, other in (TOKENS, TOKENS[::-1])
    )
    run = _session(specs, slow.books)
    for number, line in enumerate(session.split(b"\n")[:MOST_FRAMES]):
        at = T0 + number * STEP_US
        if line == b"D":
            slow.down()
            run.engine.on_state(False, "lost", Venue.POLYMARKET)
            run.engine.on_state(True, "back", Venue.POLYMARKET)
        elif line in (b"L1", b"L2"):
            slow.lost(int(line[1:]))
            run.engine.on_link_lost(int(line[1:]), Venue.POLYMARKET)
        else:
            link, frame = (int(line[:1]), line[1:]) if line[:1] in (b"1", b"2") else (1, line)
            refused = run.engine.counters.malformed
            slow.take(frame, at, link)
            run.engine.on_frame(frame, at, Venue.POLYMARKET, link)
            if run.engine.counters.malformed > refused:
                slow.refuse(frame, link)  # it may be stricter than the slow reading, and takes a frame whole too
        run.agree(Venue.POLYMARKET, line)
