"""Calls on chain and the relayer's requests are, byte for byte, those of the venue's own client."""

from __future__ import annotations

import json
from random import Random
from typing import Any, cast

import pytest
from eth_account import Account
from polymarket import calls as sdk
from polymarket._internal.actions.relayer.approvals import _required_trading_approvals
from polymarket._internal.actions.relayer.gasless import (
    _resolve_safe_call,
    build_deposit_wallet_payload,
    build_proxy_payload,
    build_safe_payload,
)
from polymarket._internal.actions.relayer.signing.deposit_wallet import sign_deposit_wallet_batch
from polymarket._internal.actions.relayer.signing.proxy import build_proxy_transaction_hash, sign_proxy_message
from polymarket._internal.actions.relayer.signing.safe import sign_safe_transaction
from polymarket._internal.environment import PRODUCTION_CONFIG as SDK

from domain.errors import Denied
from venues.polymarket import contracts
from venues.polymarket.calls import (
    OPERATORS,
    SPENDERS,
    Call,
    Condition,
    approve,
    approve_all,
    merge,
    redeem,
    split,
    trading_approvals,
)
from venues.polymarket.chain import GAS_LIMIT, Turn, chain_request, wallet_kind
from venues.polymarket.contracts import Protocol
from venues.polymarket.wallet import SignatureType, Wallet

KEY = "4c" * 32
VAULT = "0x8ba1f109551bD432803012645Ac136ddd64DBA72"
PLAIN = Condition("0x" + "a7" * 32, Protocol.V1, False)
NEG_RISK = Condition("0x" + "b8" * 32, Protocol.V1, True)
V2 = Condition("0x" + "c9" * 31, Protocol.V2, False)


def _same(ours: Call, theirs: Any) -> None:
    assert (ours.to.lower(), "0x" + ours.data.hex(), ours.value) == (str(theirs.to).lower(), theirs.data, theirs.value)


def _wallet(kind: SignatureType) -> Wallet:
    return Wallet.from_hex(KEY, funder=VAULT, signature_type=kind)


def test_the_contracts_are_the_official_clients_own() -> None:
    ours_and_theirs = {
        contracts.COLLATERAL: SDK.collateral_token,
        contracts.CONDITIONAL_TOKENS: SDK.conditional_tokens,
        contracts.EXCHANGE: SDK.standard_exchange,
        contracts.NEG_RISK_EXCHANGE: SDK.neg_risk_exchange,
        contracts.COLLATERAL_ADAPTER: SDK.collateral_adapter,
        contracts.NEG_RISK_COLLATERAL_ADAPTER: SDK.neg_risk_collateral_adapter,
        contracts.NEG_RISK_ADAPTER: SDK.neg_risk_adapter,
        contracts.AUTO_REDEEMER: SDK.auto_redeem_operator,
        contracts.EXCHANGE_V3: SDK.exchange_v3,
        contracts.ROUTER: SDK.protocol_v2_router,
        contracts.POSITION_MANAGER: SDK.position_manager,
        contracts.BINARY_MODULE: SDK.binary_module,
        contracts.NEG_RISK_MODULE: SDK.neg_risk_module,
        contracts.SAFE_MULTISEND: SDK.safe_multisend,
        contracts.PROXY_FACTORY: SDK.wallet_derivation.proxy_factory,
        contracts.DEPOSIT_FACTORY: SDK.wallet_derivation.deposit_wallet_factory,
        contracts.RELAY_HUB: SDK.relay_hub,
    }
    assert {ours: ours for ours in ours_and_theirs} == ours_and_theirs
    assert SDK.chain_id == contracts.POLYGON


