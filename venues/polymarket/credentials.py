"""API credentials for a key: derived if the venue made some before, else created. Both are signed with the key (L1).

Deriving always answers the same credentials for a key and a nonce, so nothing is lost when they are. Source:
docs.polymarket.com/trading/manage-orders (authentication).
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from domain.errors import BadInput, Rejected, Unavailable
from venues.polymarket.auth import CREATE_KEY_PATH, DERIVE_KEY_PATH, l1_headers
from venues.polymarket.wallet import Credentials, Wallet
from venues.wire import Answer, HttpWire, WireFailure


class _Given(msgspec.Struct, frozen=True):
    key: str = msgspec.field(name="apiKey")
    secret: str
    passphrase: str


_GIVEN = msgspec.json.Decoder(_Given)


async def credentials_for(wire: HttpWire, wallet: Wallet, *, nonce: int = 0) -> Credentials:
    """The key's API credentials. Asked for first, created only if the venue answers that there are none.

    Raises `Rejected` when the venue refuses, `Unavailable` when it cannot be asked or its answer be read. No message
    repeats what was answered."""
    answer = await _ask(wire, wallet, "GET", DERIVE_KEY_PATH, nonce)
    if answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
        answer = await _ask(wire, wallet, "POST", CREATE_KEY_PATH, nonce)
    if answer.status in (HTTPStatus.OK, HTTPStatus.CREATED):
        try:
            given = _GIVEN.decode(answer.body)
            return Credentials(given.key, given.secret, given.passphrase)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BadInput):
            raise Unavailable("the answer with the API credentials is unreadable; ask again", "unreadable") from None
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Unavailable(f"HTTP {answer.status} when asked for API credentials; ask later", f"http_{answer.status}")
    raise Rejected(
        f"HTTP {answer.status} when asked for API credentials of {wallet.address}; check the key and this machine's "
        "clock (the signature carries the time)",
        f"http_{answer.status}",
    )


async def _ask(wire: HttpWire, wallet: Wallet, method: str, path: str, nonce: int) -> Answer:
    headers = l1_headers(wallet, wire.clock() // 1_000_000, nonce)
    try:
        return await wire.exchange(method, path, timeout=wire.timeouts.read, headers=headers)
    except WireFailure as failure:
        raise Unavailable(f"the venue cannot be asked for API credentials ({failure})", "unreachable") from None
