"""Whether what a venue says can be true of what was signed: the last judge before it goes into a trade's history.

What a venue sends is data, and data is wrong now and then: a count with a lost sign, amounts in millionths, another
order's row, a clock of the next century. It is judged once, here, whichever venue it came from; nothing after this asks
again, and nothing after this may fail over it.

| seen | an answer becomes | a read becomes |
|---|---|---|
| no number, a negative one, one of more than six places or beyond 1e12 | unknown, `impossible` | `Unavailable` |
| a price outside 0…1, a fee below nothing or above what a share can pay | unknown, `impossible` | `Unavailable` |
| shares for less than anything trades at; an average of no shares | unknown, `impossible` | `Unavailable` |
| filled and remaining above the size; more in the fills than in the count | unknown, `impossible` | `Unavailable` |
| a row of another order, market or side | (the venue's edge sees it) | `Unavailable` |
| more shares or dollars than signed for; worse than the limit | unknown, `beyond_signed` | as it is, marked `beyond` |
| a time of tomorrow or later | our own time | a fill's: `Unavailable`; the list's: our own |

A fee may be a cent below nothing: what a venue's rounding took from earlier fills, it gives back with later ones. An
order that takes and buys may be signed in dollars (Polymarket): then more shares at a better price are right, more
dollars are not. Where a venue counts in shares alone, its own edge says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from domain.errors import Unavailable
from domain.evidence import Fill, ForeignOrder, OrderEvidence, OrderStatus, Resolution
from domain.orders import OrderTicket, Purpose, Quote, Side, SubmitResult, Verdict

BEYOND_SIGNED = "beyond_signed"
"""Code of an answer of more than was signed for: evidence decides, and if it says the same, the account's position."""

IMPOSSIBLE = "impossible"
"""Code of an answer, or of a read, that cannot be true whatever was signed."""

UNDOCUMENTED = "undocumented_refusal"
"""What the code of a refusal in words that nobody documents begins with; the status follows (`…_400`). UNKNOWN: what it
means is for evidence to say. The same one again and again, and the order proven absent, is a refusal."""

_ZERO = Decimal(0)
_ONE = Decimal(1)
_MOST = Decimal(10**12)
_PLACES = 6
_MONEY_PLACES = 12  # of a price and a size, multiplied
_MOST_DIGITS = 40
_GIVEN_BACK = Decimal("-0.01")
FINEST_PRICE = Decimal("0.0001")  # what an average may be off by, and the least that anything trades at
_SLACK = Decimal("0.0001")  # dollars: the roundings of many makers
_DAY_US = 86_400_000_000


def judged_result(ticket: OrderTicket, result: SubmitResult, now: int) -> SubmitResult:
    """The result as it may be believed; `now` is our wall clock in microseconds. Never raises."""
    at = result.at if 0 <= result.at <= now + _DAY_US else now
    quote = result.quote if result.quote is None or not odd_quote(result.quote) else None
    result = replace(result, at=at, quote=quote)
    odd = odd_numbers(result)
    if result.verdict is not Verdict.ACCEPTED:
        said = result.filled if not odd else _ONE
        if said and result.verdict is not Verdict.UNKNOWN:
            return doubted(result, IMPOSSIBLE, "a refusal with a fill", landed=False)
        return _bare(result) if odd else result
    if odd:
        return doubted(result, IMPOSSIBLE, "; ".join(odd))
    if why := beyond_answer(ticket, result):
        return doubted(result, BEYOND_SIGNED, why)
    if result.paid is not None and result.paid > result.filled * max(_ONE, ticket.limit):
        return doubted(result, IMPOSSIBLE, "more than a dollar a share")
    if result.remaining and result.filled + result.remaining > max(ticket.size, result.filled):
        return doubted(result, IMPOSSIBLE, f"more filled and remaining than the size, {_raw(ticket.size)}")
    return result


