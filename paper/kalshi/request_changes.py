"""The bodies of requests other than a create: amend, decrease, batches, order groups. Checked as the venue does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import msgspec

from domain.money import to_micros
from paper.core.records import BookSide
from paper.kalshi import refusals
from paper.kalshi.request import COUNT, PRICE, check_client_id, document, one_of

_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class AmendRequest:
    """`count` is the order's size in all, what it has filled included; `expires_at` (µs) None leaves it, 0 removes
    it."""

    ticker: str
    side: BookSide
    price: int
    count: int
    client_order_id: str = ""
    new_client_order_id: str = ""
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class DecreaseRequest:
    """Exactly one of the two, in micro-contracts."""

    by: int | None
    to: int | None


def parse_amend(body: bytes) -> AmendRequest:
    fields = document(body, "AmendOrderV2Request")
    for name in ("ticker", "side", "price", "count"):
        text_of(fields, name, "AmendOrderV2Request", required=True)
    one_of(fields, "side", ("bid", "ask"))
    if not PRICE.fullmatch(fields["price"]):
        raise refusals.off_tick()
    ids = [text_of(fields, name, "AmendOrderV2Request") for name in ("client_order_id", "updated_client_order_id")]
    check_client_id(ids[1])
    expiry = fields.get("expiration_time")
    if expiry is not None and (not isinstance(expiry, int) or isinstance(expiry, bool) or expiry < 0):
        raise refusals.api(400, "invalid_parameters", "expiration_time: unix seconds, or 0 for none")
    return AmendRequest(
        ticker=fields["ticker"],
        side=cast("BookSide", fields["side"]),
        price=to_micros(fields["price"]),
        count=count_of(fields, "count"),
        client_order_id=ids[0],
        new_client_order_id=ids[1],
        expires_at=None if expiry is None else expiry * _SECOND,
    )


def parse_decrease(body: bytes) -> DecreaseRequest:
    fields = document(body, "DecreaseOrderV2Request")
    given = [name for name in ("reduce_by", "reduce_to") if fields.get(name) is not None]
    if len(given) != 1:
        raise refusals.api(400, "invalid_parameters", "exactly one of reduce_by and reduce_to")
    text_of(fields, given[0], "DecreaseOrderV2Request")
    if given[0] == "reduce_by":
        return DecreaseRequest(count_of(fields, "reduce_by"), None)
    return DecreaseRequest(None, count_of(fields, "reduce_to", least=0))


def parse_orders(body: bytes, what: str) -> list[dict[str, Any]]:
    """The entries of a batch, each an object. Raises `Refusal`."""
    fields = document(body, what)
    orders = fields.get("orders")
    if not isinstance(orders, list) or not orders:
        raise refusals.api(400, "missing_parameters", "orders is required")
    if not all(isinstance(order, dict) for order in orders):
        raise refusals.unparseable(f"json: cannot unmarshal into Go struct field {what}.orders")
    return orders


def entries_of(body: bytes) -> list[bytes]:
    """The entries of a batch byte for byte as they came; none of a body that is no batch."""
    try:
        return [bytes(entry) for entry in msgspec.json.decode(body, type=_Batch).orders]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []


class _Batch(msgspec.Struct):
    orders: list[msgspec.Raw]


def parse_limit(body: bytes, what: str) -> int:
    """The contracts limit of an order group, in micro-contracts: `contracts_limit_fp`, or whole `contracts_limit`."""
    fields = document(body, what)
    if fields.get("exchange_index") not in (None, 0, -1):
        raise refusals.api(400, "invalid_parameters", "exchange_index: the paper exchange has only shard 0")
    if fields.get("subaccount"):
        raise refusals.api(400, "invalid_parameters", "subaccount: the paper account has only 0")
    whole, exact = fields.get("contracts_limit"), fields.get("contracts_limit_fp")
    if exact is None:
        if not isinstance(whole, int) or isinstance(whole, bool) or whole < 1:
            raise refusals.api(400, "invalid_parameters", "contracts_limit: 1 or more")
        return whole * 1_000_000
    text_of(fields, "contracts_limit_fp", what)
    limit = count_of(fields, "contracts_limit_fp")
    if whole is not None and whole * 1_000_000 != limit:
        raise refusals.api(400, "invalid_parameters", "contracts_limit and contracts_limit_fp differ")
    return limit


def text_of(fields: dict[str, Any], name: str, what: str, *, required: bool = False) -> str:
    value = fields.get(name)
    if value is None or value == "":
        if required:
            raise refusals.api(400, "missing_parameters", f"{name} is required")
        return ""
    if not isinstance(value, str):
        kind = "bool" if isinstance(value, bool) else "number" if isinstance(value, (int, float)) else "object"
        raise refusals.unparseable(f"json: cannot unmarshal {kind} into Go struct field {what}.{name} of type string")
    return value


def count_of(fields: dict[str, Any], name: str, least: int = 1) -> int:
    text = fields[name]
    if not COUNT.fullmatch(text) or (count := to_micros(text)) < least:
        raise refusals.api(400, "invalid_parameters", f"{name}: a number of contracts, at most two decimals")
    return count
