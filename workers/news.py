"""News of the account on its way to its handler: whose it is, and how it is written as a dead letter and read again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from domain.decisions import Suppression
from domain.errors import BadInput
from domain.evidence import Fill, FillStatus
from domain.intent import Intent, canonical
from domain.market import Venue
from venues.market_events import Resolved, TickChange
from venues.polymarket.user_stream import UserEvent, UserOrder, UserTrade

News = bytes | UserEvent | Resolved | TickChange
"""A frame of Kalshi's private channels, an event of Polymarket's, that a market has a result, that it has another
grid."""


@dataclass(frozen=True, slots=True)
class Look:
    """Whether the trade of an order should be nudged: by `fill`, if one came. `order_id` is our own id of the order at
    Kalshi, the venue's at Polymarket; `at_once` unless the order's own answer is to be given time."""

    venue: Venue
    order_id: str
    fill: Fill | None = None
    at_once: bool = False

    @property
    def key(self) -> tuple[bool, str]:
        """Of two looks with one key that wait, the later will do: an order's later fills are later than its answer if
        earlier ones were. A fill that was voided is news by itself."""
        void = self.fill is not None and self.fill.status is FillStatus.VOID
        return self.at_once, self.fill.trade_id if void and self.fill is not None else ""


class _Market(msgspec.Struct):
    market_ticker: str = ""


class _Frame(msgspec.Struct):
    msg: _Market = msgspec.field(default_factory=_Market)


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_market = msgspec.json.Decoder(_Frame)
_FRAME = "kalshi"
_FORMS: dict[str, type[Any]] = {
    each.__name__.lower(): each for each in (UserOrder, UserTrade, Resolved, TickChange, Look)
}


def market_of(news: News) -> str:
    """What orders the news: Kalshi's market, Polymarket's condition (a token's grid: the token). "" if it names
    none."""
    match news:
        case bytes():
            try:
                return _market.decode(news).msg.market_ticker
            except _UNREADABLE:
                return ""
        case Resolved():
            return news.group
        case _:
            return news.market


def pack(body: object) -> tuple[str, bytes]:
    """The form and content under which a message is kept. What is of no form that can be read again is kept as text,
    for people."""
    if isinstance(body, bytes):
        return _FRAME, body
    if isinstance(body, UserTrade):  # the owner of an order is an API key's name, and nobody's business
        body = replace(body, makers=tuple(replace(maker, owner="") for maker in body.makers))
    form = type(body).__name__.lower()
    if form in _FORMS:
        return form, msgspec.json.encode(body)
    if isinstance(body, (Intent, Suppression)):
        return form, canonical(body).encode()
    return form, repr(body).encode()


def unpack(form: str, content: bytes) -> News | Look:
    """The inverse of `pack`. Raises BadInput for a form that is not handed over again, and for content that is none."""
    if form == _FRAME:
        return content
    if form not in _FORMS:
        raise BadInput(
            f"a {form or 'frame'} is not handed over again; expected news of the account. A decision is of its moment, "
            "and a halt is read again when ingest starts",
            "form",
        )
    try:
        return msgspec.json.decode(content, type=_FORMS[form])  # type: ignore[no-any-return]
    except _UNREADABLE as wrong:
        raise BadInput(f"a dead letter of form {form} that cannot be read: {wrong}", "form") from None