def odd_numbers(result: SubmitResult) -> list[str]:
    """What of an answer's numbers cannot be, whatever was signed."""
    most = result.filled if _sound(result.filled) else _MOST
    found = [*_odd("filled", result.filled), *_odd("remaining", result.remaining)]
    if result.paid is not None:
        found += _odd("paid", result.paid, places=_MONEY_PLACES)
    if result.fees_paid is not None:
        found += _odd("fees", result.fees_paid, least=_GIVEN_BACK, most=most + _ONE, places=_MONEY_PLACES)
    if result.average_price is not None:
        found += _odd("average price", result.average_price, most=_ONE, places=_MOST_DIGITS)
    if result.average_fee is not None:
        found += _odd("average fee", result.average_fee, least=_GIVEN_BACK, most=_ONE, places=_MOST_DIGITS)
    price = result.average_price
    if not found and price is not None and (price < FINEST_PRICE if result.filled else price > 0):
        found.append(f"average price is {_raw(price)} for {_raw(result.filled)} shares")
    return found


def beyond_answer(ticket: OrderTicket, result: SubmitResult) -> str:
    """Why an answer is of more than was signed for; empty if it is not. Its numbers are sound."""
    filled, size, limit = result.filled, ticket.size, ticket.limit
    if ticket.purpose in (Purpose.ADOPTED, Purpose.MERGE):
        return f"{_raw(filled)} of {_raw(size)}" if ticket.purpose is Purpose.MERGE and filled > size else ""
    dollars, slack = result.paid, _SLACK
    if dollars is None and result.average_price is not None:
        dollars, slack = result.average_price * filled, _SLACK + FINEST_PRICE * filled
    if filled > size:
        if not in_dollars(ticket):
            return f"{_raw(filled)} shares of {_raw(size)}"
        if dollars is None:
            return f"{_raw(filled)} shares of {_raw(size)}, for dollars that are not said"
    if dollars is None:
        return ""
    if ticket.side is Side.BUY and dollars > limit * size + slack:
        return f"{_raw(dollars)} dollars of {_raw(limit * size)}"
    if _worse(ticket, dollars, filled):
        return f"{_raw(dollars)} dollars for {_raw(filled)} shares, worse than {_raw(limit)} a share"
    return ""


def in_dollars(ticket: OrderTicket) -> bool:
    """Whether an order may be signed for dollars instead of shares: it takes, and it buys."""
    return ticket.side is Side.BUY and not ticket.rests and ticket.purpose is not Purpose.MERGE


def doubted(result: SubmitResult, code: str, why: str, *, landed: bool = True) -> SubmitResult:
    """The answer as an open outcome: its numbers told, none of them believed."""
    numbers = (
        f"filled {_raw(result.filled)}, remaining {_raw(result.remaining)}, paid {_raw(result.paid)}, fees "
        f"{_raw(result.fees_paid)}, average price {_raw(result.average_price)}, average fee {_raw(result.average_fee)}"
    )
    detail = f"{why}; the venue said: {numbers}" + (f" ({result.detail})" if result.detail else "")
    return replace(_bare(result), verdict=Verdict.UNKNOWN, code=code, detail=detail, landed=landed, sent=True)


def _bare(result: SubmitResult) -> SubmitResult:
    return replace(
        result,
        filled=_ZERO,
        remaining=_ZERO,
        average_price=None,
        average_fee=None,
        paid=None,
        fees_paid=None,
    )


# ---------------------------------------------------------------------- reads


def judged_evidence(ticket: OrderTicket, evidence: OrderEvidence, now: int) -> OrderEvidence:
    """The evidence, marked if it is beyond what was signed. Raises `Unavailable` for what cannot be true."""
    own = ticket.client_order_id
    odd = [*_odd("filled", evidence.filled), *_odd("remaining", evidence.remaining)]
    if evidence.paid is not None:
        odd += _odd("paid", evidence.paid, places=_MONEY_PLACES)
    if evidence.fees_paid is not None:
        odd += _odd("fees", evidence.fees_paid, least=_GIVEN_BACK, places=_MONEY_PLACES)
    if ticket.purpose is not Purpose.ADOPTED and evidence.client_order_id not in ("", own):
        odd.append(f"it is of order {evidence.client_order_id}")
    for fill in evidence.fills:
        odd += _odd_fill(ticket, evidence, fill, now)
    beyond = "" if odd else _beyond(ticket, evidence)
    if not odd and not beyond:
        odd = _contradictions(ticket, evidence)
    if odd:
        raise Unavailable(
            f"what the venue lists of {own} cannot be true: {'; '.join(odd[:5])} (status {evidence.status}, filled "
            f"{_raw(evidence.filled)}, remaining {_raw(evidence.remaining)}, {len(evidence.fills)} fills)",
            IMPOSSIBLE,
        )
    fresh_at = min(evidence.fresh_at, now)
    if beyond or fresh_at != evidence.fresh_at:
        return replace(evidence, beyond=evidence.beyond or bool(beyond), fresh_at=fresh_at)
    return evidence


