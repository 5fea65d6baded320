"""The other side of a trade: somebody nobody knows, who trades the same token or the complement.

A buy of one token meets a sale of it, or a buy of the other one: the exchange then mints a pair. A sale meets a buy, or
a sale of the other one: a pair is merged. Both happen at the venue, so both happen here, turn about.
"""

from __future__ import annotations

from dataclasses import dataclass

from venues.paper.book import ONE
from venues.paper.polymarket.conditions import Market
from venues.paper.polymarket.records import ClobOrder, MakerRow, Side
from venues.polymarket.keccak import keccak256

_STREET = "0x" + keccak256(b"the street").hex()[-40:]
_OPPOSITE: dict[Side, Side] = {"BUY": "SELL", "SELL": "BUY"}


@dataclass(frozen=True, slots=True)
class Meeting:
    """Our order's part in a trade: `size` shares at `price` of its token."""

    order: ClobOrder
    market: Market
    trade_id: str
    price: int
    size: int


@dataclass(frozen=True, slots=True)
class Counterpart:
    """The trade as the venue shows it: what the taker did, and the rows of those who rested."""

    taker_order_id: str
    taker_token: str
    taker_side: Side
    taker_price: int
    makers: tuple[MakerRow, ...]


def taking(meeting: Meeting, *, cross: bool) -> Counterpart:
    """Our order took; the street rested. `cross`: it did so in the other token."""
    order = meeting.order
    token, side, price = _across(meeting, cross=cross)
    row = MakerRow(
        order_id=_order_id(meeting.trade_id),
        owner="",
        maker=_STREET,
        matched=meeting.size,
        price=price,
        token=token,
        outcome=meeting.market.outcome(token),
        side=side,
    )
    return Counterpart(order.order_id, order.token, order.side, meeting.price, (row,))


def making(meeting: Meeting, *, cross: bool) -> Counterpart:
    """Our order rested; the street took."""
    order = meeting.order
    token, side, price = _across(meeting, cross=cross)
    row = MakerRow(
        order_id=order.order_id,
        owner=order.owner,
        maker=order.account,
        matched=meeting.size,
        price=meeting.price,
        token=order.token,
        outcome=meeting.market.outcome(order.token),
        side=order.side,
    )
    return Counterpart(_order_id(meeting.trade_id), token, side, price, (row,))


def _across(meeting: Meeting, *, cross: bool) -> tuple[str, Side, int]:
    order = meeting.order
    if not cross:
        return order.token, _OPPOSITE[order.side], meeting.price
    first, second = meeting.market.tokens
    return second if order.token == first else first, order.side, ONE - meeting.price


def _order_id(trade_id: str) -> str:
    return "0x" + keccak256(f"street/{trade_id}".encode()).hex()
