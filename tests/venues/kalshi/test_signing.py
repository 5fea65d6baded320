"""Who we are is proved without ever showing the key."""

from __future__ import annotations

import base64

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS

from domain.errors import BadInput
from venues.kalshi.signing import Signer, signed_text

PATH = "/trade-api/v2/portfolio/balance"
DOCUMENTED = b"1703123456789GET/trade-api/v2/portfolio/balance"


def _pem(key: object, password: bytes | None = None) -> bytes:
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)  # type: ignore[attr-defined]


def test_the_signed_text_is_the_documented_example() -> None:
    assert signed_text(1703123456789, "get", PATH) == DOCUMENTED


def test_a_query_string_is_not_signed() -> None:
    assert signed_text(1703123456789, "GET", f"{PATH}?limit=5&cursor=x") == DOCUMENTED


def test_an_rsa_signature_verifies_with_the_public_key_over_pss_sha256_and_a_salt_of_32(
    key_pair: tuple[bytes, bytes],
) -> None:
    private, public = key_pair
    headers = Signer.from_pem("id-1", private).headers("GET", PATH, 1703123456789)
    assert headers["KALSHI-ACCESS-KEY"] == "id-1"
    assert headers["KALSHI-ACCESS-TIMESTAMP"] == "1703123456789"
    verifier = serialization.load_pem_public_key(public)
    assert isinstance(verifier, rsa.RSAPublicKey)
    signature = base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"])
    verifier.verify(signature, DOCUMENTED, PSS(MGF1(hashes.SHA256()), 32), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        verifier.verify(signature, DOCUMENTED + b"?", PSS(MGF1(hashes.SHA256()), 32), hashes.SHA256())


def test_an_ed25519_key_is_recognised_and_signs_the_text_itself() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    headers = Signer.from_pem("id-2", _pem(key)).headers("GET", PATH, 1703123456789)
    key.public_key().verify(base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"]), DOCUMENTED)


def test_a_signer_never_shows_its_key(key_pair: tuple[bytes, bytes]) -> None:
    shown = f"{Signer.from_pem('6e0c4f0e-long-id', key_pair[0])!r}"
    assert shown == "Signer(key_id=6e0c…, rsa)"


def test_an_unusable_key_is_refused_with_what_was_seen(key_pair: tuple[bytes, bytes]) -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    cases = {
        "is empty": b"  \n",
        "is encrypted": _pem(ed25519.Ed25519PrivateKey.generate(), b"secret"),
        "a public key": key_pair[1],
        "no private key": b"-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n",
        "1024 bits": _pem(small),
        "expected RSA or Ed25519": _pem(ec.generate_private_key(ec.SECP256R1())),
    }
    for words, pem in cases.items():
        with pytest.raises(BadInput, match=words) as refused:
            Signer.from_pem("id", pem)
        assert b"PRIVATE" not in refused.value.message.encode()


def test_a_missing_key_id_is_refused(key_pair: tuple[bytes, bytes]) -> None:
    with pytest.raises(BadInput, match="key id is empty"):
        Signer.from_pem(" ", key_pair[0])
