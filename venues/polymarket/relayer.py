"""Polymarket's relayer: what it is asked, what its answers prove.

| call | |
|---|---|
| `GET /v1/account/transactions/params?address=…&type=…` | the wallet's next nonce (deposit wallets and safes) |
| `GET /relay-payload?address=…&type=PROXY` | nonce and relay address (proxy wallets) |
| `POST /submit` | takes a signed request; one at a time per wallet, 25 a minute |
| `GET /v1/account/transactions/{id}` | how far it is |

| answer to a submit | error raised | why |
|---|---|---|
| 200 with a transaction id | – | it will be carried out, or fail as that transaction |
| 400 "wallet busy", "in-flight action" | `Rejected` `wallet_busy` | another action of the wallet is under way |
| 400 "batch nonce … does not match on-chain nonce" | `Rejected` `stale_nonce` | the nonce was used before |
| 401, 403, 404, 422, 429, 400 of other text | `Rejected` `http_…` | turned away |
| no connection | `Unavailable` | nothing left |
| 5xx, unreadable, no answer | `Unknown` | it may have been taken |

Source: the venue's published client.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Protocol

import msgspec

from domain.errors import Rejected, Unavailable, Unknown
from venues.polymarket.chain import Turn, wallet_kind
from venues.polymarket.wallet import SignatureType, Wallet
from venues.wire import Answer, HttpWire, NotSent, WireFailure

SUBMIT_PATH = "/submit"
PARAMS_PATH = "/v1/account/transactions/params"
RELAY_PATH = "/relay-payload"
TRANSACTION_PATH = "/v1/account/transactions/"

WALLET_BUSY = "wallet_busy"
STALE_NONCE = "stale_nonce"

_BUSY = re.compile(r"wallet busy|in-flight action", re.IGNORECASE)
_STALE = re.compile(r"batch nonce\s+\d+\s+does not match on-chain nonce", re.IGNORECASE)


class Stage(StrEnum):
    """How far a transaction is. Only the last three are final."""

    NEW = "STATE_NEW"
    EXECUTED = "STATE_EXECUTED"
    MINED = "STATE_MINED"
    CONFIRMED = "STATE_CONFIRMED"
    INVALID = "STATE_INVALID"
    FAILED = "STATE_FAILED"


@dataclass(frozen=True, slots=True)
class Carried:
    """A transaction of the relayer's. `transaction_hash` is empty until it is on chain, and may still change before
    `stage` is CONFIRMED; `why` says what went wrong."""

    transaction_id: str
    stage: Stage
    transaction_hash: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class RelayerKey:
    """Access to the relayer: an API key and the address it was given to."""

    key: str = field(repr=False)
    address: str


class Relayer(Protocol):
    """What carrying out calls needs. Errors as the table above; reads raise `Unavailable` or `Rejected`."""

    async def turn(self, wallet: Wallet) -> Turn: ...

    async def submit(self, body: bytes) -> Carried: ...

    async def transaction(self, transaction_id: str) -> Carried: ...

    async def close(self) -> None: ...


class _Turn(msgspec.Struct, frozen=True):
    nonce: str
    address: str = ""


class _Submitted(msgspec.Struct, frozen=True):
    state: Stage
    transaction_id: str = msgspec.field(name="transactionID")
    transaction_hash: str | None = msgspec.field(name="transactionHash", default=None)


class _Seen(msgspec.Struct, frozen=True):
    state: Stage
    transaction_id: str
    transaction_hash: str | None = None
    error_msg: str | None = None


_TURN = msgspec.json.Decoder(_Turn)
_SUBMITTED = msgspec.json.Decoder(_Submitted)
_SEEN = msgspec.json.Decoder(_Seen)


class RelayerClient:
    """The relayer over HTTP. Nothing is sent twice by itself."""

    def __init__(self, wire: HttpWire, key: RelayerKey) -> None:
        self._wire = wire
        self._headers = {"RELAYER_API_KEY": key.key, "RELAYER_API_KEY_ADDRESS": key.address}

    async def close(self) -> None:
        await self._wire.close()

    async def turn(self, wallet: Wallet) -> Turn:
        """The nonce of the wallet's next request. Raises `Denied` for an EOA."""
        proxy = wallet.signature_type is SignatureType.PROXY
        answer = await self._read(
            RELAY_PATH if proxy else PARAMS_PATH, {"address": wallet.address, "type": wallet_kind(wallet)}
        )
        try:
            seen = _TURN.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            seen = _Turn("")
        if not (seen.nonce.isascii() and seen.nonce.isdecimal()) or (proxy and not seen.address):
            raise Unavailable("the relayer answered no nonce; ask again later", "unreadable")
        return Turn(int(seen.nonce), seen.address if proxy else "")

    async def submit(self, body: bytes) -> Carried:
        """Send one request, as it is."""
        try:
            answer = await self._wire.exchange(
                "POST",
                SUBMIT_PATH,
                timeout=self._wire.timeouts.read,
                content=body,
                headers=self._headers | {"Content-Type": "application/json"},
            )
        except NotSent as failure:
            raise Unavailable(f"no connection to the relayer ({failure}); nothing was sent", "refused") from None
        except WireFailure as failure:
            raise Unknown(f"no answer of the relayer ({failure}); it may have taken the request", "timeout") from None
        if answer.status == HTTPStatus.OK:
            try:
                seen = _SUBMITTED.decode(answer.body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise Unknown("the relayer took the request and its answer is unreadable", "unparseable") from None
            return Carried(seen.transaction_id, seen.state, seen.transaction_hash or "")
        if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and answer.status != 408:
            raise _refused(answer)
        raise Unknown(f"the relayer answered HTTP {answer.status}; it may have taken the request", "http_5xx")

    async def transaction(self, transaction_id: str) -> Carried:
        answer = await self._read(TRANSACTION_PATH + transaction_id, None)
        try:
            seen = _SEEN.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Unavailable(f"the relayer's word on {transaction_id} is unreadable; ask again later") from None
        return Carried(seen.transaction_id, seen.state, seen.transaction_hash or "", seen.error_msg or "")

    async def _read(self, path: str, params: dict[str, str] | None) -> Answer:
        try:
            answer = await self._wire.exchange(
                "GET", path, timeout=self._wire.timeouts.read, params=params, headers=self._headers
            )
        except WireFailure as failure:
            raise Unavailable(f"the relayer cannot be asked ({failure})", "unreachable") from None
        if answer.status == HTTPStatus.OK:
            return answer
        if answer.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT) or answer.status >= 500:
            raise Unavailable(f"the relayer answered HTTP {answer.status}; ask again later", f"http_{answer.status}")
        raise _refused(answer)


def _refused(answer: Answer) -> Rejected:
    text = answer.body[:300].decode("utf-8", "replace")
    code = f"http_{answer.status}"
    if answer.status == HTTPStatus.BAD_REQUEST:
        code = WALLET_BUSY if _BUSY.search(text) else STALE_NONCE if _STALE.search(text) else code
    return Rejected(f"the relayer refused: HTTP {answer.status}: {text}", code)
