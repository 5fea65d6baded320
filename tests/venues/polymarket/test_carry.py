"""Redemptions and grants: the same undertaking is carried out once, another attempt is another request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from domain.errors import Denied, Unavailable, Unknown
from domain.evidence import OrderStatus
from domain.orders import Verdict
from testing.relayer import FakeRelayer
from venues.polymarket.calls import Condition, redeem, trading_approvals
from venues.polymarket.carry import Carrier
from venues.polymarket.contracts import Protocol
from venues.polymarket.journal import ChainJournal
from venues.polymarket.relayer import Stage
from venues.polymarket.wallet import SignatureType, Wallet

FUNDER = "0x8ba1f109551bD432803012645Ac136ddd64DBA72"
WALLET = Wallet.from_hex("4c" * 32, funder=FUNDER, signature_type=SignatureType.DEPOSIT)
V1 = Condition("0x" + "a7" * 32, Protocol.V1, False)
V2 = Condition("0x" + "c9" * 31, Protocol.V2, False)


@pytest.fixture
def relayer() -> FakeRelayer:
    return FakeRelayer()


@pytest.fixture
def carrier(tmp_path: Path, relayer: FakeRelayer) -> Carrier:
    return Carrier(WALLET, relayer, ChainJournal(tmp_path), clock=lambda: 1_790_000_000_000_000)


def _calls(body: bytes) -> list[tuple[str, str]]:
    return [(call["target"], call["data"]) for call in json.loads(body)["depositWalletParams"]["calls"]]


@pytest.mark.parametrize("condition", [V1, V2])
async def test_what_a_resolved_market_left_is_redeemed_in_one_request(
    carrier: Carrier, relayer: FakeRelayer, condition: Condition
) -> None:
    sent = await carrier.redeem(condition, (5_000_000, 2_000_000))
    assert (sent.verdict, sent.transaction_id) == (Verdict.ACCEPTED, "tx-1")
    expected = redeem(condition, (5_000_000, 2_000_000))
    assert _calls(relayer.taken[0]) == [(call.to, "0x" + call.data.hex()) for call in expected]
    name = f"redeem-{condition.condition_id}-1"
    assert (await carrier.progress(name)).status is OrderStatus.RESTING
    relayer.move("tx-1", Stage.CONFIRMED)
    seen = await carrier.progress(name)
    assert (seen.status, seen.carried_out) == (OrderStatus.DONE, True)


async def test_a_redemption_asked_for_twice_is_one_and_a_failed_one_is_followed_by_another(
    carrier: Carrier, relayer: FakeRelayer
) -> None:
    relayer.lose_next = [Unknown("no answer", "timeout")]
    assert (await carrier.redeem(V1, (1, 0))).verdict is Verdict.UNKNOWN
    assert (await carrier.redeem(V1, (1, 0))).verdict is Verdict.UNKNOWN
    relayer.move("tx-1", Stage.FAILED)
    assert (await carrier.redeem(V1, (1, 0))).verdict is Verdict.UNKNOWN
    assert len(relayer.taken) == 1
    assert (await carrier.redeem(V1, (1, 0), attempt=2)).verdict is Verdict.ACCEPTED


async def test_nothing_held_is_denied_before_it_leaves(carrier: Carrier, relayer: FakeRelayer) -> None:
    with pytest.raises(Denied):
        await carrier.redeem(V1, (0, 0))
    assert relayer.taken == []


async def test_grants_are_all_trading_needs_in_one_request(carrier: Carrier, relayer: FakeRelayer) -> None:
    assert (await carrier.grant()).verdict is Verdict.ACCEPTED
    assert _calls(relayer.taken[0]) == [(call.to, "0x" + call.data.hex()) for call in trading_approvals()]


async def test_without_a_nonce_nothing_is_kept_or_sent(carrier: Carrier, relayer: FakeRelayer) -> None:
    relayer.fail_next = [Unavailable("away", "unreachable")]
    with pytest.raises(Unavailable):
        await carrier.grant()
    relayer.nonce = 3
    assert (await carrier.grant()).verdict is Verdict.ACCEPTED
    assert json.loads(relayer.taken[0])["nonce"] == "3"


def test_what_is_kept_is_whole_and_never_written_over(tmp_path: Path) -> None:
    journal = ChainJournal(tmp_path / "a" / "b")
    assert journal.leave("x")
    assert not journal.leave("x")
    journal.taken("x", "tx-1")
    journal.taken("x", "tx-2")
    assert journal.transaction("x") == "tx-1"
    assert (journal.done("x", 5), journal.done("x", 6)) == (5, 5)
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["x.done", "x.sent", "x.transaction"]
