"""The two ways to prove who asks: L1 (a wallet's signature) opens API credentials, L2 (an HMAC) signs each request.

**L1** signs an EIP-712 `ClobAuth` with the key itself; used only to create or derive credentials (`/auth/api-key`,
`/auth/derive-api-key`). **L2** is URL-safe base64, padding kept, of HMAC-SHA-256 over `timestamp + METHOD + path +
body` with the decoded secret: seconds, upper-case method, the path without its query, and the exact bytes of the body.
`POLY_ADDRESS` is the key's own address, also where a proxy, a safe or a deposit wallet holds the money. Each request is
signed afresh, a repeated one too: its body stays, its headers are new.

How far the clock may be off is documented nowhere; `GET /time` measures it. Source: docs.polymarket.com/
trading/manage-orders and the venue's published clients.

The second half is the venue's side of the same, for the paper exchange.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

from domain.errors import BadInput, Rejected
from venues.polymarket.contracts import POLYGON
from venues.polymarket.keccak import address_bytes, checksum_address
from venues.polymarket.typed_data import auth_digest
from venues.polymarket.wallet import Credentials, Wallet, recover

ADDRESS = "POLY_ADDRESS"
SIGNATURE = "POLY_SIGNATURE"
TIMESTAMP = "POLY_TIMESTAMP"
NONCE = "POLY_NONCE"
API_KEY = "POLY_API_KEY"
PASSPHRASE = "POLY_PASSPHRASE"  # noqa: S105 - the name of a header

CREATE_KEY_PATH = "/auth/api-key"
DERIVE_KEY_PATH = "/auth/derive-api-key"


def l1_headers(wallet: Wallet, now_s: int, nonce: int = 0) -> dict[str, str]:
    """Headers that prove control of the wallet's key at `now_s` (seconds since the epoch)."""
    signature = wallet.sign(auth_digest(wallet.address, str(now_s), nonce, wallet.chain_id))
    return {
        ADDRESS: wallet.address,
        SIGNATURE: "0x" + signature.hex(),
        TIMESTAMP: str(now_s),
        NONCE: str(nonce),
    }


def l2_headers(
    address: str, credentials: Credentials, method: str, path: str, body: bytes, *, now_s: int
) -> dict[str, str]:
    """Headers of one request. `address` is the key's own; `path` may carry a query, which is not signed; `body` is
    what is sent, or nothing."""
    return {
        ADDRESS: address,
        SIGNATURE: l2_signature(credentials, str(now_s), method, path, body),
        TIMESTAMP: str(now_s),
        API_KEY: credentials.key,
        PASSPHRASE: credentials.passphrase,
    }


def l2_signature(credentials: Credentials, timestamp: str, method: str, path: str, body: bytes) -> str:
    """The HMAC of one request as the header carries it."""
    text = f"{timestamp}{method.upper()}{path.partition('?')[0]}".encode() + body
    return base64.urlsafe_b64encode(hmac.digest(credentials.secret_bytes, text, "sha256")).decode()


# --- the venue's side -------------------------------------------------------------------------------------------------


def recover_l1(headers: Mapping[str, str], chain_id: int = POLYGON) -> str:
    """The checksummed address that signed a set of L1 headers. Raises `Rejected` (`unauthorized`) for headers that are
    missing or malformed and for a signature that is not the named address's. Whether the timestamp is recent is the
    caller's to judge."""
    try:
        named = checksum_address(address_bytes(headers.get(ADDRESS, "")))
        timestamp, nonce = headers.get(TIMESTAMP, ""), headers.get(NONCE, "0")
        signature = bytes.fromhex(headers.get(SIGNATURE, "").removeprefix("0x"))
    except (BadInput, ValueError):
        raise _l1("a header is missing or malformed") from None
    if not (_digits(timestamp) and _digits(nonce)):
        raise _l1("timestamp or nonce is no number")
    if recover(auth_digest(named, timestamp, int(nonce), chain_id), signature) != named:
        raise _l1(f"the signature is not {named}'s")
    return named


def verify_l2(credentials: Credentials, headers: Mapping[str, str], method: str, path: str, body: bytes) -> bool:
    """Whether a set of L2 headers was made with these credentials for this very request. Whose address may use them,
    and whether the timestamp is recent, is the caller's to judge."""
    timestamp = headers.get(TIMESTAMP, "")
    expected = l2_signature(credentials, timestamp, method, path, body)
    return (
        _digits(timestamp)
        and hmac.compare_digest(headers.get(API_KEY, "").encode(), credentials.key.encode())
        and hmac.compare_digest(headers.get(PASSPHRASE, "").encode(), credentials.passphrase.encode())
        and hmac.compare_digest(headers.get(SIGNATURE, "").encode(), expected.encode())
    )


def _digits(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20


def _l1(why: str) -> Rejected:
    return Rejected(f"Invalid L1 Request headers: {why}", "unauthorized")