@pytest.mark.parametrize("amount", [0, 1, 1_000_000, 123_456_789, 2**256 - 1])
@pytest.mark.parametrize("condition", [PLAIN, NEG_RISK])
def test_split_merge_and_redeem_of_v1_are_the_official_calls(condition: Condition, amount: int) -> None:
    adapter: Any = SDK.neg_risk_collateral_adapter if condition.neg_risk else SDK.collateral_adapter
    collateral: Any = SDK.collateral_token
    told = {"collateral": collateral, "condition_id": condition.condition_id}
    _same(split(condition, amount), sdk.ctf_split_position_call(target=adapter, amount=amount, **told))
    _same(merge(condition, amount), sdk.ctf_merge_positions_call(target=adapter, amount=amount, **told))
    (call,) = redeem(condition, (amount, 1))
    _same(call, sdk.ctf_redeem_positions_call(ctf=adapter, **told))


@pytest.mark.parametrize("ending", ["", "00", "01"])
def test_split_merge_and_redeem_of_v2_are_the_official_calls_however_the_condition_is_padded(ending: str) -> None:
    condition = Condition(V2.condition_id + ending, Protocol.V2, True)
    told: Any = {"router": SDK.protocol_v2_router, "condition_id": condition.condition_id}
    _same(split(condition, 5_000_000), sdk.router_split_call(amount=5_000_000, **told))
    _same(merge(condition, 5_000_000), sdk.router_merge_call(amount=5_000_000, **told))
    calls = redeem(condition, (7, 9))
    for outcome, amount in enumerate((7, 9)):
        _same(calls[outcome], sdk.router_redeem_call(outcome_index=outcome, amount=amount, **told))
    assert [call.data for call in redeem(condition, (0, 9))] == [calls[1].data]


def test_nothing_held_is_nothing_redeemed() -> None:
    assert redeem(PLAIN, (0, 0)) == redeem(V2, (0, 0)) == []


@pytest.mark.parametrize(
    "condition",
    [
        Condition("0x" + "aa" * 31, Protocol.V1, False),
        Condition("aa" * 32, Protocol.V1, False),
        Condition("0xzz", Protocol.V1, False),
        Condition("0x" + "aa" * 32, Protocol.V2, False),
        Condition("", Protocol.V2, False),
    ],
)
def test_a_condition_id_of_the_wrong_length_is_denied(condition: Condition) -> None:
    with pytest.raises(Denied) as denied:
        merge(condition, 1)
    assert denied.value.code == "bad_condition"


@pytest.mark.parametrize("amount", [-1, 2**256])
def test_an_amount_the_chain_cannot_hold_is_denied(amount: int) -> None:
    for condition in (PLAIN, V2):
        with pytest.raises(Denied):
            merge(condition, amount)


def test_approvals_are_the_official_ones_and_the_deprecated_adapters() -> None:
    told: Any = {"token_address": contracts.COLLATERAL, "spender": VAULT}
    _same(approve(contracts.COLLATERAL, VAULT), sdk.erc20_approval_call(amount=sdk.MAX_UINT256, **told))
    _same(approve(contracts.COLLATERAL, VAULT, 0), sdk.erc20_approval_call(amount=0, **told))
    told = {"token_address": contracts.CONDITIONAL_TOKENS, "operator": VAULT}
    for approved in (True, False):
        _same(
            approve_all(contracts.CONDITIONAL_TOKENS, VAULT, approved=approved),
            sdk.erc1155_set_approval_for_all_call(approved=approved, **told),
        )
    erc20, erc1155 = _required_trading_approvals(SDK)
    theirs = {item.spender for item in erc20} - {SDK.perps_deposit_contract}
    assert set(SPENDERS) == theirs | {contracts.NEG_RISK_ADAPTER}
    pairs = {(item.token_address, item.operator) for item in erc1155}
    assert set(OPERATORS) == pairs | {(contracts.CONDITIONAL_TOKENS, contracts.NEG_RISK_ADAPTER)}
    assert len(trading_approvals()) == len(SPENDERS) + len(OPERATORS)


# --- requests ---------------------------------------------------------------------------------------------------------


def _calls(rng: Random) -> list[Call]:
    made = [merge(rng.choice((PLAIN, NEG_RISK, V2)), rng.randrange(10**12)) for _ in range(rng.randrange(1, 4))]
    return [*made, Call(VAULT, rng.randbytes(rng.randrange(70)))] if rng.random() < 0.5 else made


