"""From what came back of a submit to what it proves.

The venue tells most refusals apart by their text alone, in `error` of a 4xx or in `errorMsg` of a 200. A refusal is
believed where its text is one the venue documents, or where the status says that the request was stopped at the door.
Everything else is UNKNOWN and only evidence may settle it. A verdict speaks of *this* sending alone.

| seen | verdict | landed | code |
|---|---|---|---|
| 200, our id, `matched` with amounts | accepted | – | |
| 200, our id, `live`, an order that may rest | accepted | – | |
| 200, our id, `delayed` | unknown | yes | delayed |
| 200, our id, `unmatched` | unknown | yes | unmatched: it may be resting in the book |
| 200, our id, `matched` without amounts, `live` that may not rest, any other status | unknown | yes | odd_status |
| 200, our id, amounts that cannot be read | unknown | yes | unparseable |
| 200, our id, amounts no order can have: negative, finer than a millionth, above a dollar a share | unknown | yes | \
impossible |
| 200, our id, more dollars or shares than were signed for, or a price worse than the limit | unknown | yes | \
beyond_signed |
| 200, our id, more than twice the shares signed for, for the dollars signed for | unknown | yes | beyond_signed: so \
much better a price is for evidence to say |
| 200, another order id than the digest of what was signed | unknown | no | order_id_mismatch |
| 200 with a documented `errorMsg`, whatever `success` says | by its text, table below | | |
| 200 with any other `errorMsg` | unknown | if it names our id | undocumented_refusal_200 |
| 200 that cannot be read (empty, HTML, cut off, an array, a number) | unknown | if it names our id | unparseable |
| 200 that says neither order nor error | unknown | no | unparseable |
| 4xx with a documented text | by its text, table below | | |
| 401, 403, 429 in the venue's own words | rejected | – | unauthorized, forbidden, rate_limited |
| 425 | rejected | – | restarting: the engine takes nothing |
| 500 `order timed out` | rejected | – | order_timed_out: documented as never having reached the book |
| 503 in the venue's own words | rejected | – | post_only_mode, cancel_only, disabled |
| any other 4xx in the venue's own shape, its words documented nowhere | unknown | no | undocumented_refusal_… |
| any other status, or a body the venue does not write | unknown | no | http_… |
| no answer in time; connection lost | unknown | no | timeout, disconnected |
| no connection made | unknown, not sent | no | refused |

*Landed* is said only where the answer itself proves that the order is there: the id it names is the digest of what was
signed, or the venue calls our order a duplicate. A 200 alone proves nothing; whether the order is in the lists does.

Making and taking amounts are exact: they are what was paid, and go on as they stand. Their quotient is for people. An
amount in another unit (millionths, as the API page's example shows) is a million times what was signed for, and so
*beyond_signed*: evidence decides.

Sources: docs.polymarket.com/resources/error-codes, /trading/matching-engine, /concepts/order-lifecycle; texts that
those pages lack (allowance details, the $1 minimum, `invalid signature`) as reported by users of the official clients.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from http import HTTPStatus

import msgspec

from domain.errors import Rejected, SurefootError, Unavailable
from domain.orders import OrderTicket, Side, SubmitResult, Verdict
from domain.plausible import BEYOND_SIGNED, IMPOSSIBLE, UNDOCUMENTED, doubted, judged_result, odd_amount
from venues.polymarket.messages import PostedOrder, amount, decode
from venues.retry_after import bounded, retry_after
from venues.verdicts import as_written, unknown

RATE_LIMITED = "rate_limited"
NOT_FOUND = "not_found"

_ZERO = Decimal(0)
_SHOWN = Decimal("0.000001")
_MOST_SHOWN = Decimal(10**6)
_BETTER = 2  # times the shares, at half the price: as far as an answer alone is believed


@dataclass(frozen=True, slots=True)
class Row:
    """One documented text: `pattern` is searched without regard to case."""

    pattern: re.Pattern[str]
    code: str
    verdict: Verdict
    landed: bool = False


def _row(pattern: str, code: str, verdict: Verdict = Verdict.REJECTED, *, landed: bool = False) -> Row:
    return Row(re.compile(pattern, re.IGNORECASE), code, verdict, landed)


TEXTS: tuple[Row, ...] = (
    # It got in earlier; what became of it is for evidence to say.
    _row(r"duplicated|already exists|already been placed|can't be placed again", "duplicated", Verdict.UNKNOWN,
         landed=True),
    # Held back by the venue: it may still run.
    _row(r"order match delayed", "match_delayed", Verdict.UNKNOWN),
    # Of one entry of a batch, beside a status that says delayed.
    _row(r"rate limit exceeded", RATE_LIMITED, Verdict.UNKNOWN),
    _row(r"not enough balance / allowance.*allowance is not enough", "insufficient_allowance"),
    _row(r"not enough balance / allowance", "insufficient_balance"),
    _row(r"breaks minimum tick size rule", "off_tick"),
    _row(r"invalid amounts", "invalid_amounts"),
    _row(r"lower than the minimum", "below_minimum"),
    _row(r"invalid amount for a marketable", "below_notional"),
    _row(r"crosses the book|order crosses book", "post_only_cross"),
    _row(r"couldn't be fully filled", "fok_killed"),
    _row(r"no orders found to match with FAK", "fak_killed"),
    _row(r"not yet ready to process new orders|orderbook .*does not exist", "market_not_ready"),
    _row(r"invalid expiration", "invalid_expiration"),
    _row(r"invalid nonce", "invalid_nonce"),
    _row(r"canceled in the CTF exchange contract", "cancelled_on_chain"),
    _row(r"address banned", "banned"),
    _row(r"closed only mode", "closed_only"),
    _row(r"too many orders in payload", "too_many_orders"),
    _row(r"order owner has to be the owner", "wrong_owner"),
    _row(r"order signer address has to be", "wrong_signer"),
    _row(r"order_version_mismatch", "order_version_mismatch"),
    _row(r"invalid signature", "invalid_signature"),
    _row(r"invalid order payload", "invalid_payload"),
    _row(r"invalid orderID", "invalid_order_id"),
    _row(r"no orderbook exists for the requested token", "no_orderbook"),
    _row(r"market not found", "market_not_found"),
    _row(r"post-only mode", "post_only_mode"),
    _row(r"cancel-only", "cancel_only"),
    _row(r"trading is (currently )?disabled", "disabled"),
    _row(r"order timed out", "order_timed_out"),
    _row(r"unauthorized|invalid L1 request headers", "unauthorized"),
)  # fmt: skip

# The codes a status may prove. Others of the same text under another status prove nothing.
_UNDER_500 = frozenset({"order_timed_out"})
_UNDER_503 = frozenset({"post_only_mode", "cancel_only", "disabled"})

# What is refused of a whole batch: it was stopped at the door, before any order of it was looked at.
_AT_THE_DOOR = _UNDER_503 | {
    "unauthorized",
    "forbidden",
    RATE_LIMITED,
    "restarting",
    "too_many_orders",
    "invalid_payload",
}

_FIXES = {
    "insufficient_allowance": "approve that spender (the start-up checklist names them)",
    "wrong_owner": "the API key in the body must be the one that signs the request",
    "wrong_signer": "the API key belongs to another address: derive it again with the signing key",
    "unauthorized": "check the API credentials and this machine's clock; derive the key again",
    "order_version_mismatch": "the market is on another exchange version than it was signed for: read it again",
    "closed_only": "this account may only close positions",
    "banned": "this address may not trade",
}
_SPENDER = re.compile(r"spender: (0x[0-9a-fA-F]{40})")


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error body in the venue's own words. `code` is its own if it gives one; `retry_after` seconds, 0 if none."""

    text: str
    code: str = ""
    retry_after: float = 0.0

    @property
    def spender(self) -> str:
        """The contract that lacks an allowance, if the text names one."""
        found = _SPENDER.search(self.text)
        return found.group(1) if found else ""

    def __str__(self) -> str:
        return f"{self.text} ({self.code})" if self.code else self.text


