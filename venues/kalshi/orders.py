"""The bytes of an order: a pure function of its ticket, so a repeated submit sends the very same ones."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.errors import Denied
from domain.money import Inexact, plain, to_micros
from domain.orders import OrderTicket, Purpose, Side, TimeInForce
from venues.kalshi.frames import COUNT_UNIT, ONE, PRICE_UNIT, count_text, price_text

CREATE_PATH = "/portfolio/events/orders"

_SECOND = 1_000_000
_LOT = Decimal("0.01")
_TIF = {TimeInForce.GTD: TimeInForce.GTC}  # the venue knows no other word for an order that ends by itself

# Fields in the order they go on the wire; never reorder: a resumed trade must produce the bytes it already sent.
_FIELDS = (
    "ticker",
    "client_order_id",
    "side",
    "count",
    "price",
    "time_in_force",
    "self_trade_prevention_type",
    "post_only",
    "cancel_order_on_pause",
    "exchange_index",
)


def order_body(ticket: OrderTicket, group_id: str = "") -> bytes:
    """JSON of `POST /portfolio/events/orders` (V2): BUY is a bid, SELL an ask on the one YES book.

    Price has four decimals, count two, both as strings (the venue refuses numbers). `exchange_index` −1 lets the venue
    route by ticker; an order that would meet our own is cancelled (`taker_at_cross`). An order good till a date is
    good till cancelled with an `expiration_time` in whole seconds, cut down: it never stands longer than asked.
    `group_id` is the order group it joins, if any. Raises `Denied` with code
    `off_tick` or `bad_size` for a value the wire cannot carry, and `bad_order` for a combination the venue refuses,
    and `not_supported` for a merge: this venue takes no sets back, it nets YES against NO of one market by itself.
    """
    if ticket.purpose is Purpose.MERGE:
        raise Denied(
            f"Kalshi takes no complete sets back (asked for {ticket.market}); hold the legs until their markets pay",
            "not_supported",
        )
    if ticket.post_only and not ticket.rests:
        raise Denied(
            f"post-only with {ticket.tif.value} can never trade nor rest; expected {TimeInForce.GTC.value}", "bad_order"
        )
    if ticket.tif is TimeInForce.GTD and ticket.expires_at < _SECOND:
        raise Denied("an order good till a date came without the date; expected expires_at", "bad_order")
    values: tuple[str | bool | int, ...] = (
        ticket.market,
        ticket.client_order_id,
        "bid" if ticket.side is Side.BUY else "ask",
        contracts(ticket.size),
        price(ticket.limit, ticket.market),
        _TIF.get(ticket.tif, ticket.tif).value,
        "taker_at_cross",
        ticket.post_only,
        False,
        -1,
    )
    body: dict[str, str | bool | int] = dict(zip(_FIELDS, values, strict=True))
    if ticket.tif is TimeInForce.GTD:
        body["expiration_time"] = ticket.expires_at // _SECOND
    if group_id:
        body["order_group_id"] = group_id
    return msgspec.json.encode(body)


def price(limit: Decimal, market: str) -> str:
    """A limit as the wire writes it. Raises `Denied` (code `off_tick`) for one it cannot carry."""
    try:
        micros = to_micros(limit)
    except (Inexact, ArithmeticError, ValueError):
        micros = -1
    if not 0 < micros < ONE or micros % PRICE_UNIT:
        raise Denied(
            f"price {plain(limit)} of {market} cannot be sent; expected above 0, below 1, in steps of 0.0001: "
            "take the nearest price on the market's grid",
            "off_tick",
        )
    return price_text(micros)


def contracts(size: Decimal) -> str:
    """A count as the wire writes it. Raises `Denied` (code `bad_size`) for one it cannot carry."""
    try:
        micros = to_micros(size)
    except (Inexact, ArithmeticError, ValueError):
        micros = -1
    if micros <= 0 or micros % COUNT_UNIT:
        nearest = plain(max(size // _LOT * _LOT, _LOT)) if size.is_finite() else "none"
        raise Denied(
            f"size {plain(size)} cannot be sent; expected above 0 in steps of 0.01 contract; nearest {nearest}",
            "bad_size",
        )
    return count_text(micros)
