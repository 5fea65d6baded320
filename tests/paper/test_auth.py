"""Who may ask, and the recorded words for those who may not."""

from __future__ import annotations

import base64
import dataclasses
import time

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from domain.errors import BadInput
from paper.kalshi.auth import Keys
from paper.kalshi.refusals import Refusal
from tests.paper.sample import Client

BALANCE = "/trade-api/v2/portfolio/balance"


async def error_of(venue: Client, headers: dict[str, str]) -> dict[str, str]:
    answer = await venue.call("GET", "/portfolio/balance", headers=headers)
    assert answer.status == 401
    return answer.body["error"]


async def test_a_missing_signature_an_unknown_key_and_a_wrong_signature_are_told_apart(venue: Client) -> None:
    good = venue.headers("GET", BALANCE)
    assert (await error_of(venue, {}))["code"] == "signature_is_missing_from_headers"
    unknown = await error_of(venue, good | {"KALSHI-ACCESS-KEY": "00000000-0000-0000-0000-000000000000"})
    assert (unknown["code"], unknown["details"]) == ("authentication_error", "NOT_FOUND")
    wrong = await error_of(venue, venue.headers("POST", BALANCE))
    assert (wrong["code"], wrong["details"]) == ("authentication_error", "INCORRECT_API_KEY_SIGNATURE")
    garbled = await error_of(venue, good | {"KALSHI-ACCESS-SIGNATURE": "!!"})
    assert garbled["details"] == "INCORRECT_API_KEY_SIGNATURE"


@pytest.mark.parametrize(("skew_ms", "status"), [(-5_000, 200), (5_000, 200), (-30_000, 401), (300_000, 401)])
async def test_the_clock_window_is_the_recorded_one(venue: Client, skew_ms: int, status: int) -> None:
    skewed = dataclasses.replace(venue, skew_ms=skew_ms)
    answer = await skewed.call("GET", "/portfolio/balance")
    assert answer.status == status
    if status == 401:
        assert answer.body["error"]["code"] == "header_timestamp_expired"


async def test_a_host_whose_clock_was_an_hour_ahead_for_a_moment_is_let_in_at_either_venue(venue: Client) -> None:
    server = venue.server
    for exchange in (server.exchange, server.polymarket.clob):
        exchange._last += 3_600_000_000  # what `now` gave then; it never goes back
    assert (await venue.call("GET", "/portfolio/balance")).status == 200
    assert server.polymarket.keys._recent(str(int(time.time())))


async def test_the_query_is_not_part_of_what_is_signed(venue: Client) -> None:
    assert (await venue.call("GET", "/portfolio/orders?limit=5")).status == 200


async def test_public_market_data_needs_no_signature_and_the_order_book_does(venue: Client) -> None:
    for path in ("/markets", "/exchange/status", "/exchange/user_data_timestamp"):
        assert (await venue.call("GET", path, headers={})).status == 200
    ticker = (await venue.get("/markets"))["markets"][0]["ticker"]
    assert (await venue.call("GET", f"/markets/{ticker}/orderbook", headers={})).status == 401


async def test_an_unsigned_handshake_is_refused(venue: Client) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
        await venue.http.ws_connect(venue.server.ws_url)


def test_an_ed25519_key_signs_too() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    headers = {
        "KALSHI-ACCESS-KEY": "k",
        "KALSHI-ACCESS-TIMESTAMP": "1000",
        "KALSHI-ACCESS-SIGNATURE": base64.b64encode(private.sign(b"1000GET/x")).decode(),
    }
    keys = Keys({"k": pem})
    keys.check(headers, "GET", "/x", 1000)
    with pytest.raises(Refusal):
        keys.check(headers, "GET", "/y", 1000)


def test_a_key_that_is_no_public_key_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match="public key of mine is not PEM"):
        Keys({"mine": "hello"})
