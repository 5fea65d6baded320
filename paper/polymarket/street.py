"""The other side of a trade: somebody nobody knows, who trades the same token or the complement.

A buy of one token meets a sale of it, or a buy of the other one: the exchange then mints a pair. A sale meets a buy, or
a sale of the other one: a pair is merged. Both happen at the venue, so both happen here, turn about.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from paper.core.book import ONE
from paper.polymarket.conditions import Market
from paper.polymarket.records import ClobOrder, MakerRow, Side
from venues.polymarket.keccak import keccak256

_STREET = "0x" + keccak256(b"the street").hex()[-40:]
_OPPOSITE: dict[Side, Side] = {"BUY": "SELL", "SELL": "BUY"}


@dataclass(frozen=True, slots=True)
class Part:
    """`size` shares at `price` of our order's token: what one maker has of a trade."""

    price: int
    size: int


@dataclass(frozen=True, slots=True)
class Meeting:
    """Our order's trade: one part for each maker it met, or the one that somebody took of it."""

    order: ClobOrder
    market: Market
    trade_id: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Counterpart:
    """The trade as the venue shows it: what the taker did, and the rows of those who rested."""

    taker_order_id: str
    taker_token: str
    taker_side: Side
    taker_price: int
    makers: tuple[MakerRow, ...]


def taking(meeting: Meeting, *, cross: bool) -> Counterpart:
    """Our order took; the street rested. `cross`: the first of them did so in the other token, the next in the same,
    and so on by turns: a match may mint pairs and move shares at once."""
    order = meeting.order
    rows = tuple(
        _rested(meeting, part, number, cross=cross == (number % 2 == 0)) for number, part in enumerate(meeting.parts)
    )
    return Counterpart(order.order_id, order.token, order.side, meeting.parts[-1].price, rows)


def _rested(meeting: Meeting, part: Part, number: int, *, cross: bool) -> MakerRow:
    token, side, price = _across(meeting, part.price, cross=cross)
    return MakerRow(
        order_id=_order_id(f"{meeting.trade_id}/{number}" if number else meeting.trade_id),
        owner="",
        maker=_STREET,
        matched=part.size,
        price=price,
        token=token,
        outcome=meeting.market.outcome(token),
        side=side,
    )


def making(meeting: Meeting, *, cross: bool, company: bool = False) -> Counterpart:
    """Our order rested; the street took. With `company` another maker had as much of the same trade, in our token."""
    order = meeting.order
    (part,) = meeting.parts
    token, side, price = _across(meeting, part.price, cross=cross)
    row = MakerRow(
        order_id=order.order_id,
        owner=order.owner,
        maker=order.account,
        matched=part.size,
        price=part.price,
        token=order.token,
        outcome=meeting.market.outcome(order.token),
        side=order.side,
    )
    stranger = msgspec.structs.replace(
        row, order_id=_order_id(f"{meeting.trade_id}/company"), owner="", maker=_STREET, matched=part.size
    )
    rows = (stranger, row) if company else (row,)
    return Counterpart(_order_id(meeting.trade_id), token, side, price, rows)


def _across(meeting: Meeting, price: int, *, cross: bool) -> tuple[str, Side, int]:
    order = meeting.order
    if not cross:
        return order.token, _OPPOSITE[order.side], price
    first, second = meeting.market.tokens
    return second if order.token == first else first, order.side, ONE - price


def _order_id(trade_id: str) -> str:
    return "0x" + keccak256(f"street/{trade_id}".encode()).hex()
