"""A market channel of one condition into an engine."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from domain.book import Book
from domain.decisions import Gate, Suppression
from domain.fees import FeeModel, FeeSchedule
from domain.intent import Intent, LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec, Venue
from ingest.engine import Engine
from ingest.sets import OutcomeSet
from ingest.strategies.basket import baskets
from ingest.strategy import Strategy
from venues.market_events import Doubt, News
from venues.polymarket import frames
from venues.polymarket.frames import LevelChange

T0 = 1_780_000_000_000_000
MS = 1_000
CENT = 10_000
SHARE = 1_000_000
CONDITION = "0x" + "ab" * 32
YES, NO = "1001", "1002"
FREE = FeeSchedule(taker=Decimal(0), unit=Decimal("0.000001"), model=FeeModel.POLYMARKET)


def token(market: str, complement: str) -> MarketSpec:
    return MarketSpec(Venue.POLYMARKET, market, CONDITION, market, FREE, outcomes=2, complement=complement)


class Feed:
    """A market channel of one condition into an engine; prices in cents, sizes in shares."""

    def __init__(self, strategies: Sequence[Strategy] = (), **options: Any) -> None:
        self.intents: list[Intent] = []
        self.suppressed: list[Suppression] = []
        self.gapped: list[tuple[tuple[str, ...], Doubt]] = []
        self.news: list[News] = []
        self.dead: list[tuple[Venue, bytes, str]] = []
        self.engine = Engine(
            (
                *baskets([OutcomeSet((token(YES, NO), token(NO, YES)))], SetParams(), GateLimits(), LegPolicy()),
                *strategies,
            ),
            GateLimits(),
            self.intents.append,
            self.suppressed.append,
            on_gapped=lambda venue, markets, doubt: self.gapped.append((markets, doubt)),
            on_news=self.news.append,
            **{"on_dead": lambda venue, raw, why, at: self.dead.append((venue, raw, why)), **options},
        )

    def send(self, raw: bytes, at: int = T0, link: int = 1) -> None:
        self.engine.on_frame(raw, at, Venue.POLYMARKET, link)

    def book(self, asset: str, bid: int, ask: int, at: int = T0, *, size: int = 100, link: int = 1) -> None:
        self.send(image(asset, bid, ask, at, size=size), at, link)

    def ready(self, bid: int = 47, ask: int = 49) -> Feed:
        """YES at 47/49 and NO, its mirror, at 51/53."""
        self.book(YES, bid, ask)
        self.book(NO, 100 - ask, 100 - bid)
        return self

    def change(self, *rows: LevelChange, at: int = T0, link: int = 1) -> None:
        self.send(frames.price_change(CONDITION, rows, at), at, link)

    def of(self, asset: str) -> Book:
        return self.engine.feed(Venue.POLYMARKET).books[asset]

    def gates(self) -> list[Gate]:
        return [suppression.gate for suppression in self.suppressed]


def image(asset: str, bid: int, ask: int, at: int = T0, *, size: int = 100) -> bytes:
    return frames.book(CONDITION, asset, [(bid * CENT, size * SHARE)], [(ask * CENT, size * SHARE)], at)


def row(  # noqa: PLR0917 - one a field
    asset: str, side: str, cents: int, size: int, best_bid: int | None, best_ask: int | None
) -> LevelChange:
    bests = [None if best is None else best * CENT for best in (best_bid, best_ask)]
    return LevelChange(asset, side == "bid", cents * CENT, size * SHARE, bests[0], bests[1])
