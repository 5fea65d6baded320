"""The Polymarket side as one piece: state, routes, channels, and the clock that moves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Middleware

from domain.errors import BadInput
from domain.money import Inexact, to_micros
from paper.core.book import Change
from paper.core.fault import MAKING, PAYOUT, SETTLEMENT
from paper.core.faults import Faults
from paper.core.metrics import Metrics
from paper.polymarket.account_api import AccountRoutes
from paper.polymarket.admin import PolymarketAdmin
from paper.polymarket.clock import Clock
from paper.polymarket.conditions import Market
from paper.polymarket.desk import Desk
from paper.polymarket.exchange import Clob
from paper.polymarket.gamma import GammaRoutes
from paper.polymarket.gate import clob_gate
from paper.polymarket.heartbeats import Beat, Heartbeats
from paper.polymarket.keys import ApiKeys
from paper.polymarket.limits import Limits
from paper.polymarket.market_channel import MarketChannel
from paper.polymarket.markets_api import MarketRoutes
from paper.polymarket.modes import Modes
from paper.polymarket.orders_api import OrderRoutes
from paper.polymarket.records import ClobOrder, ClobTrade
from paper.polymarket.settlement import Destiny, Pace
from paper.polymarket.step import MarketNews, OrderNews
from paper.polymarket.store import ClobStore
from paper.polymarket.user_channel import UserChannel

MARKET_WS, USER_WS = "/ws/market", "/ws/user"


@dataclass(frozen=True, slots=True)
class PolymarketConfig:
    """`opening_cash` (dollars of pUSD) is what a wallet has when it is first seen. `mine_after_ms` and
    `confirm_after_ms` are how long a match takes to be mined and, from then, to be confirmed; `failing` is the share of
    matches that fail by chance. `heartbeat_ms` of silence let the dead man's switch go, again every `sweep_ms`.
    `post_only_ms` is how long post-only lasts after a restart of the matching engine. `rate_limits` switches the token
    buckets per signer on."""

    opening_cash: Decimal = Decimal(10_000)
    mine_after_ms: int = 400
    confirm_after_ms: int = 800
    failing: float = 0.0
    heartbeat_ms: int = 10_000
    sweep_ms: int = 5_000
    post_only_ms: int = 120_000
    rate_limits: bool = False


class PolymarketSide:
    """Opens `polymarket.db` in a folder the caller has locked. Raises `BadInput` for a setting that makes no sense."""

    def __init__(  # noqa: PLR0917 - the parts of one server
        self,
        folder: Path,
        config: PolymarketConfig,
        faults: Faults,
        metrics: Metrics,
        seed: int,
        timer: int,
        clock: Callable[[], int],
    ) -> None:
        cash = _checked(config)
        self._store = ClobStore(folder)
        self._metrics = metrics
        pace = Pace(config.mine_after_ms * 1000, config.confirm_after_ms * 1000, config.failing, seed)
        self.clob = Clob(
            self._store, opening_cash=cash, pace=pace, modes=Modes(config.post_only_ms * 1000), clock=clock
        )
        self.keys = ApiKeys(self.clob)
        self.desk = Desk(self.clob)
        self.heartbeats = Heartbeats(self.clob, Beat(config.heartbeat_ms * 1000, config.sweep_ms * 1000))
        self.clock = Clock(self.clob, self.heartbeats)
        self.markets = MarketRoutes(self.clob)
        limits = Limits() if config.rate_limits else None
        self._orders = OrderRoutes(self.clob, self.desk, self.clock, metrics, limits)
        self._accounts = AccountRoutes(self.clob, self.keys, self.heartbeats, self.clock)
        self._gamma = GammaRoutes(self.clob, self.markets)
        self._public = MarketChannel(self.clob, faults, metrics, clock)
        self._private = UserChannel(self.clob, self.keys, faults, metrics, clock)
        self.admin = PolymarketAdmin(self.clob, self.clock, timer, lambda value: _payout(faults, metrics, value))
        self.gate: Middleware = clob_gate(self.clob, self.keys, faults, metrics, self.silence, self.desk, limits)
        self.clob.listener = self
        self.clob.choose_destiny = lambda order: _destiny(faults, metrics, order)
        self.clob.has_company = lambda order: _company(faults, metrics, order)

    def add_to(self, app: web.Application) -> None:
        for routes in (self.markets, self._orders, self._accounts, self._gamma, self.admin):
            routes.add_to(app)
        app.router.add_get(MARKET_WS, self._public.serve)
        app.router.add_get(USER_WS, self._private.serve)

    @property
    def clients(self) -> int:
        return len(self._public.lines) + len(self._private.lines)

    def silence(self, ms: int) -> None:
        """Every socket open now carries nothing for `ms`, PONGs excepted."""
        self._public.silence(ms)
        self._private.silence(ms)

    async def stop(self) -> None:
        """Everything but the file, which `close` ends after the last request."""
        await self.clock.stop()
        await self._orders.close()
        await self._public.close()
        await self._private.close()

    def close(self) -> None:
        self._store.close()

    # -- the exchange's listener ------------------------------------------------------------------------------------

    def book_changed(self, market: Market, changes: list[Change], at: int) -> None:
        self._public.book_changed(market, changes, at)

    def book_replaced(self, market: Market) -> None:
        self._public.book_replaced(market)

    def printed(self, trade: ClobTrade) -> None:
        self._metrics.fills.labels("taker" if trade.taker else "maker").inc()
        self._public.printed(trade)
        self.clock.wake()

    def order_changed(self, order: ClobOrder, news: OrderNews) -> None:
        self._private.order_changed(order, news)

    def trade_changed(self, trade: ClobTrade) -> None:
        self._private.trade_changed(trade)

    def market_changed(self, market: Market, news: MarketNews, old_tick: int) -> None:
        self._public.market_changed(market, news, old_tick)


def _destiny(faults: Faults, metrics: Metrics, order: ClobOrder) -> Destiny:
    """What a script wants of the next match of `order`."""
    fault = faults.pick_event("polymarket", SETTLEMENT, order.salt)
    if fault is None:
        return Destiny()
    metrics.faults.labels(fault.do).inc()
    if fault.do == "late":
        return Destiny(later=(fault.ms or 0) * 1000)
    if fault.do == "cached":
        return Destiny(cached=(fault.ms or 0) * 1000)
    return Destiny(fate="retry" if fault.do == "retry" else fault.stage or "early")


def _company(faults: Faults, metrics: Metrics, order: ClobOrder) -> bool:
    """Whether a resting order has only a part of the trade that comes to it."""
    fault = faults.pick_event("polymarket", MAKING, order.salt)
    if fault is not None:
        metrics.faults.labels(fault.do).inc()
    return fault is not None


def _payout(faults: Faults, metrics: Metrics, declared: int) -> int:
    """What the first token of a market pays: what was said, or what a fault makes of it."""
    fault = faults.pick_event("polymarket", PAYOUT)
    if fault is None or fault.value is None:
        return declared
    metrics.faults.labels(fault.do).inc()
    return to_micros(fault.value)


def _checked(config: PolymarketConfig) -> int:
    for name in ("mine_after_ms", "confirm_after_ms", "post_only_ms"):
        if getattr(config, name) < 0:
            raise BadInput(f"{name} {getattr(config, name)} was asked; expected milliseconds from 0 on", name)
    if not 0 <= config.failing <= 1:
        raise BadInput(f"failing {config.failing} was asked; expected a share from 0 to 1", "failing")
    if config.heartbeat_ms <= 0 or config.sweep_ms <= 0:
        raise BadInput("heartbeat_ms and sweep_ms must be above 0; expected milliseconds", "heartbeat_ms")
    try:
        cash = to_micros(config.opening_cash)
    except Inexact as error:
        raise BadInput(f"opening_cash: {error}", "opening_cash") from None
    if cash < 0:
        raise BadInput(f"opening_cash {config.opening_cash} was asked; expected dollars from 0 on", "opening_cash")
    return cash
