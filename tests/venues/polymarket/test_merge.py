"""Full sets handed back through a wallet: kept before they leave, never carried out twice, settled by the chain."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from domain.errors import Denied, Rejected, SurefootError, Unavailable, Unknown
from domain.evidence import OrderStatus
from domain.market import Venue
from domain.orders import SETS, OrderTicket, Purpose, Side, Verdict
from testing.relayer import FakeRelayer
from tests.served import served
from venues.polymarket.calls import Condition, merge
from venues.polymarket.chain import LIFE_S
from venues.polymarket.contracts import Protocol
from venues.polymarket.journal import ChainJournal
from venues.polymarket.merge import FullSet, Merger
from venues.polymarket.relayer import RelayerClient, RelayerKey, Stage
from venues.polymarket.wallet import SignatureType, Wallet
from venues.wire import HttpWire, Timeouts

CONDITION = Condition("0x" + "a7" * 32, Protocol.V1, True)
TOKENS = ("111", "222")
WALLET = Wallet.from_hex(
    "4c" * 32, funder="0x8ba1f109551bD432803012645Ac136ddd64DBA72", signature_type=SignatureType.DEPOSIT
)
TICKET = OrderTicket(
    intent_id="intent-1",
    leg=SETS,
    attempt=1,
    purpose=Purpose.MERGE,
    venue=Venue.POLYMARKET,
    market=CONDITION.condition_id,
    side=Side.SELL,
    size=Decimal("12.5"),
    limit=Decimal(1),
    decided_at=1_790_000_000_000_000,
)


async def _set_of(condition_id: str) -> FullSet:
    assert condition_id == CONDITION.condition_id
    return FullSet(CONDITION, TOKENS)


class Desk:
    """A merger on a disk that survives it: `again` is the next process."""

    def __init__(self, folder: Path, relayer: Any = None, wallet: Wallet = WALLET) -> None:
        self.relayer = relayer if relayer is not None else FakeRelayer()
        self.now = 1_790_000_000_000_000
        self._folder, self._wallet = folder, wallet
        self.merger = self._made()

    def again(self) -> None:
        self.merger = self._made()

    def _made(self) -> Merger:
        journal = ChainJournal(self._folder / "merges")
        return Merger(self._wallet, self.relayer, journal, _set_of, clock=lambda: self.now)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_a_merge_is_accepted_under_way_and_done_with_a_fill_for_each_token(desk: Desk) -> None:
    result = await desk.merger.submit(TICKET)
    assert (result.verdict, result.filled, result.remaining) == (Verdict.ACCEPTED, 0, TICKET.size)
    for stage in (Stage.NEW, Stage.EXECUTED, Stage.MINED):
        desk.relayer.move("tx-1", stage)
        seen = await desk.merger.evidence(TICKET, grace_ms=0)
        assert (seen.status, seen.remaining, seen.order_id) == (OrderStatus.RESTING, TICKET.size, result.order_id)
    desk.relayer.move("tx-1", Stage.CONFIRMED)
    seen = await desk.merger.evidence(TICKET, grace_ms=0)
    assert seen.complete
    assert (seen.filled, {fill.market for fill in seen.fills}) == (TICKET.size, set(TOKENS))
    assert sum(fill.cash for fill in seen.fills) == TICKET.size
    assert all(fill.merged and fill.shares == -TICKET.size for fill in seen.fills)
    assert len({(fill.trade_id, fill.order_id) for fill in seen.fills}) == 2


async def test_the_fills_of_a_merge_are_the_same_whenever_and_by_whom_they_are_read(desk: Desk) -> None:
    await desk.merger.submit(TICKET)
    desk.relayer.move("tx-1", Stage.CONFIRMED)
    first = await desk.merger.evidence(TICKET, grace_ms=0)
    desk.now += 60_000_000
    desk.again()
    assert (await desk.merger.evidence(TICKET, grace_ms=0)).fills == first.fills


async def test_the_request_calls_merge_on_the_adapter_for_the_size_in_micros(desk: Desk) -> None:
    prepared = await desk.merger.prepare(TICKET)
    (call,) = json.loads(prepared.body)["depositWalletParams"]["calls"]
    expected = merge(CONDITION, 12_500_000)
    assert (call["target"], call["data"]) == (expected.to, "0x" + expected.data.hex())


async def test_bytes_are_made_once_also_across_processes_times_and_nonces(desk: Desk) -> None:
    first = await desk.merger.prepare(TICKET)
    desk.now += 3_600_000_000
    desk.relayer.nonce = 7
    desk.again()
    assert await desk.merger.prepare(TICKET) == first
    other = await desk.merger.prepare(replace(TICKET, attempt=2))
    assert (other.order_id, other.body) != (first.order_id, first.body)


async def test_an_answer_that_was_lost_is_unknown_and_the_same_bytes_again_never_merge_twice(desk: Desk) -> None:
    desk.relayer.lose_next = [Unknown("no answer", "timeout")]
    first = await desk.merger.submit(TICKET)
    assert (first.verdict, first.code, first.sent) == (Verdict.UNKNOWN, "timeout", True)
    desk.again()
    busy = await desk.merger.submit(TICKET)
    assert (busy.verdict, busy.code) == (Verdict.UNKNOWN, "wallet_busy")
    desk.relayer.move("tx-1", Stage.CONFIRMED)
    used = await desk.merger.submit(TICKET)
    assert (used.verdict, used.code) == (Verdict.UNKNOWN, "stale_nonce")
    assert len(desk.relayer.taken) == 1
    desk.now += 10 * LIFE_S * 1_000_000
    assert (await desk.merger.evidence(TICKET, grace_ms=0)).status is OrderStatus.UNSEEN  # the nonce was used


async def test_a_request_that_never_arrived_is_absent_once_its_deadline_has_passed_unused(desk: Desk) -> None:
    desk.relayer.fail_next = []
    await desk.merger.prepare(TICKET)
    assert (await desk.merger.evidence(TICKET, grace_ms=0)).status is OrderStatus.UNSEEN
    desk.relayer.fail_next = [Unknown("no answer", "timeout")]
    assert (await desk.merger.submit(TICKET)).verdict is Verdict.UNKNOWN
    desk.now += LIFE_S * 1_000_000
    assert (await desk.merger.evidence(TICKET, grace_ms=5_000)).status is OrderStatus.UNSEEN
    desk.now += 6_000_000
    assert (await desk.merger.evidence(TICKET, grace_ms=5_000)).status is OrderStatus.ABSENT


@pytest.mark.parametrize(
    ("failure", "verdict", "sent"),
    [
        (Rejected("busy", "wallet_busy"), Verdict.REJECTED, True),
        (Rejected("used", "stale_nonce"), Verdict.REJECTED, True),
        (Unavailable("away", "refused"), Verdict.UNKNOWN, False),
        (Unknown("late", "timeout"), Verdict.UNKNOWN, True),
    ],
)
async def test_what_a_first_copys_failure_proves(
    desk: Desk, failure: SurefootError, verdict: Verdict, sent: bool
) -> None:
    await desk.merger.prepare(TICKET)
    desk.relayer.fail_next = [failure]
    result = await desk.merger.submit(TICKET)
    assert (result.verdict, result.code, result.sent) == (verdict, failure.code, sent)


@pytest.mark.parametrize("stage", [Stage.FAILED, Stage.INVALID])
async def test_a_merge_that_failed_handed_nothing_back(desk: Desk, stage: Stage) -> None:
    await desk.merger.submit(TICKET)
    desk.relayer.move("tx-1", stage)
    seen = await desk.merger.evidence(TICKET, grace_ms=0)
    assert (seen.status, seen.filled, seen.fills) == (OrderStatus.DONE, 0, ())
    assert (await desk.merger.submit(replace(TICKET, attempt=2))).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"purpose": Purpose.UNWIND}, "bad_order"),
        ({"limit": Decimal("0.99")}, "bad_order"),
        ({"size": Decimal(0)}, "bad_size"),
        ({"size": Decimal("0.0000001")}, "bad_size"),
        ({"size": Decimal("NaN")}, "bad_size"),
    ],
)
async def test_what_is_no_merge_is_denied(desk: Desk, change: dict[str, Any], code: str) -> None:
    with pytest.raises(Denied) as denied:
        await desk.merger.prepare(replace(TICKET, **change))
    assert denied.value.code == code
    assert (await desk.merger.submit(replace(TICKET, **change))).verdict is Verdict.DENIED
    assert desk.relayer.taken == []


async def test_without_a_relayer_or_with_a_bare_key_nothing_leaves(tmp_path: Path) -> None:
    eoa = Desk(tmp_path / "eoa", wallet=Wallet.from_hex("4c" * 32))
    result = await eoa.merger.submit(TICKET)
    assert (result.verdict, result.code, result.sent) == (Verdict.DENIED, "not_supported", False)
    away = Desk(tmp_path / "away")
    away.relayer.fail_next = [Unavailable("away", "unreachable")]
    result = await away.merger.submit(TICKET)
    assert (result.verdict, result.code, result.sent) == (Verdict.DENIED, "unreachable", False)


# --- over HTTP --------------------------------------------------------------------------------------------------------


class Server:
    """The fake relayer behind its wire."""

    def __init__(self) -> None:
        self.fake = FakeRelayer()
        self.answers: list[web.Response] = []
        self.origin = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v1/account/transactions/params", self.params)
        app.router.add_get("/relay-payload", self.params)
        app.router.add_post("/submit", self.submit)
        app.router.add_get("/v1/account/transactions/{id}", self.transaction)
        return app

    async def params(self, request: web.Request) -> web.Response:
        if self.answers:
            return self.answers.pop(0)
        assert request.query["address"] == WALLET.address
        assert request.query["type"] in ("WALLET", "SAFE", "PROXY")
        return web.json_response({"nonce": str(self.fake.nonce), "address": "0x" + "11" * 20})

    async def submit(self, request: web.Request) -> web.Response:
        if self.answers:
            return self.answers.pop(0)
        assert request.headers["RELAYER_API_KEY"] == "a-key"
        assert request.headers["RELAYER_API_KEY_ADDRESS"] == WALLET.address
        try:
            carried = await self.fake.submit(await request.read())
        except Rejected as refused:
            return web.json_response({"error": refused.message}, status=400)
        return web.json_response(
            {"transactionID": carried.transaction_id, "state": carried.stage.value, "transactionHash": ""}
        )

    async def transaction(self, request: web.Request) -> web.Response:
        if self.answers:
            return self.answers.pop(0)
        try:
            carried = await self.fake.transaction(request.match_info["id"])
        except Rejected as refused:
            return web.json_response({"error": refused.message}, status=404)
        return web.json_response(
            {
                "transaction_id": carried.transaction_id,
                "state": carried.stage.value,
                "transaction_hash": carried.transaction_hash or None,
                "error_msg": carried.why or None,
            }
        )


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    async with served(made.app()) as made.origin:
        yield made


@pytest.fixture
async def client(server: Server) -> AsyncIterator[RelayerClient]:
    wire = HttpWire("the relayer", server.origin, timeouts=Timeouts(read=5.0))
    yield RelayerClient(wire, RelayerKey("a-key", WALLET.address))
    await wire.close()


async def test_a_merge_goes_through_over_the_wire(server: Server, client: RelayerClient, tmp_path: Path) -> None:
    for kind in (SignatureType.DEPOSIT, SignatureType.SAFE, SignatureType.PROXY):
        wallet = Wallet.from_hex("4c" * 32, funder=WALLET.maker, signature_type=kind)
        desk = Desk(tmp_path / kind.name, client, wallet)
        result = await desk.merger.submit(TICKET)
        assert result.verdict is Verdict.ACCEPTED
        transaction = f"tx-{len(server.fake.stages)}"
        assert (await desk.merger.evidence(TICKET, grace_ms=0)).status is OrderStatus.RESTING
        busy = await desk.merger.submit(replace(TICKET, attempt=2))
        assert (busy.verdict, busy.code) == (Verdict.REJECTED, "wallet_busy")
        server.fake.move(transaction, Stage.CONFIRMED)
        assert (await desk.merger.evidence(TICKET, grace_ms=0)).complete
        stale = await desk.merger.submit(replace(TICKET, attempt=2))
        assert (stale.verdict, stale.code) == (Verdict.UNKNOWN, "stale_nonce")


@pytest.mark.parametrize(
    ("status", "body", "proof"),
    [
        (200, "{}", (Unknown, "unparseable")),
        (500, "", (Unknown, "http_5xx")),
        (408, "", (Unknown, "http_5xx")),
        (401, '{"error":"no"}', (Rejected, "http_401")),
        (429, '{"error":"slow down"}', (Rejected, "http_429")),
        (400, '{"error":"bad signature"}', (Rejected, "http_400")),
        (400, '{"error":"wallet has in-flight action"}', (Rejected, "wallet_busy")),
        (400, '{"error":"batch nonce 3 does not match on-chain nonce 4"}', (Rejected, "stale_nonce")),
    ],
)
async def test_what_each_answer_to_a_submit_proves(
    server: Server, client: RelayerClient, status: int, body: str, proof: tuple[type[SurefootError], str]
) -> None:
    server.answers = [web.Response(status=status, text=body)]
    error, code = proof
    with pytest.raises(error) as raised:
        await client.submit(b"{}")
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, "{}", Unavailable),
        (200, '{"nonce":"x"}', Unavailable),
        (200, "no json", Unavailable),
        (503, "", Unavailable),
        (429, "", Unavailable),
        (401, '{"error":"no"}', Rejected),
    ],
)
async def test_a_read_that_says_nothing_is_unavailable_and_a_refused_one_is_refused(
    server: Server, client: RelayerClient, status: int, body: str, error: type[SurefootError]
) -> None:
    for ask in (lambda: client.turn(WALLET), lambda: client.transaction("tx-9")):
        server.answers = [web.Response(status=status, text=body)]
        with pytest.raises(error):
            await ask()


async def test_a_relayer_that_is_away_took_nothing() -> None:
    wire = HttpWire("the relayer", "http://127.0.0.1:9")
    client = RelayerClient(wire, RelayerKey("a-key", WALLET.address))
    with pytest.raises(Unavailable):
        await client.submit(b"{}")
    with pytest.raises(Unavailable):
        await client.transaction("tx-1")
    await wire.close()
    assert "a-key" not in repr(RelayerKey("a-key", WALLET.address))
