"""The wire under the client: one signed request at a time, inside the rate limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

import msgspec

from domain.errors import Rejected, SurefootError, Unavailable, Unknown
from venues.kalshi.errors import read_refusal
from venues.kalshi.limits import Costs
from venues.kalshi.signing import Signer
from venues.retry_after import retry_after
from venues.token_bucket import TokenBucket
from venues.wire import Answer, HttpWire, NotSent, Timeouts, WireFailure, wall_clock_us

API_ROOT = "/trade-api/v2"
PAGE = 1000
_MAX_PAGES = 500
_LONGEST_RETRY_S = 60.0
_JSON = {"Content-Type": "application/json"}

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
        self.costs = Costs()
        self._signer = signer

    async def close(self) -> None:
        await self._http.close()

    async def take_write(self, method: str, path: str, items: int = 1) -> None:
        """Wait for a write's turn. Raises `Unavailable` or `Denied` as `TokenBucket.take`: nothing was sent then."""
        await self.writes.take(self.costs.of(method, path, items))

    async def post_order(self, path: str, body: bytes) -> Answer:
        """Send an order's bytes, once, after `take_write`. Raises `WireFailure` as it comes: what it proves is the
        caller's to say."""
        answer = await self._exchange("POST", path, content=body, headers=_JSON, timeout=self.timeouts.submit)
        self._heed(answer, self.writes)
        return answer

    async def get(self, path: str, kind: type[T], params: Params | None = None) -> T:
        """A read, decoded. Raises `Rejected` if the venue refused, `Unavailable` if it could not be asked or read."""
        return (await self.get_answer(path, kind, params))[0]

    async def get_answer(self, path: str, kind: type[T], params: Params | None = None) -> tuple[T, Answer]:
        """Like `get`, with the answer's times."""
        await self.reads.take(self.costs.of("GET", path))
        answer = await self._ask("GET", path, params)
        self._heed(answer, self.reads)
        if answer.status != HTTPStatus.OK:
            raise read_refusal(f"GET {path}", answer.status, answer.body)
        return _decoded(f"GET {path}", answer, kind), answer

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
            said: str | None = getattr(page, "cursor", None)
            if said is None:
                raise Unavailable(
                    f"GET {path}: a page without a cursor; expected one, empty on the last page: what is missing may "
                    "be the rest of the listing",
                    "unparseable",
                )
            cursor = said
            if not cursor:
                return pages
            if cursor in seen:
                break
            seen.add(cursor)
        raise Unavailable(f"GET {path}: the listing does not end; expected an empty cursor on the last page", "endless")

    async def delete(self, path: str, params: Params | None = None) -> Answer:
        """A delete that may be repeated, whatever its status. Raises `Unavailable` if it could not be asked."""
        await self.take_write("DELETE", path)
        answer = await self._ask("DELETE", path, params)
        self._heed(answer, self.writes)
        return answer

    async def change(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: object = None,
        params: Params | None = None,
        *,
        items: int = 1,
    ) -> T:
        """A write other than an order, decoded; `body` is sent as JSON.

        Raises `Rejected` if the venue refused it, `Unavailable` if nothing left, and `Unknown` if it may have had its
        effect: look, or repeat it where its words are absolute ("reduce to 3", not "by 3")."""
        await self.take_write(method, path, items)
        content = None if body is None else msgspec.json.encode(body)
        what = f"{method} {path}"
        try:
            answer = await self._exchange(
                method, path, params=params, content=content, headers=_JSON, timeout=self.timeouts.submit
            )
        except NotSent as failure:
            raise Unavailable(
                f"{what}: no connection ({failure}); nothing was sent: ask again later", "no_answer"
            ) from None
        except WireFailure as failure:
            raise Unknown(
                f"{what}: no answer ({failure}); it may have had its effect: look first", "no_answer"
            ) from None
        self._heed(answer, self.writes)
        if answer.status in (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT):
            try:
                return _decoded(what, answer, kind)
            except Unavailable as unreadable:
                raise Unknown(f"{unreadable.message}; it had its effect: look what it is", "unparseable") from None
        refusal: SurefootError = read_refusal(what, answer.status, answer.body)
        if isinstance(refusal, Rejected) or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise refusal
        raise Unknown(f"{what}: HTTP {answer.status}; it may have had its effect: look first", f"http_{answer.status}")

    @staticmethod
    def _heed(answer: Answer, bucket: TokenBucket) -> None:
        """Slow down where the venue asks for it."""
        if answer.status != HTTPStatus.TOO_MANY_REQUESTS:
            return
        bucket.shut_for(min(retry_after(answer.headers, answer.answered_at) or 0.0, _LONGEST_RETRY_S))

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


def segment(text: str) -> str:
    """A ticker or an id as one part of a path."""
    return quote(text, safe="")


def _decoded(what: str, answer: Answer, kind: type[T]) -> T:
    """Raises `Unavailable` for a body that is not what was expected; an empty one is an empty object."""
    try:
        return msgspec.json.decode(answer.body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as unreadable:
        raise Unavailable(
            f"{what}: the answer cannot be read ({unreadable}); expected {kind.__name__}", "unparseable"
        ) from None
