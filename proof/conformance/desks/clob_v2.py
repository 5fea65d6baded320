"""`py-clob-client-v2`: the CLOB client before Polymarket's unified SDK. It is synchronous and has no sockets; both
channels are plain aiohttp with the credentials it derived."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from proof.conformance.desk import BookView, Ears, Extra, Filled, OrderState, Placed, Refused, Wish
from proof.conformance.desks import clob_calls
from proof.conformance.desks.polymarket_frames import Sockets, fills_of
from proof.conformance.stand import Stand

_sdk: Any = importlib.import_module("py_clob_client_v2")
_types: Any = importlib.import_module("py_clob_client_v2.clob_types")
_errors: Any = importlib.import_module("py_clob_client_v2.exceptions")

_POLYGON = 137
_UNIT = Decimal("0.000001")
_KINDS = {"rest": "GTC", "take": "FAK", "all": "FOK"}
_TICK = Decimal("0.01")
_V2_BITS = ((1 << 64) - 1) << 40


class ClobV2:
    """Pointed at the exchange by its `host` argument."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._client = _sdk.ClobClient(host=stand.urls["clob"], chain_id=_POLYGON, key=stand.secret("key"))
        self._creds: Any = None
        self._sockets = Sockets(stand.urls["market_ws"], stand.urls["user_ws"])

    @property
    def version(self) -> str:
        return version("py-clob-client-v2")

    @property
    def lacks(self) -> dict[str, str]:
        return {}

    def extras(self) -> list[Extra]:
        return clob_calls.extras(self._client, self._stand, _said)

    async def open(self) -> None:
        self._creds = await _said(self._client.create_or_derive_api_key)
        self._client.set_api_creds(self._creds)

    async def close(self) -> None:
        await self._sockets.close()

    async def wrong_key(self) -> None:
        creds = _types.ApiCreds(
            api_key=self._creds.api_key, api_secret="A" * 43 + "=", api_passphrase=self._creds.api_passphrase
        )
        stranger = _sdk.ClobClient(
            host=self._stand.urls["clob"], chain_id=_POLYGON, key=self._stand.secret("key"), creds=creds
        )
        await _said(stranger.get_open_orders)

    # -- orders -----------------------------------------------------------------------------------------------------

    async def make(self, wish: Wish) -> Any:
        side = wish.side.upper()
        named = {_asset(wish.market): wish.market}
        kind = _KINDS[wish.how]
        if wish.how != "rest":
            amount = wish.size * wish.price if wish.side == "buy" else wish.size
            order = _types.MarketOrderArgsV2(
                **named, amount=float(amount), side=side, price=float(wish.price), order_type=kind
            )
            return await _said(lambda: self._client.create_market_order(order)), kind, False
        wanted = _types.OrderArgsV2(**named, price=float(wish.price), size=float(wish.size), side=side)
        if wish.price % _TICK:  # `create_order` would round the price and place another order than was asked for
            fine = _types.CreateOrderOptions(tick_size="0.001", neg_risk=False)
            return self._client.builder.build_order(wanted, fine, version=2), kind, wish.post_only
        return await _said(lambda: self._client.create_order(wanted)), kind, wish.post_only

    async def send(self, made: Any) -> Placed:
        order, kind, post_only = made
        return _placed(await _said(lambda: self._client.post_order(order, kind, post_only)), order)

    async def send_many(self, made: list[Any]) -> list[Placed | Refused]:
        rows = [_types.PostOrdersV2Args(order=order, orderType=kind) for order, kind, _ in made]
        answers = await _said(lambda: self._client.post_orders(rows))
        found: list[Placed | Refused] = []
        for answer, (order, _, _) in zip(answers, made, strict=True):
            try:
                found.append(_placed(answer, order))
            except Refused as refused:
                found.append(refused)
        return found

    async def cancel(self, market: str, order_id: str) -> None:
        answer = await _said(lambda: self._client.cancel_order(_types.OrderPayload(orderID=order_id)))
        if order_id not in answer["canceled"]:
            raise Refused(str(answer["not_canceled"]))

    async def cancel_all(self) -> None:
        await _said(self._client.cancel_all)

    async def order(self, order_id: str) -> OrderState:
        found = await _said(lambda: self._client.get_order(order_id))
        if found is None:
            raise Refused("null")
        filled, size = Decimal(found["size_matched"]), Decimal(found["original_size"])
        return OrderState(order_id, "LIVE" in found["status"], filled, size)

    async def open_orders(self) -> dict[str, Decimal]:
        listed = await _said(self._client.get_open_orders)
        return {row["id"]: Decimal(row["original_size"]) - Decimal(row["size_matched"]) for row in listed}

    # -- the account ------------------------------------------------------------------------------------------------

    async def fills(self) -> list[Filled]:
        rows = await _said(self._client.get_trades)
        owner = self._creds.api_key
        return [fill for row in rows if "FAILED" not in row["status"] for fill in fills_of(row, owner)]

    async def position(self, market: str) -> Decimal:
        kind = "CONDITIONAL-V2" if _newer(market) else "CONDITIONAL"
        return await self._balance(_types.BalanceAllowanceParams(asset_type=kind, token_id=market))

    async def cash(self) -> Decimal:
        return await self._balance(_types.BalanceAllowanceParams(asset_type="COLLATERAL"))

    async def _balance(self, params: Any) -> Decimal:
        answer = await _said(lambda: self._client.get_balance_allowance(params))
        return Decimal(answer["balance"]) * _UNIT

    # -- the market -------------------------------------------------------------------------------------------------

    async def book(self, market: str) -> BookView:
        found = await _said(lambda: self._client.get_order_book(market))
        return BookView(_levels(_rows(found, "bids")), _levels(_rows(found, "asks")))

    async def rules(self, market: str) -> tuple[Decimal, Decimal]:
        tick = await _said(lambda: self._client.get_tick_size(market))
        found = await _said(lambda: self._client.get_order_book(market))
        return Decimal(tick), Decimal(found["min_order_size"] if isinstance(found, dict) else found.min_order_size)

    async def listen(self, markets: list[str], ears: Ears) -> None:
        auth = {
            "apiKey": self._creds.api_key,
            "secret": self._creds.api_secret,
            "passphrase": self._creds.api_passphrase,
        }
        await self._sockets.listen(markets, auth, ears)


