"""The user channel over a real socket: everything the venue says is told or kept, whatever it leaves empty."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection

from domain.errors import BadInput
from tests.venues.loopback import loopback, nth
from venues.polymarket.market_stream import StreamTiming
from venues.polymarket.user_stream import UserEvent, UserOrder, UserStream, UserTrade, events
from venues.polymarket.wallet import Credentials

SECRET = base64.urlsafe_b64encode(b"s" * 32).decode()
KEY = Credentials("9180014b-33c8-9240-a14b-bdca11c0a465", SECRET, "open sesame")
QUICK = StreamTiming(ping_s=0.05, backoff_s=0.001, backoff_cap_s=0.002)

KILLED = {
    "event_type": "order",
    "type": "CANCELLATION",
    "id": "0xaa",
    "market": "0xcc",
    "asset_id": "1001",
    "side": "BUY",
    "price": "0.57",
    "original_size": "10",
    "size_matched": "",
    "created_at": "",
    "status": "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed.",
    "associate_trades": None,
    "timestamp": "1779000000123",
}
TRADE = {
    "event_type": "trade",
    "type": "TRADE",
    "id": "28c4",
    "taker_order_id": "0x06",
    "market": "0xcc",
    "asset_id": "1001",
    "side": "BUY",
    "size": "10",
    "price": "0.57",
    "status": "MATCHED",
    "match_time": "1672290701",
    "last_update": "1672290701",
    "maker_orders": [
        {"order_id": "0xff", "matched_amount": "4", "price": "0.43", "asset_id": "1002", "owner": KEY.key},
        {"order_id": "0xfe", "matched_amount": "6", "price": "0.57", "asset_id": "1001", "side": "SELL"},
    ],
    "timestamp": "1672290701",
}


def one(message: dict[str, Any]) -> UserEvent:
    found, dead = events(json.dumps(message).encode())
    assert dead == []
    return found[0]


def test_a_killed_order_with_empty_fields_is_told() -> None:
    event = one(KILLED)
    assert isinstance(event, UserOrder)
    assert (event.order_id, event.kind, event.size_matched) == ("0xaa", "CANCELLATION", None)
    assert event.status.startswith("CANCELED_order couldn't be fully filled")
    assert event.original_size == Decimal(10)
    assert event.at == 1_779_000_000_123_000


def test_a_trade_names_every_order_it_may_concern_and_the_other_token_of_its_makers() -> None:
    event = one(TRADE)
    assert isinstance(event, UserTrade)
    assert event.order_ids == ("0x06", "0xff", "0xfe")
    assert [maker.asset for maker in event.makers] == ["1002", "1001"]
    assert event.makers[0].size == Decimal(4)
    assert event.at == 1_672_290_701_000_000  # written in seconds


@pytest.mark.parametrize("status", ["MATCHED", "MINED", "CONFIRMED", "RETRYING", "FAILED"])
def test_one_trade_id_comes_once_for_every_status_with_or_without_the_prefix_of_rest(status: str) -> None:
    for said in (status, f"TRADE_STATUS_{status}"):
        event = one({**TRADE, "status": said})
        assert isinstance(event, UserTrade)
        assert (event.trade_id, event.status) == ("28c4", status)


def test_makers_may_be_missing_and_numbers_may_be_numbers() -> None:
    event = one({"event_type": "trade", "id": "28c4", "size": 10.25, "price": 0.5, "maker_orders": None, "side": None})
    assert isinstance(event, UserTrade)
    assert (event.size, event.price, event.makers, event.at) == (Decimal("10.25"), Decimal("0.5"), (), 0)


def test_an_array_keeps_what_can_be_used_and_names_the_rest() -> None:
    raw = json.dumps([TRADE, {"event_type": "order"}, {"event_type": "weather", "id": "1"}, 7, KILLED]).encode()
    found, dead = events(raw)
    assert [type(event) for event in found] == [UserTrade, UserOrder]
    assert [json.loads(message) for message, _ in dead] == [
        {"event_type": "order"},
        {"event_type": "weather", "id": "1"},
        7,
    ]
    assert "without id" in dead[0][1]
    assert "expected order or trade" in dead[1][1]


@given(st.binary(max_size=80))
def test_whatever_the_bytes_nothing_is_raised_and_nothing_lost(raw: bytes) -> None:
    found, dead = events(raw)
    assert found or dead or raw.strip() == b"[]" or raw.replace(b" ", b"").strip() == b"[]"


Script = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def venue(*scripts: Script, refuse: Iterable[int | None] = ()) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """The nth connection follows the nth script after its subscription was read, the last one again and again."""
    told: list[dict[str, Any]] = []

    async def connection(ws: ServerConnection) -> None:
        told.append(json.loads(await ws.recv()))
        await nth(scripts, len(told) - 1)(ws)

    async with loopback(connection, refuse=refuse) as server:
        yield server.url, told
    assert {request.path for request in server.requests} == {"/ws/user"}


async def answering(ws: ServerConnection) -> None:
    async for message in ws:
        if message == "PING":
            await ws.send("PONG")


class Listener:
    """A stream at work, and what it told."""

    def __init__(self, url: str, **options: Any) -> None:
        self.told: asyncio.Queue[Any] = asyncio.Queue()
        self.stream = UserStream(
            url,
            KEY,
            on_event=lambda event, raw: self.told.put_nowait(event),
            on_state=lambda up, reason: self.told.put_nowait((up, reason)),
            on_dead=lambda raw, why: self.told.put_nowait(("dead", raw)),
            timing=QUICK,
            rng=random.Random(1),
            **options,
        )
        self.task: asyncio.Task[None]

    async def __aenter__(self) -> Listener:
        self.task = asyncio.create_task(self.stream.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


async def test_it_authenticates_in_its_first_message_and_is_up_when_the_venue_answers() -> None:
    async with venue(answering) as (url, told), Listener(url, markets=["0xcc"]) as listener:
        assert await listener.told.get() == (True, "the venue answers")
        assert listener.stream.connected
        assert listener.stream.acknowledged
        auth = {"apiKey": KEY.key, "secret": SECRET, "passphrase": "open sesame"}
        assert told == [{"auth": auth, "type": "user", "markets": ["0xcc"]}]


async def test_without_markets_it_hears_of_all() -> None:
    async with venue(answering) as (url, told), Listener(url) as listener:
        await listener.told.get()
        assert "markets" not in told[0]


async def test_events_and_what_cannot_be_read_are_both_told_in_order() -> None:
    async def talking(ws: ServerConnection) -> None:
        await ws.send(json.dumps(TRADE))
        await ws.send("nonsense")
        await ws.send(json.dumps([KILLED]))
        await answering(ws)

    async with venue(talking) as (url, _), Listener(url) as listener:
        told = [await listener.told.get() for _ in range(3)]
        assert [type(item) for item in told] == [UserTrade, tuple, UserOrder]
        assert told[1] == ("dead", b"nonsense")


async def test_refused_credentials_show_as_a_connection_closed_before_its_first_answer_without_naming_them() -> None:
    async def refusing(ws: ServerConnection) -> None:
        await ws.close(1008, "bad auth")

    async with venue(refusing) as (url, told), Listener(url) as listener:
        up, reason = await listener.told.get()
        assert not up
        assert "check the API credentials" in reason
        assert SECRET not in reason
        await listener.told.get()
        assert len(told) >= 2
        assert not listener.stream.acknowledged


async def test_a_channel_that_falls_silent_is_opened_again() -> None:
    async def mute(ws: ServerConnection) -> None:
        await ws.recv()
        await ws.send("PONG")
        await ws.wait_closed()

    async with venue(mute, answering) as (url, _), Listener(url) as listener:
        assert (await listener.told.get())[0]
        up, reason = await listener.told.get()
        assert not up
        assert "not even a PONG" in reason
        assert (await listener.told.get())[0]


async def test_a_handshake_refused_for_good_ends_the_run() -> None:
    states: list[bool] = []
    async with venue(answering, refuse=[403]) as (url, told):
        stream = UserStream(
            url, KEY, on_event=lambda event, raw: None, on_state=lambda up, reason: states.append(up), timing=QUICK
        )
        with pytest.raises(BadInput, match="403"):
            await stream.run()
    assert states == [False]
    assert told == []


async def test_a_channel_that_was_once_let_in_outlives_every_later_refusal() -> None:
    async def leaving(ws: ServerConnection) -> None:
        await ws.recv()
        await ws.send("PONG")

    async with venue(leaving, answering, refuse=[None, 403, 401, 404]) as (url, told), Listener(url) as listener:
        ups = 0
        while ups < 2:
            up, reason = await listener.told.get()
            ups += up
            assert up or reason
        assert len(told) == 2


async def test_what_the_caller_raises_ends_the_run() -> None:
    async def talking(ws: ServerConnection) -> None:
        await ws.send(json.dumps(TRADE))
        await answering(ws)

    def broken(event: UserEvent, raw: bytes) -> None:
        raise ZeroDivisionError

    async with venue(talking) as (url, _):
        with pytest.raises(ZeroDivisionError):
            await UserStream(url, KEY, on_event=broken, timing=QUICK).run()
