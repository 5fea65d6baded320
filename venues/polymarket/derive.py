"""Which wallet a key owns: the venue's factories put each wallet at an address that follows from its owner's (CREATE2).

A funder that none of them gives is another key's wallet, or a session key's owner: orders signed for it are refused, or
worse, it is a typing error that passes its checksum. Deposit wallets come from two generations of their factory.

Source: docs.polymarket.com/resources/contracts (factories) and the venue's published client (code hashes).
"""

from __future__ import annotations

from functools import lru_cache

from venues.polymarket.abi import address_word, word
from venues.polymarket.contracts import DEPOSIT_FACTORY, PROXY_FACTORY, SAFE_FACTORY
from venues.polymarket.keccak import address_bytes, checksum_address, keccak256
from venues.polymarket.wallet import SignatureType

_SAFE_CODE = bytes.fromhex("2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf")

_PROXY_IMPLEMENTATION = "0x44e999d5c2F66Ef0861317f9A4805AC2e90aEB4f"
_DEPOSIT_IMPLEMENTATION = "0x58CA52ebe0DadfdF531Cde7062e76746de4Db1eB"
_DEPOSIT_BEACON = "0x7A18EDfe055488A3128f01F563e5B479D92ffc3a"

# The creation codes of the wallets' clones, as the factories deploy them; only addresses and lengths differ.
_PROXY_HEAD = bytes.fromhex("3d3d606380380380913d393d73")
_PROXY_MIDDLE = bytes.fromhex("5af4602a57600080fd5b602d8060366000396000f3363d3d373d3d3d363d73")
_PROXY_END = bytes.fromhex("5af43d82803e903d91602b57fd5bf352e831dd") + word(32) + word(0)
_UUPS_HEAD = 0x61003D3D8160233D3973
_UUPS_TAIL = bytes.fromhex(
    "60095155f3363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076"
    "cc3735a920a3ca505d382bbc545af43d6000803e6038573d6000fd5b3d6000f3"
)
_BEACON_HEAD = 0x6100523D8160233D3973
_BEACON_TAIL = bytes.fromhex(
    "60195155f3363d3d373d3d363d602036600436635c60da"
    "1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c"
    "b3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
)


@lru_cache(maxsize=64)
def kind_of(key_address: str, funder: str) -> SignatureType | None:
    """What kind of wallet of the key at `key_address` the address `funder` is; None if it is none of them.

    Raises `BadInput` for what is no address."""
    holder = address_bytes(funder)
    for kind, address in wallets_of(key_address):
        if address_bytes(address) == holder:
            return kind
    return None


def wallets_of(key_address: str) -> tuple[tuple[SignatureType, str], ...]:
    """Every wallet the key at that address can own, deployed or not: itself, its proxy, its safe, and its deposit
    wallet of either generation, the current one first."""
    owner = address_bytes(key_address)
    arguments = address_word(DEPOSIT_FACTORY) + owner.rjust(32, b"\x00")
    length = len(arguments)
    beacon = (_BEACON_HEAD + (length << 56)).to_bytes(10, "big") + address_bytes(_DEPOSIT_BEACON) + _BEACON_TAIL
    uups = (_UUPS_HEAD + (length << 56)).to_bytes(10, "big") + address_bytes(_DEPOSIT_IMPLEMENTATION) + _UUPS_TAIL
    proxy = (
        _PROXY_HEAD + address_bytes(PROXY_FACTORY) + _PROXY_MIDDLE + address_bytes(_PROXY_IMPLEMENTATION) + _PROXY_END
    )
    return (
        (SignatureType.EOA, checksum_address(owner)),
        (SignatureType.DEPOSIT, _create2(DEPOSIT_FACTORY, arguments, keccak256(beacon + arguments))),
        (SignatureType.DEPOSIT, _create2(DEPOSIT_FACTORY, arguments, keccak256(uups + arguments))),
        (SignatureType.SAFE, _create2(SAFE_FACTORY, address_word(key_address), _SAFE_CODE)),
        (SignatureType.PROXY, _create2(PROXY_FACTORY, owner, keccak256(proxy))),
    )


def _create2(factory: str, salted: bytes, code_hash: bytes) -> str:
    """EIP-1014: where `factory` puts the code of that hash for that salt."""
    return checksum_address(keccak256(b"\xff" + address_bytes(factory) + keccak256(salted) + code_hash)[-20:])
