"""What the account may not do is found before the first leg: an attestation that lapsed, and what needs one."""

from __future__ import annotations

from typing import Any

import pytest

from domain.market import Venue
from tests.venues.kalshi.conftest import client, key_pair, signer, venue
from tests.venues.kalshi.fake import EVENT, MARKET, FakeKalshi
from tests.venues.scripted import NOW, says
from venues.kalshi.client import KalshiClient
from workers.permits import Approvals

__all__ = ["client", "key_pair", "signer", "venue"]

_TEN_MINUTES = 600_000_000


def keys(left_s: int | None) -> dict[str, Any]:
    lapses = {} if left_s is None else {"api_key_region_expiration_ts": NOW // 1_000_000 + left_s}
    return {"api_keys": []} | lapses


def listed(venue: FakeKalshi, category: str | None) -> None:
    market = {"ticker": MARKET, "event_ticker": EVENT, "status": "active"}
    venue.on("GET", f"/markets/{MARKET}", says({"market": market}))
    venue.on("GET", f"/events/{EVENT}", says({"event": {"event_ticker": EVENT, "series_ticker": "S"}}))
    venue.on("GET", "/series/S", says({"series": {"ticker": "S", "category": category}}))


@pytest.mark.parametrize(
    ("left_s", "category", "barred"),
    [
        (-1, "Sports", True),
        (-1, "Elections", True),
        (-1, "Esports", True),
        (-1, None, True),  # nobody says what it is
        (-1, "Crypto", False),
        (60, "Sports", False),
        (None, "Sports", False),  # never attested, and never asked to
    ],
)
async def test_a_lapsed_attestation_bars_what_needs_one(
    venue: FakeKalshi, client: KalshiClient, left_s: int | None, category: str | None, barred: bool
) -> None:
    venue.on("GET", "/api_keys", says(keys(left_s)))
    listed(venue, category)
    found = await Approvals({Venue.KALSHI: client}, lambda: NOW).missing(Venue.KALSHI, [MARKET])
    assert [obstacle.code for obstacle in found] == (["attestation"] if barred else [])


async def test_an_attestation_is_asked_for_every_ten_minutes_and_one_that_cannot_be_read_forbids_nothing(
    venue: FakeKalshi, client: KalshiClient
) -> None:
    now = NOW
    listed(venue, "Sports")
    venue.on("GET", "/api_keys", says({"error": {"code": "not_found", "message": "gone"}}, 404))
    permits = Approvals({Venue.KALSHI: client}, lambda: now)
    for _ in range(3):
        assert await permits.missing(Venue.KALSHI, [MARKET]) == ()
    assert len(venue.asked("GET", "/api_keys")) == 1
    venue.on("GET", "/api_keys", says(keys(-1)))
    now += _TEN_MINUTES
    assert len(await permits.missing(Venue.KALSHI, [MARKET])) == 1


async def test_nothing_is_asked_where_nothing_trades_there(venue: FakeKalshi, client: KalshiClient) -> None:
    assert await Approvals({Venue.KALSHI: client}, lambda: NOW).missing(Venue.KALSHI, []) == ()
    assert await Approvals({}, lambda: NOW).missing(Venue.KALSHI, [MARKET]) == ()
    assert venue.seen == []
