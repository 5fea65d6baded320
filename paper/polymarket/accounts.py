"""Money on the Polymarket side: what a wallet may still spend, and what a settled trade does to it.

A balance is what the chain has. An order matched and not yet mined has spent its dollars (or shares) already and
brought nothing yet: *shares just bought cannot be sold before they are mined*. Working orders hold back what they may
come to cost. The venue weighs a new order against balance − matched − active, then asks the allowance of the contract
that will settle it. Nothing is ever held short: the other side of a market is bought as its other token.

Everything is exact integers: micro-dollars and micro-shares.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from paper.polymarket import refusals
from paper.polymarket.conditions import Market, spenders
from paper.polymarket.records import ClobOrder, ClobTrade, Side, Wallet

UNLIMITED = 2**256 - 1


def check(
    wallet: Wallet,
    market: Market,
    token: str,
    side: Side,
    needed: int,
    *,
    working: Iterable[ClobOrder],
    unfinished: Iterable[ClobTrade],
) -> None:
    """Whether an order that needs `needed` (dollars with its fee, or shares) may stand. Raises `PolyRefusal`."""
    buys = side == "BUY"
    balance = wallet.cash if buys else wallet.tokens.get(token, 0)
    matched = sum(spent(trade, None if buys else token) for trade in unfinished if trade.account == wallet.address)
    active = sum(
        order.held
        for order in working
        if order.account == wallet.address and order.side == side and (buys or order.token == token)
    )
    if balance - matched - active < needed:
        raise refusals.short_of_balance(balance, matched, active, needed)
    kind = "COLLATERAL" if buys else "CONDITIONAL"
    for spender in spenders(market):
        allowance = wallet.allowances.get(f"{kind}:{spender}", UNLIMITED)
        if allowance < matched + needed:
            raise refusals.short_of_allowance(spender, allowance, matched, needed)


def spent(trade: ClobTrade, token: str | None) -> int:
    """What a trade not mined yet has spent: dollars, or shares of `token`."""
    if not trade.pending:
        return 0
    if token is None:
        return max(0, -trade.cash)
    return max(0, -trade.shares) if trade.token == token else 0


def moved(wallet: Wallet, token: str, cash: int, shares: int) -> Wallet:
    """The wallet after cash and shares of one token came or went."""
    held = wallet.tokens.get(token, 0) + shares
    tokens = {name: size for name, size in wallet.tokens.items() if name != token}
    return msgspec.structs.replace(wallet, cash=wallet.cash + cash, tokens=tokens | ({token: held} if held else {}))


def mined(wallet: Wallet, trade: ClobTrade) -> Wallet:
    return moved(wallet, trade.token, trade.cash, trade.shares)


def reverted(wallet: Wallet, trade: ClobTrade) -> Wallet:
    return moved(wallet, trade.token, -trade.cash, -trade.shares)


def redeemed(wallet: Wallet, market: Market) -> Wallet:
    """Every share of a decided market turned into what it pays."""
    for token in market.tokens:
        held = wallet.tokens.get(token, 0)
        if held:
            wallet = moved(wallet, token, held * market.pays(token) // 1_000_000, -held)
    return wallet
