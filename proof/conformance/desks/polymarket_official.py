"""`polymarket-client`, Polymarket's own SDK, with its own sockets.

An `Environment` cannot be constructed by its public name, so the production one is copied with every address replaced
by the exchange's; contracts, chain, signing and parsing are the SDK's, untouched. The wallet is the signer's own (EOA):
any other kind asks a relayer and a chain before it trades.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
from collections.abc import Awaitable
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from proof.conformance.desk import BookView, Ears, Extra, Filled, OrderState, Placed, Refused, Wish
from proof.conformance.desks import polymarket_calls
from proof.conformance.stand import Stand

_sdk: Any = importlib.import_module("polymarket")
_environments: Any = importlib.import_module("polymarket.environments")
_streams: Any = importlib.import_module("polymarket.streams")
_errors: Any = importlib.import_module("polymarket.errors")
_account: Any = importlib.import_module("eth_account").Account

_UNIT = Decimal("0.000001")
_V2_BITS = ((1 << 64) - 1) << 40
_NOWHERE = "http://127.0.0.1:9"  # what the script needs none of must not reach anybody


def environment(stand: Stand) -> Any:
    """Production with other addresses."""
    config = _environments.PRODUCTION._config
    addresses = {f.name: _NOWHERE for f in dataclasses.fields(config) if f.name.endswith("_url")}
    addresses |= {
        "clob_url": stand.urls["clob"],
        "clob_market_ws_url": stand.urls["market_ws"],
        "clob_user_ws_url": stand.urls["user_ws"],
        "gamma_url": stand.urls["gamma"],
    }
    return _environments._create_environment(name="paper", config=dataclasses.replace(config, **addresses))


class PolymarketOfficial:
    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._key = stand.secret("key")
        self._environment = environment(stand)
        self._client: Any = None
        self._handles: list[Any] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def version(self) -> str:
        return version("polymarket-client")

    @property
    def lacks(self) -> dict[str, str]:
        return {}

    def extras(self) -> list[Extra]:
        return polymarket_calls.extras(self._client, self._stand, _said)

    async def open(self) -> None:
        wallet = _account.from_key(self._key).address
        self._client = await _said(
            _sdk.AsyncSecureClient.create(private_key=self._key, wallet=wallet, environment=self._environment)
        )

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for handle in self._handles:
            await handle.close()
        if self._client is not None:
            await self._client.close()

    async def wrong_key(self) -> None:
        """Right credentials, a signature by another secret. The public constructor would quietly derive new ones, so
        the client is built without the check."""
        good = self._client.credentials
        wrong = type(good)(key=good.key, secret="A" * 43 + "=", passphrase=good.passphrase)
        stranger = await _sdk.AsyncSecureClient._create(
            private_key=self._key,
            wallet=str(self._client.wallet),
            environment=self._environment,
            credentials=wrong,
            validate_credentials=False,
        )
        try:
            await _said(stranger.list_open_orders().first_page())
        finally:
            await stranger.close()

    # -- orders -----------------------------------------------------------------------------------------------------

    async def make(self, wish: Wish) -> Any:
        client = self._client
        side = wish.side.upper()
        if wish.how == "rest":
            return await _said(
                client.create_limit_order(
                    asset_id=wish.market, price=wish.price, size=wish.size, side=side, post_only=wish.post_only
                )
            )
        sized: dict[str, Decimal] = (
            {"amount": wish.size * wish.price, "max_price": wish.price}
            if wish.side == "buy"
            else {"shares": wish.size, "min_price": wish.price}
        )
        kind = "FAK" if wish.how == "take" else "FOK"
        return await _said(client.create_market_order(asset_id=wish.market, side=side, order_type=kind, **sized))

    async def send(self, made: Any) -> Placed:
        return _placed(await _said(self._client.post_order(made)), made)

    async def send_many(self, made: list[Any]) -> list[Placed | Refused]:
        answers = await _said(self._client.post_orders(made))
        found: list[Placed | Refused] = []
        for answer, order in zip(answers, made, strict=True):
            found.append(_placed(answer, order) if answer.ok else Refused(f"{answer.code}: {answer.message}"))
        return found

    async def cancel(self, market: str, order_id: str) -> None:
        answer = await _said(self._client.cancel_order(order_id=order_id))
        if order_id not in answer.canceled:
            raise Refused(str(answer.not_canceled))

    async def cancel_all(self) -> None:
        await _said(self._client.cancel_all())

    async def order(self, order_id: str) -> OrderState:
        found = await _said(self._client.get_order(order_id=order_id))
        return OrderState(order_id, "LIVE" in found.status, found.size_matched, found.original_size)

    async def open_orders(self) -> dict[str, Decimal]:
        listed = [row async for row in self._client.list_open_orders().iter_items()]
        return {row.id: row.original_size - row.size_matched for row in listed}

    # -- the account ------------------------------------------------------------------------------------------------

    async def fills(self) -> list[Filled]:
        rows = [row async for row in self._client.list_account_trades().iter_items()]
        return [fill for row in rows if row.status != "FAILED" for fill in self._own(row)]

    def _own(self, trade: Any) -> list[Filled]:
        if trade.trader_side in (None, "TAKER"):
            return [_filled(trade.id, trade.taker_order_id, trade, trade.size)]
        mine = [row for row in trade.maker_orders or () if row.owner == self._client.credentials.key]
        return [_filled(trade.id, row.order_id, row, row.matched_amount) for row in mine]

    async def position(self, market: str) -> Decimal:
        kind = "CONDITIONAL" if int(market) & _V2_BITS else "CONDITIONAL-V2"
        found = await _said(self._client.get_balance_allowance(asset_type=kind, asset_id=market))
        return Decimal(found.balance) * _UNIT

    async def cash(self) -> Decimal:
        found = await _said(self._client.get_balance_allowance(asset_type="COLLATERAL"))
        return Decimal(found.balance) * _UNIT

    # -- the market -------------------------------------------------------------------------------------------------

    async def book(self, market: str) -> BookView:
        return _view(await _said(self._client.get_order_book(asset_id=market)))

    async def rules(self, market: str) -> tuple[Decimal, Decimal]:
        found = await _said(self._client.get_order_book(asset_id=market))
        return found.tick_size, found.min_order_size

    async def listen(self, markets: list[str], ears: Ears) -> None:
        for spec, hear in (
            (_streams.MarketSpec(asset_ids=markets, custom_feature_enabled=True), _hear_market),
            (_streams.UserSpec(), self._hear_user),
        ):
            handle = await _said(self._client.subscribe(spec))
            self._handles.append(handle)
            self._tasks.append(asyncio.create_task(_hear(handle, hear, ears)))
        ears.up = True

    def _hear_user(self, event: Any, ears: Ears) -> None:
        if event.type == "order":
            ears.orders.append(event.payload.id)
        elif event.payload.status != "FAILED":
            ears.fills += self._own(event.payload)


async def _hear(handle: Any, hear: Any, ears: Ears) -> None:
    async for event in handle:
        hear(event, ears)
    ears.errors.append(f"subscription ended, {handle.dropped} dropped")


def _hear_market(event: Any, ears: Ears) -> None:
    if event.type == "book":
        ears.books[event.payload.asset_id] = _view(event.payload)
    elif event.type == "price_change":
        for change in event.payload.price_changes:
            book = ears.books[change.asset_id]
            side = book.bids if change.side == "BUY" else book.asks
            side.pop(change.price, None)
            if change.size:
                side[change.price] = change.size


def _view(book: Any) -> BookView:
    return BookView({row.price: row.size for row in book.bids}, {row.price: row.size for row in book.asks})


def _placed(answer: Any, order: Any) -> Placed:
    if not answer.ok:
        raise Refused(f"{answer.code}: {answer.message}")
    return Placed(answer.order_id, answer.taking_amount if order.side == "BUY" else answer.making_amount)


def _filled(trade_id: str, order_id: str, row: Any, size: Decimal) -> Filled:
    return Filled(trade_id, order_id, row.asset_id, "buy" if row.side == "BUY" else "sell", row.price, size)


async def _said(call: Awaitable[Any]) -> Any:
    """The SDK's answer; its exceptions for a refusal as `Refused`."""
    try:
        return await asyncio.wait_for(call, 20)
    except _errors.UserInputError as error:
        raise Refused(str(error), by_client=True) from None
    except _errors.RequestRejectedError as error:
        raise Refused(str(error), status=error.status) from None


def desk(stand: Stand) -> PolymarketOfficial:
    return PolymarketOfficial(stand)
