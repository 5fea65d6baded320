"""The wire under the client: one signed request at a time, inside the rate limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TypeVar

import msgspec

from domain.errors import Unavailable
from venues.kalshi.errors import read_refusal
from venues.kalshi.limits import DEFAULT_COST
from venues.kalshi.signing import Signer
from venues.token_bucket import TokenBucket
from venues.wire import Answer, HttpWire, Timeouts, WireFailure, wall_clock_us

API_ROOT = "/trade-api/v2"
PAGE = 1000
_MAX_PAGES = 500

Params = Mapping[str, str | int]

T = TypeVar("T")
P = TypeVar("P", bound="msgspec.Struct")


class RestWire:
    """Signed requests to one venue. Paths are given below `/trade-api/v2`; queries are never signed.

    `base_url` is `scheme://host[:port]`, with or without `/trade-api/v2`. Plain http is accepted on loopback only.
    No redirect is followed and no proxy of the environment is used: an order goes where it was sent, or nowhere.
    """

    def __init__(
        self,
        base_url: str,
        signer: Signer,
        *,
        clock: Callable[[], int] = wall_clock_us,
        timeouts: Timeouts | None = None,
        reads: TokenBucket | None = None,
        writes: TokenBucket | None = None,
    ) -> None:
        self._http = HttpWire("Kalshi", base_url, roots=("", API_ROOT), clock=clock, timeouts=timeouts)
        self.timeouts = self._http.timeouts
        self.clock = clock
        self.reads = reads or TokenBucket("read", rate=200, capacity=200)
        self.writes = writes or TokenBucket("write", rate=100, capacity=100)
        self._signer = signer

    async def close(self) -> None:
        await self._http.close()

    async def post_order(self, path: str, body: bytes) -> Answer:
        """Send an order's bytes, once. Raises `WireFailure` as it comes: what it proves is the caller's to say."""
        headers = {"Content-Type": "application/json"}
        return await self._exchange("POST", path, content=body, headers=headers, timeout=self.timeouts.submit)

    async def get(self, path: str, kind: type[T], params: Params | None = None, *, cost: float = DEFAULT_COST) -> T:
        """A read, decoded. Raises `Rejected` if the venue refused, `Unavailable` if it could not be asked or read."""
        return (await self.get_answer(path, kind, params, cost=cost))[0]

    async def get_answer(
        self, path: str, kind: type[T], params: Params | None = None, *, cost: float = DEFAULT_COST
    ) -> tuple[T, Answer]:
        """Like `get`, with the answer's times."""
        await self.reads.take(cost)
        answer = await self._ask("GET", path, params)
        if answer.status != HTTPStatus.OK:
            raise read_refusal(f"GET {path}", answer.status, answer.body)
        try:
            return msgspec.json.decode(answer.body, type=kind), answer
        except (msgspec.DecodeError, UnicodeDecodeError) as unreadable:
            raise Unavailable(
                f"GET {path}: the answer cannot be read ({unreadable}); expected {kind.__name__}", "unparseable"
            ) from None

    async def pages(self, path: str, kind: type[P], params: Params | None = None) -> list[P]:
        """All pages of a listing, following `cursor` until it is empty.

        Raises `Unavailable` if a cursor comes twice: the venue answers a cursor it does not understand with the first
        page, and an incomplete listing must not pass for a complete one."""
        pages: list[P] = []
        seen: set[str] = set()
        cursor = ""
        for _ in range(_MAX_PAGES):
            asked: dict[str, str | int] = {**(params or {}), "limit": PAGE}
            page = await self.get(path, kind, {**asked, "cursor": cursor} if cursor else asked)
            pages.append(page)
            cursor = getattr(page, "cursor", None) or ""
            if not cursor:
                return pages
            if cursor in seen:
                break
            seen.add(cursor)
        raise Unavailable(f"GET {path}: the listing does not end; expected an empty cursor on the last page", "endless")

    async def delete(self, path: str, params: Params | None = None, *, cost: float = DEFAULT_COST) -> Answer:
        """A delete, whatever its status. Raises `Unavailable` if it could not be asked."""
        await self.writes.take(cost)
        return await self._ask("DELETE", path, params)

    async def _ask(self, method: str, path: str, params: Params | None) -> Answer:
        try:
            return await self._exchange(method, path, params=params, timeout=self.timeouts.read)
        except WireFailure as failure:
            raise Unavailable(f"{method} {path}: no answer ({failure}); ask again later", "no_answer") from None

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        timeout: float,
        params: Params | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        signed = self._signer.headers(method, API_ROOT + path, self.clock() // 1000)
        return await self._http.exchange(
            method,
            API_ROOT + path,
            timeout=timeout,
            params=params,
            content=content,
            headers={**signed, **(headers or {})},
        )
