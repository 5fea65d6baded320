"""Pauses, costs, Retry-After, history, and the checklist before trading."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import Denied, Unavailable
from domain.evidence import OrderStatus
from domain.orders import Verdict
from tests.venues.kalshi.conftest import KEY_ID
from tests.venues.kalshi.fake import CUTOFF, MARKET, FakeKalshi, fill, order, ticket
from tests.venues.scripted import NOW, says
from venues.kalshi.checklist import checklist
from venues.kalshi.client import KalshiClient
from venues.kalshi.hours import weekly_pause
from venues.kalshi.limits import Costs
from venues.kalshi.orders import CREATE_PATH
from venues.kalshi.signing import Signer

UP = {"exchange_active": True, "trading_active": True}
PAUSED = {"exchange_active": True, "trading_active": False}
WINDOW = {"start_datetime": "2026-11-21T01:00:00Z", "end_datetime": "2026-11-21T04:00:00Z"}
SCHEDULE = {"schedule": {"standard_hours": [], "maintenance_windows": [WINDOW]}}
ANY_DAY = datetime.fromisoformat("2026-11-21T03:30:00-05:00")


def market(venue: FakeKalshi, **changes: Any) -> None:
    listed = {"ticker": MARKET, "event_ticker": "E", "status": "active", "exchange_index": 0} | changes
    venue.on("GET", f"/markets/{MARKET}", says({"market": listed}))
    venue.on("GET", "/events/E", says({"event": {"event_ticker": "E", "series_ticker": "S"}}))
    venue.on("GET", "/series/S", says({"series": {"ticker": "S"}}))


async def test_no_market_is_open_while_trading_is_paused_and_the_end_is_named(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    market(venue)
    venue.on("GET", "/exchange/status", says(PAUSED))
    venue.on("GET", "/exchange/schedule", says(SCHEDULE))
    with pytest.raises(Unavailable, match="paused until 2026-11-21T04:00:00Z") as paused:
        await client.market(MARKET)
    assert paused.value.code == "paused"


async def test_a_pause_of_another_shard_is_no_pause_here(venue: FakeKalshi, client: KalshiClient) -> None:
    market(venue)
    shards = [{"exchange_index": n, "exchange_active": True, "trading_active": n == 0} for n in (0, 2)]
    venue.on("GET", "/exchange/status", says(UP | {"exchange_index_statuses": shards}))
    assert (await client.market(MARKET)).open
    with pytest.raises(Unavailable, match="a halt"):
        await client.exchange.refuse_pause(2)


async def test_an_order_refused_by_a_pause_says_until_when(venue: FakeKalshi, client: KalshiClient) -> None:
    error = {"error": {"code": "trading_is_paused", "message": "trading is paused", "service": "exchange"}}
    venue.on("POST", CREATE_PATH, says(error, 409))
    venue.on("GET", "/exchange/status", says(PAUSED | {"exchange_estimated_resume_time": "2026-11-21T05:00:00Z"}))
    result = await client.submit(ticket())
    assert (result.verdict, result.code) == (Verdict.REJECTED, "trading_is_paused")
    assert "until 2026-11-21T05:00:00Z" in result.detail


async def test_a_cancel_in_an_exchange_pause_is_asked_for_again(venue: FakeKalshi, client: KalshiClient) -> None:
    error = {"error": {"code": "exchange_is_paused", "message": "exchange is paused", "service": "exchange"}}
    venue.on("DELETE", f"{CREATE_PATH}/o-1", says(error, 409))
    with pytest.raises(Unavailable, match="after the pause"):
        await client.cancel(MARKET, "o-1")


async def test_what_is_known_of_a_pause_needs_no_question(venue: FakeKalshi, client: KalshiClient) -> None:
    assert client.exchange.known_pause(NOW) is None
    venue.on("GET", "/exchange/status", says(PAUSED))
    venue.on("GET", "/exchange/schedule", says(SCHEDULE))
    await client.exchange.pause()
    known = client.exchange.known_pause(NOW)
    assert known is not None
    assert known.why == "scheduled maintenance"


def test_every_thursday_morning_is_a_pause_without_asking() -> None:
    at: Callable[[str], int] = lambda text: int(datetime.fromisoformat(text).timestamp() * 1_000_000)  # noqa: E731
    inside = weekly_pause(at("2026-11-26T03:30:00-05:00"))
    assert inside is not None
    assert inside.until == at("2026-11-26T05:00:00-05:00")
    assert [weekly_pause(at(f"2026-11-26T{t}:00-05:00")) for t in ("02:59", "05:00")] == [None, None]
    assert weekly_pause(int(ANY_DAY.timestamp() * 1_000_000)) is None


def test_costs_are_found_by_method_and_path_and_batches_are_billed_by_item() -> None:
    costs = Costs()
    assert costs.of("DELETE", "/portfolio/events/orders/abc") == 2
    assert costs.of("DELETE", "/portfolio/events/orders/batched", 7) == 14
    assert costs.of("POST", "/portfolio/events/orders", 3) == 30
    assert costs.of("GET", "/portfolio/orders/abc") == 2
    own = Costs([("GET", "/cf/*endpoint", 150), ("GET", "/cf/free", 1)], default=5)
    assert [own.of("GET", path) for path in ("/cf/x", "/cf/free", "/cf/x/y")] == [150, 1, 5]


async def test_the_accounts_own_costs_are_kept_to(venue: FakeKalshi, client: KalshiClient) -> None:
    bucket = {"bucket_capacity": 600, "refill_rate": 300}
    venue.on("GET", "/account/limits", says({"read": bucket, "write": bucket, "usage_tier": "advanced"}))
    listed = [{"method": "POST", "path": "/trade-api/v2/portfolio/events/orders", "cost": 7}]
    venue.on("GET", "/account/endpoint_costs", says({"default_cost": 11, "endpoint_costs": listed}))
    await client.configure_limits()
    assert [client.wire.costs.of("POST", path) for path in (CREATE_PATH, "/other")] == [7, 11]
    assert client.wire.writes.capacity == 600


@pytest.mark.parametrize("wait", ["30", "30.5", "Fri, 31 Dec 2099 23:59:59 GMT"])
async def test_a_429_that_names_a_wait_is_obeyed_and_any_other_empties_the_bucket(
    venue: FakeKalshi, client: KalshiClient, wait: str
) -> None:
    venue.on("GET", "/exchange/status", says({"error": "too many requests"}, 429, {"Retry-After": wait}))
    with pytest.raises(Unavailable, match="429"):
        await client.exchange.status()
    with pytest.raises(Unavailable, match="rate limit"):
        await client.exchange.status()
    venue.on("POST", CREATE_PATH, says({"error": "too many requests"}, 429))
    assert (await client.submit(ticket())).code == "rate_limited"
    assert client.wire.writes.level < 20


async def test_an_order_long_gone_is_found_in_the_historical_listing_with_its_fills(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    old = ticket(decided_at=0)
    venue.on("GET", "/exchange/user_data_timestamp", says({"as_of_time": "2026-11-21T02:01:00Z"}))
    venue.on("GET", "/portfolio/orders", says({"orders": [], "cursor": ""}))
    listed = order(old, created_time="2026-05-01T00:00:00Z")
    venue.on("GET", "/historical/orders", says({"orders": [listed], "cursor": ""}))
    venue.on("GET", "/portfolio/fills", says({"fills": [], "cursor": ""}))
    venue.on("GET", "/historical/fills", says({"fills": [fill("t-1", "10.00")], "cursor": ""}))
    seen = await client.evidence(old, order_id=None, sent_at=NOW, grace_ms=0)
    assert (seen.status, seen.complete) == (OrderStatus.DONE, True)
    by_id = await client.evidence(old, order_id="o-1", sent_at=NOW, grace_ms=0)
    assert by_id.complete


async def test_history_is_not_asked_for_an_order_too_young_to_be_in_it(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", "/exchange/user_data_timestamp", says({"as_of_time": "2026-11-21T02:01:00Z"}))
    venue.on("GET", "/portfolio/orders", says({"orders": [], "cursor": ""}))
    seen = await client.evidence(ticket(), order_id=None, sent_at=NOW, grace_ms=0)
    assert seen.status is OrderStatus.ABSENT
    assert venue.asked("GET", "/historical/orders") == []


async def test_nothing_is_called_absent_while_the_cut_off_is_not_known(venue: FakeKalshi, client: KalshiClient) -> None:
    venue.on("GET", "/historical/cutoff", says({}, 503), says(CUTOFF))
    venue.on("GET", "/exchange/user_data_timestamp", says({"as_of_time": "2026-11-21T02:01:00Z"}))
    venue.on("GET", "/portfolio/orders", says({"orders": [], "cursor": ""}))
    with pytest.raises(Unavailable):
        await client.evidence(ticket(), order_id=None, sent_at=NOW, grace_ms=0)


async def test_a_market_settled_long_ago_still_says_what_it_paid(venue: FakeKalshi, client: KalshiClient) -> None:
    paid = {"ticker": MARKET, "event_ticker": "E", "status": "finalized", "result": "yes"}
    venue.on("GET", f"/historical/markets/{MARKET}", says({"market": paid}))
    assert (await client.resolution(MARKET)).payout == 1


async def test_settlements_are_listed_over_all_pages(venue: FakeKalshi, client: KalshiClient) -> None:
    row = {"ticker": MARKET, "market_result": "yes", "revenue": 1000, "value": 100, "exchange_index": 2}
    venue.on(
        "GET",
        "/portfolio/settlements",
        says({"settlements": [row], "cursor": "c"}),
        says({"settlements": [row | {"ticker": "B"}], "cursor": ""}),
    )
    assert [(one.ticker, one.value) for one in await client.settlements()] == [(MARKET, 100), ("B", 100)]


async def test_an_order_its_markets_known_rules_forbid_is_denied_with_the_nearest_value_that_would_do(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    market(venue)
    await client.market(MARKET)
    with pytest.raises(Denied, match=r"nearest 0\.51") as off_tick:
        await client.prepare(ticket(limit=Decimal("0.5060")))
    assert off_tick.value.code == "off_tick"
    with pytest.raises(Denied, match=r"nearest 10\.00"):
        await client.prepare(ticket(size=Decimal("10.004")))
    market(venue, ticker="WHOLE", fractional_trading_enabled=False)
    venue.on("GET", "/markets/WHOLE", venue.script["GET", f"/markets/{MARKET}"][0])
    await client.market("WHOLE")
    with pytest.raises(Denied, match="nearest 1"):
        await client.prepare(ticket(market="WHOLE", size=Decimal("0.5")))


async def test_an_order_off_the_known_grid_is_held_against_the_grid_read_again(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    market(venue)
    await client.market(MARKET)
    finer = [{"start": "0.0000", "end": "1.0000", "step": "0.0010"}]
    market(venue, price_ranges=finer)
    await client.prepare(ticket(limit=Decimal("0.5060")))
    venue.on("GET", f"/markets/{MARKET}", says({"error": {"code": "internal"}}, status=503))
    await client.prepare(ticket(limit=Decimal("0.5065")))  # nobody can say now: the venue has the last word


def ready(venue: FakeKalshi, *, scopes: tuple[str, ...] = ("read", "write::trade"), **key: Any) -> None:
    bucket = {"bucket_capacity": 600, "refill_rate": 300}
    venue.on("GET", "/exchange/status", says(UP))
    venue.on("GET", "/exchange/schedule", says({"schedule": {}}))
    venue.on("GET", "/exchange/announcements", says({"announcements": []}))
    venue.on("GET", "/account/limits", says({"read": bucket, "write": bucket, "usage_tier": "advanced"}))
    keys = [{"api_key_id": KEY_ID, "scopes": scopes} | key]
    venue.on("GET", "/api_keys", says({"api_keys": keys}))
    venue.on("GET", "/portfolio/balance", says({"balance": 100, "balance_dollars": "1.0000"}))
    venue.on("GET", "/portfolio/intra_exchange_instance_transfers", says({"transfers": []}))
    market(venue)


async def lines(client: KalshiClient) -> dict[str, tuple[str, str, str]]:
    return {one.name: (one.verdict, one.seen, one.fix) for one in await checklist(client, KEY_ID, [MARKET])}


async def test_a_venue_that_is_ready_passes_every_line(venue: FakeKalshi, client: KalshiClient) -> None:
    ready(venue)
    found = await lines(client)
    assert {verdict for verdict, _, _ in found.values()} == {"ok"}
    assert set(found) == {
        "kalshi clock",
        "kalshi key",
        "kalshi subaccount",
        "kalshi shard 0",
        "kalshi limits",
        "kalshi exchange",
        "kalshi maintenance",
        "kalshi announcements",
    }


async def test_each_thing_amiss_has_a_line_that_says_what_to_do(venue: FakeKalshi, signer: Signer) -> None:
    ready(venue, scopes=("read", "write"), subaccount=3)
    market(venue, exchange_index=2)
    venue.on("GET", "/portfolio/balance", says({"balance": 900, "balance_dollars": "9.0000"}))
    transfer = {"transfer_id": "t", "amount": "5.0000", "status": "pending", "destination_exchange_shard": 2}
    venue.on("GET", "/portfolio/intra_exchange_instance_transfers", says({"transfers": [transfer]}))
    told = {"type": "warning", "message": "delays in payouts", "status": "active", "delivery_time": ""}
    venue.on("GET", "/exchange/announcements", says({"announcements": [told]}))
    venue.on("GET", "/exchange/status", says(PAUSED))
    venue.on("GET", "/exchange/schedule", says(SCHEDULE))
    venue.on("GET", "/account/limits", says({}, 503))
    async with KalshiClient(venue.base_url, signer, clock=lambda: NOW + 60_000_000) as client:
        found = await lines(client)
    assert found["kalshi clock"][0] == "fail"
    assert "can move money" in found["kalshi key"][1]
    assert "locked to subaccount 3" in found["kalshi subaccount"][1]
    assert found["kalshi shard 0"][0] == "warn"
    assert found["kalshi shard 2"][0] == "fail"
    assert "from shard 0 to shard 2" in found["kalshi shard 2"][2]
    assert "under way" in found["kalshi transfer"][1]
    assert found["kalshi limits"][0] == "warn"
    assert "until 2026-11-21T04:00:00Z" in found["kalshi exchange"][1]
    assert found["kalshi announcements"][1] == "delays in payouts"


async def test_maintenance_within_a_day_and_a_lapsed_attestation_are_foretold(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    ready(venue, scopes=("read",))
    keys = {"api_keys": [{"api_key_id": KEY_ID, "scopes": ["read"]}], "api_key_region_expiration_ts": 1}
    venue.on("GET", "/api_keys", says(keys))
    soon = {"start_datetime": "2026-11-21T08:00:00Z", "end_datetime": "2026-11-21T10:00:00Z"}
    venue.on("GET", "/exchange/schedule", says({"schedule": {"maintenance_windows": [soon]}}))
    found = await lines(client)
    assert found["kalshi key"][0] == "fail"
    assert found["kalshi attestation"][0] == "fail"
    assert found["kalshi exchange"][:2] == ("ok", "trading")
    assert found["kalshi maintenance"][:2] == ("warn", "from 2026-11-21T08:00Z to 2026-11-21T10:00Z")


GONE: Any = {"error": {"code": "not_found", "message": "not found"}}


@pytest.mark.parametrize(
    "path",
    [
        "/exchange/announcements",
        "/exchange/schedule",
        "/exchange/status",
        "/account/limits",
        "/account/endpoint_costs",
        "/portfolio/intra_exchange_instance_transfers",
    ],
)
@pytest.mark.parametrize(("status", "body"), [(404, GONE), (410, b""), (503, b"<html>"), (200, b"[]"), (200, b"null")])
async def test_a_read_that_only_informs_never_fails_the_checklist(
    venue: FakeKalshi, client: KalshiClient, path: str, status: int, body: Any
) -> None:
    ready(venue)
    venue.on("GET", path, says(body, status))
    found = await lines(client)
    assert not [name for name, (verdict, _, _) in found.items() if verdict == "fail"], found
    assert found["kalshi clock"][0] == "ok"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api_keys", "kalshi key"),
        ("/portfolio/balance", "kalshi collateral"),
        (f"/markets/{MARKET}", "kalshi collateral"),
    ],
)
async def test_a_read_that_trading_needs_always_fails_it(
    venue: FakeKalshi, client: KalshiClient, path: str, name: str
) -> None:
    ready(venue)
    venue.on("GET", path, says(GONE, 404))
    assert (await lines(client))[name][0] == "fail"


async def test_an_attestation_is_warned_of_days_ahead(venue: FakeKalshi, client: KalshiClient) -> None:
    ready(venue)
    keys = {"api_keys": [{"api_key_id": KEY_ID, "scopes": ["read", "write::trade"]}]}
    days = {6: "warn", 8: "ok"}
    for left, verdict in days.items():
        lapses = {"api_key_region_expiration_ts": NOW // 1_000_000 + left * 86_400}
        venue.on("GET", "/api_keys", says(keys | lapses))
        assert (await lines(client))["kalshi attestation"][0] == verdict
