"""Who is asking: the signature over `timestamp + METHOD + path`, checked as the venue checks it.

RSA-PSS with SHA-256, MGF1-SHA-256 and a salt of 32 bytes, or raw Ed25519; which one follows from the key. The path is
signed from the root and without its query. The clock window is recorded as more than 5 s and less than 30 s; here 10.
Source: docs.kalshi.com/getting_started/api_keys; the 401 bodies as recorded on 2026-06-11.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from domain.errors import BadInput
from paper.kalshi import refusals

WINDOW_MS = 10_000

_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
_PublicKey = rsa.RSAPublicKey | ed25519.Ed25519PublicKey


class Keys:
    """The public keys that may trade. Raises `BadInput` (code `bad_key`) for a PEM that holds neither kind."""

    def __init__(self, pems: Mapping[str, str | bytes]) -> None:
        self._keys = {key_id: _load(key_id, pem) for key_id, pem in pems.items()}

    def check(self, headers: Mapping[str, str], method: str, path: str, now_ms: int) -> None:
        """Raises the recorded 401 `Refusal` unless the request is signed by a known key, now."""
        signature = headers.get("KALSHI-ACCESS-SIGNATURE")
        key_id = headers.get("KALSHI-ACCESS-KEY", "")
        stamp = headers.get("KALSHI-ACCESS-TIMESTAMP", "")
        if not signature:
            raise refusals.signature_missing()
        key = self._keys.get(key_id)
        if key is None:
            raise refusals.unauthenticated("NOT_FOUND")
        if not stamp.isascii() or not stamp.isdigit() or abs(int(stamp) - now_ms) > WINDOW_MS:
            raise refusals.timestamp_expired()
        try:
            _verify(key, base64.b64decode(signature, validate=True), f"{stamp}{method}{path}".encode())
        except (InvalidSignature, binascii.Error):
            raise refusals.unauthenticated("INCORRECT_API_KEY_SIGNATURE") from None


def _verify(key: _PublicKey, signature: bytes, message: bytes) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, message, _PSS, hashes.SHA256())
    else:
        key.verify(signature, message)


def _load(key_id: str, pem: str | bytes) -> _PublicKey:
    try:
        key = load_pem_public_key(pem.encode() if isinstance(pem, str) else pem)
    except ValueError as error:
        raise BadInput(
            f"the public key of {key_id} is not PEM ({error}); expected -----BEGIN PUBLIC KEY-----", "bad_key"
        ) from None
    if not isinstance(key, _PublicKey):
        raise BadInput(f"the public key of {key_id} is {type(key).__name__}; expected RSA or Ed25519", "bad_key")
    return key
