"""What becomes of an order that arrives, and of one that is changed while it works.

| asked | done | place in the queue |
|---|---|---|
| create | checked, matched, and what is left rests, ends or was never allowed | behind all who are there |
| decrease | the same order with less left; nothing left ends it | kept |
| amend, same price and no larger | as a decrease | kept |
| amend otherwise | taken out, matched at its new price, what is left rests again | lost |

All of it runs inside one step of the exchange.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal

import msgspec

from domain.market import MarketSpec
from domain.money import from_micros, to_micros
from paper.core.engine import Plan
from paper.core.filling import PLAIN, Filling, improved, split
from paper.core.records import Order, ended
from paper.kalshi import collateral, identity, refusals
from paper.kalshi.exchange import Exchange
from paper.kalshi.request import OrderRequest
from paper.kalshi.request_changes import AmendRequest, DecreaseRequest


@dataclass(frozen=True, slots=True)
class Amended:
    """The order as it is, and the part that the amend itself traded: micro-contracts, and what they cost."""

    order: Order
    filled: int
    cost: int
    fees: int


def create(exchange: Exchange, request: OrderRequest, body: bytes, filling: Filling = PLAIN) -> Order:
    """Take an order and fill it, otherwise than by the book if `filling` says so (a fault).

    Raises `Refusal`; the arrival of the bytes is on record either way.
    """
    order = exchange.attempt(lambda: place(exchange, request, filling), (request.client_order_id, body))
    return (exchange.store.order(order.order_id) or order) if order.group else order  # its group may have ended it


def place(exchange: Exchange, request: OrderRequest, filling: Filling) -> Order:
    """Raises `Refusal`; a killed order is noted all the same, for its id is used up."""
    exchange.office.admit("place")
    if request.client_order_id and exchange.store.knows(request.client_order_id):
        raise refusals.already_exists()
    spec = _tradable(exchange, request.ticker, request.price)
    _whole_steps(spec, request.count)
    if request.expires_at and request.expires_at <= exchange.now():
        raise refusals.api(400, "invalid_parameters", "expiration_time: must be in the future")
    if request.group:
        exchange.groups.admit(request.group)
    engine = exchange.engines[request.ticker]
    wanted = collateral.reducible(exchange.account, request) if request.reduce_only else request.count
    plan = engine.plan(request.side, request.price, wanted, request.self_trade)
    if request.post_only and plan.crosses:
        raise refusals.post_only_cross()
    plan = _filled(plan, request, filling, spec)
    if collateral.needed(exchange.account, exchange.specs, exchange.working, request, plan) > exchange.account.cash:
        raise refusals.insufficient_balance()

    order = identity.order_of(request, exchange.user_id, exchange.next_seq(), exchange.now())
    if request.time_in_force == "fill_or_kill" and plan.size < request.count:
        exchange.changes.note(None, ended(order, "FillOrKill"))
        raise refusals.killed()
    for displaced in plan.displaced:
        exchange.end(displaced, "SelfTradeCancel")
    for take in plan.takes:
        engine.take(take)
        order = exchange.fill(order, take, taker=True)
    rests = request.time_in_force == "good_till_canceled" and not plan.stopped and filling.fraction is None
    if order.remaining and rests:
        exchange.rest(order)
    elif order.remaining:
        order = ended(order, "SelfTradeCancel" if plan.stopped or filling.prevented else "")
    exchange.changes.note(None, order)
    return order


def decrease(exchange: Exchange, order_id: str, wanted: DecreaseRequest) -> Order:
    """Raises `Refusal`: 404 for an order that does not work, 400 for a size it cannot be brought to."""
    exchange.office.admit("place")
    before = _working(exchange, order_id)
    left = wanted.to if wanted.to is not None else before.remaining - (wanted.by or 0)
    if not 0 <= left <= before.remaining:
        raise refusals.api(400, "invalid_parameters", "an order can only be reduced, and not below nothing")
    _whole_steps(exchange.specs[before.ticker], left or to_micros(exchange.specs[before.ticker].size_step))
    if not left:
        return exchange.end(order_id, "Decrease")
    return _shrunk(exchange, before, before.filled + left, "Decrease")


def amend(exchange: Exchange, order_id: str, wanted: AmendRequest) -> Amended:
    """Raises `Refusal`: 404 for an order that does not work, and whatever forbids an order like the new one."""
    exchange.office.admit("place")
    before = _working(exchange, order_id)
    if (wanted.ticker, wanted.side) != (before.ticker, before.side):
        raise refusals.api(400, "invalid_parameters", "ticker and side must be those of the order")
    if wanted.client_order_id and wanted.client_order_id != before.client_order_id:
        raise refusals.api(400, "invalid_parameters", "client_order_id: is not that of the order")
    renamed = wanted.new_client_order_id not in ("", before.client_order_id)
    if renamed and exchange.store.knows(wanted.new_client_order_id):
        raise refusals.already_exists()
    spec = _tradable(exchange, before.ticker, wanted.price)
    _whole_steps(spec, wanted.count)
    if wanted.expires_at is not None and 0 < wanted.expires_at <= exchange.now():
        raise refusals.api(400, "invalid_parameters", "expiration_time: must be in the future")
    if wanted.count <= before.filled:
        raise refusals.api(400, "invalid_parameters", "count: more than the order has filled already")
    stays = wanted.price == before.price and wanted.count <= before.count
    done = _shrunk(exchange, before, wanted.count, "Amend") if stays else None
    changed = _moved(exchange, before, wanted) if done is None else Amended(done, 0, 0, 0)
    order = changed.order
    if wanted.expires_at is not None:
        order = msgspec.structs.replace(order, expires_at=wanted.expires_at)
    if renamed:
        exchange.store.alias(wanted.new_client_order_id, order_id)
        order = msgspec.structs.replace(order, client_order_id=wanted.new_client_order_id)
    if order is not changed.order:
        if order_id in exchange.working:
            exchange.working[order_id] = order
        exchange.changes.note(before, order)
    return replace(changed, order=order)


def _moved(exchange: Exchange, before: Order, wanted: AmendRequest) -> Amended:
    """Out of the book, and in again as a new order would be, fills included."""
    left = wanted.count - before.filled
    request = OrderRequest(
        ticker=before.ticker,
        client_order_id="",
        side=before.side,
        price=wanted.price,
        count=left,
        time_in_force=before.time_in_force,
        self_trade=before.self_trade,
        post_only=before.post_only,
        reduce_only=False,
    )
    engine = exchange.engines[before.ticker]
    others = {order_id: order for order_id, order in exchange.working.items() if order_id != before.order_id}
    plan = engine.plan(request.side, request.price, left, request.self_trade)
    if before.post_only and plan.crosses:
        raise refusals.post_only_cross()
    if collateral.needed(exchange.account, exchange.specs, others, request, plan) > exchange.account.cash:
        raise refusals.insufficient_balance()
    engine.remove(before.order_id)
    del exchange.working[before.order_id]
    order = msgspec.structs.replace(
        before,
        price=wanted.price,
        count=wanted.count,
        remaining=left,
        reason="Amend",
        updated_at=exchange.now(),
    )
    for displaced in plan.displaced:
        exchange.end(displaced, "SelfTradeCancel")
    for take in plan.takes:
        engine.take(take)
        order = exchange.fill(order, take, taker=True)
    if order.remaining and plan.stopped:
        order = ended(order, "SelfTradeCancel")
    elif order.remaining:
        exchange.rest(order)
    exchange.changes.moved.add(order.ticker)
    exchange.changes.note(before, order)
    return Amended(
        order,
        order.filled - before.filled,
        order.taker_cost - before.taker_cost,
        order.taker_fees - before.taker_fees,
    )


def _shrunk(exchange: Exchange, before: Order, count: int, reason: str) -> Order:
    """The same order with less left, where it stands. `count` includes what it has filled."""
    left = count - before.filled
    order = msgspec.structs.replace(before, remaining=left, reason=reason, updated_at=exchange.now())
    if reason == "Amend":
        order = msgspec.structs.replace(order, count=count)
    exchange.engines[before.ticker].reduce(before.order_id, before.remaining - left)
    exchange.working[before.order_id] = order
    exchange.changes.moved.add(before.ticker)
    exchange.changes.note(before, order)
    return order


def _working(exchange: Exchange, order_id: str) -> Order:
    order = exchange.working.get(order_id)
    if order is None:
        known = exchange.store.order(order_id)
        closed = known is not None and not exchange.listings.trading(known.ticker)
        raise refusals.market_inactive() if closed else refusals.not_found()
    return order


def _tradable(exchange: Exchange, ticker: str, price: int) -> MarketSpec:
    listing, spec = exchange.listings.get(ticker), exchange.specs.get(ticker)
    if listing is not None and not listing.trading:
        raise refusals.market_inactive()
    if spec is None:
        raise refusals.exchange(404, "market_not_found")
    if not spec.on_grid(from_micros(price)):
        raise refusals.off_tick()
    return spec


def _whole_steps(spec: MarketSpec, count: int) -> None:
    # The wire announces a granularity and no other minimum, so the smallest order is one step: what a fill of a
    # fractional level leaves over can always be traded away.
    if count % to_micros(spec.size_step):
        raise refusals.api(400, "invalid_parameters", f"count: at least {spec.size_step}, in steps of it")


def _filled(plan: Plan, request: OrderRequest, filling: Filling, spec: MarketSpec) -> Plan:
    """The plan as a fault wants it."""
    step = to_micros(spec.size_step)
    if filling.fraction is not None:
        plan = plan.cut(_part(plan.size, filling.fraction, step))
    takes = plan.takes
    if filling.shares:
        tick = to_micros(spec.step_at(from_micros(request.price)))
        takes = improved(takes, filling, tick, buys=request.side == "bid")
    return replace(plan, takes=split(takes, filling.makers, step))


def _part(size: int, fraction: Decimal, step: int) -> int:
    whole = int((Decimal(size) * fraction).to_integral_value(ROUND_FLOOR))
    return whole - whole % step
