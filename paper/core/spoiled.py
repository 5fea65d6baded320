"""What becomes of an answer when a fault has picked its request: another one in its place, or the same one bent.

The shapes are those that clients of both venues have reported: a page of HTML from whatever stands before the venue, a
2xx that holds an error or nothing, refusals in words of no list, amounts in the smallest unit, more matched than asked.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import format_datetime
from typing import Any

import msgspec
from aiohttp import web

from paper.core.fault import Fault
from paper.core.faults import Faults

_INSTEAD = ("status", "html", "error_body", "no_order", "refuse", "busy", "retired")
"""Kinds that answer something of their own."""

_PAGE = (
    "<!DOCTYPE html><html><head><title>{code} | the edge</title></head><body><h1>Error {code}</h1>"
    "<p>The request could not be served. Ray 8f3a11c09d2b.</p></body></html>"
)
_WORDS = {
    "kalshi": (
        {"error": {"code": "order_rejected", "message": "order rejected"}},
        {"error": {"code": "collateral_return_in_progress", "message": "try another way"}},
        {"code": "ERR_7731", "message": "request not admitted by the book"},
    ),
    "polymarket": (
        {"error": "order rejected by the operator"},
        {"error": "maker is being migrated"},
        {"error": "invalid state 7731 for condition"},
    ),
}
_ERRORS: dict[str, tuple[Any, ...]] = {
    "kalshi": (
        {"error": {"code": "internal_error", "message": "internal server error"}},
        {"error": {"code": "service_unavailable", "message": "the order could not be taken"}},
    ),
    "polymarket": (
        {"error": "could not run the execution"},
        {"success": False, "errorMsg": "could not insert order", "orderID": "", "status": ""},
    ),
}
_NOTHING: dict[str, tuple[Any, ...]] = {
    "kalshi": ({}, {"order": None}, {"orders": []}),
    "polymarket": ({}, None, {"success": True, "errorMsg": "", "orderID": "", "status": ""}),
}
_MATCHED = {"fill_count", "fill_count_fp", "takingAmount", "makingAmount", "size_matched"}
_AMOUNTS = _MATCHED | {
    "remaining_count",
    "remaining_count_fp",
    "initial_count_fp",
    "count_fp",
    "original_size",
    "size",
    "matched_amount",
}
_COUNTED = _MATCHED | {"count_fp", "size", "matched_amount"}
_SMALLEST = {"kalshi": 100, "polymarket": 1_000_000}
_PIECES = 8


def before(fault: Fault) -> bool:
    """Whether the request has no effect."""
    return fault.do == "lost_request" or (fault.do in _INSTEAD and fault.when != "after")


def instead(fault: Fault, venue: str, faults: Faults, order: bool) -> web.Response:
    """The answer that comes in place of the venue's. `order`: the request places one."""
    dice = faults.whim
    if fault.do == "html":
        code = fault.code or 502
        return web.Response(text=_PAGE.format(code=code), status=code, content_type="text/html")
    if fault.do == "error_body":
        return _json(dice.choice(_ERRORS[venue]), _fine(venue, order))
    if fault.do == "no_order":
        return _json(dice.choice(_NOTHING[venue]), _fine(venue, order))
    if fault.do == "refuse":
        return _json(fault.body if fault.body is not None else dice.choice(_WORDS[venue]), fault.code or 400)
    if fault.do == "busy":
        when = fault.retry_after if fault.retry_after is not None else _retry_after(dice)
        return _json(_standard(venue, 429), 429, {"Retry-After": when} if when else None)
    code = fault.code or (410 if fault.do == "retired" else 503)
    headers = {"Retry-After": "1"} if venue == "polymarket" and code == 429 else None
    return _json(fault.body if fault.body is not None else _standard(venue, code), code, headers)


async def after(
    request: web.Request, response: web.StreamResponse, fault: Fault, faults: Faults, venue: str
) -> web.StreamResponse:
    """What becomes of the venue's answer once the request has had its effect."""
    if fault.do == "late_answer":
        await faults.hold(fault.ms or 0)
    elif fault.do in _INSTEAD:
        return instead(fault, venue, faults, request.method == "POST")
    elif fault.do == "lost_answer":
        return drop(request)
    elif fault.do == "gzip":
        response.enable_compression(web.ContentCoding.gzip)
    elif fault.do == "trickle":
        return await _trickled(request, response, fault.ms or 0)
    elif fault.do == "other_unit":
        return _bent(response, _AMOUNTS, lambda figure: str(int(figure * _SMALLEST[venue])))
    elif fault.do == "not_yet":
        return _unmatched(response, faults.whim)
    elif fault.do == "beyond":
        factor = fault.factor or Decimal("1.5")
        return _bent(response, _MATCHED, lambda figure: f"{figure * factor:f}")
    elif fault.do == "other_sign":
        return _bent(response, _COUNTED, lambda figure: f"{-figure:f}")
    return response


def drop(request: web.Request) -> web.Response:
    """Cut the connection without a byte of answer, as a dying proxy does."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _fine(venue: str, order: bool) -> int:
    return 201 if venue == "kalshi" and order else 200


def _standard(venue: str, code: int) -> Any:
    """What the venue says with such a status when it says nothing in particular."""
    if venue == "polymarket":
        return {"error": "Too Many Requests" if code == 429 else "Internal server error"}
    # Rate limiting has a shape of its own there.
    return {"error": "too many requests" if code == 429 else {"code": "internal_error", "message": "internal error"}}


def _retry_after(dice: random.Random) -> str:
    at = datetime.now(UTC) + timedelta(seconds=1)
    return dice.choice(("1", "0.25", format_datetime(at, usegmt=True), ""))


def _json(body: Any, code: int, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body), status=code, content_type="application/json", headers=headers or {}
    )


async def _trickled(request: web.Request, response: web.StreamResponse, ms: int) -> web.StreamResponse:
    body = _body(response)
    if not body:
        return response
    slow = web.StreamResponse(status=response.status, headers={"Content-Type": "application/json"})
    await slow.prepare(request)
    step = -(-len(body) // _PIECES)
    for start in range(0, len(body), step):
        await slow.write(body[start : start + step])
        await asyncio.sleep(ms / 1000 / _PIECES)
    await slow.write_eof()
    return slow


def _bent(response: web.StreamResponse, names: set[str], bend: Callable[[Decimal], str]) -> web.StreamResponse:
    """The same answer with other figures under these names."""
    body = _body(response)
    if not body or response.status >= 400:
        return response
    return _json(_walked(msgspec.json.decode(body), names, bend), response.status)


def _unmatched(response: web.StreamResponse, dice: random.Random) -> web.StreamResponse:
    """The answer as it would have been before the match."""
    body = _body(response)
    told = msgspec.json.decode(body) if body and response.status == 200 else None
    if not isinstance(told, dict):
        return response
    nothing = {"takingAmount": "", "makingAmount": "", "tradeIDs": [], "status": dice.choice(("live", "delayed"))}
    return _json(told | nothing, 200)


def _walked(value: Any, names: set[str], bend: Callable[[Decimal], str]) -> Any:
    if isinstance(value, list):
        return [_walked(one, names, bend) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _other(one, bend) if name in names and isinstance(one, str) else _walked(one, names, bend)
        for name, one in value.items()
    }


def _other(text: str, bend: Callable[[Decimal], str]) -> str:
    try:
        return bend(Decimal(text))
    except InvalidOperation:
        return text  # "" where nothing was matched


def _body(response: web.StreamResponse) -> bytes:
    body = response.body if isinstance(response, web.Response) else None
    return bytes(body) if isinstance(body, bytes | bytearray) else b""
