"""One client for each venue in use: which there are, where they point, and what a wrong key is told."""

from __future__ import annotations

import json
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path

import pytest
from aiohttp import web

from config.load import load
from domain.errors import BadInput, Rejected
from domain.market import Venue
from domain.orders import SETS, OrderTicket, Purpose, Side, Verdict
from testing.relayer import FakeRelayer
from venues.kalshi.client import KalshiClient
from venues.polymarket.chain import ChainRequest
from venues.polymarket.client import PolymarketClient
from venues.polymarket.relayer import RelayerClient
from venues.polymarket.wallet import Wallet
from workers.accounts import chain_access, credentials_of, kalshi_client, polymarket_client, venue_clients, wallet_of
from workers.local.keys import ensure_paper_keys
from workers.local.layout import Layout, Stack, load_stack, write_json, write_private
from workers.local.ports import allot
from workers.stack.services import endpoints, wanted_ports

BOTH = {"SUREFOOT_VENUES": '["kalshi", "polymarket"]'}
ADDRESS = "0x" + "12" * 20


def started(folder: Path, environ: dict[str, str]) -> Stack:
    """A state folder as a supervisor leaves it, with the paper exchange's API key in it."""
    settings = load(environ=environ, overrides={"state_dir": str(folder)}).settings
    layout = Layout(folder)
    layout.prepare()
    ensure_paper_keys(layout)
    write_private(layout.postgres_password, b"s3cret")
    keys = {"apiKey": "3c2b7f0e-0000-4000-8000-000000000000", "secret": "c2VjcmV0", "passphrase": "pass"}
    write_private(layout.polymarket_credentials, json.dumps(keys).encode())
    ports = allot(wanted_ports(settings), {})
    write_private(layout.settings, settings.model_dump_json().encode())
    write_json(layout.stack, {"run_id": "r-1", "ports": ports, "endpoints": endpoints(settings, ports)})
    return load_stack(folder)


async def test_a_stack_of_kalshi_alone_has_one_client_and_no_polymarket(tmp_path: Path) -> None:
    stack = started(tmp_path, {})
    assert stack.polymarket is None
    async with venue_clients(stack) as clients:
        assert list(clients) == [Venue.KALSHI]
    with pytest.raises(BadInput, match="venues:"):
        wallet_of(stack)


async def test_a_stack_of_both_has_a_client_for_each(tmp_path: Path) -> None:
    stack = started(tmp_path, BOTH)
    async with venue_clients(stack) as clients:
        assert {venue: type(client) for venue, client in clients.items()} == {
            Venue.KALSHI: KalshiClient,
            Venue.POLYMARKET: PolymarketClient,
        }


async def test_no_start_fails_for_rate_limits_that_cannot_be_read(tmp_path: Path) -> None:
    stack = started(tmp_path, {})  # its exchange listens nowhere
    async with venue_clients(stack, ready=True) as clients:
        kalshi = clients[Venue.KALSHI]
        assert isinstance(kalshi, KalshiClient)
        assert (kalshi.wire.reads.rate, kalshi.wire.writes.rate) == (200, 100)  # the lowest tier's


