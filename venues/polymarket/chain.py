"""Signed requests to Polymarket's relayer, which carries a wallet's calls to the chain and pays the gas.

| wallet | what is signed | what makes it at most once |
|---|---|---|
| deposit | EIP-712 `Batch` (wallet, nonce, deadline, calls) | the wallet's nonce; it is void after its deadline |
| safe | EIP-712 `SafeTx`, as a personal message; several calls go through MultiSend | the safe's nonce |
| proxy | `rlx:` + sender, factory, calls, gas, nonce, hub, relay, as a personal message | the relay hub's nonce |
| EOA | nothing: the relayer does not carry its calls, and it pays its own gas elsewhere | – |

A request is a pure function of wallet, calls, nonce and deadline. It is made once and kept: sending its bytes again can
never carry the calls out twice, because the chain takes a nonce once.

Source: the venue's published client, whose requests these equal byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from domain.errors import Denied
from venues.polymarket.abi import address_word, byte_string, selector, word
from venues.polymarket.calls import Call
from venues.polymarket.contracts import DEPOSIT_FACTORY, PROXY_FACTORY, RELAY_HUB, SAFE_MULTISEND
from venues.polymarket.keccak import address_bytes, keccak256
from venues.polymarket.typed_data import digest
from venues.polymarket.wallet import SignatureType, Wallet

LIFE_S = 600
"""How long a deposit wallet's request may still be carried out; the venue's client gives as long."""
GAS_LIMIT = 200_000
"""What a proxy wallet's request allows where nobody has estimated its gas."""

_ZERO_ADDRESS = "0x" + "00" * 20
_METADATA_LENGTH = 500
_KINDS = {SignatureType.DEPOSIT: "WALLET", SignatureType.SAFE: "SAFE", SignatureType.PROXY: "PROXY"}

_CALL_TYPE = "Call(address target,uint256 value,bytes data)"
_BATCH_HASH = keccak256(b"Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)" + _CALL_TYPE.encode())
_CALL_HASH = keccak256(_CALL_TYPE.encode())
_SAFE_HASH = keccak256(
    b"SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,"
    b"address gasToken,address refundReceiver,uint256 nonce)"
)
_WALLET_DOMAIN = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)") + (
    keccak256(b"DepositWallet") + keccak256(b"1")
)
_SAFE_DOMAIN = keccak256(b"EIP712Domain(uint256 chainId,address verifyingContract)")


@dataclass(frozen=True, slots=True)
class Turn:
    """What a wallet's next request must carry, as the relayer says: the nonce and, for a proxy, the relay's address."""

    nonce: int
    relay: str = ""


@dataclass(frozen=True, slots=True)
class ChainRequest:
    """A request ready to send. `digest` is 0x-hex of what was signed, `deadline` seconds since the epoch or 0."""

    body: bytes
    digest: str
    nonce: int
    deadline: int


def wallet_kind(wallet: Wallet) -> str:
    """The relayer's word for the kind of wallet. Raises `Denied` (`not_supported`) for an EOA."""
    kind = _KINDS.get(wallet.signature_type)
    if kind is None:
        raise Denied(
            f"the relayer carries no calls for {wallet.address}, a key that holds its money itself (EOA); expected a "
            "proxy, safe or deposit wallet: split, merge and redeem on the web site, or hold the tokens",
            "not_supported",
        )
    return kind


def chain_request(
    wallet: Wallet, calls: Sequence[Call], turn: Turn, *, deadline: int, metadata: str = ""
) -> ChainRequest:
    """The bytes of `POST /submit` for `calls`, all of which are carried out or none.

    `deadline` (seconds) binds deposit wallets alone. `metadata` is a remark for people, at most 500 characters. Raises
    `Denied`: `not_supported` for an EOA, `bad_request` for no calls and for too long a remark.
    """
    kind = wallet_kind(wallet)
    if not calls or len(metadata) > _METADATA_LENGTH:
        raise Denied(
            f"{len(calls)} calls and {len(metadata)} characters of metadata; expected a call or more and at most "
            f"{_METADATA_LENGTH} characters",
            "bad_request",
        )
    if wallet.signature_type is SignatureType.DEPOSIT:
        signed, body = _deposit(wallet, calls, turn.nonce, deadline, metadata)
    elif wallet.signature_type is SignatureType.SAFE:
        signed, body = _safe(wallet, calls, turn.nonce, metadata)
    else:
        signed, body = _proxy(wallet, calls, turn, metadata)
    until = deadline if wallet.signature_type is SignatureType.DEPOSIT else 0
    return ChainRequest(msgspec.json.encode({"type": kind} | body), "0x" + signed.hex(), turn.nonce, until)


