"""What anybody may read of the CLOB and of Gamma, and that our own reader and the venue's shapes agree."""

from __future__ import annotations

import json
from typing import Any

from tests.paper.polymarket.clob import CONDITION, GROUP, NO, OTHER, OTHER_CONDITION, YES, Trader


async def read(trader: Trader, path: str, body: object = None) -> Any:
    raw = b"" if body is None else json.dumps(body).encode()
    answer = await trader.send("POST" if raw else "GET", path, raw)
    assert answer.status == 200, answer
    return answer.body


async def test_prices_of_both_tokens_mirror_each_other(trader: Trader) -> None:
    assert await read(trader, f"/price?token_id={YES}&side=BUY") == {"price": "0.47"}
    assert await read(trader, f"/price?token_id={NO}&side=SELL") == {"price": "0.53"}
    assert await read(trader, f"/midpoint?token_id={YES}") == {"mid": "0.48"}
    assert await read(trader, f"/spread?token_id={NO}") == {"spread": "0.02"}
    both = await read(trader, "/prices", [{"token_id": YES, "side": "BUY"}, {"token_id": YES, "side": "SELL"}])
    assert both == {YES: {"BUY": "0.47", "SELL": "0.49"}}
    assert [one["asset_id"] for one in await read(trader, "/books", [{"token_id": YES}, {"token_id": "7"}])] == [YES]
    assert await read(trader, f"/last-trade-price?token_id={YES}") == {"price": "0", "side": ""}
    await trader.order()
    assert await read(trader, f"/last-trade-price?token_id={NO}") == {"price": "0.51", "side": "BUY"}


async def test_what_a_market_is(trader: Trader) -> None:
    assert await read(trader, f"/markets-by-token/{NO}") == {
        "condition_id": CONDITION,
        "primary_token_id": YES,
        "secondary_token_id": NO,
    }
    short = await read(trader, f"/clob-markets/{CONDITION}")
    assert (short["mos"], short["mts"], short["fd"], short["v"]) == (5, 0.01, {"r": 0.05, "e": 1, "to": True}, "v1")
    assert (await read(trader, f"/clob-markets/{OTHER_CONDITION}"))["nr"] is True
    assert await read(trader, f"/neg-risk?token_id={OTHER}") == {"neg_risk": True}
    assert await read(trader, "/version") == {"version": 2}
    assert isinstance(await read(trader, "/time"), int)
    assert (await trader.send("GET", f"/book?token_id={YES[:-1]}")).error.startswith("No orderbook exists")
    assert (await trader.send("GET", "/clob-markets/0x12")).error == "market not found"
    listed = await read(trader, "/markets")
    assert {one["condition_id"] for one in listed["data"]} == {CONDITION, OTHER_CONDITION}
    assert listed["next_cursor"] == "LTE="


async def test_gamma_lists_markets_and_events_page_by_page(trader: Trader) -> None:
    first = await read(trader, "/gamma/markets/keyset?limit=1")
    second = await read(trader, f"/gamma/markets/keyset?limit=1&after_cursor={first['next_cursor']}")
    assert "next_cursor" not in second
    found = {one["conditionId"]: one for one in first["markets"] + second["markets"]}
    rain = found[CONDITION]
    assert json.loads(rain["clobTokenIds"]) == [YES, NO]
    assert (rain["version"], rain["negRisk"], rain["feeSchedule"]["rate"]) == ("v1", False, 0.05)
    assert rain["description"] == "It rains or it does not."
    assert found[OTHER_CONDITION]["negRiskMarketID"] == GROUP
    assert (await read(trader, f"/gamma/markets/{rain['id']}"))["slug"] == rain["slug"]
    only = await read(trader, f"/gamma/markets?clob_token_ids={NO}")
    assert [one["conditionId"] for one in only] == [CONDITION]
    events = await read(trader, "/gamma/events/keyset")
    assert [one["conditionId"] for event in events["events"] for one in event["markets"]]
