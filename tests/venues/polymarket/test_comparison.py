"""Books read over REST settle what no message can show, and never gap a book for being faster than the answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

from domain.errors import Unavailable
from venues.book_feed import Counters, Told
from venues.market_events import Doubt
from venues.polymarket import frames
from venues.polymarket.book_feed import PolymarketFeed
from venues.polymarket.comparison import BookComparison
from venues.polymarket.frames import LevelChange

CONDITION = "0x" + "ab" * 32
T0 = 1_780_000_000_000_000
MS = 1_000
CENT, SHARE = 10_000, 1_000_000
LEVELS = [(47 * CENT, 100 * SHARE)], [(49 * CENT, 100 * SHARE)]


class Bench:
    """A feed with two books, and a venue that answers `rest`; a change it has sent arrives `late`, in the grace."""

    def __init__(self, late: Callable[[PolymarketFeed], None] | None = None, batch: int = 100) -> None:
        self.doubts: list[tuple[tuple[str, ...], Doubt]] = []
        self.quiet: list[str] = []
        self.dead: list[bytes] = []
        told = Told(doubt=lambda markets, venue, doubt: None, news=lambda news: None, dead=lambda raw, why: None)
        self.feed = PolymarketFeed(Counters(), told)
        for asset in ("1", "2"):
            self.feed.watch(asset)
            self.feed.take(frames.book(CONDITION, asset, *LEVELS, T0), T0, 1)
        self.rest = {asset: frames.rest_book(CONDITION, asset, *LEVELS, T0) for asset in ("1", "2")}
        self.asked: list[list[str]] = []
        self.failing: Exception | None = None
        self.raw: bytes | None = None
        self._late = late
        self.comparison = BookComparison(
            self.feed,
            self.read,
            on_doubt=lambda markets, doubt: self.doubts.append((markets, doubt)),
            on_quiet=self.quiet.extend,
            on_dead=lambda raw, why: self.dead.append(raw),
            grace_s=0,
            batch=batch,
        )

    async def read(self, assets: Sequence[str]) -> bytes:
        self.asked.append(list(assets))
        if self.failing is not None:
            raise self.failing
        if self._late is not None:
            asyncio.get_running_loop().call_soon(self._late, self.feed)
        answer = json.dumps([self.rest[asset] for asset in assets if asset in self.rest]).encode()
        return answer if self.raw is None else self.raw

    async def once(self) -> Bench:
        await self.comparison.once()
        return self


def newer(asset: str, size: int, at: int) -> dict[str, object]:
    return frames.rest_book(CONDITION, asset, [(47 * CENT, size * SHARE)], LEVELS[1], at)


def catches_up(feed: PolymarketFeed) -> None:
    """The change that was on its way arrives."""
    row = LevelChange("1", True, 47 * CENT, 90 * SHARE, 47 * CENT, 49 * CENT)
    feed.take(frames.price_change(CONDITION, [row], T0 + MS), T0 + MS, 1)


async def test_books_that_agree_are_quiet_not_frozen() -> None:
    bench = await Bench().once()
    assert bench.asked == [["1", "2"]]
    assert bench.quiet == ["1", "2"]
    assert bench.doubts == []
    assert bench.comparison.compared == 2


async def test_a_level_that_differs_at_the_same_time_is_a_doubt() -> None:
    bench = Bench()
    bench.rest["1"] = newer("1", 90, T0)
    await bench.once()
    assert bench.doubts == [(("1",), Doubt.LEVELS)]
    assert bench.quiet == ["2"]


async def test_a_book_that_stays_behind_is_a_doubt_and_one_that_catches_up_is_none() -> None:
    behind = Bench()
    behind.rest["1"] = newer("1", 90, T0 + MS)
    await behind.once()
    assert behind.doubts == [(("1",), Doubt.BEHIND)]
    assert behind.comparison.doubted == 1
    catching = Bench(late=catches_up)
    catching.rest["1"] = newer("1", 90, T0 + MS)
    await catching.once()
    assert catching.doubts == []


async def test_an_answer_that_does_not_come_or_cannot_be_read_says_nothing_about_any_book() -> None:
    for failure in (Unavailable("away"), OSError("reset")):
        bench = Bench()
        bench.failing = failure
        await bench.once()
        assert (bench.doubts, bench.comparison.unread) == ([], 1)
    bench = Bench()
    bench.raw = b"<html>"
    await bench.once()
    assert bench.dead == [b"<html>"]
    assert bench.doubts == []


async def test_many_books_are_read_in_parts() -> None:
    bench = await Bench(batch=1).once()
    assert bench.asked == [["1"], ["2"]]
