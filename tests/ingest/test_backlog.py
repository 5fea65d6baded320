"""A backlog of frames: every one is applied in its order, none that is too late is traded on, the first in time is."""

from __future__ import annotations

import random

from domain.decisions import Gate
from domain.limits import GateLimits
from domain.market import Venue
from tests.ingest.test_engine import MS, T0, A, B, Feed
from venues.kalshi import frames

LIMIT = GateLimits().max_lag_ms * MS


def burst(seed: int, count: int = 400) -> list[tuple[bytes, int]]:
    """Changes of both books a millisecond apart, each with its stamp; asks of A go up and down around an edge."""
    chance = random.Random(seed)
    made, sizes = [], {A: 0, B: 0}
    for number in range(count):
        market, at = chance.choice((A, B)), T0 + (number + 1) * MS
        change = -sizes[market] if sizes[market] and chance.random() < 0.5 else 30_000_000
        sizes[market] += change
        price = 500_000 if market == A else 400_000
        made.append((frames.delta(1, number + 3, market, "no", price, change, at, yes_price=True), at))
    return made


def levels(feed: Feed) -> list[object]:
    return [
        (book.market, book.bid_levels(), book.ask_levels()) for book in feed.engine.feed(Venue.KALSHI).books.values()
    ]


def test_frames_that_waited_too_long_change_the_books_and_open_nothing() -> None:
    in_time, late = Feed().ready(), Feed().ready()
    for raw, at in burst(7):
        in_time.engine.on_frame(raw, at + MS, Venue.KALSHI)
        late.engine.on_frame(raw, at + LIMIT + MS, Venue.KALSHI)
    assert in_time.intents
    assert late.intents == []
    assert levels(late) == levels(in_time)
    late.engine.finish()
    assert set(late.gates()) == {Gate.LAGGED}


def test_the_first_frame_that_is_in_time_again_is_decided_on() -> None:
    feed = Feed().ready()
    script = burst(7)
    drained = next(number for number, (_, at) in enumerate(script) if at > T0 + 200 * MS)
    for number, (raw, at) in enumerate(script):
        feed.engine.on_frame(raw, at + (LIMIT + MS if number < drained else MS), Venue.KALSHI)
    assert feed.intents
    assert min(intent.decided_at for intent in feed.intents) > T0 + 200 * MS
