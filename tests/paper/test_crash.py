"""kill -9 of a real exchange process in the middle of orders: what was answered is kept, nothing happens twice."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.paper.killed import exchanges
from tests.paper.sample import AAA, ORDERS, Client, ticket, until

Spawn = Callable[[], Awaitable[tuple[asyncio.subprocess.Process, Client]]]


@pytest.fixture
async def spawn(tmp_path: Path, key: rsa.RSAPrivateKey, public_pem: str) -> AsyncIterator[Spawn]:
    pem = tmp_path / "public.pem"
    pem.write_text(public_pem)
    async with aiohttp.ClientSession() as http, exchanges() as start:

        async def start_one() -> tuple[asyncio.subprocess.Process, Client]:
            script = Path(__file__).with_name("exchange_process.py")
            process, port = await start(script, str(tmp_path / "state"), str(pem))
            server = SimpleNamespace(
                port=port,
                admin_url=f"http://127.0.0.1:{port}/paper/v1",
                ws_url=f"ws://127.0.0.1:{port}/trade-api/ws/v2",
            )
            return process, Client(server, key, http)  # type: ignore[arg-type]

        yield start_one


async def test_after_kill_9_every_answered_order_is_there_and_every_copy_is_refused(spawn: Spawn) -> None:
    process, venue = await spawn()
    await venue.admin("POST", "/play", {"recording": "sample"})
    bodies: list[bytes] = []
    answered: dict[bytes, dict[str, str]] = {}

    async def trade(worker: int) -> None:
        for number in itertools.count():
            fields = {"price": "0.4500", "time_in_force": "good_till_canceled"} if number % 4 == 3 else {}
            body = json.dumps(ticket(client_order_id=f"w{worker}-{number}", **fields)).encode()
            bodies.append(body)
            try:
                answer = await venue.call("POST", ORDERS, body)
            except (aiohttp.ClientError, json.JSONDecodeError):
                return
            assert answer.status == 201
            answered[body] = answer.body

    workers = [asyncio.create_task(trade(worker)) for worker in range(4)]
    await asyncio.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    await asyncio.gather(*workers)
    assert answered

    _, again = await spawn()
    for body in bodies:  # the same bytes again: known ones are refused, at most the unanswered ones are new
        answer = await again.call("POST", ORDERS, body)
        if body in answered:
            assert (answer.status, answer.body["error"]["code"]) == (409, "order_already_exists")
        else:
            assert answer.status in (201, 409)
    for given in answered.values():
        order = (await again.get(f"/portfolio/orders/{given['order_id']}"))["order"]
        assert order["fill_count_fp"] == given["fill_count"]

    orders = (await again.get("/portfolio/orders?limit=1000"))["orders"]
    fills = (await again.get("/portfolio/fills?limit=1000"))["fills"]
    assert len(orders) == len(bodies)
    assert len({fill["trade_id"] for fill in fills}) == len(fills)
    assert sum(hundredths(fill["count_fp"]) for fill in fills) == sum(hundredths(o["fill_count_fp"]) for o in orders)
    position = (await again.get("/portfolio/positions"))["market_positions"][0]
    assert hundredths(position["position_fp"]) == sum(hundredths(fill["count_fp"]) for fill in fills)
    # Never more than the 80 displayed at 0.49, and everyone sees what is left of them.
    book = (await again.get(f"/markets/{AAA}/orderbook"))["orderbook_fp"]
    left = sum(hundredths(size) for price, size in book["no_dollars"] if price == "0.5100")
    assert left + hundredths(position["position_fp"]) == 8_000
    audit = (await again.admin("GET", "/audit")).body["orders"]
    assert all(len(seen["sha256"]) == 1 for seen in audit.values())


async def test_the_session_goes_on_after_kill_9_with_the_same_anchor(spawn: Spawn) -> None:
    process, venue = await spawn()
    before = (await venue.admin("POST", "/play", {"recording": "sample", "speed": "2"})).body
    process.kill()
    await process.wait()
    _, again = await spawn()
    after = (await again.admin("GET", "/status")).body
    assert (after["state"], after["anchor"], after["speed"]) == ("playing", before["anchor"], "2")
    assert after["position"] >= before["position"]


@pytest.mark.parametrize("lived", [0.0, 0.3, 0.7, 1.2])
async def test_a_market_decided_before_kill_9_is_paid_once_after_it(spawn: Spawn, lived: float) -> None:
    process, venue = await spawn()
    await venue.admin("POST", "/play", {"recording": "sample"})
    await venue.call("POST", ORDERS, json.dumps(ticket(count="10.00")).encode())
    before = (await venue.get("/portfolio/balance"))["balance"]
    assert (await venue.admin("POST", "/resolve", {"market": AAA, "result": "yes"})).status == 200
    await asyncio.sleep(lived)  # the timer is a second: before it is determined, before it pays, after
    process.kill()
    await process.wait()
    _, again = await spawn()

    async def paid() -> bool:
        return bool((await again.get(f"/markets/{AAA}"))["market"]["status"] == "finalized")

    await until(paid)
    assert (await again.get("/portfolio/balance"))["balance"] == before + 1_000
    assert (await again.get("/portfolio/positions"))["market_positions"] == []
    assert [row["revenue"] for row in (await again.get("/portfolio/settlements"))["settlements"]] == [1_000]
    refused = await again.order()
    assert (refused.status, refused.body["error"]["code"]) == (409, "MARKET_INACTIVE")


async def test_sigterm_ends_it_in_order(spawn: Spawn) -> None:
    process, venue = await spawn()
    await venue.admin("POST", "/play", {"recording": "sample"})
    socket = await venue.socket()
    process.terminate()
    assert await process.wait() == 0
    assert (await socket.receive(timeout=10)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


def hundredths(text: str) -> int:
    return int(text.replace(".", ""))
