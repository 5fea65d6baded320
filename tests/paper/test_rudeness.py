"""What a rude venue does at Kalshi's wire: each kind does what it says, and habits happen as often as they are set."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from paper.core.charges import kalshi_trade_fee
from paper.core.engine import Take
from paper.core.faults import Faults, parse
from paper.core.filling import Filling, improved, shared, split
from paper.core.rudeness import HARMLESS, HARSH, habits
from tests.paper.conftest import Launch
from tests.paper.sample import AAA, BBB, EVENT, ORDERS, Client

PLACE = {"venue": "kalshi", "request": "place_order"}


async def arm(venue: Client, *faults: dict[str, Any]) -> None:
    answer = await venue.admin("POST", "/faults", list(faults))
    assert answer.status == 200, answer


async def fills(venue: Client) -> list[tuple[str, str]]:
    rows = (await venue.get("/portfolio/fills"))["fills"]
    return [(row["yes_price_dollars"], row["count_fp"]) for row in rows][::-1]


async def test_a_better_price_for_the_first_shares_is_charged_at_that_price(venue: Client) -> None:
    await arm(venue, {"match": PLACE, "do": "improve", "ticks": 2, "shares": "3.33"})
    answer = (await venue.order(count="10.00")).body
    assert await fills(venue) == [("0.4700", "3.33"), ("0.4900", "6.67")]
    assert answer["average_fill_price"] == "0.4833"  # 4.8334 / 10, as the venue rounds it
    order = (await venue.get(f"/portfolio/orders/{answer['order_id']}"))["order"]
    assert order["taker_fill_cost_dollars"] == "4.833400"
    fee = sum(kalshi_trade_fee(70_000, price, size) for price, size in ((470_000, 3_330_000), (490_000, 6_670_000)))
    cash = Decimal((await venue.get("/portfolio/balance"))["balance_dollars"])
    assert Decimal(10_000) - cash == Decimal(order["taker_fill_cost_dollars"]) + Decimal(order["taker_fees_dollars"])
    assert 0 <= Decimal(order["taker_fees_dollars"]) - Decimal(fee) / 1_000_000 < Decimal("0.0002")


async def test_several_makers_at_one_price_are_several_rows_with_a_fee_each(venue: Client) -> None:
    await arm(venue, {"match": PLACE, "do": "makers", "count": 3})
    assert (await venue.order(count="10.00")).body["fill_count"] == "10.00"
    rows = (await venue.get("/portfolio/fills"))["fills"]
    assert [row["count_fp"] for row in rows][::-1] == ["1.66", "3.33", "5.01"]
    assert len({row["trade_id"] for row in rows}) == 3
    assert all(Decimal(row["fee_cost"]) > 0 for row in rows)


async def test_what_self_trade_prevention_stopped_is_cancelled_without_a_fill(venue: Client) -> None:
    await arm(venue, {"match": PLACE, "do": "self_trade", "fraction": "0"})
    answer = await venue.order(count="10.00", time_in_force="good_till_canceled")
    assert (answer.status, answer.body["fill_count"], answer.body["remaining_count"]) == (201, "0.00", "0.00")
    assert (await venue.get(f"/portfolio/orders/{answer.body['order_id']}"))["order"]["status"] == "canceled"
    assert await fills(venue) == []


async def test_a_refusal_in_unknown_words_has_no_effect(venue: Client) -> None:
    await arm(venue, {"match": PLACE, "do": "refuse"})
    answer = await venue.order()
    assert answer.status == 400
    assert "not_found" not in str(answer.body)
    assert await fills(venue) == []


@pytest.mark.parametrize("kind", ["error_body", "no_order", "html"])
@pytest.mark.parametrize(("when", "count"), [("before", 0), ("after", 1)])
async def test_an_answer_that_holds_no_order_says_nothing_about_it(
    venue: Client, kind: str, when: str, count: int
) -> None:
    await arm(venue, {"match": PLACE, "do": kind, "when": when})
    if kind == "html":
        headers = venue.headers("POST", f"/trade-api/v2{ORDERS}")
        url = f"http://127.0.0.1:{venue.server.port}/trade-api/v2{ORDERS}"
        body = {"ticker": AAA, "client_order_id": "page", "side": "bid", "count": "1.00", "price": "0.4900"}
        full = body | {"time_in_force": "immediate_or_cancel", "self_trade_prevention_type": "taker_at_cross"}
        async with venue.http.post(url, json=full, headers=headers) as answer:
            assert (answer.status, answer.content_type) == (502, "text/html")
    else:
        told = await venue.order()
        assert told.status == 201
        assert "order_id" not in (told.body or {})
    assert len(await fills(venue)) == count


async def test_a_busy_venue_says_when_to_come_back_in_many_ways(venue: Client) -> None:
    await arm(venue, {"match": PLACE | {"every": 1}, "do": "busy"})
    seen: set[str] = set()
    for _ in range(40):
        async with venue.http.post(f"http://127.0.0.1:{venue.server.port}/trade-api/v2{ORDERS}") as answer:
            assert answer.status == 429
            seen.add(answer.headers.get("Retry-After", "none"))
    assert {"1", "0.25", "none"} <= seen
    (date,) = [one for one in seen if one.endswith("GMT")][:1]
    assert parsedate_to_datetime(date).tzinfo is not None


async def test_a_retired_read_stays_gone_until_the_faults_are_cleared(venue: Client) -> None:
    await arm(venue, {"match": {"venue": "kalshi", "request": "market"}, "do": "retired", "code": 404})
    assert [(await venue.call("GET", f"/markets/{AAA}")).status for _ in range(3)] == [404, 404, 404]
    await venue.admin("DELETE", "/faults")
    assert (await venue.call("GET", f"/markets/{AAA}")).status == 200


async def test_maintenance_closes_one_venue_for_its_time_and_not_the_other(venue: Client) -> None:
    await arm(venue, {"match": PLACE, "do": "maintenance", "ms": 400})
    assert (await venue.order()).status == 503
    assert (await venue.call("GET", f"/markets/{AAA}")).status == 503
    async with venue.http.get(f"{venue.server.clob_url}/time") as answer:
        assert answer.status == 200
    await asyncio.sleep(0.45)
    assert (await venue.order()).status == 201
    assert await fills(venue) == [("0.4900", "1.00")]


async def test_slow_and_compressed_answers_are_the_same_answers(venue: Client) -> None:
    order_id = (await venue.order()).body["order_id"]
    plain = await venue.get(f"/portfolio/orders/{order_id}")
    for kind in ({"do": "trickle", "ms": 100}, {"do": "gzip"}):
        await arm(venue, {"match": {"venue": "kalshi", "request": "get_order"}} | kind)
        assert await venue.get(f"/portfolio/orders/{order_id}") == plain


async def test_amounts_in_the_smallest_unit_and_beyond_what_was_asked_change_the_answer_alone(venue: Client) -> None:
    await arm(venue, {"match": PLACE, "do": "other_unit"})
    assert (await venue.order(count="2.50")).body["fill_count"] == "250"
    await arm(venue, {"match": PLACE, "do": "beyond", "factor": "3"})
    assert (await venue.order(count="2.00")).body["fill_count"] == "6.00"
    assert await fills(venue) == [("0.4900", "2.50"), ("0.4900", "2.00")]


async def test_a_venue_that_signs_its_counts_says_so_in_answers_and_reads_and_the_account_is_as_it_is(
    venue: Client,
) -> None:
    await arm(venue, {"match": PLACE, "do": "other_sign"})
    answer = (await venue.order(count="2.50")).body
    assert (answer["fill_count"], answer["average_fill_price"]) == ("-2.50", "0.4900")
    for kind, count in (("get_order", "fill_count_fp"), ("list_fills", "count_fp")):
        await arm(venue, {"match": {"venue": "kalshi", "request": kind}, "do": "other_sign"})
        path = f"/portfolio/orders/{answer['order_id']}" if kind == "get_order" else "/portfolio/fills"
        said = await venue.get(path)
        assert (said["order"] if kind == "get_order" else said["fills"][0])[count] == "-2.50"
    assert await fills(venue) == [("0.4900", "2.50")]


async def test_a_renumbered_feed_begins_anew_with_a_snapshot(venue: Client) -> None:
    socket = await venue.socket()
    await socket.send_json(
        {"id": 1, "cmd": "subscribe", "params": {"channels": ["orderbook_delta"], "market_tickers": [AAA]}}
    )
    assert (await socket.receive_json(timeout=10))["type"] == "subscribed"
    assert (await socket.receive_json(timeout=10))["seq"] == 1
    await venue.order()
    assert (await socket.receive_json(timeout=10))["seq"] == 2
    await arm(venue, {"match": {"event": "feed"}, "do": "renumber"})
    await venue.order()
    frame = await socket.receive_json(timeout=10)
    assert (frame["type"], frame["seq"]) == ("orderbook_snapshot", 1)
    assert frame["msg"]["no_dollars_fp"][-1] == ["0.5100", "78.00"]
    await venue.order()
    frame = await socket.receive_json(timeout=10)
    assert (frame["type"], frame["seq"]) == ("orderbook_delta", 2)


async def test_a_set_may_pay_otherwise_than_was_declared(venue: Client) -> None:
    await venue.order(count="5.00")
    await arm(venue, {"match": {"event": "payout", "venue": "kalshi", "every": 1}, "do": "payout", "value": "0.00"})
    told = (await venue.admin("POST", "/resolve", {"event": EVENT, "winner": AAA})).body["markets"]
    assert {(row["market"], row["result"], row["value"]) for row in told} == {(AAA, "no", "0.00"), (BBB, "no", "0.00")}


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"do": "improve", "ticks": 1}, "improve needs shares"),
        ({"do": "renumber"}, "renumber happens to the event feed"),
        ({"match": {"event": "settlement"}, "do": "drop"}, "drop cannot happen to the event settlement"),
        ({"match": {"event": "delta"}, "do": "cached", "ms": 1}, "cached happens to the event settlement"),
        ({"do": "beyond", "factor": "1"}, "factor"),
        ({"do": "refuse", "when": "after"}, "refuse takes no when"),
    ],
)
def test_a_rude_fault_that_makes_no_sense_is_refused_by_name(fault: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        parse([fault], "test")


async def test_a_polite_exchange_has_no_habits_and_a_rude_one_counts_what_it_does(
    launch: Launch, tmp_path: Path
) -> None:
    polite = await launch()
    assert (await polite.admin("GET", "/status")).body["faults"] == {}
    rude = await launch(rudeness=Decimal(3), seed=2, state_dir=tmp_path / "rude")
    for _ in range(20):
        with suppress(ValueError):  # a page of HTML
            assert (await rude.order(count="2.00")).status in (200, 201, 400)
    counts = (await rude.admin("GET", "/status")).body["faults"]
    assert sum(kind["fired"] for kind in counts.values()) > 10
    assert counts["refuse"]["seen"] == 20
    assert (await rude.admin("GET", "/faults")).body == []  # habits are nobody's script
    await rude.admin("DELETE", "/faults")
    assert (await rude.admin("GET", "/status")).body["faults"] == counts


def test_habits_come_from_the_seed_and_leave_a_scripts_draws_alone() -> None:
    def run(seed: int, rudeness: str) -> list[tuple[bool, str]]:
        faults = Faults(seed, habits(Decimal(rudeness)))
        faults.add(parse([{"match": {"probability": 0.3}, "do": "lost_answer"}], "test"))
        path = "/trade-api/v2/portfolio/events/orders"
        picked = [faults.pick("POST", path) for _ in range(60)]
        return [(one is not None and one.do == "lost_answer", "" if one is None else one.do) for one in picked]

    assert run(1, "3") == run(1, "3")
    assert [script for script, _ in run(1, "3")] == [script for script, _ in run(1, "0")]
    assert {kind for _, kind in run(1, "3")} > {"", "lost_answer"}


def test_every_habit_is_a_fault_that_the_exchange_takes() -> None:
    assert len(habits(Decimal(1))) == len(HARMLESS) + len(HARSH)
    assert habits(Decimal(0)) == ()
    assert all(fault.match.probability == 1 for fault in habits(Decimal(1000)) if fault.do != "renumber")


@given(st.integers(1, 5_000), st.integers(1, 20), st.sampled_from([10_000, 1_000_000]))
def test_makers_share_a_size_and_lose_nothing_of_it(lots: int, makers: int, step: int) -> None:
    parts = shared(lots * step, makers, step)
    assert sum(parts) == lots * step
    assert 1 <= len(parts) <= makers
    assert all(part > 0 and part % step == 0 for part in parts)


@given(st.integers(1, 98), st.integers(1, 10**6), st.integers(1, 10**6), st.booleans(), st.integers(1, 50))
def test_no_better_price_leaves_the_grid_and_none_is_worse(
    cents: int, size: int, hidden: int, buys: bool, ticks: int
) -> None:
    take = Take(cents * 10_000, size * 10_000, "no", 0)
    found = improved([take], Filling(ticks=ticks, shares=hidden * 10_000), 10_000, buys=buys)
    assert sum(one.size for one in split(found, 3, 10_000)) == take.size
    for one in found:
        assert 0 < one.price < 1_000_000
        assert one.price <= take.price if buys else one.price >= take.price
