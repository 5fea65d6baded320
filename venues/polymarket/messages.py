"""What Polymarket says over REST, as it says it.

Tolerant where the venue is free to change: unknown fields are ignored, enum values stay text, fields nobody decides on
may be missing. Strict where money rests on a field: without it the message does not decode. The venue writes the same
amount as a string in one answer and as a number in the next, and as "" where it has none, so amounts are kept as they
stood on the wire (`Figure`) and read by `amount`, never through a float.

Shapes: docs.polymarket.com/api-reference and answers captured on 2026-10-05.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from domain.money import Inexact, decimal

Figure = msgspec.Raw
"""A number as JSON text: `"0.52"`, `0.52`, `""`, `null`, or absent."""

T = TypeVar("T")

_ABSENT = msgspec.Raw()


def amount(figure: Figure) -> Decimal | None:
    """The exact number, or None for "", null and absent. Raises `ValueError` for anything that is no finite number."""
    text = bytes(figure).decode().strip('"').strip()
    if text in ("", "null"):
        return None
    if not text.isascii() or "_" in text:  # Python would read 1_000 as a thousand
        raise ValueError(f"{text[:40]!r} is not a number; expected a plain decimal such as 0.47")
    try:
        return decimal(text)
    except Inexact as wrong:
        raise ValueError(str(wrong)) from None


def demanded(figure: Figure, name: str) -> Decimal:
    """Like `amount`, for what must be there."""
    value = amount(figure)
    if value is None:
        raise ValueError(f"{name} is missing; expected a number")
    return value


def plain_text(figure: Figure) -> str:
    """A value that is a string in one answer and a number in the next, as text; "" for null and absent."""
    raw = bytes(figure)
    if raw in (b"", b"null"):
        return ""
    value = msgspec.json.decode(raw)
    return value if isinstance(value, str) else raw.decode()


class Message(msgspec.Struct, frozen=True):
    """Base of every message."""


# --- orders -----------------------------------------------------------------------------------------------------


class PostedOrder(Message, frozen=True):
    """One result of `POST /order` or `POST /orders`. Read `errorMsg` even where `success` is true."""

    success: bool = False
    error: str | None = msgspec.field(name="errorMsg", default=None)
    order_id: str | None = msgspec.field(name="orderID", default=None)
    status: str | None = None
    making: Figure = msgspec.field(name="makingAmount", default=_ABSENT)
    taking: Figure = msgspec.field(name="takingAmount", default=_ABSENT)
    trade_ids: list[str] | None = msgspec.field(name="tradeIDs", default=None)
    hashes: list[str] | None = msgspec.field(name="transactionsHashes", default=None)


class CancelAnswer(Message, frozen=True):
    """What was cancelled, and why the rest was not: the reasons are free text and no proof of anything filled."""

    canceled: list[str] | None = None
    not_canceled: dict[str, Any] | None = None


class RestOrder(Message, frozen=True):
    """One order. Sizes are shares. `MATCHED` does not mean settled; a killed order may list its match as ""."""

    id: str
    market: str
    asset_id: str
    side: str
    status: str = ""
    price: Figure = _ABSENT
    original_size: Figure = _ABSENT
    size_matched: Figure = _ABSENT
    owner: str = ""
    maker_address: str = ""
    outcome: str | None = None
    order_type: str | None = None
    associate_trades: list[str] | None = None
    created_at: Figure = _ABSENT
    expiration: Figure = _ABSENT


class MakerOrder(Message, frozen=True):
    """One resting order's part of a trade; its token may be the complement of the taker's."""

    order_id: str
    matched_amount: Figure
    price: Figure
    asset_id: str = ""
    owner: str = ""
    maker_address: str = ""
    side: str | None = None
    outcome: str | None = None


class RestTrade(Message, frozen=True):
    """One trade of ours; size, price, side and token at the top are the taker's. One id comes once per status."""

    id: str
    market: str
    asset_id: str
    side: str
    size: Figure
    price: Figure
    status: str
    taker_order_id: str = ""
    owner: str = ""
    maker_address: str = ""
    trader_side: str | None = None
    match_time: Figure = _ABSENT
    last_update: Figure = _ABSENT
    transaction_hash: str | None = None
    outcome: str | None = None
    maker_orders: list[MakerOrder] | None = None


class Page(Message, frozen=True):
    """A page of rows, each decoded on its own. `LTE=` as next cursor is the end."""

    data: list[msgspec.Raw] | None = None
    next_cursor: str | None = None


# --- account ----------------------------------------------------------------------------------------------------


class BalanceAllowance(Message, frozen=True):
    """Balance and allowances in millionths; an older form gives a single `allowance`."""

    balance: Figure
    allowances: dict[str, msgspec.Raw] | None = None
    allowance: Figure = _ABSENT


class ClosedOnly(Message, frozen=True):
    closed_only: bool


class Geoblock(Message, frozen=True):
    blocked: bool
    country: str = ""
    region: str = ""


class ApiKeys(Message, frozen=True):
    keys: list[str] | None = msgspec.field(name="apiKeys", default=None)


class RateLimitTier(Message, frozen=True):
    tier: str | None = None


# --- markets ----------------------------------------------------------------------------------------------------


class Level(Message, frozen=True):
    price: Figure
    size: Figure


