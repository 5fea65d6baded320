"""The body of a create order, checked as the venue checks it before the matching engine sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, cast

import msgspec

from domain.money import to_micros
from paper.core.records import BookSide, SelfTrade, TimeInForce
from paper.kalshi import refusals

_CLIENT_ID = re.compile(r"[-\w:+=/]{1,64}", re.ASCII)  # docs.kalshi.com/fix/order-entry; a dot is refused live
PRICE = re.compile(r"\d{1,9}(\.\d{1,4})?")
COUNT = re.compile(r"\d{1,9}(\.\d{1,2})?")

_TEXT = (
    "ticker",
    "client_order_id",
    "side",
    "count",
    "price",
    "time_in_force",
    "self_trade_prevention_type",
    "order_group_id",
)
_FLAGS = ("post_only", "reduce_only", "cancel_order_on_pause")
_NUMBERS = ("subaccount", "exchange_index", "expiration_time")
_SECOND = 1_000_000
_KINDS: tuple[tuple[type, str], ...] = ((bool, "bool"), (str, "string"), (int, "number"), (dict, "object"))


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A well-formed order; `price` and `count` in micros. `client_order_id` is empty if none was given, `group` the id
    of its order group, `expires_at` when it ends by itself (µs, 0: never), `on_pause` whether a pause ends it."""

    ticker: str
    client_order_id: str
    side: BookSide
    price: int
    count: int
    time_in_force: TimeInForce
    self_trade: SelfTrade
    post_only: bool
    reduce_only: bool
    group: str = ""
    expires_at: int = 0
    on_pause: bool = False


def parse(body: bytes) -> OrderRequest:
    """Raises `Refusal` with the venue's answer to a body it would not take."""
    return parse_fields(document(body))


def parse_fields(fields: dict[str, Any]) -> OrderRequest:
    """The same for a body that was read already: an entry of a batch."""
    for name, value in fields.items():
        _check_type(name, value)
    return _valid(fields)


def document(body: bytes, what: str = "CreateOrderV2Request") -> dict[str, Any]:
    """The JSON object of a request. Raises `Refusal` if it is none; `what` is its name in the venue's words."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise refusals.unparseable(f"json: {error}") from None
    if not isinstance(value, dict):
        raise refusals.unparseable(f"json: cannot unmarshal {_kind(value)} into Go value of type {what}")
    return value


def client_order_id(body: bytes) -> str:
    """The client order id of a body, however wrong the rest of it is; empty if it has none."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    found = value.get("client_order_id", "") if isinstance(value, dict) else ""
    return found if isinstance(found, str) else ""


def _check_type(name: str, value: object) -> None:
    if value is None:
        return
    wanted: Literal["string", "bool", "int64"]
    if name in _TEXT:
        wanted, right = "string", isinstance(value, str)
    elif name in _FLAGS:
        wanted, right = "bool", isinstance(value, bool)
    elif name in _NUMBERS:
        wanted, right = "int64", isinstance(value, int) and not isinstance(value, bool)
    else:
        return
    if not right:
        raise refusals.unparseable(
            f"json: cannot unmarshal {_kind(value)} into Go struct field CreateOrderV2Request.{name} of type {wanted}"
        )


def _valid(fields: dict[str, Any]) -> OrderRequest:
    if not fields.get("ticker"):
        raise refusals.api(400, "missing_parameters", "ticker is required")
    for name in ("side", "count", "price", "time_in_force", "self_trade_prevention_type"):
        if not fields.get(name):
            raise refusals.api(400, "invalid_order", f"{name} is required")
    one_of(fields, "side", ("bid", "ask"))
    one_of(fields, "time_in_force", ("fill_or_kill", "good_till_canceled", "immediate_or_cancel"))
    one_of(fields, "self_trade_prevention_type", ("taker_at_cross", "maker"))
    client_id = fields.get("client_order_id") or ""
    check_client_id(client_id)
    if fields.get("subaccount"):
        raise refusals.api(400, "invalid_parameters", "subaccount: the paper account has only 0")
    if fields.get("exchange_index", -1) not in (-1, 0, None):
        raise refusals.api(400, "invalid_parameters", "exchange_index: the paper exchange has only shard 0; send -1")
    if not PRICE.fullmatch(fields["price"]):
        raise refusals.off_tick()
    if not COUNT.fullmatch(fields["count"]) or not (count := to_micros(fields["count"])):
        raise refusals.api(400, "invalid_parameters", "count: a positive number of contracts, at most two decimals")
    post_only, reduce_only = bool(fields.get("post_only")), bool(fields.get("reduce_only"))
    if post_only and fields["time_in_force"] != "good_till_canceled":
        raise refusals.api(400, "invalid_order", "post only requires good_till_canceled")
    expires = fields.get("expiration_time")
    if expires is not None and fields["time_in_force"] != "good_till_canceled":
        raise refusals.api(400, "invalid_order", "expiration time requires good_till_canceled")
    if reduce_only and fields["time_in_force"] != "immediate_or_cancel":
        raise refusals.api(400, "invalid_order", "reduce only requires immediate_or_cancel")
    return OrderRequest(
        ticker=fields["ticker"],
        client_order_id=client_id,
        side=cast("BookSide", fields["side"]),
        price=to_micros(fields["price"]),
        count=count,
        time_in_force=cast("TimeInForce", fields["time_in_force"]),
        self_trade=cast("SelfTrade", fields["self_trade_prevention_type"]),
        post_only=post_only,
        reduce_only=reduce_only,
        group=fields.get("order_group_id") or "",
        expires_at=(expires or 0) * _SECOND,
        on_pause=bool(fields.get("cancel_order_on_pause")),
    )


def check_client_id(client_id: str) -> None:
    if client_id and not _CLIENT_ID.fullmatch(client_id):
        raise refusals.api(400, "invalid_parameters", "client_order_id: 1 to 64 of letters, digits, - _ : + = /")


def one_of(fields: dict[str, Any], name: str, allowed: tuple[str, ...]) -> None:
    if fields[name] not in allowed:
        raise refusals.api(400, "invalid_parameters", f"{name}: one of {', '.join(allowed)}")


def _kind(value: object) -> str:
    if isinstance(value, float):
        return "number"
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "array" if value is not None else "null")
