"""The WebSocket: acknowledgements, sequence, snapshots and changes, private channels."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import aiohttp

from recording.sources.session import BookDelta, BookReset
from tests.paper.conftest import Launch
from tests.paper.sample import AAA, BBB, T0, Client, micros, session, until

GTC = {"time_in_force": "good_till_canceled"}


async def command(socket: aiohttp.ClientWebSocketResponse, number: int, cmd: str, **params: Any) -> None:
    await socket.send_json({"id": number, "cmd": cmd, "params": params})


async def read(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    message: dict[str, Any] = await socket.receive_json(timeout=10)
    return message


async def subscribed(venue: Client, *channels: str, **params: Any) -> aiohttp.ClientWebSocketResponse:
    socket = await venue.socket()
    await command(socket, 1, "subscribe", channels=list(channels), **params)
    for sid, channel in enumerate(channels, 1):
        assert await read(socket) == {"type": "subscribed", "id": 1, "msg": {"channel": channel, "sid": sid}}
    return socket


class Copy:
    """A client's own book, built from nothing but frames; refuses a gap."""

    def __init__(self) -> None:
        self.levels: dict[tuple[str, str, str], int] = {}
        self.seq = 0

    def take(self, frame: dict[str, Any]) -> None:
        self.seq += 1
        assert frame["seq"] == self.seq
        body = frame["msg"]
        if frame["type"] == "orderbook_snapshot":
            self.levels = {k: v for k, v in self.levels.items() if k[0] != body["market_ticker"]}
            for side in ("yes", "no"):
                for price, size in body.get(f"{side}_dollars_fp", []):
                    self.levels[body["market_ticker"], side, price] = micros(size)
        elif frame["type"] == "orderbook_delta":
            key = (body["market_ticker"], body["side"], body["price_dollars"])
            self.levels[key] = self.levels.get(key, 0) + micros(body["delta_fp"])
            assert self.levels[key] >= 0

    def shown(self, ticker: str, side: str) -> list[list[str]]:
        return sorted(
            [price, f"{size / 1_000_000:.2f}"]
            for (market, there, price), size in self.levels.items()
            if market == ticker and there == side and size
        )


async def test_a_subscription_begins_with_a_snapshot_of_each_market(venue: Client) -> None:
    socket = await subscribed(venue, "orderbook_delta", market_tickers=[AAA, BBB], use_yes_price=False)
    first, second = await read(socket), await read(socket)
    assert (first["seq"], second["seq"]) == (1, 2)
    assert first["msg"]["market_ticker"] == AAA
    assert first["msg"]["no_dollars_fp"] == [["0.5000", "40.00"], ["0.5100", "80.00"]]
    assert second["msg"]["yes_dollars_fp"] == [["0.5000", "30.00"]]


async def test_use_yes_price_writes_no_levels_at_yes_prices(venue: Client) -> None:
    socket = await subscribed(venue, "orderbook_delta", market_tickers=[AAA], use_yes_price=True)
    assert (await read(socket))["msg"]["no_dollars_fp"] == [["0.4900", "80.00"], ["0.5000", "40.00"]]
    await venue.order(count="5.00")
    change = (await read(socket))["msg"]
    assert (change["price_dollars"], change["delta_fp"], change["side"]) == ("0.4900", "-5.00", "no")


async def test_snapshot_and_changes_rebuild_the_exchanges_book_through_any_traffic(launch: Launch) -> None:
    dice = random.Random(11)
    events: list[Any] = []
    for number in range(300):
        at = T0 + (number + 1) * 5_000
        ticker = dice.choice((AAA, BBB))
        if number % 60 == 59:
            events.append(BookReset(at, ticker, ((450_000, 70_000_000),), ((510_000, 90_000_000),)))
        else:
            price = dice.randrange(40, 50) * 10_000
            events.append(BookDelta(at, ticker, dice.choice(("yes", "no")), price, dice.randrange(-40, 60) * 1_000_000))
    venue = await launch(session(*events))
    socket = await subscribed(venue, "orderbook_delta", market_tickers=[AAA, BBB], use_yes_price=False)
    copy = Copy()

    async def follow() -> None:
        while True:
            copy.take(await read(socket))

    following = asyncio.create_task(follow())
    resting: list[str] = []
    while venue.server.playback.status()["events"] < len(events) + 2:
        side = dice.choice(("bid", "ask"))
        answer = await venue.order(
            ticker=dice.choice((AAA, BBB)),
            side=side,
            price=f"0.{dice.randrange(40, 60)}",
            count=f"{dice.randrange(1, 30)}.00",
            **(GTC if dice.random() < 0.5 else {}),
        )
        if answer.body.get("remaining_count", "0.00") != "0.00":
            resting.append(answer.body["order_id"])
        if len(resting) > 3:
            await venue.call("DELETE", f"/portfolio/events/orders/{resting.pop(0)}")
    (connection,) = venue.server.streams._connections

    async def caught_up() -> bool:
        return copy.seq == connection.subscriptions[1].seq

    await until(caught_up)
    following.cancel()
    for ticker in (AAA, BBB):
        book = (await venue.get(f"/markets/{ticker}/orderbook"))["orderbook_fp"]
        assert copy.shown(ticker, "yes") == book["yes_dollars"]
        assert copy.shown(ticker, "no") == book["no_dollars"]