class _Body(msgspec.Struct, frozen=True):
    error: str | None = None
    error_msg: str | None = None
    errorMsg: str | None = None  # noqa: N815 - the venue's name
    code: str | None = None
    retry_after_seconds: float | None = None


def parse_error(body: bytes) -> ApiError | None:
    """The venue's own words, or None if the body is not of a shape it writes."""
    try:
        seen = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    text = seen.error or seen.error_msg or seen.errorMsg
    return ApiError(text, seen.code or "", seen.retry_after_seconds or 0.0) if text else None


def read_text(text: str) -> Row | None:
    """The documented row a text belongs to, or None."""
    return next((row for row in TEXTS if row.pattern.search(text)), None)


def judge_answer(order_id: str, ticket: OrderTicket, status: int, body: bytes, at: int) -> SubmitResult:
    """What an HTTP answer to `POST /order` proves. `order_id` is the digest of what was signed, `at` wall-clock µs."""
    if status == HTTPStatus.OK:
        try:
            posted = decode(PostedOrder, body)
        except ValueError as unreadable:
            why = f"HTTP 200 that cannot be read ({unreadable}): {as_written(body)}"
            return _unreadable(order_id, body, why, at)
        return judge_posted(order_id, ticket, posted, at)
    error = parse_error(body)
    if status == HTTPStatus.TOO_EARLY:
        return _rejected("restarting", f"HTTP 425: the matching engine restarts ({error or 'no text'})", at)
    if error is None:
        return unknown(f"http_{status}", f"HTTP {status} with a body the venue does not write", at)
    row = read_text(error.text)
    said = f"HTTP {status}: {error}"
    if row is not None and row.landed:
        detail = f"{said}; an earlier copy of this order arrived, its fate is in the order list"
        return unknown(row.code, detail, at, landed=True, order_id=order_id)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _rejected(RATE_LIMITED, said, at)
    if row is not None and row.verdict is Verdict.REJECTED and _proves(status, row.code):
        return _rejected(row.code, said, at)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _rejected("unauthorized" if status == HTTPStatus.UNAUTHORIZED else "forbidden", said, at)
    if status == HTTPStatus.SERVICE_UNAVAILABLE and error.code in _UNDER_503:
        return _rejected(error.code, said, at)
    if row is not None and row.verdict is Verdict.UNKNOWN:
        code = row.code
    elif row is None and _client_error(status):
        code = f"{UNDOCUMENTED}_{status}"
    else:
        code = f"http_{status}"
    return unknown(code, f"{said}; the order may or may not have run", at)


