"""From what came back of a submit to what it proves.

A refusal is believed only where the venue said no in its own words; everything that leaves a doubt is UNKNOWN and only
evidence may settle it. A verdict speaks of *this* sending alone: after an earlier copy ended UNKNOWN, a refusal of a
later copy (no balance left, trading paused) says nothing about the earlier one.

| seen | verdict | landed | sent | code | why |
|---|---|---|---|---|---|
| 201, an order of ours | accepted | – | yes | | counts say what traded; accepted does not mean resting |
| 201, our order, numbers no order can have | unknown | yes | yes | impossible | negative, finer than a millionth, a \
price off the scale, more filled and remaining than asked |
| 201, our order, more contracts or a worse price than signed for | unknown | yes | yes | beyond_signed | Kalshi fills \
no order beyond its count |
| 201, unreadable, but it names our client order id | unknown | yes | yes | unparseable | it is there; how it went is \
not known |
| 201, our order, an empty id of the venue's | unknown | yes | yes | unparseable | it is found by our own |
| 201, unreadable, without our id, or naming another order | unknown | no | yes | unparseable | a 201 alone proves \
nothing: the order's list does |
| 400 in the venue's words | rejected | – | yes | its code | `insufficient_balance`, `invalid_price`, … |
| 400 `invalid_order`, "post only cross" | rejected | – | yes | post_only_cross | it would have traded at once |
| any 4xx but 408 with a code of `REFUSED` | rejected | – | yes | its code | the code says it, whatever its status |
| 401 in the venue's words | rejected | – | yes | its code | wrong key, or a clock off (`header_timestamp_expired`) |
| 403 in the venue's words | rejected | – | yes | its code | the key may not trade |
| 404 in the venue's words | rejected | – | yes | its code | no such market |
| 409 `order_already_exists` | unknown | yes | yes | order_already_exists | an earlier copy arrived; fate not said |
| 409 `fill_or_kill_insufficient_resting_volume` | rejected | – | yes | its code | killed whole; the id is used up |
| 409 `trading_is_paused`, `exchange_is_paused` | rejected | – | yes | its code | halted; repeating does not help |
| 400, 403, 404, 409, 410, 429, any other code of the venue's | rejected | – | yes | its code | documented: "on a 400, \
403, 404, 409, 410 or 429, treat an unknown code as a rejection" (order_errors) |
| any other 4xx with an unknown code | unknown | no | yes | undocumented_refusal_… | no page says what it means |
| 410 in the venue's words | rejected | – | yes | its code | a retired endpoint |
| 429 in the venue's words | rejected | – | yes | rate_limited | turned away at the door |
| 400…429 above, unreadable body | unknown | no | yes | unparseable | something before the venue may have said it |
| 408 | unknown | no | yes | http_408 | the venue gave up waiting; it may still have run |
| 5xx | unknown | no | yes | http_5xx | it may have run before failing |
| any other status | unknown | no | yes | http_… | not a documented answer |
| answer timed out | unknown | no | yes | timeout | it may have run |
| connection lost after sending began | unknown | no | yes | disconnected | it may have run |
| in a batch: an order's counts | accepted | – | yes | | as 201 |
| in a batch: an error of `REFUSED` | rejected | – | yes | its code | an item carries no status of its own |
| in a batch: `order_already_exists` | unknown | yes | yes | its code | as 409 |
| in a batch: any other error | unknown | no | yes | undocumented_refusal | without a status it proves nothing |
| in a batch: nothing of this order | unknown | no | yes | unparseable | |
| connection refused or never made | unknown | no | no | refused | nothing left; send the same bytes again |

Words that nobody documents prove nothing at either venue; what differs is what is documented: Kalshi names the statuses
under which any code is a refusal, Polymarket the texts. The answer's averages are for people: `paid` and `fees_paid`
stay unset here, the order's own row states both (`venues.kalshi.translate.order_evidence`).

Sources: docs.kalshi.com/getting_started/order_errors and answers recorded on the demo exchange on 2026-06-11.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from domain.errors import Rejected, SurefootError, Unavailable
from domain.orders import OrderTicket, SubmitResult, Verdict
from domain.plausible import BEYOND_SIGNED, IMPOSSIBLE, UNDOCUMENTED, doubted, judged_result, odd_numbers
from venues.kalshi.messages import CreatedOrder
from venues.kalshi.order_messages import BatchCreated
from venues.verdicts import as_written, unknown

DEFINITE = frozenset({400, 401, 403, 404, 409, 410, 429})
"""Statuses that are a refusal when the venue itself wrote the body."""

DUPLICATE = "order_already_exists"
RATE_LIMITED = "rate_limited"
MARKET_INACTIVE = "MARKET_INACTIVE"  # upper case on the wire; docs.kalshi.com/getting_started/market_lifecycle
POST_ONLY_CROSS = "post_only_cross"
_CLOCKS_APART_US = 60_000_000  # a time further from ours than this is not when the venue answered
PAUSED = frozenset({"trading_is_paused", "exchange_is_paused"})

REFUSED = PAUSED | {
    MARKET_INACTIVE,  # its status is not documented
    "bad_request",
    "fill_or_kill_insufficient_resting_volume",
    "immediate_or_cancel_insufficient_resting_volume",
    "insufficient_balance",
    "invalid_order",
    "invalid_parameters",
    "invalid_price",
    "market_not_found",
    "missing_parameters",
}
"""Codes that are a refusal in themselves: documented, recorded, or seen live, with no other meaning known."""


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error body, whichever of the four shapes it came in. `code` is the venue's, case kept; "" if it gave none."""

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.code else self.message


