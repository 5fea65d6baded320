"""Who signs, who pays, and what opens the API: a private key that never leaves its object.

| signature type | who holds the money (`maker`) | `signer` in the order | who really signs |
|---|---|---|---|
| 0 EOA | the key's own address | the same | the key |
| 1 PROXY | a proxy wallet of an e-mail login | the key's address | the key |
| 2 SAFE | a Gnosis Safe of a browser wallet | the key's address | the key |
| 3 DEPOSIT | a deposit wallet (new ones since 2026-05-04) | the deposit wallet | the key that owns it, in its domain |

API credentials belong to the key's address for all four. Source: docs.polymarket.com/v2-migration.

Signatures are deterministic (RFC 6979): the same digest always gets the same 65 bytes, so an order signed again is the
order signed before.
"""

from __future__ import annotations

import base64
import binascii
from enum import IntEnum

from coincurve import PrivateKey, PublicKey

from domain.errors import BadInput
from venues.polymarket.contracts import POLYGON
from venues.polymarket.keccak import address_bytes, checksum_address, keccak256

_KEY_BYTES = 32
_RECOVERY_BASE = 27  # Ethereum writes the recovery id as 27 or 28
_SIGNATURE_BYTES = 65


class SignatureType(IntEnum):
    EOA = 0
    PROXY = 1
    SAFE = 2
    DEPOSIT = 3


class Wallet:
    """Signs for one trading account. Its repr shows addresses, never the key.

    `address` is the key's own, checksummed; `maker` holds the collateral and the tokens; `order_signer` is what an
    order names as signer.
    """

    __slots__ = ("_key", "address", "chain_id", "maker", "order_signer", "signature_type")

    def __init__(self, key: PrivateKey, maker: str | None, signature_type: SignatureType, chain_id: int) -> None:
        self._key = key
        self.address = _address_of(key.public_key)
        self.maker = maker or self.address
        self.signature_type = signature_type
        self.order_signer = self.maker if signature_type is SignatureType.DEPOSIT else self.address
        self.chain_id = chain_id

    @classmethod
    def from_hex(
        cls,
        key: str,
        *,
        funder: str | None = None,
        signature_type: SignatureType = SignatureType.EOA,
        chain_id: int = POLYGON,
    ) -> Wallet:
        """A wallet from a private key in hex (with or without 0x) and the address that holds the money.

        Raises `BadInput` for a key that is none (`bad_key`; the message never repeats it), for a missing, unneeded or
        mistyped `funder` (`no_funder`, `bad_funder`, `bad_address`) and for another chain than Polygon (`bad_chain`).
        """
        if chain_id != POLYGON:
            raise BadInput(f"chain {chain_id} is not Polymarket's; expected {POLYGON} (Polygon)", "bad_chain")
        text = key.strip()
        digits = text[2:] if text[:2] in ("0x", "0X") else text
        try:
            secret = bytes.fromhex(digits)
            made = PrivateKey(secret) if len(secret) == _KEY_BYTES else None
        except ValueError:
            made = None
        if made is None:
            raise BadInput(
                f"the Polymarket private key is {len(digits)} characters that are no key; expected 64 hex digits, "
                "with or without 0x in front",
                "bad_key",
            ) from None
        kind = SignatureType(signature_type)
        holder = checksum_address(address_bytes(funder.strip())) if funder else None
        wallet = cls(made, holder, kind, chain_id)
        if kind is SignatureType.EOA and wallet.maker != wallet.address:
            raise BadInput(
                f"the funder is {wallet.maker} while signature type 0 (EOA) pays from the key's own address "
                f"{wallet.address}; leave the funder out, or give the type of the wallet at that address (1, 2 or 3)",
                "bad_funder",
            )
        if kind is not SignatureType.EOA and holder in (None, wallet.address):
            raise BadInput(
                f"no funder for signature type {kind.value} ({kind.name}); expected the address of the wallet that "
                "holds the collateral (shown on the profile page), which is not the key's own",
                "no_funder",
            )
        return wallet

    def sign(self, digest: bytes) -> bytes:
        """65 bytes r‖s‖v over a digest of 32 bytes; v is 27 or 28, s is in the lower half, the nonce is RFC 6979's."""
        raw = self._key.sign_recoverable(digest, hasher=None)
        return raw[:64] + bytes((raw[64] + _RECOVERY_BASE,))

    def __repr__(self) -> str:
        return f"Wallet({self.address}, maker={self.maker}, {self.signature_type.name})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a wallet holds a private key; it is neither copied nor pickled")


def recover(digest: bytes, signature: bytes) -> str | None:
    """The checksummed address whose key made `signature` (65 bytes, v 27/28 or 0/1) over `digest`; None if nobody's."""
    if len(signature) != _SIGNATURE_BYTES or len(digest) != _KEY_BYTES:
        return None
    recovery = signature[64] - _RECOVERY_BASE if signature[64] >= _RECOVERY_BASE else signature[64]
    if recovery not in (0, 1):
        return None
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes((recovery,)), digest, hasher=None)
    except Exception:  # the library raises a bare Exception for a signature that no key can have made
        return None
    return _address_of(key)


def _address_of(key: PublicKey) -> str:
    return checksum_address(keccak256(key.format(compressed=False)[1:])[-20:])


class Credentials:
    """API access of one key's address. Its repr shows the start of the id, never secret or passphrase.

    `key` is the UUID that orders name as their owner; `secret` is URL-safe base64, as the venue gives it.
    """

    __slots__ = ("key", "passphrase", "secret", "secret_bytes")

    def __init__(self, key: str, secret: str, passphrase: str) -> None:
        """Raises `BadInput` (`no_credentials`, `bad_secret`) for an empty part or a secret that is no base64."""
        for name, value in (("API key", key), ("API secret", secret), ("API passphrase", passphrase)):
            if not value.strip():
                raise BadInput(
                    f"the Polymarket {name} is empty; expected the three values `GET /auth/derive-api-key` answers",
                    "no_credentials",
                )
        self.key = key.strip()
        self.secret = secret.strip()
        self.passphrase = passphrase.strip()
        try:
            self.secret_bytes = base64.b64decode(
                self.secret + "=" * (-len(self.secret) % 4), altchars=b"-_", validate=True
            )
        except (binascii.Error, ValueError):
            raise BadInput(
                f"the Polymarket API secret ({len(self.secret)} characters) is no URL-safe base64; copy it again as "
                "the venue gave it",
                "bad_secret",
            ) from None

    def __repr__(self) -> str:
        return f"Credentials({self.key[:8]}…)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("credentials hold secrets; they are neither copied nor pickled")
