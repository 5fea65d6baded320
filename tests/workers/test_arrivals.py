"""What the exchange received of both venues' orders reaches the invariants."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp

from cli.ledger import arrivals
from domain.market import Venue
from paper.server import PaperConfig, start
from paper.session.playback import Spec
from tests.paper.polymarket.clob import Trader, session


async def test_a_polymarket_order_arrives_by_its_order_id_where_the_venue_is_in_use(tmp_path: Path) -> None:
    config = PaperConfig(state_dir=tmp_path / "paper", api_keys={})
    server = await start(config, open_session=lambda _: session())
    try:
        await server.playback.play(Spec(recording="rain"))
        async with aiohttp.ClientSession() as http:
            trader = await Trader.at(server, http).enter()
            body, order_id = trader.prepared(limit="0.40")
            for _ in range(2):
                await trader.call("POST", "/order", body)
        stack: Any = SimpleNamespace(
            paper_admin_url=server.admin_url.removesuffix("/paper/v1"),
            settings=SimpleNamespace(in_use=(Venue.KALSHI, Venue.POLYMARKET)),
        )
        (seen,) = await asyncio.to_thread(arrivals, stack) or ()
        assert (seen.client_order_id, seen.order_id, seen.times) == ("", order_id, 2)
        assert seen.sha256 == (sha256(body).hexdigest(),)
        assert seen.first_at > 0
        stack.settings.in_use = (Venue.KALSHI,)
        assert await asyncio.to_thread(arrivals, stack) == ()
    finally:
        await server.stop()