class _Inner(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""
    details: str = ""


class _Body(msgspec.Struct, frozen=True):
    """`{"error": {…}}`, `{"error": "text"}`, flat `{"code", "message", "details"}` or `{"msg"}`."""

    error: _Inner | str | None = None
    code: str = ""
    message: str = ""
    details: str = ""
    msg: str = ""


_BODY = msgspec.json.Decoder(_Body)
_CREATED = msgspec.json.Decoder(CreatedOrder)


def parse_error(status: int, body: bytes) -> ApiError | None:
    """The venue's own words, or None if the body is none of the shapes it writes."""
    try:
        seen = _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(seen.error, str):
        text = seen.error
        code = RATE_LIMITED if status == HTTPStatus.TOO_MANY_REQUESTS else ""
        return ApiError(code, text) if text else None
    inner = seen.error or _Inner(seen.code, seen.message, seen.details)
    if inner.code or inner.message:
        text = f"{inner.message} ({inner.details})" if inner.details else inner.message
        return ApiError(inner.code, text or inner.code)
    return ApiError("", seen.msg) if seen.msg else None


def judge_answer(
    client_order_id: str, status: int, body: bytes, at: int, ticket: OrderTicket | None = None
) -> SubmitResult:
    """What an HTTP answer to a submit proves. `at` is our wall clock in microseconds. Without the ticket an answer's
    numbers can only be judged by themselves, and not against what was signed."""
    if status == HTTPStatus.CREATED:
        return _judge_created(client_order_id, ticket, body, at)
    error = parse_error(status, body)
    known = error is not None and error.code in REFUSED and _client_error(status)
    if status in DEFINITE or known:
        if error is None:
            return unknown("unparseable", f"HTTP {status} with a body the venue does not write", at)
        code = RATE_LIMITED if status == HTTPStatus.TOO_MANY_REQUESTS else error.code or f"http_{status}"
        if status == HTTPStatus.CONFLICT and code == DUPLICATE:
            return unknown(
                code, "an earlier copy of this order arrived; its fate is in the order list", at, landed=True
            )
        if code == "invalid_order" and "post only cross" in error.message:
            code = POST_ONLY_CROSS  # a word of its own: the price was good, the moment was not
        return SubmitResult(Verdict.REJECTED, code, f"HTTP {status}: {error}", at=at)
    said = f": {error}" if error else ""
    if error is not None and _client_error(status):
        return unknown(f"{UNDOCUMENTED}_{status}", f"HTTP {status}{said}; what it means is documented nowhere", at)
    return unknown(f"http_{status}", f"HTTP {status}{said}; the order may or may not have run", at)


def judge_item(
    client_order_id: str, item: BatchCreated | None, at: int, ticket: OrderTicket | None = None
) -> SubmitResult:
    """What one order's part of a batch answer proves. `at` is our wall clock in microseconds; see `judge_answer`."""
    if item is None:
        return unknown("unparseable", "the batch's answer does not name this order", at)
    error = item.error
    if error is not None:
        code = error.code or ""
        said = f"{code}: {error.message or ''}" + (f" ({error.details})" if error.details else "")
        if code == DUPLICATE:
            return unknown(code, "an earlier copy of this order arrived", at, landed=True)
        if code not in REFUSED:
            return unknown(UNDOCUMENTED, f"in a batch: {said}; it may or may not have run", at)
        crossed = code == "invalid_order" and "post only cross" in said
        return SubmitResult(Verdict.REJECTED, POST_ONLY_CROSS if crossed else code, f"in a batch: {said}", at=at)
    if item.client_order_id != client_order_id:
        named = item.client_order_id or "none"
        return unknown("unparseable", f"the batch's answer names order {named}; expected {client_order_id}", at)
    if item.order_id is None or item.fill_count is None or item.remaining_count is None:
        return unknown(
            "unparseable", "the batch's answer lacks the order's id or counts", at, landed=bool(item.order_id)
        )
    answer = CreatedOrder(
        item.order_id,
        item.fill_count,
        item.remaining_count,
        item.client_order_id,
        item.average_fill_price,
        item.average_fee_paid,
        item.ts_ms or 0,
    )
    return _accepted(answer, ticket, at)


def _client_error(status: int) -> bool:
    return 400 <= status < 500 and status != HTTPStatus.REQUEST_TIMEOUT


_WRONG_KEY = (
    "; expected a key id and the private key that belongs to it, made for this environment: check both, and this "
    "machine's clock, which every signature carries"
)


def read_refusal(what: str, status: int, body: bytes) -> SurefootError:
    """The error of a read or a cancel that was answered with anything but success.

    `Rejected` if the venue refused in its own words; `Unavailable` for 408, 429, 5xx and anything unreadable: asking
    again later is safe."""
    error = parse_error(status, body)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Unavailable(f"{what}: HTTP 429, asked too often; ask again later", RATE_LIMITED)
    if error is not None and (status in DEFINITE or (error.code in REFUSED and _client_error(status))):
        wrong_key = status == HTTPStatus.UNAUTHORIZED
        said = f"{what}: HTTP {status}, {error}{_WRONG_KEY if wrong_key else ''}"
        return Rejected(said, error.code or f"http_{status}", wrong_key=wrong_key)
    said = f", {error}" if error else ""
    return Unavailable(f"{what}: HTTP {status}{said}; ask again later", f"http_{status}")


def _judge_created(client_order_id: str, ticket: OrderTicket | None, body: bytes, at: int) -> SubmitResult:
    try:
        order = _CREATED.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as unreadable:
        named = client_order_id.encode() in body
        there = "it names our order, which is there" if named else "whether the order is there, the list says"
        why = f"HTTP 201 that cannot be read ({unreadable}): {as_written(body)}; {there}"
        return unknown("unparseable", why, at, landed=named)
    if order.client_order_id != client_order_id:
        named_as = order.client_order_id or "none of ours"
        return unknown("unparseable", f"HTTP 201 names order {named_as}; expected {client_order_id}", at)
    return _accepted(order, ticket, at)


def _accepted(order: CreatedOrder, ticket: OrderTicket | None, at: int) -> SubmitResult:
    """An answer that names our order. Contracts are counted in shares alone: none is filled beyond its count."""
    if not order.order_id:
        return unknown("unparseable", "the answer names our order and gives it no id", at, landed=True)
    told_at = order.ts_ms * 1000
    result = SubmitResult(
        Verdict.ACCEPTED,
        order_id=order.order_id,
        filled=order.fill_count,
        remaining=order.remaining_count,
        average_price=order.average_fill_price,
        average_fee=order.average_fee_paid,
        at=told_at if abs(told_at - at) <= _CLOCKS_APART_US else at,
    )
    if ticket is None:
        odd = odd_numbers(result)
        return doubted(result, IMPOSSIBLE, "; ".join(odd)) if odd else result
    result = judged_result(ticket, result, at)
    if result.verdict is Verdict.ACCEPTED and result.filled > ticket.size:
        return doubted(result, BEYOND_SIGNED, f"{result.filled} contracts of {ticket.size}")
    return result
