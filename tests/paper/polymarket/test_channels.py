"""The market channel: books, absolute sizes, prints, ticks; and what faults do to its frames."""

from __future__ import annotations

import json
from typing import Any

from tests.paper.polymarket.clob import CONDITION, NO, YES, Trader, change, session
from tests.paper.polymarket.conftest import Launch


async def subscribed(server: Any, http: Any, *tokens: str, custom: bool = False) -> Any:
    socket = await http.ws_connect(f"{server.clob_ws_url}/market")
    await socket.send_json({"assets_ids": list(tokens), "type": "market", "custom_feature_enabled": custom})
    return socket


async def test_a_subscription_begins_with_the_books_and_goes_on_with_absolute_sizes(launch: Launch, http: Any) -> None:
    server = await launch()
    trader = await Trader.at(server, http).enter()
    socket = await subscribed(server, http, YES, NO)
    books = {one["asset_id"]: one for one in json.loads(await socket.receive_str())}
    assert books[YES]["asks"][-1] == {"price": "0.49", "size": "80"}
    assert books[NO]["bids"][-1] == {"price": "0.51", "size": "80"}
    rest = (await trader.send("GET", f"/book?token_id={YES}")).body
    assert (rest["bids"], rest["asks"]) == (books[YES]["bids"], books[YES]["asks"])
    await trader.order(size="80", limit="0.49")
    changed = await socket.receive_json()
    assert (changed["event_type"], changed["market"]) == ("price_change", CONDITION)
    rows = {row["asset_id"]: row for row in changed["price_changes"]}
    assert (rows[YES]["price"], rows[YES]["size"], rows[YES]["side"]) == ("0.49", "0", "SELL")
    assert (rows[NO]["price"], rows[NO]["size"], rows[NO]["side"]) == ("0.51", "0", "BUY")
    assert (rows[YES]["best_bid"], rows[YES]["best_ask"]) == ("0.47", "0.5")
    printed = await socket.receive_json()
    assert (printed["event_type"], printed["price"], printed["size"]) == ("last_trade_price", "0.49", "80")
    assert (await socket.receive_json())["event_type"] == "book"
    await socket.close()


async def test_the_recording_moves_the_channel(launch: Launch, http: Any) -> None:
    server = await launch(session(change(400_000, "yes", "0.48", 25)))
    socket = await subscribed(server, http, YES, custom=True)
    await socket.receive_str()
    row = (await socket.receive_json())["price_changes"][0]
    assert (row["price"], row["size"], row["side"], row["best_bid"]) == ("0.48", "25", "BUY", "0.48")
    best = await socket.receive_json()
    assert (best["event_type"], best["best_bid"], best["spread"]) == ("best_bid_ask", "0.48", "0.01")
    await socket.close()


async def test_a_new_tick_is_told_with_a_fresh_book(launch: Launch, http: Any) -> None:
    server = await launch()
    trader = await Trader.at(server, http).enter()
    socket = await subscribed(server, http, YES)
    await socket.receive_str()
    await trader.admin("POST", "/polymarket/tick", {"token": YES, "tick": "0.001"})
    told = await socket.receive_json()
    assert (told["event_type"], told["old_tick_size"], told["new_tick_size"]) == ("tick_size_change", "0.01", "0.001")
    assert (await socket.receive_json())["tick_size"] == "0.001"
    assert (await trader.send("GET", f"/tick-size?token_id={YES}")).body == {"minimum_tick_size": 0.001}
    assert (await trader.order(limit="0.495", tick="0.001")).status == 200
    await socket.close()


async def test_frames_are_lost_doubled_swapped_and_broken_as_the_script_says(launch: Launch, http: Any) -> None:
    events = [change(300_000 + step * 10_000, "yes", f"0.4{step}", 5) for step in range(1, 6)]
    server = await launch(session(*events))
    trader = await Trader.at(server, http).enter()

    def on(nth: int) -> dict[str, Any]:
        return {"venue": "polymarket", "event": "price_change", "nth": nth}

    script = {
        "seed": 7,
        "faults": [
            {"match": on(1), "do": "drop"},
            {"match": on(1), "do": "duplicate"},
            {"match": on(1), "do": "reorder"},
            {"match": on(2), "do": "malformed"},
        ],
    }
    assert (await trader.admin("POST", "/faults", script)).status == 200
    socket = await subscribed(server, http, YES)
    await socket.receive_str()
    heard = [await socket.receive_str() for _ in range(5)]

    def price(frame: str) -> str:
        try:
            return str(json.loads(frame)["price_changes"][0]["price"])
        except ValueError:
            return "broken"

    assert [price(frame) for frame in heard] == ["0.42", "0.42", "0.44", "0.43", "broken"]
    await socket.close()


async def test_a_user_channel_with_wrong_credentials_is_closed(launch: Launch, http: Any) -> None:
    server = await launch()
    trader = await Trader.at(server, http).enter()
    socket = await http.ws_connect(f"{server.clob_ws_url}/user")
    await socket.send_json({"auth": trader.auth | {"secret": "bm90aGluZw=="}, "type": "user"})
    closed = await socket.receive()
    assert socket.closed or closed.type.name in ("CLOSE", "CLOSED", "CLOSING")
