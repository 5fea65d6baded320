"""From the venue's messages to the domain's words. Raises `ValueError` where a message lacks what money rests on.

A trade has one taker and one or more makers. The figures at its top are the taker's; a maker's are in `maker_orders`,
and may be of the *other* token of the condition: two purchases of opposite outcomes are matched by minting a pair, two
sales by merging one. Fees are not in the rows: they are set at the match by the market's own curve, taker only, so they
are computed here. Source: docs.polymarket.com/trading/fees, /concepts/order-lifecycle, asyncapi-user.json.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from domain.errors import Unavailable
from domain.evidence import Fill, FillStatus
from domain.fees import FeeModel, FeeSchedule
from domain.market import PriceRange, Venue
from domain.orders import Quote, Side
from venues.polymarket.messages import (
    Book,
    FeeDetails,
    Figure,
    Level,
    MakerOrder,
    RestOrder,
    RestTrade,
    amount,
    demanded,
    plain_text,
)

COLLATERAL_UNIT = Decimal("0.000001")
SIZE_STEP = Decimal("0.01")
MIN_NOTIONAL = Decimal(1)
TAKER_DELAY_MS = 250

DEAREST = FeeSchedule(taker=Decimal("0.07"), unit=COLLATERAL_UNIT, model=FeeModel.POLYMARKET)
"""The highest rate the venue lists; for a market that says it has fees and not which."""

_ONE = Decimal(1)
_ZERO = Decimal(0)
_MICROS = Decimal(1_000_000)
_FINAL = {"CONFIRMED": FillStatus.FINAL, "FAILED": FillStatus.VOID}
_UNSETTLED = frozenset({"MATCHED", "MATCHED_NOT_BROADCASTED", "RETRYING"})
_LIVE = frozenset({"LIVE", "DELAYED", "UNMATCHED"})
_DEAD = frozenset({"MATCHED", "INVALID", "EXPIRED", "KILLED", "REJECTED"})
"""Besides every word that begins with CANCEL. The last three are documented nowhere and were seen in lists and streams;
what they say of what filled before is the row's own count, as with any other."""

FeesOf = Callable[[str], FeeSchedule]
"""The fee schedule of a token."""


def micros_of(figure: Figure) -> int:
    """A time in seconds, milliseconds or microseconds since the epoch (told by its magnitude), or ISO-8601, in µs.

    0 for what is missing: the venue's pages disagree about the unit, and some events carry none."""
    text = plain_text(figure)
    if not text:
        return 0
    if not text.isdigit():
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            raise ValueError(f"time {text!r}; expected seconds, milliseconds or ISO-8601 with a zone")
        return int(at.timestamp()) * 1_000_000 + at.microsecond
    value = int(text)
    if value < 10**11:
        return value * 1_000_000
    return value * 1_000 if value < 10**14 else value


def side_of(text: str) -> Side:
    side = {"BUY": Side.BUY, "SELL": Side.SELL}.get(text.upper())
    if side is None:
        raise ValueError(f"side {text!r}; expected BUY or SELL")
    return side


def fill_status(text: str) -> FillStatus:
    """CONFIRMED is final, FAILED void; MATCHED, MINED, RETRYING and any word not known may still fail."""
    return _FINAL.get(trade_status(text), FillStatus.PROVISIONAL)


def trade_status(text: str) -> str:
    return text.upper().removeprefix("TRADE_STATUS_")


def settled_on_chain(trade: RestTrade) -> bool:
    """Whether a trade's tokens and collateral have moved: from MINED on; a failed one never moves any."""
    return trade_status(trade.status) not in _UNSETTLED | {"FAILED"}


def order_dead(order: RestOrder) -> bool:
    """Whether an order can trade no more. A status not known counts as working."""
    status = order.status.upper().removeprefix("ORDER_STATUS_")
    return status not in _LIVE and (status in _DEAD or status.startswith("CANCEL"))


def matched_shares(order: RestOrder) -> Decimal:
    return amount(order.size_matched) or _ZERO


def taker_fill(trade: RestTrade, fees: FeeSchedule, client_order_id: str = "") -> Fill:
    """The taker's part of a trade."""
    side, size = side_of(trade.side), demanded(trade.size, "size")
    price = _taker_price(trade, side, size)
    return Fill(
        venue=Venue.POLYMARKET,
        trade_id=trade.id,
        order_id=trade.taker_order_id,
        client_order_id=client_order_id,
        market=trade.asset_id,
        side=side,
        price=price,
        size=size,
        fee=fees.trade_fee(price, size),
        at=micros_of(trade.match_time),
        status=fill_status(trade.status),
    )


def maker_fills(
    trade: RestTrade, ours: Callable[[MakerOrder], bool], fees_of: FeesOf, client_order_id: str = ""
) -> list[Fill]:
    """The parts of a trade that orders of ours made, one an order, on whichever token each was for."""
    parts: dict[str, list[MakerOrder]] = {}
    for maker in trade.maker_orders or ():
        if ours(maker):
            parts.setdefault(maker.order_id, []).append(maker)
    return [_maker_fill(trade, rows, fees_of, client_order_id) for rows in parts.values()]


