"""The few shapes of Ethereum's contract ABI that our calls have: words, and bytes and lists behind their offsets.

Source: docs.soliditylang.org/en/latest/abi-spec.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from domain.errors import Denied
from venues.polymarket.keccak import address_bytes, keccak256

WORD = 32
MOST = (1 << 256) - 1
"""The largest uint256: as an allowance, one that never runs out."""


def word(value: int) -> bytes:
    """A uint of any width as 32 bytes."""
    return value.to_bytes(WORD, "big")


@lru_cache(maxsize=256)  # the same few wallets and contracts
def address_word(address: str) -> bytes:
    """A 0x-address as 32 bytes. Raises `BadInput` for one that is none."""
    return bytes(12) + address_bytes(address)


@lru_cache(maxsize=64)
def selector(signature: str) -> bytes:
    """The four bytes a call of that function starts with."""
    return keccak256(signature.encode("ascii"))[:4]


def word_list(values: Sequence[int]) -> bytes:
    """The tail of a `uint256[]`: its length, then its words."""
    return word(len(values)) + b"".join(word(value) for value in values)


def byte_string(content: bytes) -> bytes:
    """The tail of a `bytes`: its length, then itself padded to whole words."""
    return word(len(content)) + content + bytes(-len(content) % WORD)


def uint256(value: int, what: str) -> int:
    """`value` itself. Raises `Denied` (`bad_amount`) for a negative one and for one of more than 256 bits."""
    if not 0 <= value <= MOST:
        raise Denied(f"{what} is {value}; expected 0 to 2^256−1", "bad_amount")
    return value