def judge_posted(order_id: str, ticket: OrderTicket, posted: PostedOrder, at: int) -> SubmitResult:
    """What a 200, or one entry of a batch's 200, proves."""
    answered = posted.order_id or ""
    if posted.error:
        row = read_text(posted.error)
        if row is not None and row.verdict is Verdict.REJECTED:
            return _rejected(row.code, f"refused: {posted.error}", at)
        landed = answered.lower() == order_id.lower() or (row is not None and row.landed)
        code = row.code if row is not None else f"{UNDOCUMENTED}_200"
        return unknown(code, f"HTTP 200 with the error {posted.error!r}", at, landed=landed,
                       order_id=order_id if landed else None)  # fmt: skip
    if not answered or not posted.success:
        return unknown("unparseable", f"HTTP 200 with neither an order nor an error (success {posted.success})", at)
    if answered.lower() != order_id.lower():
        detail = f"HTTP 200 names order {answered}; expected {order_id}, the digest of what was signed"
        return unknown("order_id_mismatch", detail, at)
    return _judge_status(order_id, ticket, posted, at)


def judge_batch(orders: Sequence[tuple[str, OrderTicket]], status: int, body: bytes, at: int) -> list[SubmitResult]:
    """What an answer to `POST /orders` proves of each order, given by id and ticket in the order they were sent."""
    if status != HTTPStatus.OK:
        return [_of_whole_batch(judge_answer(order_id, ticket, status, body, at)) for order_id, ticket in orders]
    try:
        entries = decode(list[msgspec.Raw], body)
    except ValueError as unreadable:
        entries, why = [], str(unreadable)
    else:
        why = f"{len(entries)} entries for {len(orders)} orders"
    if len(entries) != len(orders):
        return [unknown("unparseable", f"HTTP 200 that does not fit the batch: {why}", at)] * len(orders)
    results: list[SubmitResult] = []
    for (order_id, ticket), entry in zip(orders, entries, strict=True):
        try:
            results.append(judge_posted(order_id, ticket, decode(PostedOrder, entry), at))
        except ValueError as unreadable:
            why = f"an entry that cannot be read ({unreadable}): {as_written(bytes(entry))}"
            results.append(_unreadable(order_id, bytes(entry), why, at))
    return results


def read_refusal(what: str, status: int, body: bytes) -> SurefootError:
    """The error of a read or a cancel that was answered with anything but success.

    `Rejected` if the venue refused in its own words; `Unavailable` for 425, 429, 5xx and anything unreadable: asking
    again later is safe. The message says for how long where the venue does."""
    error = parse_error(body)
    if status in (HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT) or status >= 500:
        code = {HTTPStatus.TOO_EARLY: "restarting", 429: RATE_LIMITED}.get(status, f"http_{status}")
        wait = f" in {error.retry_after:g} s" if error is not None and error.retry_after else " later"
        return Unavailable(f"{what}: HTTP {status}{_said(error)}; ask again{wait}", code)
    if error is None:
        return Unavailable(f"{what}: HTTP {status} with a body the venue does not write; ask again later",
                           f"http_{status}")  # fmt: skip
    row = read_text(error.text)
    code = NOT_FOUND if status == HTTPStatus.NOT_FOUND else row.code if row is not None else f"http_{status}"
    wrong_key = status == HTTPStatus.UNAUTHORIZED
    if wrong_key:
        code = "unauthorized"
    fix = _FIXES.get(code, "")
    return Rejected(f"{what}: HTTP {status}{_said(error)}{'; ' + fix if fix else ''}", code, wrong_key=wrong_key)


