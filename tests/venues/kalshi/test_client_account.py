"""The client's account and its connection: money, positions, every page, and how requests are signed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain.errors import BadInput
from domain.orders import Side
from tests.venues.kalshi.fake import FILLS, MARKET, ORDERS, FakeKalshi, fill, fills, order, orders, ticket
from tests.venues.scripted import NOW, says
from venues.kalshi.client import KalshiClient
from venues.kalshi.signing import Signer

# --- account ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "dollars"),
    [
        ({"balance": 9801, "balance_dollars": "98.0186"}, "98.0186"),
        ({"balance": 9801, "balance_breakdown": [{"balance": "90.01"}, {"balance": "8.0086"}]}, "98.0186"),
        ({"balance": 9801}, "98.01"),
    ],
)
async def test_cash_is_exact_dollars(
    venue: FakeKalshi, client: KalshiClient, body: dict[str, Any], dollars: str
) -> None:
    venue.on("GET", "/portfolio/balance", says(body))
    assert await client.cash() == Decimal(dollars)


async def test_the_account_holds_every_page_and_names_each_fills_client_order(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    terms = {"status": "resting", "remaining_count_fp": "3.00", "book_side": "ask", "yes_price_dollars": "0.6000"}
    resting = order(ticket(attempt=2), order_id="o-2", **terms)
    late = fill("t-2", "1.00", order_id="o-2", book_side="ask", created_time="2026-11-21T02:00:01Z")
    venue.on("GET", FILLS, says(fills(late, cursor="f2")), says(fills(fill("t-1", "10.00"))))
    venue.on("GET", ORDERS, says(orders(order(ticket()), cursor="o2")), says(orders(resting)))
    rows = [{"ticker": MARKET, "position_fp": "-9.00"}, {"ticker": "KXFLAT", "position_fp": "0.00"}]
    venue.on("GET", "/portfolio/positions", says({"market_positions": rows, "event_positions": [], "cursor": ""}))
    venue.on("GET", "/portfolio/balance", says({"balance": 100, "balance_dollars": "1.0000"}))
    account = await client.account()
    assert (account.cash, account.positions) == (Decimal("2.2"), {MARKET: Decimal(-9)})  # 3 × (1 − 0.60) held back
    assert [(o.order_id, o.client_order_id, o.remaining) for o in account.open_orders] == [
        ("o-2", ticket(attempt=2).client_order_id, Decimal(3))
    ]
    assert [(f.trade_id, f.side, f.client_order_id) for f in account.fills] == [
        ("t-1", Side.BUY, ticket().client_order_id),
        ("t-2", Side.SELL, ticket(attempt=2).client_order_id),
    ]


async def test_an_account_without_history_is_empty(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", FILLS, says({"fills": None, "cursor": ""}))
    venue.on("GET", ORDERS, says({"orders": [], "cursor": ""}))
    venue.on("GET", "/portfolio/positions", says({"market_positions": [], "cursor": ""}))
    venue.on("GET", "/portfolio/balance", says({"balance": 0, "balance_dollars": "0.0000"}))
    account = await client.account()
    assert (account.positions, account.open_orders, account.fills) == ({}, (), ())


# --- the connection ---------------------------------------------------------------------------------------------


async def test_limits_are_the_accounts_own_once_configured(venue: FakeKalshi, client: KalshiClient) -> None:
    bucket = {"bucket_capacity": 600, "refill_rate": 300}
    venue.on("GET", "/account/limits", says({"read": bucket, "write": bucket, "usage_tier": "advanced"}))
    limits = await client.configure_limits()
    assert (limits.write.refill_rate, limits.usage_tier) == (300, "advanced")


async def test_clock_skew_is_the_venues_date_against_ours_within_its_whole_second(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    date = {"Date": "Sat, 21 Nov 2026 02:00:07 GMT"}
    venue.on("GET", "/exchange/status", says({"exchange_active": True, "trading_active": True}, headers=date))
    skew = await client.clock_skew()
    assert abs(skew.offset - 7_000_000) <= skew.error == 500_000


async def test_every_request_is_signed_without_its_query(
    venue: FakeKalshi, client: KalshiClient, signer: Signer
) -> None:
    venue.on("GET", FILLS, says(fills()))
    venue.on("GET", f"{ORDERS}/o-1", says({"order": order(ticket())}))
    await client.evidence(ticket(), order_id="o-1", sent_at=NOW, grace_ms=0)
    for seen in venue.seen:
        assert seen.headers["KALSHI-ACCESS-KEY"] == signer.key_id
        assert seen.headers["KALSHI-ACCESS-TIMESTAMP"] == str(NOW // 1000)
        assert seen.headers["KALSHI-ACCESS-SIGNATURE"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com", "not encrypted"),
        ("ftp://example.com", "not usable"),
        ("https://example.com/v3", "has path"),
        ("https://user@example.com", "not usable"),
        ("", "not usable"),
    ],
)
def test_a_base_url_that_would_leak_or_miss_is_refused(signer: Signer, url: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        KalshiClient(url, signer)
