"""The wire under the client: one request at a time, inside the rate limits, signed afresh over unchanged bytes.

Four services, one account: the CLOB (orders, books, balances), Gamma (what markets are about), the data API and the
site itself (geoblock). Only the CLOB is ever sent credentials. Nothing is sent twice by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

import msgspec

from domain.errors import Unavailable
from venues.polymarket.auth import l2_headers
from venues.polymarket.errors import parse_error, read_refusal, seconds_of
from venues.polymarket.limits import Cost, Endpoint, Limits
from venues.polymarket.messages import Page, decode
from venues.polymarket.wallet import Credentials
from venues.wire import Answer, HttpWire, Timeouts, WireFailure, wall_clock_us

CLOB_URL = "https://clob.polymarket.com"
GAMMA_URL = "https://gamma-api.polymarket.com"
DATA_URL = "https://data-api.polymarket.com"
RELAYER_URL = "https://relayer-v2.polymarket.com"
GEOBLOCK_URL = "https://polymarket.com/api/geoblock"
GEOBLOCK_PATH = "/api/geoblock"

LAST_CURSOR = "LTE="
_MAX_PAGES = 500
_JSON = {"Content-Type": "application/json"}

Params = Mapping[str, str | int]
T = TypeVar("T")

OnDeadLetter = Callable[[str, bytes, str], None]
"""Told of what the venue sent and nobody could read: its kind (`trade`, `order`, …), the raw bytes, and why."""


@dataclass(frozen=True, slots=True)
class Services:
    """Base URLs. Paper and real differ here alone. `relayer` is where calls on chain go."""

    clob: str = CLOB_URL
    gamma: str = GAMMA_URL
    data: str = DATA_URL
    relayer: str = RELAYER_URL
    geoblock: str = GEOBLOCK_URL


class PolymarketWire:
    """Requests to one venue for one account. `address` is the key's own; `clock` is wall-clock microseconds.

    Reads raise `Unavailable` when they could not be asked or understood, `Rejected` when the venue refused, `Denied`
    for what the rate limits can never let through.
    """

    def __init__(
        self,
        services: Services,
        address: str,
        credentials: Credentials,
        *,
        clock: Callable[[], int] = wall_clock_us,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.clob = HttpWire("Polymarket CLOB", services.clob, clock=clock, timeouts=timeouts)
        self.site = HttpWire(
            "Polymarket geoblock", services.geoblock, roots=(GEOBLOCK_PATH,), clock=clock, timeouts=timeouts
        )
        self.timeouts = self.clob.timeouts
        self.limits = limits or Limits()
        self.gamma = GammaWire(services.gamma, clock=clock, timeouts=timeouts, limits=self.limits)
        self.clock = clock
        self._address, self._credentials = address, credentials

    async def close(self) -> None:
        for wire in (self.clob, self.gamma, self.site):
            await wire.close()

    async def post(self, path: str, body: bytes, cost: Cost) -> Answer:
        """Send an order's bytes, once, after `limits.take(cost)` by the caller. Raises `WireFailure` as it comes:
        what it proves is the caller's to say."""
        headers = self._signed("POST", path, body) | _JSON
        answer = await self.clob.exchange("POST", path, content=body, headers=headers, timeout=self.timeouts.submit)
        self._heed(cost, answer)
        return answer

    async def delete(self, path: str, body: bytes, cost: Cost) -> Answer:
        """A cancel, whatever its status. Raises `Unavailable` if it could not be asked or nothing came back."""
        await self.limits.take(cost)
        headers = self._signed("DELETE", path, body) | _JSON
        try:
            answer = await self.clob.exchange(
                "DELETE", path, content=body or None, headers=headers, timeout=self.timeouts.read
            )
        except WireFailure as failure:
            raise Unavailable(f"DELETE {path}: no answer ({failure}); ask again later", "no_answer") from None
        self._heed(cost, answer)
        return answer

    async def read(
        self, path: str, endpoint: Endpoint, params: Params | None = None, *, private: bool = False
    ) -> Answer:
        """A CLOB read that succeeded, with its raw bytes. `private` ones are signed."""
        return await self._get(self.clob, path, endpoint, params, private=private)

    async def get(
        self, kind: type[T], path: str, endpoint: Endpoint, params: Params | None = None, *, private: bool = False
    ) -> tuple[T, Answer]:
        """A CLOB read, decoded, with the answer it came in."""
        answer = await self.read(path, endpoint, params, private=private)
        return understood(kind, f"GET {path}", answer), answer

    async def gamma_get(self, path: str, endpoint: Endpoint, params: Params | None = None) -> Answer:
        """A read of Gamma that succeeded."""
        return await self.gamma.gamma_get(path, endpoint, params)

    async def geoblock(self) -> Answer:
        """What the venue's site says of where we ask from. No credentials go there."""
        return await self._get(self.site, GEOBLOCK_PATH, Endpoint.CLOB, None, private=False)

    async def rows(self, path: str, params: Params | None = None) -> list[msgspec.Raw]:
        """All rows of a private listing, each still undecoded, following `next_cursor` to its end.

        Raises `Unavailable` if a cursor comes twice: an incomplete listing must not pass for a complete one."""
        rows: list[msgspec.Raw] = []
        seen: set[str] = set()
        cursor = ""
        for _ in range(_MAX_PAGES):
            asked = {**(params or {}), "next_cursor": cursor} if cursor else dict(params or {})
            answer = await self.read(path, Endpoint.LEDGER, asked, private=True)
            page = understood(Page, f"GET {path}", answer)
            if page.data is None or page.next_cursor is None:
                raise Unavailable(
                    f"GET {path}: a page without rows or cursor; expected both, and {LAST_CURSOR} on the last page: "
                    "what is missing may be the rest of the listing",
                    "unparseable",
                )
            rows.extend(page.data)
            cursor = page.next_cursor
            if cursor in ("", LAST_CURSOR):
                return rows
            if cursor in seen:
                break
            seen.add(cursor)
        raise Unavailable(
            f"GET {path}: the listing does not end; expected {LAST_CURSOR} as cursor of the last page", "endless"
        )

    async def newest(self, path: str) -> list[bytes]:
        """The first page of a private listing, row by row."""
        answer = await self.read(path, Endpoint.LEDGER, private=True)
        return [bytes(row) for row in understood(Page, f"GET {path}", answer).data or ()]

    async def _get(
        self, wire: HttpWire, path: str, endpoint: Endpoint, params: Params | None, *, private: bool
    ) -> Answer:
        return await _read(
            wire, self.limits, path, endpoint, params, headers=lambda: self._signed("GET", path, b"") if private else {}
        )

    def _signed(self, method: str, path: str, body: bytes) -> dict[str, str]:
        return l2_headers(self._address, self._credentials, method, path, body, now_s=self.clock() // 1_000_000)

    def _heed(self, cost: Cost, answer: Answer) -> None:
        _heed(self.limits, cost, answer)


class GammaWire:
    """Reads of Gamma, which take no account: whoever looks for markets needs this alone. Errors as `PolymarketWire`."""

    def __init__(
        self,
        base_url: str = GAMMA_URL,
        *,
        clock: Callable[[], int] = wall_clock_us,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._wire = HttpWire("Polymarket Gamma", base_url, under=True, clock=clock, timeouts=timeouts)
        self._limits = limits or Limits()

    async def __aenter__(self) -> GammaWire:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._wire.close()

    async def gamma_get(self, path: str, endpoint: Endpoint, params: Params | None = None) -> Answer:
        """A read that succeeded. No credentials go there."""
        return await _read(self._wire, self._limits, path, endpoint, params, headers=dict)


async def _read(
    wire: HttpWire,
    limits: Limits,
    path: str,
    endpoint: Endpoint,
    params: Params | None,
    *,
    headers: Callable[[], dict[str, str]],
) -> Answer:
    """One GET inside the limits; `headers` are made as it leaves, since they carry the time."""
    cost = Cost(endpoint)
    await limits.take(cost)
    try:
        answer = await wire.exchange("GET", path, params=params, headers=headers(), timeout=wire.timeouts.read)
    except WireFailure as failure:
        raise Unavailable(f"GET {path}: no answer ({failure}); ask again later", "no_answer") from None
    _heed(limits, cost, answer)
    if answer.status != HTTPStatus.OK:
        raise read_refusal(f"GET {path}", answer.status, answer.body)
    return answer


def _heed(limits: Limits, cost: Cost, answer: Answer) -> None:
    error = parse_error(answer.body) if answer.status >= HTTPStatus.BAD_REQUEST else None
    limits.heed(cost, answer.status, answer.headers, seconds_of(answer.headers, error, answer.answered_at))


def understood(kind: type[T], what: str, answer: Answer) -> T:
    """The answer as one message. Raises `Unavailable` (`unparseable`) if it is not of that shape."""
    try:
        return decode(kind, answer.body)
    except ValueError as unreadable:
        raise Unavailable(f"{what}: the answer cannot be read ({unreadable})", "unparseable") from None