def _newer(market: str) -> bool:
    """Whether an id is a position of protocol V2, by the bits the venue's SDK looks at."""
    return not int(market) & _V2_BITS


def _asset(market: str) -> str:
    return "position_id" if _newer(market) else "token_id"


def _placed(answer: dict[str, Any], order: Any) -> Placed:
    if not answer.get("success") or answer.get("errorMsg"):
        raise Refused(str(answer.get("errorMsg") or answer))
    shares = answer["takingAmount"] if int(order.side) == 0 else answer["makingAmount"]
    return Placed(answer["orderID"], Decimal(shares or 0))


def _rows(book: Any, side: str) -> list[Any]:
    rows: list[Any] = book[side] if isinstance(book, dict) else getattr(book, side)
    return rows


def _levels(rows: list[Any]) -> dict[Decimal, Decimal]:
    pairs = [(r["price"], r["size"]) if isinstance(r, dict) else (r.price, r.size) for r in rows]
    return {Decimal(price): Decimal(size) for price, size in pairs}


async def _said(call: Callable[[], Any]) -> Any:
    """The client's answer; its exceptions for a refusal as `Refused`."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(call), 40)
    except _errors.PolyApiException as error:
        raise Refused(str(error.error_msg), status=error.status_code) from None
    except _errors.PolyException as error:
        raise Refused(str(error), by_client=True) from None


def desk(stand: Stand) -> ClobV2:
    return ClobV2(stand)