def odd_fill(fill: Fill) -> list[str]:
    """What of a fill's numbers cannot be, whatever its order was."""
    name = f"fill {fill.trade_id}"
    found = [
        *_odd(f"size of {name}", fill.size),
        *_odd(f"price of {name}", fill.price, most=_ONE, places=_MOST_DIGITS),
    ]
    most = fill.size + _ONE if _sound(fill.size) else _MOST
    found += _odd(f"fee of {name}", fill.fee, least=_GIVEN_BACK, most=most, places=_MONEY_PLACES)
    if fill.paid is not None:
        found += _odd(f"dollars of {name}", fill.paid, places=_MONEY_PLACES + _PLACES)
    if _sound(fill.size) and not fill.size:
        found.append(f"{name} is of nothing")
    return found


def _odd_fill(ticket: OrderTicket, evidence: OrderEvidence, fill: Fill, now: int) -> list[str]:
    name, found = f"fill {fill.trade_id}", odd_fill(fill)
    merge = ticket.purpose is Purpose.MERGE
    if fill.venue is not ticket.venue or (fill.market != ticket.market and not merge):
        found.append(f"{name} is of {fill.market} at {fill.venue}")
    if fill.side is not ticket.side and not merge:
        found.append(f"{name} is a {fill.side}")
    if fill.price.is_finite() and fill.price < FINEST_PRICE and not merge:  # a set handed back names no price of each
        found.append(f"{name} is for {_raw(fill.price)} a share")
    if evidence.order_id and fill.order_id and fill.order_id.lower() != evidence.order_id.lower():
        found.append(f"{name} is of order {fill.order_id}")
    if not 0 <= fill.at <= now + _DAY_US:
        found.append(f"{name} is of the time {fill.at}")
    return found


def _beyond(ticket: OrderTicket, evidence: OrderEvidence) -> str:
    """Why it is of more than was signed for; empty if it is not. Its numbers are sound."""
    filled, size, limit = evidence.filled, ticket.size, ticket.limit
    standing = _each_once(evidence.standing)
    if ticket.purpose is Purpose.ADOPTED:
        return ""
    if ticket.purpose is Purpose.MERGE:
        return "more sets" if filled > size else ""
    counted = sum((fill.size for fill in standing), _ZERO)
    if in_dollars(ticket):
        # What no fill explains yet has cost something too.
        dollars = sum((fill.gross for fill in standing), _ZERO) + max(filled - counted, _ZERO) * FINEST_PRICE
        if max(dollars, evidence.paid or _ZERO) > limit * size + _SLACK:
            return "more dollars"
    elif max(filled, counted) > size:
        return "more shares"
    return "a worse price" if any(_worse(ticket, fill.gross, fill.size) for fill in standing) else ""


def _contradictions(ticket: OrderTicket, evidence: OrderEvidence) -> list[str]:
    found: list[str] = []
    together = evidence.filled + evidence.remaining
    if evidence.remaining and together > max(ticket.size, evidence.filled) and ticket.purpose is not Purpose.ADOPTED:
        found.append(f"more filled and remaining than the order is for, {_raw(ticket.size)}")
    if evidence.status is OrderStatus.DONE and ticket.purpose is not Purpose.MERGE:
        counted = sum((fill.size for fill in _each_once(evidence.standing)), _ZERO)
        if counted > evidence.filled:
            found.append(f"its fills are of {_raw(counted)}")
    return found