async def test_a_recording_that_starts_over_is_published_as_a_fresh_snapshot(launch: Launch) -> None:
    venue = await launch(session(BookReset(T0 + 2_000_000, AAA, ((100_000, 1_000_000),), ())))
    socket = await subscribed(venue, "orderbook_delta", market_tickers=[AAA], use_yes_price=True)
    assert (await read(socket))["seq"] == 1
    fresh = await read(socket)
    assert (fresh["type"], fresh["seq"]) == ("orderbook_snapshot", 2)
    assert fresh["msg"]["yes_dollars_fp"] == [["0.1000", "1.00"]]


async def test_markets_are_added_dropped_and_asked_for_again_on_one_sid(venue: Client) -> None:
    socket = await subscribed(venue, "orderbook_delta", market_tickers=[AAA])
    assert (await read(socket))["seq"] == 1
    await command(socket, 2, "update_subscription", sids=[1], action="add_markets", market_tickers=[BBB])
    ack = await read(socket)
    assert (ack["type"], ack["id"], ack["sid"], ack["seq"]) == ("ok", 2, 1, 2)
    assert ack["msg"] == {"market_tickers": [AAA, BBB]}
    assert ((await read(socket))["msg"]["market_ticker"]) == BBB
    await command(socket, 3, "update_subscription", sids=[1], action="delete_markets", market_tickers=[AAA])
    assert (await read(socket))["msg"] == {"market_tickers": [BBB]}
    await venue.order()  # a change of AAA is no longer told
    await command(socket, 4, "update_subscription", sids=[1], action="get_snapshot", market_tickers=[BBB])
    assert [(m["type"], m["seq"]) for m in (await read(socket), await read(socket))] == [
        ("ok", 5),
        ("orderbook_snapshot", 6),
    ]
    await command(socket, 5, "unsubscribe", sids=[1])
    gone = await read(socket)
    assert (gone["type"], gone["sid"], gone["seq"]) == ("unsubscribed", 1, 7)
    await command(socket, 6, "list_subscriptions")
    assert (await read(socket))["msg"] == []


async def test_a_market_may_be_subscribed_before_it_exists(launch: Launch) -> None:
    venue = await launch(play=False)
    socket = await subscribed(venue, "orderbook_delta", market_tickers=[AAA])
    await venue.admin("POST", "/play", {"recording": "sample"})
    first = await read(socket)
    assert (first["type"], first["seq"]) == ("orderbook_snapshot", 1)


async def test_commands_that_make_no_sense_get_the_venues_error_numbers(venue: Client) -> None:
    socket = await venue.socket()
    wrong: list[tuple[dict[str, Any], int]] = [
        ({"cmd": "dance", "params": {}}, 5),
        ({"cmd": "subscribe"}, 2),
        ({"cmd": "subscribe", "params": {}}, 3),
        ({"cmd": "subscribe", "params": {"channels": ["nope"]}}, 8),
        ({"cmd": "subscribe", "params": {"channels": ["orderbook_delta"]}}, 14),
        ({"cmd": "update_subscription", "params": {}}, 12),
        ({"cmd": "update_subscription", "params": {"sids": [9]}}, 7),
        ({"cmd": "unsubscribe", "params": {}}, 4),
        ({"cmd": "unsubscribe", "params": {"sids": [9]}}, 7),
    ]
    for number, (cmd, code) in enumerate(wrong, 1):
        await socket.send_json({"id": number} | cmd)
        answer = await read(socket)
        assert (answer["type"], answer["id"], answer["msg"]["code"]) == ("error", number, code)
    await socket.send_str("not json")
    assert (await read(socket))["msg"]["code"] == 1


async def test_fills_and_order_updates_carry_the_client_id(venue: Client) -> None:
    socket = await subscribed(venue, "fill", "user_orders")
    await venue.order(client_order_id="mine", count="3.00")
    fill, order = await read(socket), await read(socket)
    assert (fill["type"], fill["msg"]["client_order_id"], fill["msg"]["count_fp"]) == ("fill", "mine", "3.00")
    assert fill["msg"]["post_position_fp"] == "3.00"
    assert "seq" not in fill
    assert (order["type"], order["msg"]["client_order_id"], order["msg"]["status"]) == (
        "user_order",
        "mine",
        "executed",
    )


async def test_a_public_print_names_the_takers_side(venue: Client) -> None:
    socket = await subscribed(venue, "trade", market_tickers=[AAA])
    await venue.order(side="ask", price="0.4700")
    trade = await read(socket)
    assert (trade["seq"], trade["msg"]["taker_book_side"], trade["msg"]["yes_price_dollars"]) == (1, "ask", "0.4700")
