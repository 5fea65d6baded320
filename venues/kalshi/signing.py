"""Request signing: who we are, proved by a private key that never leaves this object.

The string signed is `timestamp + METHOD + path`: unix milliseconds, the path from the root including `/trade-api/v2`,
without the query; body and host are not signed. RSA keys sign with PSS, SHA-256, MGF1-SHA-256 and a salt of 32 bytes;
Ed25519 keys sign the same string directly. The kind is read from the PEM. The venue accepts a clock within a few
seconds only: ±5 s was accepted, −30 s refused. Source: docs.kalshi.com/getting_started/api_keys.

One RSA-2048 signature costs about 0.25 ms of CPU, so it is made where it is needed, not on a thread.
"""

from __future__ import annotations

import base64

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from domain.errors import BadInput

KEY_HEADER = "KALSHI-ACCESS-KEY"
TIMESTAMP_HEADER = "KALSHI-ACCESS-TIMESTAMP"
SIGNATURE_HEADER = "KALSHI-ACCESS-SIGNATURE"

_SHA256 = hashes.SHA256()
_PSS = PSS(mgf=MGF1(_SHA256), salt_length=32)
_MIN_RSA_BITS = 2048


def signed_text(timestamp_ms: int | str, method: str, path: str) -> bytes:
    """The bytes a signature covers. A query string on `path` is cut off.

    >>> signed_text(1703123456789, "GET", "/trade-api/v2/portfolio/balance?x=1")
    b'1703123456789GET/trade-api/v2/portfolio/balance'
    """
    return f"{timestamp_ms}{method.upper()}{path.partition('?')[0]}".encode()


class Signer:
    """Signs requests for one key id. Its repr shows the id's first characters and the kind, never the key."""

    __slots__ = ("_key", "key_id")

    def __init__(self, key_id: str, key: RSAPrivateKey | Ed25519PrivateKey) -> None:
        self.key_id = key_id
        self._key = key

    @classmethod
    def from_pem(cls, key_id: str, pem: bytes) -> Signer:
        """A signer from an unencrypted PEM. Raises `BadInput` for a missing id, and for a missing, encrypted, public,
        too short or unsupported key; the message never repeats the key."""
        if not key_id.strip():
            raise BadInput("the Kalshi key id is empty; expected the id shown beside the API key", "no_key_id")
        if not pem.strip():
            raise BadInput("the Kalshi private key is empty; expected a PEM file's content", "no_key")
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except TypeError:
            raise BadInput(
                "the Kalshi private key is encrypted; expected an unencrypted PEM (decrypt it with `openssl pkey`)",
                "encrypted_key",
            ) from None
        except (ValueError, UnsupportedAlgorithm):
            seen = "a public key or certificate" if _looks_public(pem) else "something that is no private key"
            raise BadInput(
                f"the Kalshi private key is {seen}; expected a PEM of an RSA or Ed25519 private key", "bad_key"
            ) from None
        if isinstance(key, RSAPrivateKey):
            if key.key_size < _MIN_RSA_BITS:
                raise BadInput(
                    f"the Kalshi RSA key has {key.key_size} bits; expected at least {_MIN_RSA_BITS}", "bad_key"
                )
            return cls(key_id.strip(), key)
        if isinstance(key, Ed25519PrivateKey):
            return cls(key_id.strip(), key)
        raise BadInput(f"the Kalshi private key is {type(key).__name__}; expected RSA or Ed25519", "bad_key")

    def sign(self, text: bytes) -> str:
        """Base64 of the signature of `text`."""
        key = self._key
        raw = key.sign(text, _PSS, _SHA256) if isinstance(key, RSAPrivateKey) else key.sign(text)
        return base64.b64encode(raw).decode()

    def headers(self, method: str, path: str, now_ms: int) -> dict[str, str]:
        """The three access headers. `path` starts with `/trade-api/`; a query is not signed."""
        return {
            KEY_HEADER: self.key_id,
            TIMESTAMP_HEADER: str(now_ms),
            SIGNATURE_HEADER: self.sign(signed_text(now_ms, method, path)),
        }

    def __repr__(self) -> str:
        kind = "rsa" if isinstance(self._key, RSAPrivateKey) else "ed25519"
        return f"Signer(key_id={self.key_id[:4]}…, {kind})"


def generate_rsa_key() -> tuple[bytes, bytes]:
    """A fresh RSA-2048 pair as (private PEM, public PEM), for the paper exchange and for tests."""
    key = generate_private_key(public_exponent=65537, key_size=_MIN_RSA_BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, public


def _looks_public(pem: bytes) -> bool:
    return b"PUBLIC KEY" in pem or b"CERTIFICATE" in pem
