"""From the venue's messages to the domain's words. Raises `ValueError` where a message lacks what money rests on.

A trade has one taker and one or more makers. The figures at its top are the taker's; a maker's are in `maker_orders`,
and may be of the *other* token of the condition: two purchases of opposite outcomes are matched by minting a pair, two
sales by merging one. Fees are not in the rows: they are set at the match by the market's own curve, taker only, so they
are computed here, for each maker's part at its own price. What several parts cost together is kept as it is (`paid`);
their average is for people. Source: docs.polymarket.com/trading/fees, /concepts/order-lifecycle, asyncapi-user.json.

| an order's status | means |
|---|---|
| LIVE, DELAYED, UNMATCHED | it works, or may |
| MATCHED | it trades no more; its trades say what it did |
| CANCELED, CANCELLED and what begins so, EXPIRED, KILLED | ended by us, its date or its kind; its trades stand |
| INVALID, REJECTED, FAILED | ended by the venue; its trades stand |
| any other word, or none | it counts as working, so it is cancelled and looked at again |
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from datetime import datetime
from decimal import Decimal

from domain.errors import Unavailable
from domain.evidence import Fill, FillStatus
from domain.fees import FeeModel, FeeSchedule
from domain.market import PriceRange, Venue
from domain.orders import Quote, Side
from domain.plausible import odd_amount
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
_MOST_MICROS = Decimal(10**21)
_FINAL = {"CONFIRMED": FillStatus.FINAL, "FAILED": FillStatus.VOID}
_UNSETTLED = frozenset({"MATCHED", "MATCHED_NOT_BROADCASTED", "RETRYING"})
_LIVE = frozenset({"LIVE", "DELAYED", "UNMATCHED"})
_DEAD = frozenset({"MATCHED", "INVALID", "EXPIRED", "KILLED", "REJECTED", "FAILED"})
"""Besides every word that begins with CANCEL. All but the first two are documented nowhere and were seen in lists and
streams; what they say of what filled before is the row's own count, as with any other."""

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
    """Whether an order can trade no more; table in this module. A status not known counts as working."""
    status = order.status.upper().removeprefix("ORDER_STATUS_")
    return status not in _LIVE and (status in _DEAD or status.startswith("CANCEL"))


def matched_shares(order: RestOrder) -> Decimal | None:
    """What the order says it traded; None where it does not say, which is not nothing. Raises `ValueError`."""
    return _count(order.size_matched, "size_matched")


def original_shares(order: RestOrder) -> Decimal | None:
    return _count(order.original_size, "original_size")


def _count(figure: Figure, name: str) -> Decimal | None:
    said = amount(figure)
    if said is not None and (odd := odd_amount(name, said)):
        raise ValueError(odd)
    return said


def _sound(figure: Figure, name: str, most: Decimal | None = None) -> Decimal:
    """Like `demanded`, for a count or a price that a fill is made of."""
    value = demanded(figure, name)
    if odd := odd_amount(name, value):
        raise ValueError(odd)
    if most is not None and value > most:
        raise ValueError(f"{name} is {value}; expected 0 to {most}")
    return value


def taker_fill(
    trade: RestTrade, fees: FeeSchedule, client_order_id: str = "", pair: Container[str] | None = None
) -> Fill:
    """The taker's part of a trade. Where all its makers are listed, it paid each of them that maker's price. `pair` are
    the tokens of its condition, where they are known: a maker of any other gave it nothing."""
    side, size = side_of(trade.side), _sound(trade.size, "size")
    top = _sound(trade.price, "price", _ONE)
    levels = _levels_taken(trade, pair)
    explained = bool(levels) and sum((matched for _, matched in levels), _ZERO) == size
    levels = levels if explained else [(top, size)]
    price, paid = _together(levels, size)
    return Fill(
        venue=Venue.POLYMARKET,
        trade_id=trade.id,
        order_id=trade.taker_order_id,
        client_order_id=client_order_id,
        market=trade.asset_id,
        side=side,
        price=price,
        size=size,
        fee=sum((fees.trade_fee(at, part) for at, part in levels), _ZERO),
        at=matched_at(trade),
        status=fill_status(trade.status),
        paid=paid,
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
        free = amount(base_fee) == 0  # said to be nothing, and not merely unsaid
        return FeeSchedule(_ZERO, unit=COLLATERAL_UNIT, model=FeeModel.POLYMARKET) if free else DEAREST
    exponent = amount(details.exponent)
    power = 1 if exponent is None else int(min(exponent, Decimal(9)))
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
    if not 0 <= whole < _MOST_MICROS or whole != int(whole):
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


def matched_at(trade: RestTrade) -> int:
    """When it traded, else when the venue last said something of it. Raises `ValueError` for a trade without any time:
    at no time is not at the beginning of time."""
    at = micros_of(trade.match_time) or micros_of(trade.last_update)
    if not at:
        raise ValueError("match_time is missing; expected when it traded")
    return at


def _levels_taken(trade: RestTrade, pair: Container[str] | None) -> list[tuple[Decimal, Decimal]]:
    """What the taker got of each maker, at the taker's own price: (price, shares)."""
    levels: list[tuple[Decimal, Decimal]] = []
    for maker in trade.maker_orders or ():
        price, matched = _sound(maker.price, "price", _ONE), _sound(maker.matched_amount, "matched_amount")
        token = _token_of(maker)
        if pair is not None and token not in pair:
            raise ValueError(f"maker order {maker.order_id} is for token {token}, of another condition")
        same = token == trade.asset_id
        levels.append((price if same else _ONE - price, matched))
    return levels


def _token_of(maker: MakerOrder) -> str:
    """A maker's token; it may be the other one of the condition, so one that is not said is not the taker's."""
    if not maker.asset_id:
        raise ValueError(f"maker order {maker.order_id} lacks asset_id; expected the token it was for")
    return maker.asset_id


def _together(levels: list[tuple[Decimal, Decimal]], size: Decimal) -> tuple[Decimal, Decimal | None]:
    """The price of several parts, for people, and what they cost together; None for parts of one price.

    Of the quotient's neighbours the one is taken that gives back the dollars, if one does."""
    if len({price for price, _ in levels}) == 1:
        return levels[0][0], None
    paid = sum((price * part for price, part in levels), _ZERO)
    quotient = paid / size
    near = (quotient, quotient.next_plus(), quotient.next_minus())
    return next((price for price in near if price * size == paid), quotient), paid


def _maker_fill(trade: RestTrade, rows: list[MakerOrder], fees_of: FeesOf, client_order_id: str) -> Fill:
    first = rows[0]
    token = _token_of(first)
    levels = [(_sound(row.price, "price", _ONE), _sound(row.matched_amount, "matched_amount")) for row in rows]
    size = sum((part for _, part in levels), _ZERO)
    if not size:
        raise ValueError(f"maker order {first.order_id} has a part of nothing")
    taker = side_of(trade.side)
    # Without a side of its own: against the taker on the same token, with it on the complement (mint or merge).
    side = side_of(first.side) if first.side else taker.opposite if token == trade.asset_id else taker
    price, paid = _together(levels, size)
    return Fill(
        venue=Venue.POLYMARKET,
        trade_id=trade.id,
        order_id=first.order_id,
        client_order_id=client_order_id,
        market=token,
        side=side,
        price=price,
        size=size,
        fee=sum((fees_of(token).trade_fee(at, part, maker=True) for at, part in levels), _ZERO),
        at=matched_at(trade),
        status=fill_status(trade.status),
        taker=False,
        paid=paid,
    )
