"""Two Kalshi markets that follow a spot price, a Coinbase feed beside them, and an engine that sees both."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from domain.features.params import FeatureParams, Follow
from domain.fees import FeeSchedule
from domain.market import MarketSpec, Venue
from domain.spot import SpotFeed, SpotSource
from ingest.engine import Engine
from recording.session_setup import Rules, Setup, engine_of
from venues.kalshi import frames

T0 = 1_795_262_400_000_000  # 2026-11-21T12:00:00Z
SECOND = 1_000_000
UP, DOWN, OTHER = "KXBTC15M-26-UP", "KXBTC15M-26-DOWN", "KXCUP-26-AAA"
BTC = "BTC-USD"
PARAMS = FeatureParams(
    follow=(Follow("KXBTC15M", SpotSource.COINBASE, BTC),),
    flow_window_ms=2_000,
    mid_halflife_ms=500,
    spot_halflife_ms=500,
    sigma_horizon_ms=2_000,
    sigma_window_ms=10_000,
    sigma_least=3,
)


def spec(market: str) -> MarketSpec:
    event = market.rsplit("-", 1)[0]
    return MarketSpec(Venue.KALSHI, market, event, market, FeeSchedule(), outcomes=2)


def setup_of(features: FeatureParams = PARAMS, markets: tuple[str, ...] = (UP, DOWN)) -> Setup:
    return Setup(
        name="spot",
        origin="test",
        instruments=tuple(spec(market) for market in markets),
        sets=(markets,),
        rules=Rules(features=features),
    )


def ticker(at: int, price: str = "60000", sequence: int = 0) -> bytes:
    """A trade at Coinbase at exchange time `at` (µs)."""
    said = {
        "type": "ticker",
        "sequence": sequence or at,
        "product_id": BTC,
        "price": price,
        "time": datetime.fromtimestamp(at / 1e6, tz=UTC).isoformat(),
        "trade_id": 1,
    }
    return json.dumps(said).encode()


class Venues:
    """What the feeds say, in the order it is called, to an engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.seq = 0

    def book(self, market: str, at: int, bid: int = 47, ask: int = 56, size: int = 200) -> None:
        self.seq += 1
        yes = [(bid * 10_000, size * 10**6)]
        no = [((100 - ask) * 10_000, size * 10**6)]
        self.engine.on_frame(frames.snapshot(1, self.seq, market, yes, no, yes_price=True), at, Venue.KALSHI)

    def bid(self, market: str, at: int, contracts: int, cents: int = 47, *, lose: int = 0) -> None:
        self.seq += 1 + lose
        raw = frames.delta(1, self.seq, market, "yes", cents * 10_000, contracts * 10**6, at, yes_price=True)
        self.engine.on_frame(raw, at, Venue.KALSHI)

    def spot(self, at: int, price: str = "60000") -> None:
        self.engine.on_spot(SpotFeed.COINBASE, ticker(at, price), at, 1)

    def evening(self, seconds: int = 20, *, spot_until: int = 10**9) -> None:
        """Every second a tick, then a change of each book; the spot moves by a dollar to and fro."""
        self.book(UP, T0)
        self.book(DOWN, T0, 44, 46)
        for second in range(1, seconds + 1):
            at = T0 + second * SECOND
            if second <= spot_until:
                self.spot(at, str(60_000 + second % 2))
            self.bid(UP, at + 1, 1)
            self.bid(DOWN, at + 2, 1, 44)


def venues(
    features: FeatureParams = PARAMS, make: Callable[..., Engine] = Engine, markets: tuple[str, ...] = (UP, DOWN)
) -> Venues:
    return Venues(engine_of(setup_of(features, markets), lambda intent: None, lambda suppression: None, make))


def numbers(engine: Engine, market: str, at: int) -> dict[str, Any]:
    """A vector as plain data: a feature's number, or its flaw."""
    features = engine.features(market, at).features
    return {name: feature.flaw or feature.value for name, feature in features.items()}
