"""The account as it was a moment ago, for a read that lags (a scripted fault).

What is kept says when a thing came to be and when it last changed. So a lagging read hides what is younger, shows an
order that changed since as it stood by the matches it had then, and a trade that moved on since as matched.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from paper.polymarket.records import ClobOrder, ClobTrade, Wallet
from paper.polymarket.store import ClobStore


def order_at(store: ClobStore, order: ClobOrder, at: int) -> ClobOrder | None:
    """The order as it stood at `at` (µs); None if it was not there yet."""
    if order.created_at > at:
        return None
    if order.updated_at <= at:
        return order
    trades = [trade for one in order.trades if (trade := store.trade(one)) is not None and trade.matched_at <= at]
    return msgspec.structs.replace(
        order,
        status="LIVE",
        matched=sum(trade.size for trade in trades),
        trades=tuple(trade.trade_id for trade in trades),
        updated_at=max([order.created_at, *(trade.matched_at for trade in trades)]),
        reason="",
    )


def trade_at(trade: ClobTrade, at: int) -> ClobTrade | None:
    """The trade as it stood at `at`; None if there was no match yet."""
    if trade.matched_at > at:
        return None
    if trade.updated_at <= at:
        return trade
    return msgspec.structs.replace(trade, status="MATCHED", updated_at=trade.matched_at, tx="")


def wallet_at(wallet: Wallet, trades: Iterable[ClobTrade], at: int) -> Wallet:
    """The wallet without what was mined, or confirmed, after `at`."""
    cash, tokens = wallet.cash, dict(wallet.tokens)
    for trade in trades:
        if trade.settled and trade.updated_at > at and trade.account == wallet.address:
            cash -= trade.cash
            tokens[trade.token] = tokens.get(trade.token, 0) - trade.shares
    return msgspec.structs.replace(wallet, cash=cash, tokens=tokens)
