"""The venue's ways of saying no, body by body as recorded.

Three shapes: `{"error": {code, message, details?, service?}}` for most, flat `{code, message, details}` for a body
that cannot be parsed, and `{"msg"}` for a query parameter out of range. Sources: recorded on the demo exchange
2026-06-11; `missing_parameters` / `invalid_order` for missing fields and the post-only details from
docs.kalshi.com/getting_started/order_errors; the killed FOK and `invalid_parameters` from field reports.
"""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An answer other than success: HTTP `status` and the `body` to send."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body

    @property
    def code(self) -> str:
        """The short word for metrics."""
        error = self.body.get("error", self.body)
        return str(error.get("code", "invalid_query")) if isinstance(error, dict) else str(error)


def exchange(status: int, code: str, message: str = "") -> Refusal:
    """A refusal by the matching engine: nested, with `service`."""
    return Refusal(
        status, {"error": {"code": code, "message": message or code.replace("_", " "), "service": "exchange"}}
    )


def api(status: int, code: str, details: str = "", message: str = "") -> Refusal:
    """A refusal by the API in front of it: nested, without `service`."""
    error = {"code": code, "message": message or code.replace("_", " ")}
    return Refusal(status, {"error": error | ({"details": details} if details else {})})


def unparseable(details: str) -> Refusal:
    return Refusal(400, {"code": "bad_request", "message": "bad request", "details": details})


def query(operation: str, field: str, rule: str) -> Refusal:
    name = f"{operation}Params.{field}"
    return Refusal(
        400,
        {
            "msg": f"Parameter validation failed for {operation}: Key: '{name}' "
            f"Error:Field validation for '{field}' failed on the '{rule}' tag"
        },
    )


def not_found() -> Refusal:
    """Byte-identical for a cancelled, an executed and an unknown order."""
    return exchange(404, "not_found")


def already_exists() -> Refusal:
    return exchange(409, "order_already_exists")


def killed() -> Refusal:
    return exchange(409, "fill_or_kill_insufficient_resting_volume")


def market_inactive() -> Refusal:
    """Every order operation past a market's close, cancels included; the code is upper case on the wire.

    Source: docs.kalshi.com/getting_started/market_lifecycle. Its HTTP status is not recorded; 409 is that of
    `trading_is_paused`."""
    return exchange(409, "MARKET_INACTIVE", "market inactive")


def paused(code: str) -> Refusal:
    """`trading_is_paused` or `exchange_is_paused`, as reported from the live venue."""
    return exchange(409, code)


def insufficient_balance() -> Refusal:
    return exchange(400, "insufficient_balance")


def off_tick() -> Refusal:
    return exchange(400, "invalid_price")


def post_only_cross() -> Refusal:
    return api(400, "invalid_order", "post only cross")


def retired() -> Refusal:
    return api(410, "endpoint_retired", "use POST /trade-api/v2/portfolio/events/orders")


def signature_missing() -> Refusal:
    return api(401, "signature_is_missing_from_headers")


def timestamp_expired() -> Refusal:
    return api(401, "header_timestamp_expired")


def unauthenticated(details: str) -> Refusal:
    return api(401, "authentication_error", details, message="authentication_error")


def unavailable(details: str) -> Refusal:
    return api(503, "service_unavailable", details)
