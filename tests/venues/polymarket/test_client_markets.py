"""Books, rules, fees, sets and resolutions as the client tells them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Rejected, Unavailable
from domain.evidence import OrderStatus
from domain.orders import Purpose, Side, Verdict
from testing.relayer import FakeRelayer
from tests.venues.polymarket.scripted import (
    CONDITION,
    CREDENTIALS,
    NO,
    ORDERS,
    TRADES,
    WALLET,
    YES,
    Scripted,
    rows,
    ticket,
    tokens,
    trade,
)
from tests.venues.scripted import NOW, says
from venues.polymarket.client import ChainAccess, PolymarketClient
from venues.polymarket.journal import ChainJournal
from venues.polymarket.relayer import Stage
from venues.polymarket.wallet import SignatureType, Wallet


async def test_the_best_price_is_the_last_of_each_side_and_comes_first_here(
    venue: Scripted, client: PolymarketClient
) -> None:
    book = {
        "market": CONDITION,
        "asset_id": YES,
        "timestamp": "1795226400000",
        "hash": "",
        "bids": [{"price": ".45", "size": "5"}, {"price": "0.47", "size": "3.5"}],
        "asks": [{"price": "0.52", "size": "2.5"}, {"price": "0.49", "size": "1"}, {"price": "0.48", "size": "0"}],
    }
    venue.on("GET", "/book", says(book))
    quote = await client.quote(YES)
    assert quote.bids == ((Decimal("0.47"), Decimal("3.5")), (Decimal("0.45"), Decimal(5)))
    assert quote.asks == ((Decimal("0.49"), Decimal(1)), (Decimal("0.52"), Decimal("2.5")))
    assert (quote.asked_at, quote.answered_at) == (NOW, NOW)
    assert venue.asked("GET", "/book")[0].params == {"token_id": YES}


@pytest.mark.parametrize(
    "bad", [{"asset_id": NO}, {"bids": [{"price": "1.5", "size": "1"}]}, {"asks": [{"price": "0.5", "size": ""}]}]
)
async def test_a_book_of_another_token_or_with_an_impossible_level_is_not_believed(
    venue: Scripted, client: PolymarketClient, bad: dict[str, Any]
) -> None:
    venue.on("GET", "/book", says({"market": CONDITION, "asset_id": YES, "bids": [], "asks": []} | bad))
    with pytest.raises(Unavailable):
        await client.quote(YES)


async def test_a_token_without_a_book_is_rejected(venue: Scripted, client: PolymarketClient) -> None:
    venue.on("GET", "/book", says({"error": "No orderbook exists for the requested token id"}, 404))
    with pytest.raises(Rejected):
        await client.quote(YES)


async def test_a_binary_market_is_two_instruments_of_one_condition(venue: Scripted, client: PolymarketClient) -> None:
    venue.plays(info={"itode": True}, market={"seconds_delay": 3})
    yes, no = await client.market(YES), await client.market(NO)
    assert (yes.market, yes.event, yes.outcomes, yes.outcome, yes.complement) == (YES, CONDITION, 2, "Yes", NO)
    assert (no.event, no.outcome, no.complement) == (CONDITION, "No", YES)
    assert (yes.fees.taker, yes.fees.maker, yes.fees.exponent) == (Decimal("0.05"), 0, 1)
    assert yes.fees.trade_fee(Decimal("0.5"), Decimal(100)) == Decimal("1.25")
    assert (yes.min_size, yes.size_step, yes.min_notional, yes.delay_ms) == (5, Decimal("0.01"), 1, 3000)
    assert yes.on_grid(Decimal("0.01"))
    assert not yes.on_grid(Decimal("0.995"))
    assert (yes.open, yes.set_id, yes.title) == (True, "", "Will it rain?")


async def test_rules_that_changed_are_forgotten_for_both_tokens_and_orders_wait_for_the_new_ones(
    venue: Scripted, client: PolymarketClient
) -> None:
    await client.market(YES)
    await client.market(NO)
    venue.plays(info={"mts": 0.1})
    assert (await client.market(NO)).step_at(Decimal("0.5")) == Decimal("0.01")
    client.forget_rules(YES)
    venue.on("GET", f"/clob-markets/{CONDITION}", says({}, status=503))
    waits = await client.submit(ticket(limit=Decimal("0.55")))
    assert (waits.verdict, waits.sent) == (Verdict.DENIED, False)
    venue.plays(info={"mts": 0.1})
    refused = await client.submit(ticket(limit=Decimal("0.55")))
    assert (refused.verdict, refused.code) == (Verdict.DENIED, "off_tick")
    assert (await client.market(NO)).step_at(Decimal("0.5")) == Decimal("0.1")


@pytest.mark.parametrize(("info", "market"), [({"ao": False}, {}), ({}, {"closed": True})])
async def test_a_market_that_takes_no_orders_is_not_open_and_is_asked_for_each_time(
    venue: Scripted, client: PolymarketClient, info: dict[str, Any], market: dict[str, Any]
) -> None:
    venue.plays(info=info, market=market)
    assert not (await client.market(YES)).open


async def test_a_market_that_does_not_say_its_fees_is_charged_the_dearest_and_one_without_any_none(
    venue: Scripted, client: PolymarketClient
) -> None:
    venue.plays(info={"fd": None, "tbf": 1000})
    assert (await client.fees(YES)).taker == Decimal("0.07")
    async with PolymarketClient(venue.services, WALLET, CREDENTIALS) as other:
        venue.plays(info={"fd": None, "tbf": 0})
        assert (await other.fees(YES)).taker == 0


async def test_a_neg_risk_yes_token_is_one_of_as_many_as_gamma_lists_and_its_no_token_of_none(
    venue: Scripted, client: PolymarketClient
) -> None:
    group = "0x" + "ee" * 32
    venue.plays(info={"nr": True}, market={"neg_risk": True, "neg_risk_market_id": group})
    listed = {
        "id": "9",
        "conditionId": CONDITION,
        "version": "v1",
        "outcomes": '["Yes", "No"]',
        "clobTokenIds": json.dumps([YES, NO]),
        "negRisk": True,
        "orderPriceMinTickSize": 0.01,
        "orderMinSize": 5,
    }
    venue.on("GET", "/markets/keyset", says({"markets": [listed | {"events": [{"id": "77"}]}]}))
    event = {"id": "77", "negRisk": True, "negRiskMarketID": group, "negRiskAugmented": False}
    venue.on("GET", "/events/77", says(event | {"markets": [listed, listed, listed]}))
    assert ((await client.market(YES)).event, (await client.market(YES)).outcomes) == (group, 3)
    assert ((await client.market(NO)).event, (await client.market(NO)).outcomes) == (CONDITION, 0)
    assert (await client.markets.rules(YES)).neg_risk
    async with PolymarketClient(venue.services, WALLET, CREDENTIALS) as other:
        venue.on("GET", "/events/77", says(event | {"negRiskAugmented": True, "markets": [listed]}))
        assert (await other.market(YES)).outcomes == 0
    async with PolymarketClient(venue.services, WALLET, CREDENTIALS) as third:
        venue.on("GET", "/events/77", says({}, 500))
        assert (await third.market(YES)).outcomes == 0


async def test_a_v2_market_is_named_by_its_own_ids_and_signed_under_its_own_domain(
    venue: Scripted, client: PolymarketClient
) -> None:
    token, other = "663574927012476832975694178961957910328055987427402067619466963999000625152", "7"
    short, padded = "0x017791f201d5a788e0039e511fc1900e5f" + "0" * 28, "0x017791f201d5a788e0039e511fc1900e5f" + "0" * 30
    tokens = [{"t": token, "o": "Up"}, {"t": other, "o": "Down"}]
    venue.on("GET", f"/markets-by-token/{token}", says({"condition_id": short}))
    venue.on("GET", f"/clob-markets/{padded}", says({"t": tokens, "c": padded, "mos": 5, "mts": 0.01, "v": "v2"}))
    listed = [{"token_id": token, "outcome": "Up"}, {"token_id": other, "outcome": "Down"}]
    venue.on("GET", f"/markets/{padded}", says({"condition_id": padded, "tokens": listed, "neg_risk": False}))
    assert (await client.markets.rules(token)).version == "v2"
    assert (await client.prepare(ticket(market=token))).order_id.startswith("0x")
    assert (await client.market(token)).event == padded


async def test_sets_are_named_and_merged_only_where_there_is_a_wallet_for_it(venue: Scripted, tmp_path: Path) -> None:
    merge = ticket(leg="*", purpose=Purpose.MERGE, market=CONDITION, side=Side.SELL, limit=Decimal(1))
    async with PolymarketClient(venue.services, WALLET, CREDENTIALS) as without:
        assert (await without.market(YES)).set_id == ""
        refused = await without.submit(merge)
        assert (refused.verdict, refused.sent) == (Verdict.DENIED, False)
    safe = Wallet.from_hex("11" * 32, funder="0x" + "22" * 20, signature_type=SignatureType.SAFE)
    relayer = FakeRelayer()
    chain = ChainAccess(relayer, ChainJournal(tmp_path))
    async with PolymarketClient(venue.services, safe, CREDENTIALS, chain=chain) as client:
        assert (await client.market(YES)).set_id == CONDITION
        prepared = await client.prepare(merge)
        result = await client.submit(merge)
        assert (result.verdict, result.order_id, result.remaining) == (Verdict.ACCEPTED, prepared.order_id, 10)
        working = await client.evidence(merge, order_id=result.order_id, sent_at=NOW, grace_ms=0)
        await client.cancel(CONDITION, prepared.order_id)
        assert working.status is OrderStatus.RESTING
        relayer.move("tx-1", Stage.CONFIRMED)
        done = await client.evidence(merge, order_id=result.order_id, sent_at=NOW, grace_ms=0)
        assert (done.status, done.filled, {fill.market for fill in done.fills}) == (OrderStatus.DONE, 10, {YES, NO})
    assert not [seen for seen in venue.seen if seen.method in ("POST", "DELETE")]
    venue.on("GET", TRADES, says(rows(trade("t-1", "0x1"))))
    venue.on("GET", ORDERS, says(rows()))
    venue.on("GET", "/balance-allowance", says({"balance": "0", "allowances": {}}))
    async with PolymarketClient(venue.services, safe, CREDENTIALS, chain=chain) as another:
        fills = (await another.account()).fills
    assert [fill for fill in fills if fill.merged] == list(done.fills)
    assert [fill.trade_id for fill in fills if not fill.merged] == ["t-1"]


@pytest.mark.parametrize(
    ("market", "payout"),
    [
        ({"closed": True} | tokens(True, False), Decimal(1)),
        ({"closed": True} | tokens(False, True), Decimal(0)),
        ({"closed": True, "is_50_50_outcome": True} | tokens(False, False), Decimal("0.5")),
        ({"closed": True} | tokens(False, False), None),  # closed, its outcome not said yet
        ({"closed": False} | tokens(True, False), None),
        ({"closed": True} | tokens(None, None), None),
    ],
)
async def test_a_market_pays_once_it_is_closed_and_its_winner_is_named(
    venue: Scripted, client: PolymarketClient, market: dict[str, Any], payout: Decimal | None
) -> None:
    venue.plays(market=market)
    assert (await client.resolution(YES)).payout == payout


async def test_two_winners_are_not_believed(venue: Scripted, client: PolymarketClient) -> None:
    venue.plays(market={"closed": True} | tokens(True, True))
    with pytest.raises(Unavailable, match="2 winners"):
        await client.resolution(YES)


@pytest.mark.parametrize(
    ("info", "market", "code"),
    [({"v": None}, {}, "unknown_version"), ({"v": "v3"}, {}, "unknown_version"),
     ({"v": "v2"}, {"version": "v1"}, "unknown_version")],
)  # fmt: skip
async def test_a_market_whose_version_is_missing_or_new_or_said_twice_is_not_signed_for(
    venue: Scripted, client: PolymarketClient, info: dict[str, Any], market: dict[str, Any], code: str
) -> None:
    venue.plays(info=info, market=market)
    assert not (await client.market(YES)).open
    refused = await client.submit(ticket())
    assert (refused.verdict, refused.code, refused.sent) == (Verdict.DENIED, code, False)


@pytest.mark.parametrize(
    ("info", "market"),
    [
        ({"c": "0x" + "ee" * 32}, {}),
        ({}, {"condition_id": "0x" + "ee" * 32}),
        ({"t": [{"t": YES, "o": "No"}, {"t": NO, "o": "Yes"}]}, {}),
        ({"t": [{"t": "77", "o": "Yes"}, {"t": NO, "o": "No"}]}, {}),
    ],
)
async def test_documents_that_disagree_about_market_condition_token_or_outcome_are_no_market(
    venue: Scripted, client: PolymarketClient, info: dict[str, Any], market: dict[str, Any]
) -> None:
    venue.plays(info=info, market=market)
    with pytest.raises(Unavailable) as refused:
        await client.market(YES)
    assert refused.value.code == "not_ours"
