"""What listings share: answers as JSON, cursors, limits, and windows of time in a query."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol, TypeVar

import msgspec
from aiohttp import web

from paper.kalshi import refusals

_ENCODE = msgspec.json.Encoder(decimal_format="number").encode


class _Numbered(Protocol):
    @property
    def seq(self) -> int: ...


_Row = TypeVar("_Row", bound=_Numbered)


def answer(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=_ENCODE(body), status=status, content_type="application/json")


def page_of(rows: Iterator[_Row], limit: int) -> tuple[list[_Row], str]:
    """The next rows, and the cursor of those after them; empty on the last page."""
    page = list(islice(rows, limit))
    more = next(rows, None) if len(page) == limit else None
    return page, encode_cursor(page[-1].seq) if more is not None else ""


def encode_cursor(value: int) -> str:
    return base64.urlsafe_b64encode(f"v1:{value}".encode()).decode().rstrip("=")


def cursor_of(http: web.Request) -> int | None:
    """A cursor that is not ours is taken for none, silently: recorded behaviour of the venue."""
    text = http.query.get("cursor", "")
    try:
        version, _, value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(":")
        return int(value) if version == "v1" else None
    except (ValueError, binascii.Error):
        return None


def limit_of(http: web.Request, operation: str) -> int:
    return integer_of(http, "limit", (operation, "Limit"), 1, 1000) or 100


def window_of(http: web.Request, operation: str, as_of: int) -> tuple[int, int]:
    """`min_ts` and `max_ts` (whole seconds, both included) as microseconds, ended by what a read may show."""
    far = 10**11
    low = integer_of(http, "min_ts", (operation, "MinTs"), 0, far)
    high = integer_of(http, "max_ts", (operation, "MaxTs"), 0, far)
    end = as_of if high is None else min(as_of, high * 1_000_000 + 999_999)
    return ((low or 0) * 1_000_000, end)


def integer_of(http: web.Request, name: str, key: tuple[str, str], low: int, high: int) -> int | None:
    """A whole number of the query, None if it is not there. Raises the venue's `Refusal` for anything else."""
    text = http.query.get(name)
    if not text:
        return None
    try:
        value = int(text)
    except ValueError:
        raise refusals.query(*key, "number") from None
    if value > high:
        raise refusals.query(*key, "lte")
    if value < low:
        raise refusals.query(*key, "gte")
    return value
