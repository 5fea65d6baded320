"""SIGKILL of the exchange: nothing that was answered is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from domain.orders import TimeInForce
from tests.paper.killed import exchanges
from tests.paper.polymarket.clob import KEY, YES, Trader, until
from venues.polymarket.wallet import Wallet

Start = Callable[[], Awaitable[tuple[asyncio.subprocess.Process, Trader]]]


@pytest.fixture
async def start(tmp_path: Path, http: aiohttp.ClientSession) -> AsyncIterator[Start]:
    async with exchanges() as start_process:

        async def start_one() -> tuple[asyncio.subprocess.Process, Trader]:
            script = Path(__file__).with_name("clob_process.py")
            process, port = await start_process(script, str(tmp_path / "state"))
            url = f"http://127.0.0.1:{port}"
            async with http.post(f"{url}/paper/v1/play", json={"recording": "rain"}) as answer:
                assert answer.status == 200
            return process, await Trader(url, http, Wallet.from_hex(KEY), f"{url}/paper/v1").enter()

        yield start_one


async def test_orders_trades_money_and_keys_survive_and_copies_are_refused(start: Start) -> None:
    process, trader = await start()
    taking, taken_id = trader.prepared(size="10", limit="0.49")
    resting, resting_id = trader.prepared(size="20", limit="0.40", tif=TimeInForce.GTC)
    for body in (taking, resting):
        assert (await trader.call("POST", "/order", body)).status == 200
    process.send_signal(signal.SIGKILL)
    await process.wait()
    _, again = await start()
    assert again.owner == trader.owner
    for body, order_id in ((taking, taken_id), (resting, resting_id)):
        copy = await again.call("POST", "/order", body)
        assert copy.error == f"order {order_id} is invalid. Duplicated."
    assert [one["id"] for one in (await again.get("/data/orders"))["data"]] == [resting_id]

    async def confirmed() -> bool:
        rows = (await again.get("/data/trades"))["data"]
        return [row["status"] for row in rows] == ["TRADE_STATUS_CONFIRMED"]

    await until(confirmed)
    fee = Decimal("0.05") * 10 * Decimal("0.49") * Decimal("0.51")
    assert await again.cash() == 10_000 - Decimal("4.9") - fee.quantize(Decimal("0.00001"))
    assert await again.shares() == 10
    book = (await again.send("GET", f"/book?token_id={YES}")).body
    assert book["asks"][-1] == {"price": "0.49", "size": "70"}  # what was taken stays taken
    assert {"price": "0.4", "size": "20"} in book["bids"]
    audit = (await again.admin("GET", "/polymarket/audit")).body["orders"]
    assert [(audit[one]["times"], len(audit[one]["sha256"])) for one in (taken_id, resting_id)] == [(2, 1), (2, 1)]


@pytest.mark.parametrize("pause", [0.0, 0.2, 0.4, 0.7])
async def test_a_trade_killed_at_any_status_is_settled_once(start: Start, pause: float) -> None:
    process, trader = await start()
    await trader.order(size="10", limit="0.49")
    await asyncio.sleep(pause)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    _, again = await start()

    async def settled() -> bool:
        rows = (await again.get("/data/trades"))["data"]
        return [row["status"] for row in rows] == ["TRADE_STATUS_CONFIRMED"]

    await until(settled)
    assert await again.shares() == 10
    assert await again.cash() < 9_996


async def test_an_armed_switch_stays_armed_and_cancels_after_the_restart(start: Start) -> None:
    process, trader = await start()
    await trader.order(size="20", limit="0.40", tif=TimeInForce.GTC)
    beat = await trader.call("POST", "/v1/heartbeats", {"heartbeat_id": ""})
    process.send_signal(signal.SIGKILL)
    await process.wait()
    _, again = await start()
    stale = await again.call("POST", "/v1/heartbeats", {"heartbeat_id": ""})
    assert stale.body["heartbeat_id"] == beat.body["heartbeat_id"]
