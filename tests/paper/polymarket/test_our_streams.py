"""Our own streams and books against the paper exchange: what it says holds together, and faults are cured."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import aiohttp

from domain.intent import LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import Venue
from ingest.engine import Engine
from ingest.gates import mirrored
from ingest.sets import OutcomeSet
from ingest.strategies.basket import baskets
from paper.server import PaperServer
from tests.paper.polymarket.clob import CONDITION, NO, YES, Trader, change, session, spec
from tests.paper.polymarket.conftest import Launch
from venues.market_events import Doubt
from venues.polymarket.comparison import BookComparison
from venues.polymarket.market_stream import StreamTiming
from venues.polymarket.pool import MarketPool
from venues.polymarket.user_stream import UserEvent, UserOrder, UserStream, UserTrade
from venues.polymarket.wallet import Credentials

TIMING = StreamTiming(
    ping_s=0.2, snapshot_s=1.0, silence_s=5.0, ask_every_s=0.02, backoff_s=0.01, backoff_cap_s=0.05, rotate_s=0
)


class Listening:
    """An engine on both tokens of the rain market, fed by our pool from a paper exchange."""

    def __init__(self, server: PaperServer) -> None:
        self.doubts: list[tuple[tuple[str, ...], Doubt]] = []
        self.dead: list[str] = []
        self._asking: set[asyncio.Task[bool]] = set()
        sets = [OutcomeSet((spec(YES, NO, CONDITION), spec(NO, YES, CONDITION)))]
        self.engine = Engine(
            baskets(sets, SetParams(), GateLimits(), LegPolicy()),
            GateLimits(),
            lambda intent: None,
            lambda suppression: None,
            on_gapped=self._gapped,
            on_dead=lambda venue, raw, why, at: self.dead.append(why),
        )
        self.pool = MarketPool(
            f"{server.clob_ws_url}/market",
            [(YES, NO)],
            on_frame=lambda raw, at, _, link: self.engine.on_frame(raw, at, Venue.POLYMARKET, link),
            on_link_lost=lambda link: self.engine.on_link_lost(link, Venue.POLYMARKET),
            on_state=lambda up, reason: self.engine.on_state(up, reason, Venue.POLYMARKET),
            timing=TIMING,
        )

    async def __aenter__(self) -> Listening:
        self._running = asyncio.create_task(self.pool.run())
        await self.until(lambda: self.engine.unready() == ())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():  # noqa: ASYNC110 - books have no event of their own
            await asyncio.sleep(0.01)

    def bid(self) -> int | None:
        return self.engine.feed(Venue.POLYMARKET).books[YES].best_bid

    def _gapped(self, _: Venue, markets: tuple[str, ...], doubt: Doubt) -> None:
        self.doubts.append((markets, doubt))
        task = asyncio.get_running_loop().create_task(self.pool.request_snapshot(markets))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)


async def test_the_exchanges_channel_never_contradicts_itself_and_its_tokens_mirror_each_other(
    launch: Launch, http: aiohttp.ClientSession
) -> None:
    events = [change(300_000 + step * 2_000, "yes", f"0.{41 + step % 8}", step % 7 + 1) for step in range(60)]
    server = await launch(session(*events))
    trader = await Trader.at(server, http).enter()
    async with Listening(server) as heard:
        await trader.order(size="80", limit="0.49")
        await heard.until(lambda: heard.engine.counters.deltas >= 100)
        books = heard.engine.feed(Venue.POLYMARKET).books
        assert heard.doubts == []
        assert heard.dead == []
        assert mirrored(books[YES], books[NO])


async def test_lost_swapped_and_broken_frames_are_noticed_and_cured(
    launch: Launch, http: aiohttp.ClientSession
) -> None:
    events = [change(600_000 + step * 20_000, "yes", f"0.4{step % 9}", 5) for step in range(40)]
    server = await launch(session(*events))
    trader = await Trader.at(server, http).enter()

    def on(nth: int, what: str) -> dict[str, Any]:
        return {"match": {"venue": "polymarket", "event": "price_change", "nth": nth}, "do": what}

    script = {"seed": 7, "faults": [on(4, "malformed"), on(9, "drop"), on(20, "duplicate")]}
    assert (await trader.admin("POST", "/faults", script)).status == 200
    async with Listening(server) as heard:
        await heard.until(lambda: heard.engine.counters.deltas >= 60)
        await heard.until(lambda: heard.engine.unready() == ())
        assert heard.engine.counters.malformed == 1
        assert len(heard.dead) == 1
        assert Doubt.MALFORMED in [doubt for _, doubt in heard.doubts]
        rest = (await trader.send("GET", f"/book?token_id={YES}")).body
        await heard.until(lambda: heard.bid() == round(float(rest["bids"][-1]["price"]) * 1_000_000))


async def test_books_read_over_rest_agree_with_the_stream(launch: Launch, http: aiohttp.ClientSession) -> None:
    server = await launch()
    trader = await Trader.at(server, http).enter()
    quiet: list[str] = []
    doubts: list[Doubt] = []

    async def read(tokens: Sequence[str]) -> bytes:
        answer = await http.post(f"{server.clob_url}/books", json=[{"token_id": token} for token in tokens])
        return await answer.read()

    async with Listening(server) as heard:
        comparison = BookComparison(
            heard.engine.feed(Venue.POLYMARKET),
            read,
            on_doubt=lambda markets, doubt: doubts.append(doubt),
            on_quiet=quiet.extend,
            grace_s=0.2,
        )
        await comparison.once()
        assert (comparison.unread, doubts) == (0, [])
        assert set(quiet) == {YES, NO}
        await trader.order(size="20", limit="0.49")
        await comparison.once()
        assert doubts == []
        assert heard.engine.counters.hash_hints == 0


async def test_the_account_hears_of_its_order_and_of_every_status_of_its_trade(
    launch: Launch, http: aiohttp.ClientSession
) -> None:
    server = await launch()
    trader = await Trader.at(server, http).enter()
    heard: asyncio.Queue[UserEvent] = asyncio.Queue()
    up = asyncio.Event()
    auth = trader.auth
    stream = UserStream(
        f"{server.clob_ws_url}/user",
        Credentials(auth["apiKey"], auth["secret"], auth["passphrase"]),
        on_event=lambda event, raw: heard.put_nowait(event),
        on_state=lambda is_up, reason: up.set() if is_up else None,
        timing=TIMING,
    )
    running = asyncio.create_task(stream.run())
    try:
        await up.wait()
        await trader.order(size="20", limit="0.49")
        orders, trades = [], []
        while not any(trade.status == "CONFIRMED" for trade in trades):
            event = await heard.get()
            (orders if isinstance(event, UserOrder) else trades).append(event)  # type: ignore[arg-type]
        assert all(isinstance(trade, UserTrade) for trade in trades)
        assert [trade.status for trade in trades] == ["MATCHED", "MINED", "CONFIRMED"]
        assert len({trade.trade_id for trade in trades}) == 1
        assert {order.order_id for order in orders} <= set(trades[0].order_ids)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
