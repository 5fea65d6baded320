"""Keccak-256 and the addresses made from it (EIP-55).

Ethereum's Keccak-256 is not SHA3-256: the padding differs, so `hashlib.sha3_256` gives other bytes.
"""

from __future__ import annotations

from Crypto.Hash import keccak

from domain.errors import BadInput

ADDRESS_BYTES = 20
WORD_BYTES = 32


def keccak256(content: bytes) -> bytes:
    """32 bytes.

    >>> keccak256(b"").hex()[:16]
    'c5d2460186f7233c'
    """
    return keccak.new(digest_bits=256, data=content).digest()


def checksum_address(raw: bytes) -> str:
    """The 20 bytes of an address as EIP-55 writes them: hex whose capitals are a checksum.

    >>> checksum_address(bytes.fromhex("c011a7e12a19f7b1f670d46f03b03f3342e82dfb"))
    '0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB'
    """
    text = raw.hex()
    mask = keccak256(text.encode()).hex()
    return "0x" + "".join(char.upper() if int(bit, 16) >= 8 else char for char, bit in zip(text, mask, strict=False))


def address_bytes(text: str) -> bytes:
    """The 20 bytes of an address in hex. Raises `BadInput` for anything else, and for a mixed-case checksum that
    does not hold: a mistyped address."""
    digits = text[2:] if text[:2] in ("0x", "0X") else ""
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        raw = b""
    if len(raw) != ADDRESS_BYTES or len(digits) != 2 * ADDRESS_BYTES:
        raise BadInput(f"{text!r} is no address; expected 0x and 40 hex digits", "bad_address")
    if digits not in (digits.lower(), digits.upper()) and checksum_address(raw)[2:] != digits:
        raise BadInput(
            f"{text} fails its checksum; expected {checksum_address(raw)} if the digits are right: check for a typing "
            "error",
            "bad_address",
        )
    return raw
