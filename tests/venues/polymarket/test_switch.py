"""Credentials and the dead man's switch against the paper exchange: beats keep orders alive, silence ends them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from domain.market import Venue
from domain.orders import OrderTicket, Purpose, Side, TimeInForce, Verdict
from paper.polymarket.facade import PolymarketConfig
from paper.server import PaperConfig, PaperServer, start
from paper.session.playback import Spec
from tests.paper.polymarket.clob import KEY, YES, session, until
from venues.polymarket.client import PolymarketClient
from venues.polymarket.credentials import credentials_for
from venues.polymarket.heartbeat import Heartbeat, KeyLock, Missed
from venues.polymarket.rest import Services
from venues.polymarket.wallet import Wallet
from venues.wire import HttpWire

WALLET = Wallet.from_hex(KEY)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[PaperServer]:
    side = PolymarketConfig(heartbeat_ms=2_500, sweep_ms=200)
    made = await start(
        PaperConfig(state_dir=tmp_path / "paper", api_keys={}, polymarket=side), open_session=lambda _: session()
    )
    try:
        await made.playback.play(Spec(recording="rain"))
        yield made
    finally:
        await made.stop()


async def test_what_rests_stays_while_the_owner_beats_and_goes_when_it_falls_silent(
    server: PaperServer, tmp_path: Path
) -> None:
    url = server.clob_url
    wire = HttpWire("polymarket", url)
    credentials = await credentials_for(wire, WALLET)
    assert (await credentials_for(wire, WALLET)).key == credentials.key

    beats, missed, stop = asyncio.Semaphore(0), list[Missed](), asyncio.Event()

    async def briefly(_: float) -> None:
        beats.release()
        await asyncio.sleep(0.15)

    heart = Heartbeat(
        wire,
        WALLET.address,
        credentials,
        KeyLock(tmp_path, credentials.key),
        missed=missed.append,
        pause=briefly,
    )
    running = asyncio.create_task(heart.run(stop))
    async with PolymarketClient(Services(url, url, url, url, url), WALLET, credentials) as client:
        await beats.acquire()
        ticket = OrderTicket(
            intent_id="i-switch",
            leg="A",
            attempt=1,
            purpose=Purpose.OPEN,
            venue=Venue.POLYMARKET,
            market=YES,
            side=Side.BUY,
            size=Decimal(10),
            limit=Decimal("0.40"),
            tif=TimeInForce.GTC,
            decided_at=time.time_ns() // 1000,
        )
        result = await client.submit(ticket)
        assert result.verdict is Verdict.ACCEPTED
        for _ in range(20):  # well beyond the silence that would end it
            await beats.acquire()
        assert [order.order_id for order in (await client.account()).open_orders] == [result.order_id]

        stop.set()
        await running

        async def gone() -> bool:
            return not (await client.account()).open_orders

        await until(gone)
    assert missed == []
    assert heart.armed
    await wire.close()
