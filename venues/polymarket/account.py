"""What one wallet has: collateral, tokens, working orders, and every trade it was part of.

A balance is what the chain has, as the CLOB last read it. A trade that is matched and not mined yet has moved nothing
there, while its fill counts already: such fills are added here. Tokens of a resolved market are worth their payout and
stay where they are until they are redeemed: they count as cash. Source: docs.polymarket.com/concepts/order-lifecycle.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

import msgspec

from domain.errors import Unavailable
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
    settled_on_chain,
    shares_of,
    side_of,
    taker_fill,
)
from venues.polymarket.wallet import Wallet
from venues.port import Account, OpenOrder

COLLATERAL = "COLLATERAL"
CONDITIONAL = "CONDITIONAL"
CONDITIONAL_V2 = "CONDITIONAL-V2"

_TRADES = "/data/trades"
_LOOKS = 4
_ZERO = Decimal(0)

Row = TypeVar("Row", RestTrade, RestOrder)


class Holdings:
    """Reads one account. `owner` is the API key's UUID, which rows name it by."""

    def __init__(
        self, wire: PolymarketWire, markets: Markets, wallet: Wallet, owner: str, on_dead_letter: OnDeadLetter
    ) -> None:
        self._wire, self._markets, self._wallet = wire, markets, wallet
        self._owner, self._dead = owner.lower(), on_dead_letter
        self._done: set[str] = set()  # tokens of resolved markets of which nothing is left

    async def collateral(self) -> BalanceAllowance:
        """Balance and allowances of pUSD, in millionths."""
        return await self._balance("")

    async def conditional(self, token: str) -> BalanceAllowance:
        """Balance and approvals of one token, in millionths."""
        return await self._balance(token)

    async def update(self, token: str = "") -> None:
        """Have the CLOB read a balance and its allowances from the chain again; collateral without a token."""
        asked = self._asset(token)
        await self._wire.read("/balance-allowance/update", Endpoint.BALANCE_UPDATE, asked, private=True)

    async def cash(self) -> Decimal:
        """Dollars that may be spent: the balance less what working purchases hold back.

        A purchase matched and not mined yet is still in the balance; the venue knows, and refuses what is too much."""
        balance = _shares(await self.collateral())
        held = _ZERO
        for order in await self._orders():
            if side_of(order.side) is Side.BUY:
                left = max((amount(order.original_size) or _ZERO) - matched_shares(order), _ZERO)
                held += left * (amount(order.price) or Decimal(1))
        return max(balance - held, _ZERO)

    async def account(self) -> Account:
        """Everything, over all pages. Should a trade come or be mined while it is read, it is read again, a few times;
        beyond that the reads are not one snapshot: compare accounts while nothing trades, or again.

        Positions are of the tokens the account has traded or has orders on; one that only came by a transfer or a
        split is not seen. Raises `Unavailable` if a single row cannot be read: half an account is none."""
        for _ in range(_LOOKS - 1):
            listed = await self._wire.rows(_TRADES)
            account = await self._account(listed)
            newest = await self._wire.newest(_TRADES)
            if newest == [bytes(raw) for raw in listed[: len(newest)]]:
                return account
        return await self._account(await self._wire.rows(_TRADES))

    async def _account(self, listed: list[msgspec.Raw]) -> Account:
        fills: list[Fill] = []
        unsettled: list[Fill] = []
        trades: dict[str, RestTrade] = {}
        for raw in listed:
            trade = self._read(RestTrade, "trade", raw)
            trades[trade.id] = trade
        for trade in trades.values():
            ours = await self._ours(trade)
            fills.extend(ours)
            if not settled_on_chain(trade):
                unsettled.extend(fill for fill in ours if fill.status is not FillStatus.VOID)
        orders = await self._orders()
        tokens = dict.fromkeys([fill.market for fill in fills] + [order.asset_id for order in orders])
        cash = _shares(await self.collateral()) + sum((fill.cash for fill in unsettled), _ZERO)
        positions: dict[str, Decimal] = {}
        for token in tokens:
            if token in self._done:
                continue
            shares = _shares(await self.conditional(token))
            shares += sum((fill.shares for fill in unsettled if fill.market == token), _ZERO)
            payout = (await self._markets.resolution(token)).payout
            if payout is None:
                if shares:
                    positions[token] = shares
            elif shares:
                cash += shares * payout
            else:
                self._done.add(token)
        return Account(
            cash=cash,
            positions=positions,
            open_orders=tuple(
                OpenOrder(
                    order.id,
                    "",
                    order.asset_id,
                    max((amount(order.original_size) or _ZERO) - matched_shares(order), _ZERO),
                )
                for order in orders
            ),
            fills=tuple(sorted(fills, key=in_time)),
        )

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
                matched_shares(order), amount(order.original_size), amount(order.price), side_of(order.side)
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


def in_time(fill: Fill) -> tuple[int, str, str]:
    """The order fills are listed in."""
    return fill.at, fill.trade_id, fill.order_id


def _shares(balance: BalanceAllowance) -> Decimal:
    try:
        return shares_of(balance.balance)
    except ValueError as wrong:
        raise Unavailable(f"GET /balance-allowance: {wrong}", "unparseable") from None
