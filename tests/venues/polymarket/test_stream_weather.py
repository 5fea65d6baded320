"""A venue that drops connections, freezes tokens, loses, repeats and garbles frames: whatever the engine believes once
the weather has passed is the venue's own book, and it believes all of it again without help."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from domain.book import Book
from domain.fees import FeeModel, FeeSchedule
from domain.intent import LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec, Venue
from domain.money import MICRO
from ingest.engine import Engine
from ingest.sets import OutcomeSet
from ingest.strategies.basket import baskets
from tests.venues.loopback import loopback
from venues.market_events import Doubt
from venues.polymarket import frames
from venues.polymarket.frames import LevelChange
from venues.polymarket.market_stream import StreamTiming
from venues.polymarket.pool import MarketPool

CENT = MICRO // 100
CONDITIONS = [("11", "12"), ("21", "22"), ("31", "32")]
TIMING = StreamTiming(
    ping_s=0.2,
    snapshot_s=0.2,
    silence_s=0.5,
    ask_every_s=0.02,
    backoff_s=0.005,
    backoff_cap_s=0.02,
    settled_s=1.0,
    rotate_s=0.4,
)


class StormyVenue:
    """Keeps the true books and tells every connection of each change, through its weather."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.stormy = True
        self.now = 1_780_000_000_000_000
        self.books: dict[str, Book] = {}
        self.subscribers: dict[ServerConnection, set[str]] = {}
        self.frozen: dict[ServerConnection, set[str]] = {}
        self.connections = 0
        for one, other in CONDITIONS:
            for token, middle in ((one, 40), (other, 60)):
                book = Book(token)
                book.replace(
                    [((middle - 1 - step) * CENT, MICRO) for step in range(5)],
                    [((middle + 1 + step) * CENT, MICRO) for step in range(5)],
                    self.now,
                    self.now,
                )
                self.books[token] = book

    async def connection(self, ws: ServerConnection) -> None:
        self.connections += 1
        self.subscribers[ws], self.frozen[ws] = set(), set()
        try:
            async for message in ws:
                if message == "PING":
                    await ws.send("PONG")
                    continue
                said = json.loads(message)
                assets = set(said["assets_ids"])
                if said.get("operation") == "unsubscribe":
                    self.subscribers[ws] -= assets
                    continue
                self.subscribers[ws] |= assets
                await ws.send(frames.array(*(self.image(token) for token in assets - self.frozen[ws])), text=True)
        except ConnectionClosed:
            pass
        finally:
            del self.subscribers[ws], self.frozen[ws]

    def image(self, token: str) -> bytes:
        book = self.books[token]
        return frames.book("0x" + token[0] * 64, token, book.bids.items(), book.asks.items(), book.exchange_at)

    async def change(self) -> None:
        """One level of one market, told of both its tokens."""
        rng = self.rng
        one, other = rng.choice(CONDITIONS)
        self.now += rng.choice((0, 1, 1, 3)) * 1000
        bid = rng.random() < 0.5
        price = (rng.randint(30, 39) if bid else rng.randint(41, 50)) * CENT
        book = self.books[one]
        size = 0 if rng.random() < 0.3 and len(book.bids if bid else book.asks) > 1 else rng.randint(1, 9) * MICRO
        rows = []
        for token, buys, at in ((one, bid, price), (other, not bid, MICRO - price)):
            kept = self.books[token]
            (kept.set_bid if buys else kept.set_ask)(at, size, self.now, self.now)
            rows.append(LevelChange(token, buys, at, size, kept.best_bid, kept.best_ask))
        raw = frames.price_change("0x" + one[0] * 64, rows, self.now)
        for ws, assets in list(self.subscribers.items()):
            if one in assets or other in assets:
                with suppress(ConnectionClosed):
                    await self.tell(ws, raw, {one, other})

    async def tell(self, ws: ServerConnection, raw: bytes, tokens: set[str]) -> None:
        rng = self.rng
        if tokens & self.frozen[ws]:
            return
        fate = rng.random() if self.stormy else 1.0
        if fate < 0.01:
            return  # lost
        if fate < 0.02:
            await ws.send(raw, text=True)  # twice
        elif fate < 0.03:
            place = rng.randrange(len(raw))
            raw = raw[:place] + bytes([rng.randrange(32, 127)]) + raw[place + 1 :]
        elif fate < 0.034:
            ws.transport.abort()
            return
        elif fate < 0.038:
            self.frozen[ws] |= tokens
            return
        elif fate < 0.04:
            self.frozen[ws] |= set(self.books)
            return
        await ws.send(raw, text=True)


@pytest.mark.parametrize("seed", range(4))
async def test_after_any_weather_what_is_believed_is_the_venues_own_book(seed: int) -> None:
    doubts: list[Doubt] = []
    venue = StormyVenue(seed)
    fees = FeeSchedule(model=FeeModel.POLYMARKET)
    sets = [
        OutcomeSet(
            tuple(
                MarketSpec(Venue.POLYMARKET, mine, one, mine, fees, outcomes=2, complement=its)
                for mine, its in ((one, other), (other, one))
            )
        )
        for one, other in CONDITIONS
    ]
    asking: set[asyncio.Task[bool]] = set()

    def gapped(_: Venue, markets: tuple[str, ...], doubt: Doubt) -> None:
        doubts.append(doubt)
        task = asyncio.get_running_loop().create_task(pool.request_snapshot(markets))
        asking.add(task)
        task.add_done_callback(asking.discard)

    engine = Engine(
        baskets(sets, SetParams(), GateLimits(), LegPolicy()),
        GateLimits(),
        lambda intent: None,
        lambda refused: None,
        on_gapped=gapped,
    )
    async with loopback(venue.connection) as server:
        pool = MarketPool(
            server.url,
            CONDITIONS,
            most_assets=4,
            on_frame=lambda raw, at, _, link: engine.on_frame(raw, at, Venue.POLYMARKET, link),
            on_link_lost=lambda link: engine.on_link_lost(link, Venue.POLYMARKET),
            on_silent=lambda assets: engine.on_gap(assets, Venue.POLYMARKET, Doubt.SILENT),
            on_state=lambda up, reason: engine.on_state(up, reason, Venue.POLYMARKET),
            timing=TIMING,
            rng=random.Random(seed),
        )
        running = asyncio.create_task(pool.run())
        try:
            for step in range(1_500):
                await venue.change()
                await asyncio.sleep(0.002 if step % 5 == 0 else 0)
            venue.stormy = False
            books = engine.feed(Venue.POLYMARKET).books
            while engine.unready() or any(differs(books[token], true) for token, true in venue.books.items()):
                await asyncio.sleep(0.02)
                await venue.change()
            assert engine.feed(Venue.POLYMARKET).up
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await asyncio.gather(*asking, return_exceptions=True)
    assert doubts
    assert venue.connections > 2
    assert engine.counters.deltas > 100
    assert engine.counters.intents == 0


def differs(ours: Book, true: Book) -> bool:
    return ours.gapped or ours.bids != true.bids or ours.asks != true.asks
