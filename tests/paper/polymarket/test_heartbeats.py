"""The dead man's switch really cancels, and only what belongs to the key that fell silent."""

from __future__ import annotations

from typing import Any

from domain.orders import TimeInForce
from tests.paper.polymarket.clob import OTHER_KEY, Trader, until
from tests.paper.polymarket.conftest import Launch


async def beat(trader: Trader, given: str) -> Any:
    return await trader.call("POST", "/v1/heartbeats", {"heartbeat_id": given})


async def open_orders(trader: Trader) -> int:
    return len((await trader.get("/data/orders"))["data"])


async def test_silence_cancels_every_order_of_the_key_and_of_no_other(launch: Launch, http: Any) -> None:
    server = await launch(heartbeat_ms=400, sweep_ms=200)
    silent = await Trader.at(server, http).enter()
    other = await Trader.at(server, http, OTHER_KEY).enter()
    for trader in (silent, other):
        await trader.order(limit="0.40", tif=TimeInForce.GTC)
    first = await beat(silent, "")
    assert first.status == 200

    async def gone() -> bool:
        return await open_orders(silent) == 0

    await until(gone)
    assert await open_orders(other) == 1
    await silent.order(limit="0.40", tif=TimeInForce.GTC)  # still silent: the next sweep takes it too
    await until(gone)


async def test_each_beat_carries_the_id_of_the_last_answer(trader: Trader) -> None:
    first = (await beat(trader, "")).body["heartbeat_id"]
    second = (await beat(trader, first)).body["heartbeat_id"]
    stale = await beat(trader, first)
    assert (stale.status, stale.body) == (400, {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": second})
    assert (await beat(trader, second)).status == 200


async def test_a_key_that_never_sent_a_beat_keeps_its_orders(launch: Launch, http: Any) -> None:
    trader = await Trader.at(await launch(heartbeat_ms=1, sweep_ms=1), http).enter()
    await trader.order(limit="0.40", tif=TimeInForce.GTC)
    await trader.get("/data/trades")
    assert await open_orders(trader) == 1
