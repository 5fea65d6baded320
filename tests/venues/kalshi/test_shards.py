"""Collateral by exchange shard, the transfer that would help, and order groups."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import Denied, Rejected, Unavailable, Unknown
from domain.market import Venue
from domain.orders import Purpose, Verdict
from tests.venues.kalshi.fake import MARKET, FakeKalshi, ticket
from tests.venues.scripted import drops, says
from venues.kalshi.client import KalshiClient
from venues.kalshi.orders import CREATE_PATH
from venues.kalshi.shards import Move, helpful_move
from venues.kalshi.signing import Signer
from venues.port import Pooled, VenueClient

BALANCE, TRANSFER = "/portfolio/balance", "/portfolio/intra_exchange_instance_transfer"
GROUPS = "/portfolio/order_groups"


def balance(*shards: tuple[int, str]) -> dict[str, Any]:
    held = [{"exchange_index": index, "balance": amount} for index, amount in shards]
    total = sum(Decimal(amount) for _, amount in shards)
    return {"balance": int(total * 100), "balance_dollars": str(total), "balance_breakdown": held}


async def test_money_is_told_apart_by_shard(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", BALANCE, says(balance((0, "10.5000"), (2, "1.2500"))))
    assert await client.pools() == {"0": Decimal("10.5"), "2": Decimal("1.25")}
    assert await client.cash() == Decimal("11.75")
    port: VenueClient = client
    assert isinstance(port, Pooled)


async def test_a_balance_without_shards_is_all_on_the_first(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", BALANCE, says({"balance": 1050}))
    assert await client.pools() == {"0": Decimal("10.5")}


@pytest.mark.parametrize(
    ("held", "needed", "move"),
    [
        ({0: "100", 2: "5"}, "20", Move(0, 2, Decimal(15))),
        ({0: "100", 1: "300", 2: "5"}, "20", Move(1, 2, Decimal(15))),
        ({0: "100"}, "20", Move(0, 2, Decimal(20))),
        ({0: "10", 1: "9", 2: "5"}, "20", None),  # no single shard can spare it
        ({0: "100", 2: "25"}, "20", None),
        ({2: "5"}, "20", None),
    ],
)
def test_the_transfer_that_helps_comes_from_the_richest_shard(
    held: dict[int, str], needed: str, move: Move | None
) -> None:
    assert helpful_move({k: Decimal(v) for k, v in held.items()}, 2, Decimal(needed)) == move


async def test_a_transfer_counts_in_hundredths_of_a_cent_and_has_a_name_of_its_own(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    venue.on("POST", TRANSFER, says({"transfer_id": "tr-1"}))
    move = Move(0, 2, Decimal("12.3456"))
    assert await client.transfers.move(move, name="monday") == "tr-1"
    assert await client.transfers.move(move, name="monday") == "tr-1"
    sent = [json.loads(seen.body) for seen in venue.asked("POST", TRANSFER)]
    assert sent[0] == sent[1]
    assert (sent[0]["amount"], sent[0]["source_exchange_shard"], sent[0]["destination_exchange_shard"]) == (
        123456,
        0,
        2,
    )
    with pytest.raises(Denied, match=r"steps of \$0.0001"):
        await client.transfers.move(Move(0, 2, Decimal("0.00001")), name="too fine")


async def test_transfers_under_way_are_told_from_those_that_are_through(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    rows = [{"transfer_id": str(n), "amount": "5.0000", "status": s} for n, s in enumerate(("pending", "complete"))]
    venue.on("GET", f"{TRANSFER}s", says({"transfers": rows}))
    assert [one.transfer_id for one in await client.pending_transfers()] == ["0"]


async def test_a_market_is_on_its_shard_and_says_so_in_its_rules(venue: FakeKalshi, client: KalshiClient) -> None:
    listed = {"ticker": MARKET, "event_ticker": "E", "status": "active", "exchange_index": 2}
    venue.on("GET", f"/markets/{MARKET}", says({"market": listed}))
    venue.on("GET", "/events/E", says({"event": {"event_ticker": "E", "series_ticker": "S"}}))
    venue.on("GET", "/series/S", says({"series": {"ticker": "S"}}))
    spec = await client.market(MARKET)
    assert (spec.venue, spec.pool, await client.shard(MARKET)) == (Venue.KALSHI, "2", 2)
    assert len(venue.asked("GET", f"/markets/{MARKET}")) == 1


async def test_a_group_is_made_limited_triggered_reset_and_removed_on_its_shard(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    venue.on("POST", f"{GROUPS}/create", says({"order_group_id": "g-1", "exchange_index": 2}, 201))
    for verb in ("trigger", "reset", "limit"):
        venue.on("PUT", f"{GROUPS}/g-1/{verb}", says({}))
    venue.on("DELETE", f"{GROUPS}/g-1", says(b""))
    assert await client.groups.create(Decimal("12.5"), shard=2) == "g-1"
    await client.groups.trigger("g-1", shard=2)
    await client.groups.reset("g-1", shard=2)
    await client.groups.limit("g-1", Decimal(20), shard=2)
    await client.groups.delete("g-1", shard=2)
    assert json.loads(venue.seen[0].body) == {"contracts_limit_fp": "12.50", "exchange_index": 2}
    assert [seen.params for seen in venue.seen[1:]] == [{"exchange_index": "2"}] * 4
    assert json.loads(venue.asked("PUT", f"{GROUPS}/g-1/limit")[0].body) == {"contracts_limit_fp": "20.00"}


async def test_groups_are_listed_with_their_orders(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", GROUPS, says({"order_groups": [{"id": "g-1", "is_auto_cancel_enabled": True}]}))
    venue.on("GET", f"{GROUPS}/g-1", says({"is_auto_cancel_enabled": True, "orders": ["o-1"]}))
    assert [group.id for group in await client.groups.list()] == ["g-1"]
    assert (await client.groups.get("g-1")).orders == ["o-1"]


async def test_only_orders_that_open_a_trade_join_the_group_of_their_markets_shard(
    venue: FakeKalshi, signer: Signer
) -> None:
    listed = {"ticker": MARKET, "event_ticker": "E", "status": "active", "exchange_index": 2}
    venue.on("GET", f"/markets/{MARKET}", says({"market": listed}))
    opening, closing = ticket(), ticket(purpose=Purpose.UNWIND, attempt=2)
    placed = {"order_id": "o-1", "fill_count": "0.00", "remaining_count": "0.00"}
    answers = [says(placed | {"client_order_id": one.client_order_id}, 201) for one in (opening, closing)]
    venue.on("POST", CREATE_PATH, *answers)
    async with KalshiClient(venue.base_url, signer, group_ids={0: "g-0", 2: "g-2"}) as client:
        prepared = [(await client.prepare(one)).body for one in (opening, closing)]
        verdicts = [(await client.submit(one)).verdict for one in (opening, closing)]
    assert verdicts == [Verdict.ACCEPTED] * 2
    sent = [seen.body for seen in venue.asked("POST", CREATE_PATH)]
    assert sent == prepared
    assert [json.loads(body).get("order_group_id") for body in sent] == ["g-2", None]


async def test_an_order_whose_group_cannot_be_known_is_not_sent(venue: FakeKalshi, signer: Signer) -> None:
    venue.on("GET", f"/markets/{MARKET}", says({}, 503))
    async with KalshiClient(venue.base_url, signer, group_ids={2: "g-2"}) as client:
        result = await client.submit(ticket())
    assert (result.verdict, result.sent) == (Verdict.DENIED, False)
    assert venue.asked("POST", CREATE_PATH) == []


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (says({"error": {"code": "invalid_parameters", "message": "no"}}, 400), Rejected),
        (says({"error": "too many requests"}, 429), Unavailable),
        (says({}, 500), Unknown),
        (says(b"<html>"), Unknown),
        (drops, Unknown),
    ],
)
async def test_a_write_that_may_have_had_its_effect_is_unknown_and_one_refused_is_not(
    venue: FakeKalshi, client: KalshiClient, reply: Any, error: type[Exception]
) -> None:
    venue.on("POST", f"{GROUPS}/create", reply)
    with pytest.raises(error):
        await client.groups.create(Decimal(10))
    assert len(venue.seen) == 1
