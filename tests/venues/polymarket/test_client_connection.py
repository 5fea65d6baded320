"""The connection: addresses, secrets, the venue's clock, limits."""

from __future__ import annotations

import pytest

from domain.errors import BadInput, Unavailable
from domain.orders import Verdict
from tests.venues.polymarket.scripted import (
    CONDITION,
    CREDENTIALS,
    WALLET,
    YES,
    Scripted,
    ticket,
)
from tests.venues.scripted import NOW, says
from venues.polymarket.client import PolymarketClient
from venues.polymarket.rest import Services
from venues.wire import Timeouts


async def test_nothing_secret_is_in_any_repr(client: PolymarketClient) -> None:
    shown = f"{client!r} {client.wire!r} {WALLET!r} {CREDENTIALS!r} {vars(client)!r}"
    assert CREDENTIALS.secret not in shown
    assert CREDENTIALS.passphrase not in shown
    assert "11" * 32 not in shown


def test_a_base_url_that_is_not_encrypted_is_refused() -> None:
    with pytest.raises(BadInput, match="not encrypted"):
        PolymarketClient(Services(clob="http://clob.example.com"), WALLET, CREDENTIALS)


async def test_clock_skew_is_the_venues_second_against_ours(venue: Scripted, client: PolymarketClient) -> None:
    venue.on("GET", "/time", says(str(NOW // 1_000_000 + 5).encode()))
    skew = await client.clock_skew()
    assert (skew.offset, skew.error) == (5_500_000, 500_000)
    venue.on("GET", "/time", says(b'"soon"'))
    with pytest.raises(Unavailable, match="seconds since"):
        await client.clock_skew()


async def test_the_accounts_own_tier_sets_its_limits_and_an_unknown_one_changes_nothing(
    venue: Scripted, client: PolymarketClient
) -> None:
    venue.on("GET", "/v1/user/rate-limit-tier", says({"tier": "Gold"}), says({"tier": "a tier of tomorrow"}))
    assert await client.configure_limits() == "gold"
    assert client.wire.limits.orders.capacity == 600
    assert await client.configure_limits() == "gold"


async def test_public_reads_carry_no_credentials(venue: Scripted, client: PolymarketClient) -> None:
    venue.on("GET", "/book", says({"market": CONDITION, "asset_id": YES}))
    await client.quote(YES)
    await client.market(YES)
    assert not [seen for seen in venue.seen if "POLY_API_KEY" in seen.headers]


async def test_a_rate_limit_that_is_used_up_denies_the_order_before_it_leaves(venue: Scripted) -> None:
    async with PolymarketClient(
        venue.services, WALLET, CREDENTIALS, timeouts=Timeouts(submit=2.0), clock=lambda: NOW
    ) as client:
        venue.on("POST", "/order", says({"error": "Too Many Requests"}, 429, {"Retry-After": "30"}))
        first, second = await client.submit(ticket()), await client.submit(ticket())
    assert (first.verdict, first.code) == (Verdict.REJECTED, "rate_limited")
    assert (second.verdict, second.code, second.sent) == (Verdict.DENIED, "rate_limited", False)
    assert len(venue.asked("POST", "/order")) == 1
