"""Frames of a venue's market stream into the real feed and engine.

    input:
      frames:
        - {says: {…}, at_ms: 5}       a message; `at_ms` is when it came, counted from the first moment
        - {text: "not JSON"}
        - {lost: 1}                   the connection of this number is gone
      link: 1                         the connection, where a frame names none of its own

`$YES` and `$NO` are the tokens of the condition `$CONDITION`; `$A` and `$B` the two Kalshi markets; `$MS` and `$MS+5`
are the first moment in milliseconds, and five later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from domain.book import Book
from domain.fees import FeeSchedule
from domain.intent import Intent, LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec, Venue
from ingest.engine import Engine
from ingest.sets import OutcomeSet
from ingest.strategies.basket import baskets
from tests.ingest.polymarket_feed import CONDITION, NO, YES, token
from venues.market_events import Doubt, News

T0 = 1_780_000_000_000_000
A, B = "KXCUP-26-AAA", "KXCUP-26-BBB"
_NAMES = {"$YES": YES, "$NO": NO, "$CONDITION": CONDITION, "$A": A, "$B": B}
_TIME = re.compile(r"\$(MS|S)(?:([+-])(\d+))?")


def hear_polymarket(given: Mapping[str, Any]) -> dict[str, Any]:
    """Frames of the market channel."""
    watched = _Watched(Venue.POLYMARKET, (token(YES, NO), token(NO, YES)))
    return watched.hear(given, YES)


def hear_kalshi(given: Mapping[str, Any]) -> dict[str, Any]:
    """Frames of `orderbook_delta` and what else comes on that connection."""
    specs = tuple(MarketSpec(Venue.KALSHI, name, "KXCUP-26", name, FeeSchedule()) for name in (A, B))
    return _Watched(Venue.KALSHI, specs).hear(given, A)


class _Watched:
    """An engine that watches one pair, and what it said."""

    def __init__(self, venue: Venue, specs: tuple[MarketSpec, ...]) -> None:
        self.venue = venue
        self.doubts: list[str] = []
        self.news: list[str] = []
        self.dead: list[str] = []
        self.intents: list[Intent] = []
        self.engine = Engine(
            baskets([OutcomeSet(specs)], SetParams(), GateLimits(), LegPolicy()),
            GateLimits(),
            self.intents.append,
            lambda suppression: None,
            on_gapped=self._gapped,
            on_news=self._heard,
            on_dead=lambda source, raw, why, at: self.dead.append(why),
        )

    def _gapped(self, venue: Venue, markets: tuple[str, ...], doubt: Doubt) -> None:
        self.doubts.append(doubt.value)

    def _heard(self, news: News) -> None:
        self.news.append(type(news).__name__)

    def hear(self, given: Mapping[str, Any], market: str) -> dict[str, Any]:
        feed = self.engine.feed(self.venue)
        for frame in given["frames"]:
            if "lost" in frame:
                assert self.venue is Venue.POLYMARKET
                self.engine.feed(Venue.POLYMARKET).link_lost(frame["lost"])
                continue
            text = frame["text"] if "text" in frame else json.dumps(frame["says"])
            link = frame.get("link", given.get("link", 1))
            self.engine.on_frame(_with_names(text).encode(), T0 + frame.get("at_ms", 0) * 1000, self.venue, link)
        return _facts(feed.books[market]) | {
            "doubts": self.doubts,
            "news": self.news,
            "dead": len(self.dead),
            "intents": len(self.intents),
            "duplicates": self.engine.counters.duplicates,
        }


def _with_names(text: str) -> str:
    for name, value in _NAMES.items():
        text = text.replace(name, value)

    def time(found: re.Match[str]) -> str:
        base = T0 // (1_000 if found[1] == "MS" else 1_000_000)
        return str(base + (int(found[3]) if found[2] == "+" else -int(found[3]) if found[2] else 0))

    return _TIME.sub(time, text)


def _facts(book: Book) -> dict[str, Any]:
    return {
        "believed": book.ready and not book.gapped,
        "bid": None if book.best_bid is None else book.best_bid / 10_000,
        "ask": None if book.best_ask is None else book.best_ask / 10_000,
        "bid_size": book.bids.get(book.best_bid or 0, 0) / 1_000_000,
        "ask_size": book.asks.get(book.best_ask or 0, 0) / 1_000_000,
        "levels": len(book.bids) + len(book.asks),
    }