def _judge_status(order_id: str, ticket: OrderTicket, posted: PostedOrder, at: int) -> SubmitResult:
    status = (posted.status or "").lower()
    if status == "delayed":
        return _landed("delayed", "held back by the venue before it may trade", order_id, at)
    if status == "unmatched":
        return _landed("unmatched", "accepted and not matched; it may be resting in the book", order_id, at)
    try:
        given, received = amount(posted.making), amount(posted.taking)
    except ValueError as wrong:
        return _landed("unparseable", f"HTTP 200 whose amounts cannot be read ({wrong})", order_id, at)
    for name, value in (("makingAmount", given), ("takingAmount", received)):
        if value is not None and (odd := odd_amount(name, value)):
            return _landed(IMPOSSIBLE, f"HTTP 200 with status {posted.status!r}: {odd}", order_id, at)
    shares, dollars = (received, given) if ticket.side is Side.BUY else (given, received)
    filled = shares or _ZERO
    remaining = max(ticket.size - filled, _ZERO) if ticket.rests else _ZERO
    told = (status == "matched" and filled > 0) or (status == "live" and ticket.rests and filled < ticket.size)
    if not told or (filled > 0 and not dollars):
        detail = (
            f"HTTP 200 with status {posted.status!r}, making {given} and taking {received}, which does not fit a "
            f"{ticket.tif} order for {ticket.size} shares"
        )
        return _landed("odd_status", detail, order_id, at)
    result = SubmitResult(
        Verdict.ACCEPTED,
        order_id=order_id,
        filled=filled,
        remaining=remaining,
        average_price=_shown(dollars, filled),
        paid=dollars or _ZERO,
        detail=f"trades {', '.join(posted.trade_ids)}" if posted.trade_ids else "",
        at=at,
    )
    result = judged_result(ticket, result, at)
    if result.verdict is Verdict.ACCEPTED and filled > _BETTER * ticket.size:
        return doubted(result, BEYOND_SIGNED, f"{filled} shares of {ticket.size}, for {dollars} dollars")
    return result


def _shown(dollars: Decimal | None, shares: Decimal) -> Decimal | None:
    """The average, for people: rounded, and nothing to compute with."""
    if not dollars or not shares:
        return None
    return min(dollars / shares, _MOST_SHOWN).quantize(_SHOWN, ROUND_HALF_EVEN)


def _unreadable(order_id: str, body: bytes, why: str, at: int) -> SubmitResult:
    """An answer that says nothing, but may still name the order: the id is proof that it is there."""
    named = order_id.lower().encode() in body.lower()
    return unknown("unparseable", why, at, landed=named, order_id=order_id if named else None)


def _of_whole_batch(result: SubmitResult) -> SubmitResult:
    """A refusal of the request is one of each order only where it was stopped before any was looked at."""
    if result.verdict is not Verdict.REJECTED or result.code in _AT_THE_DOOR:
        return replace(result, landed=False, order_id=None)
    return unknown(result.code, f"{result.detail}; of a batch, which orders it means is not said", result.at)


def _client_error(status: int) -> bool:
    return 400 <= status < 500 and status != HTTPStatus.REQUEST_TIMEOUT


def _proves(status: int, code: str) -> bool:
    """Whether a documented refusal came under a status that refusals come under."""
    if code in _UNDER_500:
        return status == HTTPStatus.INTERNAL_SERVER_ERROR
    if code in _UNDER_503:
        return status == HTTPStatus.SERVICE_UNAVAILABLE
    return 400 <= status < 500


def _rejected(code: str, detail: str, at: int) -> SubmitResult:
    fix = _FIXES.get(code, "")
    return SubmitResult(Verdict.REJECTED, code, f"{detail}; {fix}" if fix else detail, at=at)


def _landed(code: str, detail: str, order_id: str, at: int) -> SubmitResult:
    return unknown(code, detail, at, landed=True, order_id=order_id)


def _said(error: ApiError | None) -> str:
    return f", {error}" if error is not None else ""


def seconds_of(headers: Mapping[str, str], error: ApiError | None, now_us: int) -> float:
    """How long the venue wants to be left alone: its `Retry-After`, else the body's word, else 0 seconds."""
    said = retry_after(headers, now_us)
    return said if said is not None else bounded(error.retry_after) if error is not None else 0.0
