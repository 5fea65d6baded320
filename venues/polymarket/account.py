"""What one wallet has: collateral, tokens, working orders, and every trade it was part of.

A balance is what the chain has, as the CLOB last read it. A trade that is matched and not mined yet has moved nothing
there, while its fill counts already: such fills are added here. Tokens of a resolved market are worth their payout and
stay where they are until they are redeemed: they count as cash. Source: docs.polymarket.com/concepts/order-lifecycle.

**Last read when?** The CLOB answers `/balance-allowance` from a cache, and a match does not refresh it: after a
purchase it may say for minutes that there is nothing to sell (github.com/Polymarket/py-clob-client/issues/290), or
twice what there is (issues/300). Asking `/balance-allowance/update` has it read the chain again. So a balance is never
believed over confirmed fills before it was refreshed:

| read | refreshed first when | may still be late by |
|---|---|---|
| a token's balance | it is not what the account's own settled fills make | `BALANCE_LATE_S`, as `Account.late_us` |
| collateral | a fill settled of late, or a token's balance was late; in `cash()`, the first time | the same |
| allowances (`fresh`) | something is missing in them | the same |
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

import msgspec
import structlog

from domain.errors import SurefootError, Unavailable
from domain.evidence import Fill, FillStatus
from domain.fees import FeeSchedule
from domain.orders import Side
from venues.polymarket.contracts import Protocol, protocol_of_id
from venues.polymarket.limits import Endpoint
from venues.polymarket.messages import BalanceAllowance, MakerOrder, RestOrder, RestTrade, amount, decode
from venues.polymarket.reference import Markets
from venues.polymarket.rest import OnDeadLetter, PolymarketWire
from venues.polymarket.translate import (
    maker_fills,
    matched_shares,
    order_dead,
    original_shares,
    settled_on_chain,
    shares_of,
    side_of,
    taker_fill,
)
from venues.polymarket.wallet import Wallet
from venues.port import Account, OpenOrder

log = structlog.get_logger(__name__)

COLLATERAL = "COLLATERAL"
CONDITIONAL = "CONDITIONAL"
CONDITIONAL_V2 = "CONDITIONAL-V2"

BALANCE_LATE_S = 30.0
"""How late a balance may be after a refresh was asked for. Documented nowhere: settlement of a match has been seen to
take 10 to 50 s (github.com/Polymarket/py-clob-client-v2/issues/34), most of it before the trade says it is mined."""

STALE_CACHE = frozenset({"insufficient_balance", "insufficient_allowance"})
"""Refusals of an order that a stale cache gives: a refresh may cure them."""

_TRADES = "/data/trades"
_LOOKS = 4
_AGAIN_S = 5.0
_REFRESH_S = 2.0  # a refresh is a favour to the next read or order: it holds nothing up for longer
_ZERO = Decimal(0)

Row = TypeVar("Row", RestTrade, RestOrder)


class Holdings:
    """Reads one account. `owner` is the API key's UUID, which rows name it by; `late_s` how late its balances may be
    once a refresh was asked for."""

    def __init__(  # noqa: PLR0917 - the account's own parts
        self,
        wire: PolymarketWire,
        markets: Markets,
        wallet: Wallet,
        owner: str,
        on_dead_letter: OnDeadLetter,
        late_s: float = BALANCE_LATE_S,
    ) -> None:
        self._wire, self._markets, self._wallet = wire, markets, wallet
        self._owner, self._dead = owner.lower(), on_dead_letter
        self._done: set[str] = set()  # tokens of resolved markets of which nothing is left
        self._late_s = late_s
        self._refreshed: dict[str, float] = {}  # when each token's refresh was asked for, collateral's under ""
        self._settled: frozenset[str] = frozenset()  # trades that have settled, and since when no other one has
        self._settled_at = time.monotonic()

    async def collateral(self, *, fresh: bool = False) -> BalanceAllowance:
        """Balance and allowances of pUSD, in millionths; `fresh`, as the chain has them now."""
        if fresh:
            await self.refresh()
        return await self._balance("")

    async def conditional(self, token: str, *, fresh: bool = False) -> BalanceAllowance:
        """Balance and approvals of one token, in millionths; `fresh`, as the chain has them now."""
        if fresh:
            await self.refresh(token)
        return await self._balance(token)

    async def refresh(self, token: str = "") -> bool:
        """`update` as a favour to what comes next, collateral without a token: whether it was had. A refresh that is
        refused, retired or slow holds nothing up: what is read then is as late as its read says."""
        self._refreshed[token] = time.monotonic()
        try:
            async with asyncio.timeout(_REFRESH_S):
                await self.update(token)
        except (SurefootError, TimeoutError) as failure:
            log.info("a balance was not refreshed", token=token or "collateral", error=str(failure))
            return False
        return True

    async def update(self, token: str = "") -> None:
        """Have the CLOB read a balance and its allowances from the chain again; collateral without a token."""
        asked = self._asset(token)
        await self._wire.read("/balance-allowance/update", Endpoint.BALANCE_UPDATE, asked, private=True)

    async def cash(self) -> Decimal:
        """Dollars that may be spent: the balance less what working purchases hold back.

        A purchase matched and not mined yet is still in the balance; the venue knows, and refuses what is too much. The
        first read of a process may become an opening balance, so it is a fresh one; an order waits for none after."""
        balance = _shares(await self.collateral(fresh="" not in self._refreshed))
        held = _ZERO
        for order in await self._orders():
            if side_of(order.side) is Side.BUY:
                left = _remaining(order)
                held += left * (amount(order.price) or Decimal(1))
        return max(balance - held, _ZERO)

    async def account(self, merged: Sequence[Fill] = ()) -> Account:
        """Everything, over all pages; `merged` are fills of sets handed back, which are no trades. Should a trade come
        or be mined while it is read, it is read again, a few times; beyond that the reads are not one snapshot: compare
        accounts while nothing trades, or again.

        Positions are of the tokens the account has traded or has orders on; one that only came by a transfer or a
        split is not seen. Raises `Unavailable` if a single row cannot be read: half an account is none."""
        for _ in range(_LOOKS - 1):
            listed = await self._wire.rows(_TRADES)
            account = await self._account(listed, merged)
            newest = await self._wire.newest(_TRADES)
            if newest == [bytes(raw) for raw in listed[: len(newest)]]:
                return account
        return await self._account(await self._wire.rows(_TRADES), merged)

    async def _account(self, listed: list[msgspec.Raw], merged: Sequence[Fill]) -> Account:
        fills: list[Fill] = []
        unsettled: list[Fill] = []
        moved: dict[str, Decimal] = {}  # what settled fills have made of each token
        settled: set[str] = set()
        trades: dict[str, RestTrade] = {}
        for raw in listed:
            trade = self._read(RestTrade, "trade", raw)
            trades[trade.id] = trade
        for trade in trades.values():
            ours = await self._ours(trade)
            fills.extend(ours)
            standing = [fill for fill in ours if fill.status is not FillStatus.VOID]
            if settled_on_chain(trade):
                settled.add(trade.id)
                for fill in standing:
                    moved[fill.market] = moved.get(fill.market, _ZERO) + fill.shares
            else:
                unsettled.extend(standing)
        for fill in merged:
            moved[fill.market] = moved.get(fill.market, _ZERO) + fill.shares
        orders = await self._orders()
        tokens = dict.fromkeys([fill.market for fill in fills] + [order.asset_id for order in orders])
        cash, late = sum((fill.cash for fill in unsettled), _ZERO), False
        positions: dict[str, Decimal] = {}
        for token in tokens:
            if token in self._done:
                continue
            held = _shares(await self.conditional(token))
            payout = (await self._markets.resolution(token)).payout
            if payout is None and held != moved.get(token, _ZERO) and self._may_refresh(token):
                late = True
                held = _shares(await self.conditional(token, fresh=True))
            shares = held + sum((fill.shares for fill in unsettled if fill.market == token), _ZERO)
            if payout is None:
                if shares:
                    positions[token] = shares
            elif shares:
                cash += shares * payout
            else:
                self._done.add(token)
        # Last, so that what settled meanwhile is in it; and no fill of ours can tell whether it is late.
        cash += _shares(await self.collateral(fresh=self._just_settled(frozenset(settled)) or late))
        return Account(
            cash=cash,
            positions=positions,
            open_orders=tuple(
                OpenOrder(
                    order.id,
                    "",
                    order.asset_id,
                    _remaining(order),
                )
                for order in orders
            ),
            fills=tuple(sorted(fills, key=in_time)),
            late_us=round(self._late_s * 1_000_000),
        )

    def _may_refresh(self, token: str) -> bool:
        """Shares that came by a transfer or a split differ from the fills for ever: they are asked for now and then."""
        asked = self._refreshed.get(token)
        return asked is None or time.monotonic() - asked >= _AGAIN_S

    def _just_settled(self, settled: frozenset[str]) -> bool:
        """Whether a fill has settled so lately that collateral may be from before it, whenever it was refreshed."""
        now = time.monotonic()
        if settled != self._settled:
            self._settled, self._settled_at = settled, now
        return now - self._settled_at <= self._late_s

    def _asset(self, token: str) -> dict[str, str | int]:
        asked: dict[str, str | int] = {"signature_type": int(self._wallet.signature_type)}
        if not token:
            return {"asset_type": COLLATERAL, **asked}
        kind = CONDITIONAL_V2 if protocol_of_id(int(token)) is Protocol.V2 else CONDITIONAL
        return {"asset_type": kind, "token_id": token, **asked}

    async def _balance(self, token: str) -> BalanceAllowance:
        asked = self._asset(token)
        found, _ = await self._wire.get(BalanceAllowance, "/balance-allowance", Endpoint.BALANCE, asked, private=True)
        return found

    async def _orders(self) -> list[RestOrder]:
        orders: dict[str, RestOrder] = {}
        for raw in await self._wire.rows("/data/orders"):
            order = self._read(RestOrder, "order", raw)
            try:
                _remaining(order), amount(order.price), side_of(order.side)
            except ValueError as wrong:
                raise self._unreadable("order", bytes(raw), wrong) from None
            if not order_dead(order):
                orders[order.id] = order
        return list(orders.values())

    async def _ours(self, trade: RestTrade) -> list[Fill]:
        """Our parts of one trade: as its taker, as one of its makers, or both."""
        mine = [maker for maker in trade.maker_orders or () if self._is_mine(maker)]
        fees: dict[str, FeeSchedule] = {}
        for token in {trade.asset_id, *(maker.asset_id or trade.asset_id for maker in mine)}:
            fees[token] = await self._markets.fees(token)
        found: list[Fill] = []
        try:
            if self._took(trade):
                found.append(taker_fill(trade, fees[trade.asset_id]))
            found.extend(maker_fills(trade, self._is_mine, lambda token: fees[token]))
        except ValueError as wrong:
            raise self._unreadable("trade", msgspec.json.encode(trade), wrong) from None
        return found

    def _took(self, trade: RestTrade) -> bool:
        """Whether the taker's order was ours. The side is told as seen from us where it is told at all."""
        if trade.trader_side:
            return trade.trader_side.upper() == "TAKER"
        return trade.owner.lower() == self._owner or trade.maker_address.lower() == self._wallet.maker.lower()

    def _is_mine(self, maker: MakerOrder) -> bool:
        return maker.owner.lower() == self._owner or maker.maker_address.lower() == self._wallet.maker.lower()

    def _read(self, kind: type[Row], name: str, raw: msgspec.Raw) -> Row:
        try:
            return decode(kind, raw)
        except ValueError as wrong:
            raise self._unreadable(name, bytes(raw), wrong) from None

    def _unreadable(self, name: str, raw: bytes, why: ValueError) -> Unavailable:
        self._dead(name, raw, str(why))
        return Unavailable(f"a listed {name} cannot be read ({why}); it is in the dead letters", "unparseable")


def _remaining(order: RestOrder) -> Decimal:
    """What may still trade. Raises `ValueError` for an order that does not say its size; what it does not say to have
    matched may all be open."""
    size = original_shares(order)
    if size is None:
        raise ValueError("original_size is missing; expected a number")
    return max(size - (matched_shares(order) or _ZERO), _ZERO)


def in_time(fill: Fill) -> tuple[int, str, str]:
    """The order fills are listed in."""
    return fill.at, fill.trade_id, fill.order_id


def _shares(balance: BalanceAllowance) -> Decimal:
    try:
        return shares_of(balance.balance)
    except ValueError as wrong:
        raise Unavailable(f"GET /balance-allowance: {wrong}", "unparseable") from None
