"""What goes wrong with Polymarket's requests when a script says so; and its rate limits, where they are on."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from domain.errors import BadInput
from domain.orders import TimeInForce
from paper.core import faults
from paper.polymarket.limits import Limits
from paper.polymarket.refusals import PolyRefusal
from tests.paper.polymarket.clob import Trader, until
from tests.paper.polymarket.conftest import Launch
from tests.places import ROOT
from venues.polymarket.orders import batch_body

GTC = TimeInForce.GTC


def place(**more: Any) -> dict[str, Any]:
    return {"match": {"venue": "polymarket", "request": "place_order"}} | more


async def arm(trader: Trader, *scripted: dict[str, Any]) -> None:
    answer = await trader.admin("POST", "/faults", list(scripted))
    assert answer.status == 200, answer


async def test_a_lost_answer_leaves_an_order_that_its_id_finds(trader: Trader) -> None:
    await arm(trader, place(do="lost_answer"))
    body, order_id = trader.prepared(limit="0.40", tif=GTC)
    with pytest.raises(aiohttp.ClientError):
        await trader.call("POST", "/order", body)
    assert (await trader.get(f"/data/order/{order_id}"))["status"] == "LIVE"
    assert (await trader.call("POST", "/order", body)).error.endswith("Duplicated.")


async def test_a_lost_request_has_no_effect_and_its_bytes_are_on_record(trader: Trader) -> None:
    await arm(trader, place(do="lost_request"))
    body, order_id = trader.prepared(limit="0.40", tif=GTC)
    with pytest.raises(aiohttp.ClientError):
        await trader.call("POST", "/order", body)
    assert (await trader.call("GET", f"/data/order/{order_id}")).status == 404
    assert (await trader.call("POST", "/order", body)).status == 200
    receipt = (await trader.admin("GET", "/polymarket/audit")).body["orders"][order_id]
    assert (receipt["times"], len(receipt["sha256"])) == (2, 1)


async def test_the_audit_names_each_entry_of_a_batch_by_its_order_id_whatever_becomes_of_it(trader: Trader) -> None:
    made = [trader.prepared(limit="0.40", tif=GTC), trader.prepared(limit="0.40", tif=GTC, owner="somebody-else")]
    batch = batch_body([body for body, _ in made])
    await arm(trader, {"match": {"venue": "polymarket", "request": "place_orders"}, "do": "lost_request"})
    with pytest.raises(aiohttp.ClientError):
        await trader.call("POST", "/orders", batch)
    assert [bool(one["errorMsg"]) for one in (await trader.call("POST", "/orders", batch)).body] == [False, True]
    seen = (await trader.admin("GET", "/audit")).body["polymarket_orders"]
    for body, order_id in made:
        assert (seen[order_id]["times"], seen[order_id]["sha256"]) == (2, [sha256(body).hexdigest()])


async def test_a_status_comes_before_or_after_the_effect(trader: Trader) -> None:
    await arm(trader, place(do="status", code=500, body={"error": "could not insert order"}, when="after"))
    body, order_id = trader.prepared(limit="0.40", tif=GTC)
    answer = await trader.call("POST", "/order", body)
    assert (answer.status, answer.error) == (500, "could not insert order")
    assert (await trader.get(f"/data/order/{order_id}"))["status"] == "LIVE"
    await arm(trader, place(do="status", code=429))
    answer = await trader.order(limit="0.40", tif=GTC)
    assert (answer.status, answer.error, answer.headers["Retry-After"]) == (429, "Too Many Requests", "1")


async def test_half_a_fill_and_a_read_that_lags(trader: Trader) -> None:
    await arm(trader, place(do="partial", fraction="0.5"))
    body, order_id = trader.prepared(size="10", limit="0.49")
    assert (await trader.call("POST", "/order", body)).body["takingAmount"] == "5"
    reads = {"match": {"venue": "polymarket", "method": "GET", "path_prefix": "/data"}, "times": 3}
    await arm(trader, reads | {"do": "read_lag", "ms": 60_000})
    assert (await trader.call("GET", f"/data/order/{order_id}")).status == 404
    assert (await trader.get("/data/trades"))["data"] == []
    assert (await trader.get("/data/orders"))["data"] == []
    assert (await trader.get(f"/data/order/{order_id}"))["size_matched"] == "5"

    async def mined() -> bool:
        return await trader.shares() == 5

    await until(mined)
    await arm(trader, {"match": {"request": "balance", "venue": "polymarket"}, "do": "read_lag", "ms": 60_000})
    assert await trader.cash() == 10_000


async def test_a_script_names_one_order_by_its_salt(trader: Trader) -> None:
    (named, named_id), (other, _) = (trader.prepared(limit="0.40", tif=GTC) for _ in range(2))
    salt = msgspec.json.decode(named)["order"]["salt"]
    await arm(trader, {"match": {"method": "POST", "salt": salt}, "do": "lost_request"})
    assert (await trader.call("POST", "/order", b"no order")).status == 400
    assert (await trader.call("POST", "/order", other)).status == 200
    with pytest.raises(aiohttp.ClientError):
        await trader.call("POST", "/order", named)
    assert (await trader.call("GET", f"/data/order/{named_id}")).status == 404


async def test_a_script_names_the_order_whose_match_fails(trader: Trader) -> None:
    (named, named_id), (other, other_id) = (trader.prepared(size="10", limit="0.49") for _ in range(2))
    salt = msgspec.json.decode(named)["order"]["salt"]
    await arm(trader, {"match": {"event": "settlement", "salt": salt}, "do": "fail"})
    for body in (other, named):
        assert (await trader.call("POST", "/order", body)).status == 200

    async def final() -> bool:
        rows = (await trader.get("/data/trades"))["data"]
        ended = {row["taker_order_id"]: row["status"].removeprefix("TRADE_STATUS_") for row in rows}
        return ended == {named_id: "FAILED", other_id: "CONFIRMED"}

    await until(final)


async def test_silence_reaches_both_channels_and_leaves_pongs(trader: Trader, venue: Any, http: Any) -> None:
    socket = await http.ws_connect(f"{venue.clob_ws_url}/user")
    await socket.send_json({"auth": trader.auth, "type": "user"})
    await socket.send_str("PING")
    assert await socket.receive_str() == "PONG"
    await trader.admin("POST", "/faults", [{"do": "silent_socket", "ms": 60_000}])
    await trader.order(limit="0.40", tif=GTC)
    await socket.send_str("PING")
    assert await socket.receive_str() == "PONG"
    await socket.close()


async def test_rate_limits_say_what_is_left(launch: Launch, http: Any) -> None:
    trader = await Trader.at(await launch(rate_limits=True), http).enter()
    answer = await trader.order(limit="0.40", tif=GTC)
    assert answer.headers["Poly-RateLimit-Remaining"] == "59"
    assert answer.headers["Poly-RateLimit-Tier"] == "Standard"


def test_a_batch_passes_whole_or_not_at_all_and_cancels_may_overdraw() -> None:
    limits, batch = Limits(), b"[" + b",".join([b"{}"] * 15) + b"]"
    for left in ("45", "30", "15", "0"):
        assert limits.admit("0x1", "POST", "/orders", batch, 0)["Poly-RateLimit-Remaining"] == left
    with pytest.raises(PolyRefusal) as refused:
        limits.admit("0x1", "POST", "/orders", batch, 0)
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "1")
    assert limits.admit("0x1", "POST", "/orders", batch, 500_000)["Poly-RateLimit-Remaining"] == "5"
    limits.admit("0x1", "DELETE", "/cancel-all", b"", 0)
    limits.cancelled("0x1", 200)
    with pytest.raises(PolyRefusal):
        limits.admit("0x1", "DELETE", "/order", b"", 500_000)
    assert limits.admit("0x1", "DELETE", "/order", b"", 2_000_000)
    assert limits.admit("0x2", "POST", "/order", b"", 0)["Poly-RateLimit-Remaining"] == "59"


SCRIPT = ROOT / "docs" / "paper-exchange.md"


def test_the_example_of_the_page_is_a_script(tmp_path: Path) -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    example = text.split("```yaml\n", 1)[1].split("```", 1)[0]
    file = tmp_path / "script.yaml"
    file.write_text(example, encoding="utf-8")
    script = faults.load(file)
    assert script.seed == 11
    done = {fault.do for fault in script.faults}
    assert {"lost_answer", "lost_request", "late_answer", "status", "partial", "read_lag", "silent_socket"} <= done
    assert {"drop", "duplicate", "reorder", "malformed", "late", "fail"} <= done


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"match": {"request": "buy_everything"}, "do": "lost_answer"}, "buy_everything is unknown"),
        ({"match": {"request": "book", "event": "book"}, "do": "drop"}, "not both"),
        ({"match": {"event": "book"}, "do": "lost_answer"}, "happens to requests"),
        ({"match": {"request": "book"}, "do": "drop"}, "happens to events"),
        ({"match": {"event": "book"}, "do": "fail"}, "settlement"),
        ({"match": {"event": "book"}, "do": "late"}, "needs ms"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_by_name(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        faults.read({"seed": 1, "faults": [entry]}, "here")
    with pytest.raises(BadInput, match="expected `faults`"):
        faults.read({"fault": [entry]}, "here")
