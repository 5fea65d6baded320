"""Our own Kalshi adapter at the same stand: the client and the stream that trade, nothing around them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from decimal import Decimal
from typing import Any

from domain.errors import Rejected
from domain.market import Venue
from proof.conformance.desk import Ears, Placed, Refused, soon
from proof.conformance.desks.kalshi_socket import take
from proof.conformance.desks.own import OwnDesk
from proof.conformance.stand import Stand
from venues.kalshi.client import KalshiClient
from venues.kalshi.signing import Signer
from venues.kalshi.stream import KalshiStream


class KalshiOwn(OwnDesk):
    venue = Venue.KALSHI

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._signer = self._key("key")
        self._client = KalshiClient(_root(stand.urls["rest"]), self._signer)
        self._task: asyncio.Task[None] | None = None

    @property
    def client(self) -> KalshiClient:
        return self._client

    @property
    def lacks(self) -> dict[str, str]:
        return {
            "batch": "the venue port sends one order at a time",
            "cancel_all": "the venue port cancels one order at a time",
            "cancel_again": "the port takes the venue's 404 for what it is, no proof of anything, and says nothing",
        }

    def _key(self, name: str) -> Signer:
        return Signer.from_pem(self._stand.secret("key_id"), self._stand.secret(name).encode())

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

    # -- what the port has none of -----------------------------------------------------------------------------------

    async def send_many(self, made: list[Any]) -> list[Placed | Refused]:
        raise NotImplementedError(self.lacks["batch"])

    async def cancel_all(self) -> None:
        raise NotImplementedError(self.lacks["cancel_all"])

    # -- the market -------------------------------------------------------------------------------------------------

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