def _each_once(fills: Iterable[Fill]) -> list[Fill]:
    """A read may list a fill twice; that is no contradiction, and explains nothing."""
    return list({(fill.trade_id, fill.order_id, fill.market): fill for fill in fills}.values())


def _worse(ticket: OrderTicket, dollars: Decimal, shares: Decimal) -> bool:
    """Whether so many dollars for so many shares break the limit, roundings allowed for."""
    slack = _SLACK + FINEST_PRICE * shares
    if ticket.side is Side.BUY:
        return dollars > ticket.limit * shares + slack
    return dollars < ticket.limit * shares - slack


def odd_quote(quote: Quote) -> str:
    """What of a book cannot be; empty if nothing."""
    for side, levels, sign in (("bid", quote.bids, -1), ("ask", quote.asks, 1)):
        last: Decimal | None = None
        for price, size in levels:
            odd = _odd(f"{side} price", price, most=_ONE) + _odd(f"{side} size", size)
            if odd:
                return odd[0]
            if last is not None and sign * price < sign * last:
                return f"a {side} of {_raw(price)} behind one of {_raw(last)}"
            last = price
    return ""


def judged_quote(market: str, quote: Quote) -> Quote:
    """Raises `Unavailable` for a book that cannot be, or of another market."""
    odd = f"it is of {quote.market}" if quote.market != market else odd_quote(quote)
    if odd:
        raise Unavailable(f"the book of {market} cannot be true: {odd}", IMPOSSIBLE)
    return quote


def judged_resolution(market: str, resolution: Resolution) -> Resolution:
    """Raises `Unavailable` for a payout that cannot be, or of another market."""
    odd = [f"it is of {resolution.market}"] if resolution.market != market else []
    if resolution.payout is not None:
        odd += _odd("payout", resolution.payout, most=_ONE)
    if odd:
        raise Unavailable(f"what the venue says {market} paid cannot be true: {odd[0]}", IMPOSSIBLE)
    return resolution


def odd_foreign(order_id: str, found: ForeignOrder) -> str:
    """Why an order that was looked up cannot be taken over as it is told; empty if it can."""
    odd = [*_odd("size", found.size), *_odd("limit", found.limit, most=_ONE), *_odd("filled", found.evidence.filled)]
    if found.order_id.lower() != order_id.lower():
        odd.append(f"it is order {found.order_id}")
    for fill in found.evidence.fills:
        if fill.side is not found.side or fill.market != found.market:
            odd.append(f"fill {fill.trade_id} is a {fill.side} of {fill.market}")
        odd += _odd(f"size of fill {fill.trade_id}", fill.size)
        odd += _odd(f"price of fill {fill.trade_id}", fill.price, most=_ONE, places=_MOST_DIGITS)
    return odd[0] if odd else ""


# ---------------------------------------------------------------------- numbers


def odd_amount(name: str, value: Decimal) -> str:
    """Why a count or an amount that a venue sent cannot be one: no number, negative, too large, or too fine."""
    found = _odd(name, value)
    return found[0] if found else ""


def _odd(
    name: str, value: Decimal, *, least: Decimal = _ZERO, most: Decimal = _MOST, places: int = _PLACES
) -> list[str]:
    if not value.is_finite():
        return [f"{name} is {_raw(value)}; expected a number"]
    if not least <= value <= most:
        return [f"{name} is {_raw(value)}; expected {_raw(least)} to {_raw(most)}"]
    _, digits, exponent = value.as_tuple()
    trailing = 0
    while trailing < len(digits) and digits[-1 - trailing] == 0:
        trailing += 1
    if isinstance(exponent, int) and value and -(exponent + trailing) > places:
        return [f"{name} is {_raw(value)}; expected at most {places} places"]
    return []


def _sound(value: Decimal) -> bool:
    return not _odd("", value)


def _raw(value: Decimal | None) -> str:
    """As it was sent, and short however long it was."""
    return "none" if value is None else str(value)[:_MOST_DIGITS]