class Book(Message, frozen=True):
    """The book of one token. Both sides come worst first: the best price is the last."""

    market: str
    asset_id: str
    bids: list[Level] | None = None
    asks: list[Level] | None = None
    timestamp: Figure = _ABSENT
    hash: str = ""
    min_order_size: Figure = _ABSENT
    tick_size: Figure = _ABSENT
    neg_risk: bool | None = None
    last_trade_price: Figure = _ABSENT
    version: str | None = None


class TokenCondition(Message, frozen=True):
    """`GET /markets-by-token/{id}`."""

    condition_id: str


class FeeDetails(Message, frozen=True):
    rate: Figure = msgspec.field(name="r", default=_ABSENT)
    exponent: Figure = msgspec.field(name="e", default=_ABSENT)
    taker_only: bool = msgspec.field(name="to", default=True)


class ShortToken(Message, frozen=True):
    token_id: str = msgspec.field(name="t")
    outcome: str = msgspec.field(name="o", default="")


class ClobInfo(Message, frozen=True):
    """`GET /clob-markets/{condition_id}`: what an order must keep to. `itode` is the taker delay of 250 ms."""

    tokens: list[ShortToken] = msgspec.field(name="t")
    tick: Figure = msgspec.field(name="mts")
    min_size: Figure = msgspec.field(name="mos")
    condition_id: str = msgspec.field(name="c", default="")
    accepting: bool = msgspec.field(name="ao", default=False)  # unsaid is not open
    delayed: bool = msgspec.field(name="itode", default=False)
    fees: FeeDetails | None = msgspec.field(name="fd", default=None)
    taker_base_fee: Figure = msgspec.field(name="tbf", default=_ABSENT)
    neg_risk: bool | None = msgspec.field(name="nr", default=None)
    version: str | None = msgspec.field(name="v", default=None)


class ClobToken(Message, frozen=True):
    token_id: str
    outcome: str = ""
    winner: bool | None = None


class ClobMarket(Message, frozen=True):
    """`GET /markets/{condition_id}`: names, groups, and who won."""

    condition_id: str
    tokens: list[ClobToken]
    question: str = ""
    description: str | None = None
    closed: bool = False
    active: bool | None = None
    accepting_orders: bool | None = None
    neg_risk: bool | None = None
    neg_risk_market_id: str | None = None
    seconds_delay: Figure = _ABSENT
    is_50_50_outcome: bool | None = None
    end_date_iso: str | None = None
    version: str | None = None


# --- Gamma ------------------------------------------------------------------------------------------------------


class GammaFees(Message, frozen=True):
    rate: Figure = _ABSENT
    exponent: Figure = _ABSENT
    taker_only: bool = msgspec.field(name="takerOnly", default=True)


class GammaMarket(Message, frozen=True):
    """A market as Gamma describes it. Lists come as JSON inside strings (`"[\\"Up\\", \\"Down\\"]"`) or as lists."""

    id: Figure
    condition_id: str = msgspec.field(name="conditionId", default="")
    question: str = ""
    slug: str = ""
    description: str | None = None
    resolution_source: str | None = msgspec.field(name="resolutionSource", default=None)
    group_item: str | None = msgspec.field(name="groupItemTitle", default=None)
    outcomes: msgspec.Raw = _ABSENT
    clob_token_ids: msgspec.Raw = msgspec.field(name="clobTokenIds", default=_ABSENT)
    position_ids: msgspec.Raw = msgspec.field(name="positionIds", default=_ABSENT)
    version: str | None = None
    active: bool | None = None
    closed: bool | None = None
    accepting_orders: bool | None = msgspec.field(name="acceptingOrders", default=None)
    tick: Figure = msgspec.field(name="orderPriceMinTickSize", default=_ABSENT)
    min_size: Figure = msgspec.field(name="orderMinSize", default=_ABSENT)
    neg_risk: bool | None = msgspec.field(name="negRisk", default=None)
    neg_risk_market_id: str | None = msgspec.field(name="negRiskMarketID", default=None)
    seconds_delay: Figure = msgspec.field(name="secondsDelay", default=_ABSENT)
    fees_enabled: bool | None = msgspec.field(name="feesEnabled", default=None)
    fees: GammaFees | None = msgspec.field(name="feeSchedule", default=None)
    end_date: str | None = msgspec.field(name="endDate", default=None)


class GammaEvent(Message, frozen=True):
    """An event and its markets."""

    id: Figure
    slug: str = ""
    title: str = ""
    neg_risk: bool | None = msgspec.field(name="negRisk", default=None)
    enable_neg_risk: bool | None = msgspec.field(name="enableNegRisk", default=None)
    augmented: bool | None = msgspec.field(name="negRiskAugmented", default=None)
    neg_risk_market_id: str | None = msgspec.field(name="negRiskMarketID", default=None)
    closed: bool | None = None
    markets: list[msgspec.Raw] | None = None


class MarketsPage(Message, frozen=True):
    markets: list[msgspec.Raw]
    next_cursor: str | None = None


class EventsPage(Message, frozen=True):
    events: list[msgspec.Raw]
    next_cursor: str | None = None


def decode(kind: type[T], raw: bytes | msgspec.Raw) -> T:
    """`raw` as one message. Raises `ValueError` that says what does not fit."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as unreadable:
        raise ValueError(f"not a {kind.__name__}: {unreadable}") from None
