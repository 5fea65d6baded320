"""Live books: one paper exchange relays the public channel of another, and trades against it on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domain.errors import BadInput, Unavailable
from domain.orders import TimeInForce
from paper.polymarket.facade import PolymarketConfig
from paper.server import PaperConfig, start
from paper.session.live import Relay
from tests.paper.polymarket.clob import NO, OTHER, YES, Trader, until
from tests.paper.polymarket.conftest import Launch


async def test_books_follow_the_feed_and_what_is_taken_here_is_not_taken_there(
    launch: Launch, http: Any, tmp_path: Path
) -> None:
    real = await launch()
    there = await Trader.at(real, http).enter()
    quick = PolymarketConfig(mine_after_ms=10, confirm_after_ms=10)
    paper = await start(PaperConfig(state_dir=tmp_path / "relay", api_keys={}, polymarket=quick))
    relay = Relay(paper.playback.floor, f"{real.clob_ws_url}/market", real.clob_url, [YES, OTHER])
    await relay.start()
    here = await Trader.at(paper, http).enter()

    async def best(trader: Trader, token: str) -> Any:
        book = (await trader.send("GET", f"/book?token_id={token}")).body
        return book["asks"][-1] if book["asks"] else None

    async def there_too() -> bool:
        return bool(await best(here, YES) == {"price": "0.49", "size": "80"})

    await until(there_too)
    assert await best(here, NO) == await best(there, NO)
    assert (await here.order(size="30", limit="0.49")).body["status"] == "matched"
    assert await best(here, YES) == {"price": "0.49", "size": "50"}
    assert await best(there, YES) == {"price": "0.49", "size": "80"}
    body, resting = here.prepared(limit="0.48", size="10", tif=TimeInForce.GTC)
    await here.call("POST", "/order", body)
    assert (await there.order(size="80", limit="0.49")).body["status"] == "matched"  # the feed loses its best ask

    async def gone() -> bool:
        return bool((await best(here, YES))["price"] == "0.5")

    await until(gone)
    assert (await here.get(f"/data/order/{resting}"))["status"] == "LIVE"
    await relay.stop()
    await paper.stop()


async def test_a_feed_is_never_called_unless_it_is_named(launch: Launch, tmp_path: Path) -> None:
    server = await launch()
    floor = server.playback.floor
    with pytest.raises(BadInput, match="ws://"):
        Relay(floor, "", server.clob_url, [YES])
    with pytest.raises(BadInput, match="at least one token"):
        Relay(floor, "ws://127.0.0.1:9/ws", server.clob_url, [])
    relay = Relay(floor, "ws://127.0.0.1:9/ws", server.clob_url, ["123"])
    with pytest.raises(Unavailable, match="expected a market"):
        await relay.start()
    await relay.stop()
