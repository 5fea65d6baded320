"""What `py-clob-client-v2` can do beyond the script: public reads, the book's hash by its own function, several
cancels, settlement as it waits for it."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from typing import Any

from proof.conformance.checks import Wrong
from proof.conformance.desk import Extra
from proof.conformance.stand import ASKS, BIDS, Stand

_types: Any = importlib.import_module("py_clob_client_v2.clob_types")
_utilities: Any = importlib.import_module("py_clob_client_v2.utilities")
_sdk: Any = importlib.import_module("py_clob_client_v2")
_wallets: Any = importlib.import_module("polymarket._internal.wallet")
_derivation: Any = importlib.import_module("polymarket.environments").PRODUCTION._config.wallet_derivation
_WALLETS: dict[str, tuple[int, Any]] = {
    "proxy": (1, _wallets.derive_proxy_wallet_address),
    "safe": (2, _wallets.derive_safe_wallet_address),
    "deposit": (3, _wallets.derive_beacon_deposit_wallet_address),
}
_ANSWERED = "answered as the client expects"
Said = Callable[[Callable[[], Any]], Awaitable[Any]]


def extras(client: Any, stand: Stand, said: Said) -> list[Extra]:
    calls = _Calls(client, stand, said)
    token = stand.market
    reads: dict[str, tuple[Callable[[], Any], Any]] = {
        "get_ok": (client.get_ok, None),
        "get_version": (client.get_version, 2),
        "get_server_time": (client.get_server_time, None),
        "get_midpoint": (lambda: client.get_midpoint(token), None),
        "get_price": (lambda: client.get_price(token, "BUY"), {"price": str(max(BIDS))}),
        "get_spread": (lambda: client.get_spread(token), None),
        "get_last_trade_price": (lambda: client.get_last_trade_price(token), None),
        "get_fee_exponent": (lambda: client.get_fee_exponent(token), 1),
        "get_neg_risk": (lambda: client.get_neg_risk(token), False),
        "get_closed_only_mode": (client.get_closed_only_mode, {"closed_only": False}),
        "get_api_keys": (client.get_api_keys, None),
        "get_markets": (client.get_markets, None),
        "get_order_books": (lambda: client.get_order_books([_types.BookParams(token_id=token)]), None),
    }
    return [
        *(Extra(f"read: {name}", _ANSWERED, calls.read(call, wanted)) for name, (call, wanted) in reads.items()),
        Extra("book hash", "the hash of GET /book is the client's own of that book", calls.book_hash),
        *(
            Extra(f"wallet: {kind}", "its signature is accepted; the order rests and is cancelled", calls.wallet(kind))
            for kind in _WALLETS
        ),
        Extra("cancel of several", "two ended, an unknown one told", calls.cancel_several),
        Extra("settlement", "its answer to a fill carries the transaction hash", calls.settlement, shares=Decimal(5)),
        Extra("taking price", f"what 10 dollars would pay at most: {min(ASKS)} or more", calls.taking_price),
    ]


class _Calls:
    def __init__(self, client: Any, stand: Stand, said: Said) -> None:
        self._client = client
        self._stand = stand
        self._said = said

    def read(self, call: Callable[[], Any], wanted: Any) -> Callable[[], Awaitable[object]]:
        async def answered() -> object:
            answer = await self._said(call)
            if answer is None or (wanted is not None and answer != wanted):
                raise Wrong(f"{answer}, not {wanted}")
            return answer

        return answered

    async def book_hash(self) -> object:
        raw = await self._said(lambda: self._client.get_order_book(self._stand.market))
        summary = _utilities.parse_raw_orderbook_summary(raw) if isinstance(raw, dict) else raw
        told = summary.hash
        own = _utilities.generate_orderbook_summary_hash(summary)
        if own != told:
            raise Wrong(f"{told}, the client's {own}")
        return told

    def wallet(self, kind: str) -> Callable[[], Awaitable[object]]:
        """An order of a wallet that is not the key itself, at the address the venue's SDK derives for it."""

        async def call() -> object:
            number, derive = _WALLETS[kind]
            client = self._client
            owner = client.get_address()
            funder = derive(owner, _derivation)
            other = _sdk.ClobClient(
                host=client.host,
                chain_id=client.chain_id,
                key=self._stand.secret("key"),
                creds=client.creds,
                signature_type=number,
                funder=funder,
            )
            wanted = _types.OrderArgsV2(token_id=self._stand.market, price=0.40, size=10, side="BUY")
            placed = await self._said(partial(other.create_and_post_order, wanted))
            listed = await self._said(partial(other.get_order, placed["orderID"]))
            gone = await self._said(partial(other.cancel_orders, [placed["orderID"]]))
            if listed["maker_address"].lower() != funder.lower() or gone["canceled"] != [placed["orderID"]]:
                raise Wrong(f"{listed}, {gone}")
            return f"{funder} signed by {owner}"

        return call

    async def cancel_several(self) -> object:
        placed = []
        for price in (0.40, 0.41):
            wanted = _types.OrderArgsV2(token_id=self._stand.market, price=price, size=10, side="BUY")
            order = await self._said(partial(self._client.create_and_post_order, wanted))
            placed.append(order["orderID"])
        unknown = "0x" + "cd" * 32
        answer = await self._said(lambda: self._client.cancel_orders([*placed, unknown]))
        if sorted(answer["canceled"]) != sorted(placed) or list(answer["not_canceled"]) != [unknown]:
            raise Wrong(str(answer))
        return answer["not_canceled"][unknown]

    async def settlement(self) -> object:
        answer = await self._said(
            lambda: self._client.create_and_post_market_order(
                _types.MarketOrderArgsV2(token_id=self._stand.market, amount=2.75, side="BUY", price=0.55),
                order_type="FAK",
            )
        )
        if Decimal(answer["takingAmount"]) != 5 or not answer["transactionsHashes"]:
            raise Wrong(str(answer))
        return answer["transactionsHashes"]

    async def taking_price(self) -> object:
        price = await self._said(
            lambda: self._client.calculate_market_price(self._stand.market, "BUY", 10, _types.OrderType.FAK)
        )
        if Decimal(str(price)) < min(ASKS):
            raise Wrong(str(price))
        return price
