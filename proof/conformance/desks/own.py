"""What both of our own adapters do alike at the stand: everything that goes through the venue port."""

from __future__ import annotations

import uuid
from decimal import Decimal
from importlib.metadata import version

from domain.errors import Rejected
from domain.evidence import FillStatus, OrderStatus
from domain.market import Venue
from domain.orders import OrderTicket, Purpose, Side, SubmitResult, TimeInForce, Verdict
from proof.conformance.desk import BookView, Extra, Filled, OrderState, Placed, Refused, Wish
from venues.port import VenueClient

_TIF = {"rest": TimeInForce.GTC, "take": TimeInForce.IOC, "all": TimeInForce.FOK}


class OwnDesk:
    """A desk of ours at `venue`. `client` is the adapter that trades; whoever derives from this opens and closes it."""

    venue: Venue

    @property
    def client(self) -> VenueClient:
        raise NotImplementedError

    @property
    def version(self) -> str:
        return version("surefoot")

    def extras(self) -> list[Extra]:
        return []

    # -- orders -----------------------------------------------------------------------------------------------------

    async def make(self, wish: Wish) -> OrderTicket:
        return OrderTicket(
            intent_id=str(uuid.uuid4()),
            leg="A",
            attempt=1,
            purpose=Purpose.OPEN,
            venue=self.venue,
            market=wish.market,
            side=Side.BUY if wish.side == "buy" else Side.SELL,
            size=wish.size,
            limit=wish.price,
            tif=_TIF[wish.how],
            post_only=wish.post_only,
        )

    async def send(self, made: OrderTicket) -> Placed:
        return placed(await self.client.submit(made))

    async def cancel(self, market: str, order_id: str) -> None:
        await self.client.cancel(market, order_id)

    async def order(self, order_id: str) -> OrderState:
        try:
            found = await self.client.look_up(order_id)
        except Rejected as error:
            raise Refused(f"{error.code} {error.message}") from None
        evidence = found.evidence
        return OrderState(order_id, evidence.status is OrderStatus.RESTING, evidence.filled, found.size)

    async def open_orders(self) -> dict[str, Decimal]:
        return {order.order_id: order.remaining for order in (await self.client.account()).open_orders}

    # -- the account ------------------------------------------------------------------------------------------------

    async def fills(self) -> list[Filled]:
        return [
            Filled(f.trade_id, f.order_id, f.market, "buy" if f.side is Side.BUY else "sell", f.price, f.size, f.fee)
            for f in (await self.client.account()).fills
            if f.status is not FillStatus.VOID
        ]

    async def position(self, market: str) -> Decimal:
        return (await self.client.account()).positions.get(market, Decimal(0))

    async def cash(self) -> Decimal:
        return await self.client.cash()

    # -- the market -------------------------------------------------------------------------------------------------

    async def book(self, market: str) -> BookView:
        quote = await self.client.quote(market)
        return BookView(dict(quote.bids), dict(quote.asks))


def placed(result: SubmitResult) -> Placed:
    """What the venue took. Raises `Refused` for every other verdict."""
    if result.verdict is Verdict.ACCEPTED and result.order_id is not None:
        return Placed(result.order_id, result.filled)
    raise Refused(f"{result.code} {result.detail}", by_client=not result.sent)
