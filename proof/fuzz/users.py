"""Our own channels: every message is news of ours, somebody else's business, or kept with a reason; none is lost."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.errors import SurefootError
from proof.fuzz.feeds import MOST_FRAMES, Wrong
from proof.fuzz.slow_books import NoText, parsed
from venues.kalshi.adapter import ADAPTER as KALSHI
from venues.kalshi.messages import FillMessage, UserOrderMessage
from venues.kalshi.translate import fill_from_stream
from venues.polymarket.user_stream import UserOrder, events


class _Fill(msgspec.Struct):
    msg: FillMessage


class _Order(msgspec.Struct):
    msg: UserOrderMessage


_UNREADABLE = (SurefootError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_fills = msgspec.json.Decoder(_Fill)
_orders = msgspec.json.Decoder(_Order)


def polymarket(session: bytes) -> None:
    for line in session.split(b"\n")[:MOST_FRAMES]:
        found, dead = events(line)
        if any(not why for _, why in dead):
            raise Wrong(f"{line[:200]!r} was refused without a reason")
        try:
            said = parsed(line)
        except NoText:
            said = None
        if isinstance(said, list) and len(found) + len(dead) != len(said) and dead != [(line, dead[0][1])]:
            raise Wrong(f"{len(said)} messages, {len(found)} of use, {len(dead)} kept: {line[:200]!r}")
        if not isinstance(said, list) and len(found) + len(dead) != 1 and said is not None:
            raise Wrong(f"{line[:200]!r} is neither of use nor kept")
        if said is None and not dead:
            raise Wrong(f"{line[:200]!r} is no JSON, and nothing of it was kept")
        for event in found:
            amounts = (
                (event.price, event.original_size, event.size_matched)
                if isinstance(event, UserOrder)
                else (event.price, event.size, *(part.size for part in event.makers))
            )
            if event.at < 0 or any(amount is not None and not amount.is_finite() for amount in amounts):
                raise Wrong(f"{event} of {line[:200]!r}")


def kalshi(session: bytes) -> None:
    for line in session.split(b"\n")[:MOST_FRAMES]:
        KALSHI.is_own(line)
        try:
            fill = fill_from_stream(_fills.decode(line).msg)
        except _UNREADABLE:
            fill = None
        if fill is not None and not (fill.size > 0 and 0 <= fill.price <= 1 and Decimal(fill.fee).is_finite()):
            raise Wrong(f"{fill} of {line[:200]!r}")
        try:
            _orders.decode(line)
        except _UNREADABLE:
            continue
