"""How much cash working orders hold back, and how much an incoming one would need."""

from __future__ import annotations

from collections.abc import Mapping

from domain.market import MarketSpec
from paper.core.engine import Plan
from paper.core.records import Order, Position
from paper.kalshi.account import Account, Commitment
from paper.kalshi.request import OrderRequest

Working = Mapping[str, Order]


def held_back(account: Account, specs: Mapping[str, MarketSpec], working: Working) -> int:
    """Micro-dollars the balance shows as not available: every working order at its limit, without fees.

    A fee is charged when it is due; the bound on it counts only where a new order is weighed (`needed`).
    """
    tickers = {order.ticker for order in working.values()}
    return sum(account.reserve(t, _committed(account, specs[t], working, fees=False).values()) for t in tickers)


def reserved(account: Account, specs: Mapping[str, MarketSpec], working: Working) -> int:
    """Micro-dollars that all working orders may come to cost, their fees included."""
    tickers = {order.ticker for order in working.values()}
    return sum(account.reserve(t, _committed(account, specs[t], working).values()) for t in tickers)


def needed(
    account: Account, specs: Mapping[str, MarketSpec], working: Working, request: OrderRequest, plan: Plan
) -> int:
    """Cash that must be there for every working order and this one, each at its limit, fees included."""
    spec = specs[request.ticker]
    count = reducible(account, request) if request.reduce_only else request.count
    fee = account.fee_bound(spec.fees, request.side, request.price, request.count, taker=True, rows=len(plan.takes) + 1)
    here = _committed(account, spec, working)
    elsewhere = reserved(account, specs, working) - account.reserve(request.ticker, here.values())
    staying = [commitment for order_id, commitment in here.items() if order_id not in plan.displaced]
    mine = Commitment(request.side, request.price, count, fee)
    return elsewhere + account.reserve(request.ticker, [*staying, mine])


def reducible(account: Account, request: OrderRequest) -> int:
    """How much of the order would close a position: what a reduce-only order may be."""
    held = account.positions.get(request.ticker, Position()).shares
    return min(request.count, max(0, -held if request.side == "bid" else held))


def _committed(account: Account, spec: MarketSpec, working: Working, *, fees: bool = True) -> dict[str, Commitment]:
    return {
        order.order_id: Commitment(
            order.side,
            order.price,
            order.remaining,
            account.fee_bound(spec.fees, order.side, order.price, order.remaining, taker=False, rows=1) if fees else 0,
        )
        for order in working.values()
        if order.ticker == spec.market
    }
