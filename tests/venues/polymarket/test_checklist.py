"""What must hold before trading on Polymarket, line by line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Rejected
from testing.relayer import FakeRelayer
from tests.venues.polymarket.scripted import CREDENTIALS, NO, OWNER, WALLET, YES, Scripted
from tests.venues.scripted import NOW, says
from venues.checklist import Check
from venues.polymarket.checklist import SPENDERS, checklist
from venues.polymarket.client import ChainAccess, PolymarketClient
from venues.polymarket.contracts import EXCHANGE, NEG_RISK_ADAPTER
from venues.polymarket.derive import wallets_of
from venues.polymarket.journal import ChainJournal
from venues.polymarket.wallet import SignatureType, Wallet

MOST = str(2**256 - 1)


@pytest.fixture
def sound(venue: Scripted) -> Scripted:
    """A venue at which all is well."""
    venue.on("GET", "/time", says(str(NOW // 1_000_000).encode()))
    venue.on("GET", "/api/geoblock", says({"blocked": False, "ip": "127.0.0.1", "country": "PT", "region": "11"}))
    venue.on("GET", "/version", says({"version": 2}))
    venue.on("GET", "/auth/api-keys", says({"apiKeys": [OWNER]}))
    venue.on("GET", "/auth/ban-status/closed-only", says({"closed_only": False}))
    venue.on("GET", "/v1/user/rate-limit-tier", says({"tier": "Standard"}))
    balances(venue)
    return venue


def balances(venue: Scripted, cash: str = "250000000", **allowed: Any) -> None:
    """Allowances of collateral by spender (default: any), and of tokens under `token`."""
    collateral = {spender: allowed.get(spender, MOST) for spender in SPENDERS}
    tokens = {spender.lower(): allowed.get("token", MOST) for spender in SPENDERS}  # the case of an address is nothing

    async def reply(request: Any) -> Any:
        asked = request.query["asset_type"] == "COLLATERAL"
        held = {"balance": cash, "allowances": {k: v for k, v in collateral.items() if v is not None}}
        return await says(held if asked else {"balance": "0", "allowances": tokens})(request)

    venue.on("GET", "/balance-allowance", reply)


async def looked(client: PolymarketClient, tick: str | None = "0.01", tier: str = "") -> dict[str, Check]:
    found = await checklist(client, {YES: Decimal(tick) if tick else None}, tier=tier)
    return {check.name: check for check in found}


async def test_where_all_is_well_every_line_says_so_and_asks_for_nothing(
    sound: Scripted, client: PolymarketClient
) -> None:
    found = await looked(client)
    assert {check.verdict for check in found.values()} == {"ok"}
    assert not any(check.fix for check in found.values())
    assert f"polymarket market …{YES[-6:]}" in found
    assert len([name for name in found if "allowance" in name]) == len(SPENDERS)


@pytest.mark.parametrize(
    ("path", "answer", "told"),
    [
        ("/time", str(NOW // 1_000_000 + 5).encode(), ("clock", "warn", "+5.5 s")),
        ("/time", str(NOW // 1_000_000 - 60).encode(), ("clock", "fail", "-59.5 s")),
        ("/time", b'"soon"', ("clock", "warn", "soon")),
        ("/api/geoblock", {"blocked": True, "country": "US"}, ("geoblock", "fail", "blocked")),
        ("/version", {"version": 9}, ("version", "fail", "9")),
        ("/auth/api-keys", {"apiKeys": ["another"]}, ("key", "fail", "not among")),
        ("/auth/ban-status/closed-only", {"closed_only": True}, ("restrictions", "fail", "only close")),
        ("/v1/user/rate-limit-tier", {"tier": "Gold"}, ("tier", "warn", "gold")),
    ],
)
async def test_what_is_wrong_is_named_with_what_was_seen_and_what_to_do(
    sound: Scripted, client: PolymarketClient, path: str, answer: Any, told: tuple[str, str, str]
) -> None:
    name, verdict, seen = told
    sound.on("GET", path, says(answer))
    line = (await looked(client))[f"polymarket {name}"]
    assert line.verdict == verdict
    assert seen in line.seen
    assert line.fix


async def test_a_line_that_cannot_be_looked_at_fails_and_the_others_go_on(
    sound: Scripted, client: PolymarketClient
) -> None:
    sound.on("GET", "/auth/api-keys", says({"error": "Unauthorized/Invalid api key"}, 401))
    sound.on("GET", "/balance-allowance", says({}, 503))
    found = await looked(client)
    assert {name for name, check in found.items() if check.verdict == "fail"} == {
        "polymarket key",
        "polymarket collateral",
        f"polymarket market …{YES[-6:]}",
    }
    assert "derive the key again" in found["polymarket key"].seen


async def test_a_missing_allowance_fails_where_a_market_needs_it_and_warns_elsewhere(
    sound: Scripted, client: PolymarketClient
) -> None:
    balances(sound, **{EXCHANGE: "0", NEG_RISK_ADAPTER: "1000000"})
    found = await looked(client)
    needed, other = found["polymarket allowance exchange"], found["polymarket allowance neg-risk adapter"]
    assert (needed.verdict, other.verdict) == ("fail", "warn")
    assert EXCHANGE in needed.fix
    assert "$1" in other.seen
    assert "$250" in other.seen
    balances(sound, **{EXCHANGE: None})
    assert (await looked(client))["polymarket allowance exchange"].verdict == "warn"


async def test_a_neg_risk_market_needs_the_adapter_too(sound: Scripted, client: PolymarketClient) -> None:
    sound.plays(info={"nr": True})
    balances(sound, **{NEG_RISK_ADAPTER: "0"})
    found = await looked(client)
    assert found["polymarket allowance neg-risk adapter"].verdict == "fail"


async def test_an_empty_wallet_is_a_warning_and_a_token_that_may_not_be_moved_a_failure(
    sound: Scripted, client: PolymarketClient
) -> None:
    balances(sound, "0", token="0")
    found = await looked(client)
    assert found["polymarket collateral"].verdict == "warn"
    assert found[f"polymarket approval …{YES[-6:]}"].verdict == "fail"


@pytest.mark.parametrize(
    ("info", "tick", "told"),
    [
        ({"mts": 0.001}, "0.01", ("warn", "configured 0.01")),
        ({"mts": 0.001}, None, ("ok", "0.001")),
        ({"v": "v3"}, "0.01", ("fail", "v3")),
        ({"ao": False}, "0.01", ("warn", "takes no orders")),
    ],
)
async def test_a_market_is_compared_with_what_is_configured_and_can_be_signed_for(
    sound: Scripted, client: PolymarketClient, info: dict[str, Any], tick: str | None, told: tuple[str, str]
) -> None:
    verdict, seen = told
    sound.plays(info=info)
    line = (await looked(client, tick))[f"polymarket market …{YES[-6:]}"]
    assert line.verdict == verdict
    assert seen in line.seen


async def test_nothing_secret_is_shown(sound: Scripted, client: PolymarketClient) -> None:
    shown = str(await checklist(client, {YES: None, NO: None}))
    assert OWNER not in shown
    assert OWNER[:8] in shown


def of_kind(venue: Scripted, kind: SignatureType, says_kind: SignatureType, chain: ChainAccess | None = None) -> Any:
    address = dict(wallets_of(WALLET.address))[kind]
    wallet = Wallet.from_hex("11" * 32, funder=address, signature_type=says_kind)
    return PolymarketClient(venue.services, wallet, CREDENTIALS, clock=lambda: NOW, chain=chain)


async def test_a_wallet_of_the_key_is_told_by_its_address_and_its_kind_must_be_the_configured_one(
    sound: Scripted,
) -> None:
    async with of_kind(sound, SignatureType.SAFE, SignatureType.SAFE) as client:
        assert (await looked(client))["polymarket wallet"].verdict == "ok"
    async with of_kind(sound, SignatureType.SAFE, SignatureType.PROXY) as client:
        line = (await looked(client))["polymarket wallet"]
        assert (line.verdict, line.fix) == ("fail", "set polymarket.signature_type: safe")
    stranger = Wallet.from_hex("11" * 32, funder="0x" + "22" * 20, signature_type=SignatureType.SAFE)
    async with PolymarketClient(sound.services, stranger, CREDENTIALS, clock=lambda: NOW) as client:
        assert (await looked(client))["polymarket wallet"].verdict == "warn"


async def test_the_relayer_is_asked_where_sets_are_to_be_merged(sound: Scripted, tmp_path: Path) -> None:
    relayer = FakeRelayer()
    chain = ChainAccess(relayer, ChainJournal(tmp_path))
    async with of_kind(sound, SignatureType.SAFE, SignatureType.SAFE, chain) as client:
        assert (await looked(client))["polymarket merge"].verdict == "ok"
        relayer.fail_next = [Rejected("the relayer refused: HTTP 401", "http_401")]
        line = (await looked(client))["polymarket merge"]
        assert (line.verdict, line.seen) == ("fail", "the relayer refused: HTTP 401")
    async with of_kind(sound, SignatureType.SAFE, SignatureType.SAFE) as client:
        assert "polymarket merge" not in await looked(client)


_INFORM = {
    "/time": "clock",
    "/api/geoblock": "geoblock",
    "/version": "version",
    "/auth/ban-status/closed-only": "restrictions",
    "/v1/user/rate-limit-tier": "tier",
}


@pytest.mark.parametrize("path", _INFORM)
@pytest.mark.parametrize(
    ("status", "body"), [(404, {"error": "not found"}), (410, b""), (503, b"<html>"), (200, b"[]")]
)
async def test_a_read_that_only_informs_never_fails_the_checklist(
    sound: Scripted, client: PolymarketClient, path: str, status: int, body: Any
) -> None:
    sound.on("GET", path, says(body, status))
    found = await looked(client)
    assert not [name for name, check in found.items() if check.verdict == "fail"], found
    assert found[f"polymarket {_INFORM[path]}"].verdict == "warn"


@pytest.mark.parametrize(("path", "name"), [("/auth/api-keys", "key"), ("/balance-allowance", "collateral")])
async def test_a_read_that_trading_needs_always_fails_it(
    sound: Scripted, client: PolymarketClient, path: str, name: str
) -> None:
    sound.on("GET", path, says({"error": "not found"}, 404))
    assert (await looked(client))[f"polymarket {name}"].verdict == "fail"
