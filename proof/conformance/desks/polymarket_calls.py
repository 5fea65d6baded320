"""What Polymarket's SDK can do beyond the script: reads its models must accept, orders of other kinds, settlement, the
dead man's switch."""

from __future__ import annotations

import dataclasses
import importlib
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from proof.conformance.checks import Wrong
from proof.conformance.desk import Extra, Refused, until
from proof.conformance.operator import tell
from proof.conformance.stand import ASKS, BIDS, Stand

_errors: Any = importlib.import_module("polymarket.errors")
_PARSED = "answered, and the SDK's own model accepts it"
Said = Callable[[Awaitable[Any]], Awaitable[Any]]


def extras(client: Any, stand: Stand, said: Said) -> list[Extra]:
    calls = _Calls(client, stand, said)
    token = stand.market
    bid, ask = max(BIDS), min(ASKS)
    asked: list[tuple[str, dict[str, Any], Any]] = [
        ("get_midpoint", {"asset_id": token}, None),
        ("get_midpoints", {"asset_ids": [token, stand.tide]}, None),
        ("get_price", {"asset_id": token, "side": "BUY"}, bid),
        ("get_spread", {"asset_id": token}, None),
        ("get_last_trade_price", {"asset_id": token}, None),
        ("get_order_books", {"asset_ids": [token, stand.tide]}, None),
        ("get_closed_only_mode", {}, False),
        ("fetch_api_keys", {}, None),
        ("get_market", {"slug": "conformance-0b"}, None),
        ("estimate_market_price", {"asset_id": token, "side": "SELL", "shares": 10}, bid),
        ("estimate_market_price", {"asset_id": stand.tide, "side": "BUY", "amount": 10}, None),
    ]
    reads = [
        Extra(f"read: {name} {number}", _PARSED, calls.read(name, given, wanted))
        for number, (name, given, wanted) in enumerate(asked, 1)
    ]
    return [
        *reads,
        Extra("settlement", "a fill is followed to its transaction hash", calls.settlement, shares=Decimal(5)),
        Extra("forged order", "another price than was signed: refused", calls.forged),
        Extra("good till date", "rests with its expiration", calls.good_till_date),
        Extra("cancel of one market", "ended by its asset, listed as cancelled", calls.cancel_market),
        Extra("fill and kill of nothing", f"nothing below {ask}: refused", calls.nothing_to_take),
        *(
            Extra(f"mode {mode}", "orders refused, and the SDK says why; what is allowed is taken", calls.mode(mode))
            for mode in ("post_only", "cancel_only", "restarting")
        ),
        Extra("failed settlement", "a fill that fails is reported as failed and leaves nothing behind", calls.failing),
        Extra("dead man's switch", "a stale beat is refused; silence cancels what rests", calls.heartbeat, late=True),
    ]


