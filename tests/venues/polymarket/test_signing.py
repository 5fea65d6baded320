"""Who signs: keys that are never shown, addresses that are never mistyped, proofs that hold for one request only."""

from __future__ import annotations

import copy
import pickle
from random import Random

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from domain.errors import BadInput, Rejected
from venues.polymarket.auth import l1_headers, l2_headers, recover_l1, verify_l2
from venues.polymarket.keccak import address_bytes, checksum_address, keccak256
from venues.polymarket.wallet import Credentials, SignatureType, Wallet, recover

KEY = "0x" + "4c" * 32
VAULT = "0x8ba1f109551bD432803012645Ac136ddd64DBA72"
SECRET = "hXU-1_y2PnSDqCyyzWzy_9yIzcIuu1hv4_9MOtlz5WA="
CREDENTIALS = Credentials("6f2f8a53-0a77-4b1c-9d0e-3a1c5b8e7f10", SECRET, "open sesame")
WALLET = Wallet.from_hex(KEY)


def test_keccak_and_checksums_are_ethereums() -> None:
    rng = Random(1)
    for _ in range(200):
        raw = rng.randbytes(rng.randrange(200))
        assert keccak256(raw) == keccak(raw)
        address = rng.randbytes(20)
        assert checksum_address(address) == to_checksum_address(address)
        assert address_bytes(checksum_address(address)) == address == address_bytes("0x" + address.hex())


def test_a_key_signs_as_eth_account_does_and_the_signer_is_recovered() -> None:
    rng = Random(2)
    for _ in range(60):
        key, digest = rng.randbytes(32), rng.randbytes(32)
        wallet, account = Wallet.from_hex(key.hex()), Account.from_key(key)
        signature = wallet.sign(digest)
        assert wallet.address == account.address
        assert signature == bytes(account.unsafe_sign_hash(digest).signature)
        assert signature == wallet.sign(digest)
        assert recover(digest, signature) == wallet.address
        assert recover(digest, signature[:64] + bytes((signature[64] - 27,))) == wallet.address
        assert recover(rng.randbytes(32), signature) != wallet.address


@pytest.mark.parametrize(
    "signature", [b"", bytes(65), b"\xff" * 65, bytes(64), b"\x01" * 64 + b"\x1d", b"\x01" * 64 + b"\x05"]
)
def test_what_nobody_signed_recovers_to_nobody(signature: bytes) -> None:
    assert recover(bytes(32), signature) is None
    assert recover(b"short", WALLET.sign(bytes(32))) is None


def test_neither_key_nor_secret_nor_passphrase_is_ever_shown() -> None:
    shown = f"{WALLET!r} {WALLET} {CREDENTIALS!r} {CREDENTIALS}"
    for hidden in ("4c4c", SECRET[:10], "open sesame", CREDENTIALS.key):
        assert hidden not in shown
    assert WALLET.address in shown
    for held in (WALLET, CREDENTIALS):
        with pytest.raises(TypeError):
            pickle.dumps(held)
        with pytest.raises(TypeError):
            copy.deepcopy(held)


@pytest.mark.parametrize("key", ["", "0x", "12", "zz" * 32, "11" * 31, "11" * 33, "00" * 32, "ff" * 32])
def test_a_key_that_is_none_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(BadInput) as refused:
        Wallet.from_hex(key)
    assert refused.value.code == "bad_key"
    assert len(key) < 5 or key not in refused.value.message
    assert refused.value.__cause__ is None


def test_a_key_may_come_with_or_without_0x() -> None:
    assert Wallet.from_hex(KEY).address == Wallet.from_hex(" " + KEY[2:] + "\n").address


@pytest.mark.parametrize(
    ("funder", "kind", "code"),
    [
        (None, SignatureType.SAFE, "no_funder"),
        (WALLET.address, SignatureType.DEPOSIT, "no_funder"),
        (VAULT, SignatureType.EOA, "bad_funder"),
        (VAULT.replace("8ba1f109551bD", "8bA1f109551bD"), SignatureType.SAFE, "bad_address"),
        (VAULT[:-2], SignatureType.SAFE, "bad_address"),
        (VAULT[2:], SignatureType.SAFE, "bad_address"),
    ],
)
def test_a_funder_that_does_not_fit_the_wallets_kind_is_refused(
    funder: str | None, kind: SignatureType, code: str
) -> None:
    with pytest.raises(BadInput) as refused:
        Wallet.from_hex(KEY, funder=funder, signature_type=kind)
    assert refused.value.code == code


def test_a_funder_in_small_letters_is_written_with_its_checksum() -> None:
    wallet = Wallet.from_hex(KEY, funder=VAULT.lower(), signature_type=SignatureType.PROXY)
    assert wallet.maker == VAULT
    assert Wallet.from_hex(KEY, funder=WALLET.address).maker == WALLET.address


def test_another_chain_is_refused() -> None:
    with pytest.raises(BadInput, match="chain 80002"):
        Wallet.from_hex(KEY, chain_id=80002)


@pytest.mark.parametrize(
    ("key", "secret", "passphrase", "code"),
    [
        ("", SECRET, "x", "no_credentials"),
        ("k", " ", "x", "no_credentials"),
        ("k", SECRET, "", "no_credentials"),
        ("k", "not base64!", "x", "bad_secret"),
        ("k", "abcde", "x", "bad_secret"),
    ],
)
def test_credentials_that_cannot_sign_are_refused(key: str, secret: str, passphrase: str, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        Credentials(key, secret, passphrase)
    assert refused.value.code == code
    assert secret.strip() == "" or secret not in refused.value.message


def test_l1_headers_prove_the_address_they_name_and_no_other() -> None:
    headers = l1_headers(WALLET, 1_790_000_000)
    assert recover_l1(headers) == WALLET.address
    other = Wallet.from_hex("11" * 32).address
    for change in (
        {"POLY_ADDRESS": other},
        {"POLY_TIMESTAMP": "1790000001"},
        {"POLY_NONCE": "1"},
        {"POLY_NONCE": "x"},
        {"POLY_SIGNATURE": "0x12"},
        {"POLY_SIGNATURE": "zz"},
        {"POLY_ADDRESS": ""},
    ):
        with pytest.raises(Rejected, match="Invalid L1 Request headers"):
            recover_l1(headers | change)
    with pytest.raises(Rejected):
        recover_l1({})


def test_l2_headers_hold_for_one_method_path_and_body() -> None:
    headers = l2_headers(WALLET.address, CREDENTIALS, "post", "/order", b'{"a":1}', now_s=1_790_000_000)
    assert verify_l2(CREDENTIALS, headers, "POST", "/order", b'{"a":1}')
    assert verify_l2(CREDENTIALS, headers, "POST", "/order?signature_type=0", b'{"a":1}')
    assert not verify_l2(CREDENTIALS, headers, "DELETE", "/order", b'{"a":1}')
    assert not verify_l2(CREDENTIALS, headers, "POST", "/orders", b'{"a":1}')
    assert not verify_l2(CREDENTIALS, headers, "POST", "/order", b'{"a": 1}')
    assert not verify_l2(CREDENTIALS, {}, "POST", "/order", b'{"a":1}')
    assert not verify_l2(Credentials(CREDENTIALS.key, SECRET, "other"), headers, "POST", "/order", b'{"a":1}')
    for change in (
        {"POLY_TIMESTAMP": "1790000001"},
        {"POLY_TIMESTAMP": "soon"},
        {"POLY_API_KEY": "other"},
        {"POLY_SIGNATURE": "ä"},
    ):
        assert not verify_l2(CREDENTIALS, headers | change, "POST", "/order", b'{"a":1}')