def _deposit(
    wallet: Wallet, calls: Sequence[Call], nonce: int, deadline: int, metadata: str
) -> tuple[bytes, dict[str, object]]:
    hashes = b"".join(
        keccak256(_CALL_HASH + address_word(call.to) + word(call.value) + keccak256(call.data)) for call in calls
    )
    struct = keccak256(_BATCH_HASH + address_word(wallet.maker) + word(nonce) + word(deadline) + keccak256(hashes))
    signed = digest(keccak256(_WALLET_DOMAIN + word(wallet.chain_id) + address_word(wallet.maker)), struct)
    return signed, {
        "from": wallet.address,
        "to": DEPOSIT_FACTORY,
        "nonce": str(nonce),
        "signature": "0x" + wallet.sign(signed).hex(),
        "metadata": metadata,
        "depositWalletParams": {
            "depositWallet": wallet.maker,
            "deadline": str(deadline),
            "calls": [{"target": call.to, "value": str(call.value), "data": "0x" + call.data.hex()} for call in calls],
        },
    }


def _safe(wallet: Wallet, calls: Sequence[Call], nonce: int, metadata: str) -> tuple[bytes, dict[str, object]]:
    several = len(calls) > 1
    call = Call(SAFE_MULTISEND, _multisend(calls)) if several else calls[0]
    struct = keccak256(
        _SAFE_HASH
        + address_word(call.to)
        + word(call.value)
        + keccak256(call.data)
        + word(int(several))  # 1 delegates to MultiSend, which then calls as the safe itself
        + bytes(5 * 32)  # no gas is refunded: three amounts and two addresses, all zero
        + word(nonce)
    )
    signed = digest(keccak256(_SAFE_DOMAIN + word(wallet.chain_id) + address_word(wallet.maker)), struct)
    signature = wallet.sign(personal(signed))
    body: dict[str, object] = {
        "from": wallet.address,
        "to": call.to,
        "proxyWallet": wallet.maker,
        "data": "0x" + call.data.hex(),
        "nonce": str(nonce),
        "signature": "0x" + (signature[:64] + bytes((signature[64] + 4,))).hex(),  # 31, 32: signed as a message
        "metadata": metadata,
        "signatureParams": {
            "baseGas": "0",
            "gasPrice": "0",
            "gasToken": _ZERO_ADDRESS,
            "operation": str(int(several)),
            "refundReceiver": _ZERO_ADDRESS,
            "safeTxnGas": "0",
        },
    }
    return signed, body | ({"value": str(call.value)} if call.value else {})


def _proxy(wallet: Wallet, calls: Sequence[Call], turn: Turn, metadata: str) -> tuple[bytes, dict[str, object]]:
    data = _proxy_calls(calls)
    signed = keccak256(
        b"rlx:"
        + address_bytes(wallet.address)
        + address_bytes(PROXY_FACTORY)
        + data
        + word(0)  # the relayer's fee
        + word(0)  # the gas price
        + word(GAS_LIMIT)
        + word(turn.nonce)
        + address_bytes(RELAY_HUB)
        + address_bytes(turn.relay)
    )
    return signed, {
        "from": wallet.address,
        "to": PROXY_FACTORY,
        "proxyWallet": wallet.maker,
        "data": "0x" + data.hex(),
        "nonce": str(turn.nonce),
        "signature": "0x" + wallet.sign(personal(signed)).hex(),
        "metadata": metadata,
        "signatureParams": {
            "gasLimit": str(GAS_LIMIT),
            "gasPrice": "0",
            "relay": turn.relay,
            "relayHub": RELAY_HUB,
            "relayerFee": "0",
        },
    }


def personal(digest32: bytes) -> bytes:
    """The digest of 32 bytes signed as a personal message (EIP-191)."""
    return keccak256(b"\x19Ethereum Signed Message:\n32" + digest32)


def _multisend(calls: Sequence[Call]) -> bytes:
    packed = b"".join(
        b"\x00" + address_bytes(call.to) + word(call.value) + word(len(call.data)) + call.data for call in calls
    )
    return selector("multiSend(bytes)") + word(32) + byte_string(packed)


def _proxy_calls(calls: Sequence[Call]) -> bytes:
    """`proxy((uint8,address,uint256,bytes)[])`: a list of tuples, each behind its offset."""
    tuples = [word(1) + address_word(c.to) + word(c.value) + word(4 * 32) + byte_string(c.data) for c in calls]
    offsets, at = b"", 32 * len(tuples)
    for item in tuples:
        offsets += word(at)
        at += len(item)
    encoded = word(32) + word(len(tuples)) + offsets + b"".join(tuples)
    return selector("proxy((uint8,address,uint256,bytes)[])") + encoded
