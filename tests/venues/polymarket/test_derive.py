"""Which wallet a key owns is worked out as the venue's own client works it out."""

from __future__ import annotations

from random import Random

import pytest
from polymarket._internal import wallet as sdk
from polymarket._internal.environment import PRODUCTION_CONFIG

from domain.errors import BadInput
from venues.polymarket.derive import kind_of, wallets_of
from venues.polymarket.keccak import checksum_address
from venues.polymarket.wallet import SignatureType

THEIRS = PRODUCTION_CONFIG.wallet_derivation


def test_every_wallet_of_a_key_is_where_the_official_client_finds_it() -> None:
    rng = Random(9)
    for _ in range(100):
        owner = checksum_address(rng.randbytes(20))
        assert wallets_of(owner) == (
            (SignatureType.EOA, owner),
            (SignatureType.DEPOSIT, sdk.derive_beacon_deposit_wallet_address(owner, THEIRS)),
            (SignatureType.DEPOSIT, sdk.derive_uups_deposit_wallet_address(owner, THEIRS)),
            (SignatureType.SAFE, sdk.derive_safe_wallet_address(owner, THEIRS)),
            (SignatureType.PROXY, sdk.derive_proxy_wallet_address(owner, THEIRS)),
        )


def test_the_kind_of_a_funder_is_told_and_a_strangers_is_none() -> None:
    owner = checksum_address(Random(10).randbytes(20))
    for kind, address in wallets_of(owner):
        assert kind_of(owner, address) is kind
        assert kind_of(owner.lower(), address.lower()) is kind
    assert kind_of(owner, checksum_address(bytes(20))) is None
    with pytest.raises(BadInput):
        kind_of(owner, "0x12")
