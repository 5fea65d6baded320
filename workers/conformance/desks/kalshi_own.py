"""Our own Kalshi adapter at the same stand: the client and the stream that trade, nothing around them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from domain.errors import Rejected
from domain.evidence import OrderStatus
from domain.market import Venue
from domain.orders import OrderTicket, Purpose, Side, TimeInForce, Verdict
from venues.kalshi.client import KalshiClient
from venues.kalshi.signing import Signer
from venues.kalshi.stream import KalshiStream
from workers.conformance.desk import BookView, Ears, Extra, Filled, OrderState, Placed, Refused, Wish, soon
from workers.conformance.desks.kalshi_socket import take
from workers.conformance.stand import Stand

_TIF = {"rest": TimeInForce.GTC, "take": TimeInForce.IOC, "all": TimeInForce.FOK}


class KalshiOwn:
    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._signer = self._key("key")
        self._client = KalshiClient(_root(stand.urls["rest"]), self._signer)
        self._task: asyncio.Task[None] | None = None

    @property
    def version(self) -> str:
        return version("surefoot")

    @property
    def lacks(self) -> dict[str, str]:
        return {
            "batch": "the venue port sends one order at a time",
            "cancel_all": "the venue port cancels one order at a time",
            "cancel_again": "the port takes the venue's 404 for what it is, no proof of anything, and says nothing",
        }

    def _key(self, name: str) -> Signer:
        return Signer.from_pem(self._stand.secret("key_id"), self._stand.secret(name).encode())

    def extras(self) -> list[Extra]:
        return []

    async def open(self) -> None:
        await self._client.configure_limits()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._client.close()

    async def wrong_key(self) -> None:
        async with KalshiClient(_root(self._stand.urls["rest"]), self._key("other_key")) as stranger:
            try:
                await stranger.cash()
            except Rejected as error:
                raise Refused(f"{error.code} {error.message}") from None

    # -- orders -----------------------------------------------------------------------------------------------------

    async def make(self, wish: Wish) -> OrderTicket:
        return OrderTicket(
            intent_id=str(uuid.uuid4()),
            leg="A",
            attempt=1,
            purpose=Purpose.OPEN,
            venue=Venue.KALSHI,
            market=wish.market,
            side=Side.BUY if wish.side == "buy" else Side.SELL,
            size=wish.size,
            limit=wish.price,
            tif=_TIF[wish.how],
            post_only=wish.post_only,
        )

    async def send(self, made: OrderTicket) -> Placed:
        result = await self._client.submit(made)
        if result.verdict is Verdict.ACCEPTED and result.order_id is not None:
            return Placed(result.order_id, result.filled)
        raise Refused(f"{result.code} {result.detail}", by_client=not result.sent)

    async def send_many(self, made: list[Any]) -> list[Placed | Refused]:
        raise NotImplementedError(self.lacks["batch"])

    async def cancel_all(self) -> None:
        raise NotImplementedError(self.lacks["cancel_all"])

    async def cancel(self, market: str, order_id: str) -> None:
        await self._client.cancel(market, order_id)

    async def order(self, order_id: str) -> OrderState:
        try:
            found = await self._client.look_up(order_id)
        except Rejected as error:
            raise Refused(f"{error.code} {error.message}") from None
        evidence = found.evidence
        return OrderState(order_id, evidence.status is OrderStatus.RESTING, evidence.filled, found.size)

    async def open_orders(self) -> dict[str, Decimal]:
        return {order.order_id: order.remaining for order in (await self._client.account()).open_orders}

    # -- the account ------------------------------------------------------------------------------------------------

    async def fills(self) -> list[Filled]:
        return [
            Filled(f.trade_id, f.order_id, f.market, "buy" if f.side is Side.BUY else "sell", f.price, f.size, f.fee)
            for f in (await self._client.account()).fills
        ]

    async def position(self, market: str) -> Decimal:
        return (await self._client.account()).positions.get(market, Decimal(0))

    async def cash(self) -> Decimal:
        return await self._client.cash()

    # -- the market -------------------------------------------------------------------------------------------------

    async def book(self, market: str) -> BookView:
        quote = await self._client.quote(market)
        return BookView(dict(quote.bids), dict(quote.asks))

    async def rules(self, market: str) -> tuple[Decimal, Decimal]:
        spec = await self._client.market(market)
        return spec.step_at(Decimal("0.5")), Decimal(0)

    async def listen(self, markets: list[str], ears: Ears) -> None:
        def on_frame(raw: bytes, received_at_us: int, received_ns: int, /) -> None:
            frame = json.loads(raw)
            take(frame["type"], frame.get("msg", {}), ears)

        def on_state(up: bool, reason: str) -> None:
            ears.up = up
            if not up:
                ears.errors.append(reason)

        stream = KalshiStream(
            self._stand.urls["ws"], self._signer, on_frame=on_frame, markets=markets, on_state=on_state
        )
        self._task = asyncio.create_task(stream.run())
        await soon(lambda: ears.up)


def _root(rest: str) -> str:
    return rest.removesuffix("/trade-api/v2")


def desk(stand: Stand) -> KalshiOwn:
    return KalshiOwn(stand)