class _Calls:
    def __init__(self, client: Any, stand: Stand, said: Said) -> None:
        self._client = client
        self._stand = stand
        self._said = said

    def read(self, name: str, given: dict[str, Any], wanted: Any) -> Callable[[], Awaitable[object]]:
        async def call() -> object:
            answer = await self._said(getattr(self._client, name)(**given))
            if wanted is not None and answer != wanted:
                raise Wrong(f"{answer}, not {wanted}")
            return answer

        return call

    async def _rest(self, **more: Any) -> Any:
        signed = await self._said(
            self._client.create_limit_order(
                asset_id=self._stand.market, price=Decimal("0.40"), size=Decimal(10), side="BUY", **more
            )
        )
        answer = await self._said(self._client.post_order(signed))
        if not answer.ok:
            raise Wrong(f"{answer.code}: {answer.message}")
        return answer

    async def settlement(self) -> object:
        signed = await self._said(
            self._client.create_market_order(
                asset_id=self._stand.market, side="BUY", amount=Decimal("2.75"), max_price=Decimal("0.55")
            )
        )
        answer = await self._said(self._client.post_order(signed))
        hashes = await self._said(self._client.wait_for_order_fill_settlement(answer, timeout_s=15))
        if not hashes or answer.taking_amount != 5:
            raise Wrong(f"{answer.taking_amount} shares, hashes {hashes}")
        return f"{answer.taking_amount} shares, {len(hashes)} hash"

    async def forged(self) -> object:
        signed = await self._said(
            self._client.create_limit_order(asset_id=self._stand.market, price="0.40", size=10, side="BUY")
        )
        cheaper = dataclasses.replace(signed, maker_amount=signed.maker_amount - 100_000)
        try:
            answer = await self._said(self._client.post_order(cheaper))
        except Refused as refused:
            return f"HTTP {refused.status}: {refused.words}"
        if answer.ok:
            raise Wrong(f"taken: {answer}")
        return f"{answer.code}: {answer.message}"

    async def good_till_date(self) -> object:
        ends = int(time.time()) + 600
        answer = await self._rest(expiration=ends)
        order = await self._said(self._client.get_order(order_id=answer.order_id))
        await self._said(self._client.cancel_orders(order_ids=[answer.order_id]))
        if order.order_type != "GTD" or order.expires_at is None or int(order.expires_at.timestamp()) != ends:
            raise Wrong(f"{order.order_type}, expires {order.expires_at}, not {ends}")
        return f"{order.order_type} {order.status}"

    async def cancel_market(self) -> object:
        answer = await self._rest()
        gone = await self._said(self._client.cancel_market_orders(asset_id=self._stand.market))
        if tuple(gone.canceled) != (answer.order_id,):
            raise Wrong(f"cancelled {gone.canceled}, not {answer.order_id}")
        return "cancelled"

    async def nothing_to_take(self) -> object:
        try:
            signed = await self._said(
                self._client.create_market_order(
                    asset_id=self._stand.market, side="BUY", amount=Decimal(5), max_price=Decimal("0.50")
                )
            )
            answer = await self._said(self._client.post_order(signed))
        except Refused as refused:
            if "no orders found to match" not in refused.words:
                raise
            return refused.words
        if answer.ok or answer.code != "fak_not_filled":
            raise Wrong(f"{answer}")
        return answer.code

    def mode(self, mode: str) -> Callable[[], Awaitable[object]]:
        async def call() -> object:
            rests = await self._rest()
            await tell(self._stand, "/polymarket/mode", {"mode": mode})
            try:
                said = await self._refused_in(mode)
                if mode == "post_only":
                    maker = await self._rest(post_only=True)
                    await self._said(self._client.cancel_order(order_id=maker.order_id))
                if mode != "restarting":
                    await self._said(self._client.cancel_order(order_id=rests.order_id))
            finally:
                await tell(self._stand, "/polymarket/mode", {"mode": "normal"})
            if mode == "restarting":
                await self._said(self._client.cancel_order(order_id=rests.order_id))
            return said

        return call

    async def _refused_in(self, mode: str) -> str:
        signed = await self._said(
            self._client.create_limit_order(asset_id=self._stand.market, price="0.40", size=10, side="BUY")
        )
        try:
            answer = await self._client.post_order(signed)
        except _errors.RequestRejectedError as error:
            if error.restriction != mode:
                raise Wrong(f"restriction {error.restriction}, HTTP {error.status}: {error}") from None
            return f"HTTP {error.status}, restriction {error.restriction}, retry after {error.retry_after}"
        raise Wrong(f"taken: {answer}")

    async def failing(self) -> object:
        await tell(
            self._stand,
            "/faults",
            [{"match": {"venue": "polymarket", "event": "settlement"}, "do": "fail", "stage": "early"}],
        )
        signed = await self._said(
            self._client.create_market_order(
                asset_id=self._stand.market, side="BUY", amount=Decimal("2.75"), max_price=Decimal("0.55")
            )
        )
        answer = await self._said(self._client.post_order(signed))
        try:
            hashes = await self._said(self._client.wait_for_order_fill_settlement(answer, timeout_s=15))
        except _errors.TransactionFailedError as failed:
            return f"{type(failed).__name__}: {failed}"
        raise Wrong(f"settled: {hashes}")

    async def heartbeat(self) -> object:
        beat = await self._said(self._client.send_order_heartbeat())
        beat = await self._said(self._client.send_order_heartbeat(heartbeat_id=beat.heartbeat_id))
        try:
            await self._client.send_order_heartbeat(heartbeat_id="stale")
        except _errors.OrderHeartbeatMismatchError as stale:
            if stale.heartbeat_id != beat.heartbeat_id:
                raise Wrong(f"expected id {stale.heartbeat_id}, last was {beat.heartbeat_id}") from None
        else:
            raise Wrong("a stale beat was taken")
        answer = await self._rest()

        async def ended() -> bool:
            return "LIVE" not in (await self._said(self._client.get_order(order_id=answer.order_id))).status

        if not await until(ended, 10):
            raise Wrong("the order still rests")
        return "stale refused, order cancelled"
