"""The CLOB's ways of saying no, word by word.

The body is `{"error": …}`, sometimes with `code` and `retry_after_seconds`. Texts and codes as
docs.polymarket.com/resources/error-codes lists them; the details after `not enough balance / allowance` as logs of
trading clients show them.
"""

from __future__ import annotations

from typing import Any

from paper.polymarket import figures

POST_ONLY_TEXT = "post-only mode: only post-only orders and cancels are allowed"
FOK_KILLED = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_KILLED = "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."


class PolyRefusal(Exception):
    """An answer other than success: HTTP `status`, the `body`, and headers beside it."""

    def __init__(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.headers = headers or {}

    @property
    def text(self) -> str:
        return str(self.body.get("error") or self.body.get("error_msg") or "")


def refusal(status: int, text: str, **more: Any) -> PolyRefusal:
    return PolyRefusal(status, {"error": text} | more)


def _after(status: int, text: str, seconds: int, **more: Any) -> PolyRefusal:
    return PolyRefusal(status, {"error": text} | more, {"Retry-After": str(seconds)})


# -- who asks ----------------------------------------------------------------------------------------------------------


def unauthorized() -> PolyRefusal:
    return refusal(401, "Unauthorized/Invalid api key")


def bad_l1() -> PolyRefusal:
    return refusal(401, "Invalid L1 Request headers")


def foreign_owner() -> PolyRefusal:
    return refusal(400, "the order owner has to be the owner of the API KEY")


def foreign_signer() -> PolyRefusal:
    return refusal(400, "the order signer address has to be the address of the API KEY")


def banned(address: str) -> PolyRefusal:
    return refusal(400, f"'{address}' address banned")


def closed_only(address: str) -> PolyRefusal:
    return refusal(400, f"'{address}' address in closed only mode")


# -- the order itself --------------------------------------------------------------------------------------------------


def bad_payload() -> PolyRefusal:
    return refusal(400, "Invalid order payload")


def bad_order_id() -> PolyRefusal:
    return refusal(400, "Invalid orderID")


def version_mismatch() -> PolyRefusal:
    return refusal(400, "order_version_mismatch")


def off_tick(order_id: str, price: str, tick: int) -> PolyRefusal:
    step = figures.text(tick)
    return refusal(400, f"order {order_id} is invalid. Price ({price}) breaks minimum tick size rule: {step}")


def too_small(order_id: str, size: int, least: int) -> PolyRefusal:
    seen, floor = figures.text(size), figures.text(least)
    return refusal(400, f"order {order_id} is invalid. Size ({seen}) lower than the minimum: {floor}")


def dust_buy(dollars: int) -> PolyRefusal:
    return refusal(400, f"invalid amount for a marketable BUY order (${figures.text(dollars)}), min size: $1")


def duplicated(order_id: str) -> PolyRefusal:
    return refusal(400, f"order {order_id} is invalid. Duplicated.")


def post_only_cross() -> PolyRefusal:
    return refusal(400, "invalid post-only order: order crosses book")


def bad_expiration() -> PolyRefusal:
    return refusal(400, "invalid expiration")


def fok_killed() -> PolyRefusal:
    return refusal(400, FOK_KILLED)


def fak_killed() -> PolyRefusal:
    return refusal(400, FAK_KILLED)


def short_of_balance(balance: int, matched: int, active: int, needed: int) -> PolyRefusal:
    """Amounts in units of 1e-6, as the venue writes them."""
    detail = f"the balance is not enough -> balance: {balance}, "
    if matched:
        detail += f"sum of matched orders: {matched}, "
    if active:
        detail += f"sum of active orders: {active}, "
    return refusal(400, f"not enough balance / allowance: {detail}order amount: {needed}")


def short_of_allowance(spender: str, allowance: int, matched: int, needed: int) -> PolyRefusal:
    return refusal(
        400,
        f"not enough balance / allowance: the allowance is not enough -> spender: {spender}, allowance: {allowance}, "
        f"sum of matched orders: {matched}, order amount (inc. fees): {needed}",
    )


def too_many(found: int, most: int) -> PolyRefusal:
    return refusal(400, f"Too many orders in payload: {found}, max allowed: {most}")


def too_many_cancels(most: int) -> PolyRefusal:
    return refusal(400, f"Too many orders in payload, max allowed: {most}")


# -- the market --------------------------------------------------------------------------------------------------------


def no_orderbook() -> PolyRefusal:
    return refusal(404, "No orderbook exists for the requested token id")


def no_market() -> PolyRefusal:
    return refusal(404, "market not found")


def not_ready() -> PolyRefusal:
    return refusal(400, "the market is not yet ready to process new orders")


# -- the exchange as a whole -------------------------------------------------------------------------------------------


def post_only_mode(seconds: int) -> PolyRefusal:
    return _after(503, POST_ONLY_TEXT, seconds, code="post_only_mode", retry_after_seconds=seconds)


def cancel_only_mode() -> PolyRefusal:
    return refusal(
        503,
        "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.",
        code="cancel_only",
    )


def disabled_mode() -> PolyRefusal:
    return refusal(503, "Trading is currently disabled. Check polymarket.com for updates", code="trading_disabled")


def restarting(seconds: int) -> PolyRefusal:
    return _after(425, "the matching engine is restarting", seconds)


def rate_limited(seconds: int) -> PolyRefusal:
    return _after(429, "Too Many Requests", seconds)


def failed() -> PolyRefusal:
    return refusal(503, "the paper exchange failed and must be restarted; see its log")


def stale_heartbeat(expected: str) -> PolyRefusal:
    return PolyRefusal(400, {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": expected})