def _theirs(calls: list[Call]) -> list[Any]:
    return [sdk.TransactionCall(to=call.to, data="0x" + call.data.hex(), value=call.value) for call in calls]  # type: ignore[arg-type]


def _sdk_request(kind: SignatureType, calls: list[Call], turn: Turn, deadline: int, metadata: str) -> object:
    account, chain, items = Account.from_key(KEY), SDK.chain_id, _theirs(calls)
    nonce, wallet = str(turn.nonce), cast(Any, VAULT)
    if kind is SignatureType.DEPOSIT:
        signature: Any = sign_deposit_wallet_batch(
            account, wallet=wallet, calls=items, nonce=nonce, deadline=str(deadline), chain_id=chain
        )
        return build_deposit_wallet_payload(
            signer_address=account.address,
            deposit_wallet_factory=SDK.wallet_derivation.deposit_wallet_factory,
            wallet=wallet,
            calls=items,
            nonce=nonce,
            deadline=str(deadline),
            signature=signature,
            metadata=metadata,
        )
    if kind is SignatureType.SAFE:
        target, data, value, operation = _resolve_safe_call(SDK.safe_multisend, items)
        told: Any = {"data": data, "value": value, "operation": operation, "nonce": nonce}
        signature = sign_safe_transaction(account, safe_address=wallet, to=target, chain_id=chain, **told)
        return build_safe_payload(
            signer_address=account.address,
            wallet=wallet,
            target=target,
            signature=signature,
            metadata=metadata,
            **told,
        )
    factory: Any = SDK.wallet_derivation.proxy_factory
    told = {
        "data": sdk.encode_proxy_call(items),
        "gas_limit": str(GAS_LIMIT),
        "nonce": nonce,
        "relay_hub": SDK.relay_hub,
        "relay": turn.relay,
    }
    hashed = build_proxy_transaction_hash(
        from_address=account.address, to=factory, relayer_fee="0", gas_price="0", **told
    )
    return build_proxy_payload(
        signer_address=account.address,
        proxy_factory=factory,
        wallet=wallet,
        signature=sign_proxy_message(account, hashed),
        metadata=metadata,
        **told,
    )


@pytest.mark.parametrize("kind", [SignatureType.DEPOSIT, SignatureType.SAFE, SignatureType.PROXY])
def test_the_relayers_request_is_the_official_clients_byte_for_byte(kind: SignatureType) -> None:
    rng = Random(int(kind))
    for _ in range(40):
        calls, deadline = _calls(rng), 1_790_000_000 + rng.randrange(10**6)
        turn = Turn(rng.randrange(10**6), Account.from_key(rng.randbytes(32)).address)
        ours = chain_request(_wallet(kind), calls, turn, deadline=deadline, metadata="Merge positions")
        theirs = _sdk_request(kind, calls, turn, deadline, "Merge positions")
        assert ours.body == json.dumps(theirs, separators=(",", ":")).encode()
        assert ours == chain_request(_wallet(kind), calls, turn, deadline=deadline, metadata="Merge positions")
        assert ours.deadline == (deadline if kind is SignatureType.DEPOSIT else 0)


def test_a_key_that_holds_its_own_money_has_no_relayer() -> None:
    with pytest.raises(Denied, match="web site") as denied:
        chain_request(Wallet.from_hex(KEY), [merge(PLAIN, 1)], Turn(0), deadline=1)
    assert denied.value.code == "not_supported"
    assert wallet_kind(_wallet(SignatureType.DEPOSIT)) == "WALLET"


def test_a_request_of_nothing_is_denied() -> None:
    with pytest.raises(Denied):
        chain_request(_wallet(SignatureType.SAFE), [], Turn(0), deadline=1)
    with pytest.raises(Denied):
        chain_request(_wallet(SignatureType.SAFE), [merge(PLAIN, 1)], Turn(0), deadline=1, metadata="x" * 501)