def fee_schedule(details: FeeDetails | None, base_fee: Figure) -> FeeSchedule:
    """A token's fees from the market's `fd`. The base fee in basis points is not what a trade pays: it only tells a
    market without fees (0) from one whose curve is not said, which is charged the dearest. Too dear a guess costs a
    trade, too cheap a one costs money."""
    rate = amount(details.rate) if details is not None else None
    if details is None or rate is None:
        return DEAREST if amount(base_fee) else FeeSchedule(_ZERO, unit=COLLATERAL_UNIT, model=FeeModel.POLYMARKET)
    exponent = amount(details.exponent)
    power = 1 if exponent is None else int(exponent)
    if (exponent is not None and exponent != power) or not 0 <= power <= 8 or not 0 <= rate <= 1:
        raise ValueError(f"fee rate {rate} and exponent {exponent}; expected a rate from 0 to 1 and a whole exponent")
    maker = _ZERO if details.taker_only else rate
    return FeeSchedule(rate, maker, COLLATERAL_UNIT, FeeModel.POLYMARKET, power)


def grid_of(tick: Decimal) -> tuple[PriceRange, ...]:
    """Prices from one tick to a dollar less one tick."""
    if not 0 < tick < 1:
        raise ValueError(f"tick {tick}; expected more than 0 and less than 1")
    return (PriceRange(tick, _ONE - tick, tick),)


def shares_of(balance: Figure) -> Decimal:
    """A balance in millionths as dollars or shares, exact."""
    whole = demanded(balance, "balance")
    if whole != int(whole):
        raise ValueError(f"balance {whole}; expected a whole number of millionths")
    return whole / _MICROS


def quote_from_book(token: str, book: Book, *, asked_at: int, answered_at: int) -> Quote:
    """Both sides best first. The venue lists the worst price first; sorted here, whatever order they came in.

    Raises `Unavailable` for the book of another token and for levels no order can have."""
    if book.asset_id != token:
        raise Unavailable(f"asked for the book of {token}, got that of {book.asset_id}", "unparseable")
    bids = sorted(_levels(token, book.bids), reverse=True)
    asks = sorted(_levels(token, book.asks))
    return Quote(token, tuple(bids), tuple(asks), asked_at=asked_at, answered_at=answered_at)


def _levels(token: str, levels: Iterable[Level] | None) -> list[tuple[Decimal, Decimal]]:
    found: list[tuple[Decimal, Decimal]] = []
    for level in levels or ():
        try:
            price, size = demanded(level.price, "price"), demanded(level.size, "size")
        except ValueError as wrong:
            raise Unavailable(f"the book of {token} has a level that cannot be read ({wrong})", "unparseable") from None
        if not (0 <= price <= 1 and size >= 0):
            raise Unavailable(
                f"the book of {token} lists {size} at {price}; expected a price from 0 to 1", "unparseable"
            )
        if size:
            found.append((price, size))
    return found


def _taker_price(trade: RestTrade, side: Side, size: Decimal) -> Decimal:
    """What the taker paid a share: the average over the makers where all of them are listed, else the price at the top.

    Averaged to 0.000001, which is as fine as collateral is."""
    levels: list[tuple[Decimal, Decimal]] = []
    for maker in trade.maker_orders or ():
        price, matched = demanded(maker.price, "price"), demanded(maker.matched_amount, "matched_amount")
        same = not maker.asset_id or maker.asset_id == trade.asset_id
        levels.append((price if same else _ONE - price, matched))
    top = demanded(trade.price, "price")
    if not levels or sum((matched for _, matched in levels), _ZERO) != size:
        return top
    paid = sum((price * matched for price, matched in levels), _ZERO)
    if paid == top * size:
        return top
    return (paid / size).quantize(COLLATERAL_UNIT, ROUND_HALF_EVEN)


def _maker_fill(trade: RestTrade, rows: list[MakerOrder], fees_of: FeesOf, client_order_id: str) -> Fill:
    first = rows[0]
    token = first.asset_id or trade.asset_id
    size = sum((demanded(row.matched_amount, "matched_amount") for row in rows), _ZERO)
    taker = side_of(trade.side)
    # Without a side of its own: against the taker on the same token, with it on the complement (mint or merge).
    side = side_of(first.side) if first.side else taker.opposite if token == trade.asset_id else taker
    price = demanded(first.price, "price")
    return Fill(
        venue=Venue.POLYMARKET,
        trade_id=trade.id,
        order_id=first.order_id,
        client_order_id=client_order_id,
        market=token,
        side=side,
        price=price,
        size=size,
        fee=fees_of(token).trade_fee(price, size, maker=True),
        at=micros_of(trade.match_time),
        status=fill_status(trade.status),
        taker=False,
    )
