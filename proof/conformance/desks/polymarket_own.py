"""Our own Polymarket adapter at the same stand: the client and both streams that trade, nothing around them."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from decimal import Decimal

import httpx

from domain.errors import Rejected, SurefootError
from domain.market import Venue
from domain.orders import OrderTicket
from proof.conformance.desk import Ears, Filled, Placed, Refused, Wish, soon
from proof.conformance.desks.own import OwnDesk, placed
from proof.conformance.desks.polymarket_frames import take
from proof.conformance.stand import Stand
from venues.polymarket.auth import CREATE_KEY_PATH, DERIVE_KEY_PATH, l1_headers
from venues.polymarket.client import PolymarketClient
from venues.polymarket.pool import MarketPool
from venues.polymarket.rest import Services
from venues.polymarket.user_stream import UserEvent, UserOrder, UserStream
from venues.polymarket.wallet import Credentials, Wallet


class PolymarketOwn(OwnDesk):
    venue = Venue.POLYMARKET

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._wallet = Wallet.from_hex(stand.secret("key"))
        self._services = Services(clob=stand.urls["clob"], gamma=stand.urls["gamma"])
        self._credentials = Credentials("not-derived-yet", "AAAA", "-")
        self._client = PolymarketClient(self._services, self._wallet, self._credentials)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def client(self) -> PolymarketClient:
        return self._client

    @property
    def lacks(self) -> dict[str, str]:
        return {"cancel_again": "the port takes the venue's reasons for what they are, no proof, and says nothing"}

    async def open(self) -> None:
        await self._client.close()
        self._credentials = await _credentials(self._stand.urls["clob"], self._wallet)
        self._client = PolymarketClient(self._services, self._wallet, self._credentials)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()

    async def wrong_key(self) -> None:
        wrong = Credentials(self._credentials.key, "A" * 43 + "=", self._credentials.passphrase)
        async with PolymarketClient(self._services, self._wallet, wrong) as stranger:
            try:
                await stranger.account()
            except Rejected as error:
                raise Refused(f"{error.code} {error.message}") from None

    # -- orders -----------------------------------------------------------------------------------------------------

    async def make(self, wish: Wish) -> OrderTicket:
        return replace(await super().make(wish), decided_at=time.time_ns() // 1000)

    async def send_many(self, made: list[OrderTicket]) -> list[Placed | Refused]:
        found: list[Placed | Refused] = []
        for result in await self._client.submit_many(made):
            try:
                found.append(placed(result))
            except Refused as refused:
                found.append(refused)
        return found

    async def cancel_all(self) -> None:
        await self._client.cancel_all()

    # -- the market -------------------------------------------------------------------------------------------------

    async def rules(self, market: str) -> tuple[Decimal, Decimal]:
        spec = await self._client.market(market)
        return spec.step_at(Decimal("0.5")), spec.min_size

    async def listen(self, markets: list[str], ears: Ears) -> None:
        up = {"market": False, "user": False}

        def state(name: str, now: bool, reason: str) -> None:
            up[name] = now
            ears.up = all(up.values())
            if not now:
                ears.errors.append(f"{name}: {reason}")

        def frame(raw: bytes, received_at_us: int, received_ns: int, link: int, /) -> None:
            document = json.loads(raw)
            for event in document if isinstance(document, list) else [document]:
                take(event, self._credentials.key, ears)

        pool = MarketPool(
            self._stand.urls["market_ws"],
            [[market] for market in markets],
            on_frame=frame,
            on_state=lambda now, why: state("market", now, why),
        )
        user = UserStream(
            self._stand.urls["user_ws"],
            self._credentials,
            on_event=lambda event, raw: _hear(event, ears),
            on_state=lambda now, why: state("user", now, why),
            on_dead=lambda raw, why: ears.errors.append(f"dead letter: {why}"),
        )
        self._tasks = [asyncio.create_task(pool.run()), asyncio.create_task(user.run())]
        await soon(lambda: ears.up)


def _hear(event: UserEvent, ears: Ears) -> None:
    if isinstance(event, UserOrder):
        ears.orders.append(event.order_id)
        return
    rows = [
        (event.taker_order_id, event.asset, event.side, event.price, event.size),
        *((part.order_id, part.asset, part.side, part.price, part.size) for part in event.makers),
    ]
    for order_id, asset, side, price, size in rows:
        if event.status != "FAILED" and price is not None and size is not None:
            ears.fills.append(Filled(event.trade_id, order_id, asset, "buy" if side == "BUY" else "sell", price, size))


async def _credentials(clob: str, wallet: Wallet) -> Credentials:
    async with httpx.AsyncClient(base_url=clob, trust_env=False) as http:
        for method, path in (("POST", CREATE_KEY_PATH), ("GET", DERIVE_KEY_PATH)):
            answer = await http.request(method, path, headers=l1_headers(wallet, int(time.time())))
            if answer.is_success:
                made = answer.json()
                return Credentials(made["apiKey"], made["secret"], made["passphrase"])
    raise SurefootError(f"no API key: HTTP {answer.status_code} {answer.text[:200]}")


def desk(stand: Stand) -> PolymarketOwn:
    return PolymarketOwn(stand)