@pytest.mark.parametrize(("status", "starts"), [(401, False), (403, True), (404, True), (503, True)])
async def test_a_start_ends_where_the_venue_does_not_take_the_key_and_for_no_other_answer_on_rate_limits(
    tmp_path: Path, status: int, starts: bool
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"error": {"code": "authentication_error", "message": "no"}}, status=status)

    stack = started(tmp_path, {})
    app = web.Application()
    app.router.add_get("/trade-api/v2/account/limits", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", stack.ports["paper"]).start()
    try:
        with nullcontext() if starts else pytest.raises(Rejected, match=r"401.*check both"):
            async with venue_clients(stack, ready=True) as clients:
                assert list(clients) == [Venue.KALSHI]
    finally:
        await runner.cleanup()


def test_the_paper_wallet_stays_the_same_over_starts_and_its_key_is_private(tmp_path: Path) -> None:
    stack = started(tmp_path, BOTH)
    first = wallet_of(stack).address
    ensure_paper_keys(stack.layout)
    assert wallet_of(stack).address == first
    assert stack.layout.polymarket_key.stat().st_mode & 0o077 == 0
    assert credentials_of(stack).secret == "c2VjcmV0"
    assert stack.polymarket is not None
    assert stack.polymarket.clob_url == f"http://127.0.0.1:{stack.ports['paper']}"


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    stack = started(tmp_path, BOTH)
    stack.layout.polymarket_key.chmod(0o644)
    with pytest.raises(BadInput, match="chmod 600"):
        wallet_of(stack)


def live(folder: Path, **more: str) -> Stack:
    """A stack that would trade Polymarket with a safe of its key, its secrets in place."""
    for name, text in (
        ("key", "11" * 32),
        ("keys.json", json.dumps({"apiKey": "3c2b7f0e", "secret": "c2VjcmV0", "passphrase": "pass"})),
        ("relayer.json", json.dumps({"key": "relay-secret", "address": ADDRESS})),
    ):
        write_private(folder / name, text.encode())
    environ = {
        "SUREFOOT_MODE": "live",
        "SUREFOOT_LIVE__ENABLED": "true",
        "SUREFOOT_LIVE__I_ACCEPT_THE_RISK": "polymarket",
        "SUREFOOT_VENUES": '["polymarket"]',
        "SUREFOOT_POLYMARKET__SIGNER_KEY_FILE": str(folder / "key"),
        "SUREFOOT_POLYMARKET__CREDENTIALS_FILE": str(folder / "keys.json"),
        "SUREFOOT_POLYMARKET__RELAYER_KEY_FILE": str(folder / "relayer.json"),
        "SUREFOOT_POLYMARKET__SIGNATURE_TYPE": "safe",
        "SUREFOOT_POLYMARKET__FUNDER": ADDRESS,
        "SUREFOOT_SETS": '[["1", "2"]]',
    }
    return started(folder / "state", environ | more)


async def test_sets_are_merged_through_the_relayer_where_that_is_switched_on(tmp_path: Path) -> None:
    stack = live(tmp_path, SUREFOOT_POLYMARKET__MERGE="true")
    relayer = FakeRelayer()
    async with polymarket_client(stack, relayer=relayer) as client:
        assert client.chain is not None
        assert client.chain.relayer is relayer
        ticket = merge_ticket()
        client.chain.journal.keep(ticket.client_order_id, ChainRequest(b'{"nonce": "0"}', "0xabc", 0, 0))
        result = await client.submit(ticket)
        assert (result.verdict, result.order_id) == (Verdict.ACCEPTED, "0xabc")
        assert relayer.taken == [b'{"nonce": "0"}']
    assert any(stack.layout.chain.glob(f"{ticket.client_order_id}.sent"))
    assert stack.layout.chain.stat().st_mode & 0o077 == 0
    async with polymarket_client(stack) as client:
        assert client.chain is not None
        assert isinstance(client.chain.relayer, RelayerClient)
        assert "relay-secret" not in repr(client.chain)


async def test_nothing_is_merged_where_it_is_not_switched_on_or_nothing_is_real(tmp_path: Path) -> None:
    async with polymarket_client(live(tmp_path)) as client:
        assert client.chain is None
        refused = await client.submit(merge_ticket())
        assert (refused.verdict, refused.sent) == (Verdict.DENIED, False)
    paper = started(tmp_path / "paper", BOTH | {"SUREFOOT_POLYMARKET__MERGE": "true"})
    async with polymarket_client(paper) as client:
        assert client.chain is None


def test_a_relayer_key_that_others_may_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    stack = live(tmp_path, SUREFOOT_POLYMARKET__MERGE="true")
    (tmp_path / "relayer.json").chmod(0o644)
    with pytest.raises(BadInput, match="chmod 600"):
        polymarket_client(stack)
    write_private(tmp_path / "relayer.json", b'{"key": "relay-secret"}')
    with pytest.raises(BadInput, match="key, address") as caught:
        polymarket_client(stack)
    assert "relay-secret" not in caught.value.message


def test_a_key_that_holds_its_money_itself_cannot_merge_and_is_told_what_can(tmp_path: Path) -> None:
    stack = live(tmp_path, SUREFOOT_POLYMARKET__MERGE="true")
    with pytest.raises(BadInput, match=r"proxy, safe or deposit.*merge: false"):
        chain_access(stack, Wallet.from_hex("11" * 32))


def merge_ticket() -> OrderTicket:
    return OrderTicket(
        intent_id="i-1",
        leg=SETS,
        attempt=1,
        purpose=Purpose.MERGE,
        venue=Venue.POLYMARKET,
        market="0x" + "cd" * 32,
        side=Side.SELL,
        size=Decimal(3),
        limit=Decimal(1),
    )


def test_live_points_at_the_configured_addresses_wallet_and_files(tmp_path: Path) -> None:
    key, keys = tmp_path / "key", tmp_path / "keys.json"
    key.write_text("11" * 32)
    key.chmod(0o600)
    stack = started(
        tmp_path / "state",
        {
            "SUREFOOT_MODE": "live",
            "SUREFOOT_LIVE__ENABLED": "true",
            "SUREFOOT_LIVE__I_ACCEPT_THE_RISK": "polymarket",
            "SUREFOOT_VENUES": '["polymarket"]',
            "SUREFOOT_POLYMARKET__CLOB_URL": "https://clob.invalid",
            "SUREFOOT_POLYMARKET__SIGNER_KEY_FILE": str(key),
            "SUREFOOT_POLYMARKET__CREDENTIALS_FILE": str(keys),
            "SUREFOOT_POLYMARKET__SIGNATURE_TYPE": "safe",
            "SUREFOOT_POLYMARKET__FUNDER": ADDRESS,
            "SUREFOOT_SETS": '[["1", "2"]]',
        },
    )
    assert stack.polymarket is not None
    assert stack.polymarket.clob_url == "https://clob.invalid"
    assert stack.polymarket.credentials_file == keys
    assert wallet_of(stack).maker.lower() == ADDRESS
    assert "11" * 32 not in repr(stack)


def test_order_groups_are_joined_by_shard_where_orders_are_real(tmp_path: Path) -> None:
    groups = {"SUREFOOT_KALSHI__ORDER_GROUPS": '["", "group-1"]'}
    assert kalshi_client(started(tmp_path / "paper", groups)).group_ids == {}
    real = groups | {
        "SUREFOOT_MODE": "live",
        "SUREFOOT_LIVE__ENABLED": "true",
        "SUREFOOT_LIVE__I_ACCEPT_THE_RISK": "kalshi",
        "SUREFOOT_KALSHI__KEY_ID": "key",
        "SUREFOOT_KALSHI__PRIVATE_KEY_FILE": str(tmp_path / "paper" / "keys" / "paper_private.pem"),
        "SUREFOOT_SETS": '[["A", "B"]]',
    }
    assert kalshi_client(started(tmp_path / "live", real)).group_ids == {1: "group-1"}
