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
from venues.paper.faults import Faults
from venues.paper.metrics import Metrics
from venues.paper.polymarket.account_api import AccountRoutes
from venues.paper.polymarket.clock import Clock
from venues.paper.polymarket.desk import Desk
from venues.paper.polymarket.exchange import Clob
from venues.paper.polymarket.gate import clob_gate
from venues.paper.polymarket.heartbeats import Beat, Heartbeats
from venues.paper.polymarket.keys import ApiKeys
from venues.paper.polymarket.markets_api import MarketRoutes
from venues.paper.polymarket.modes import Modes
from venues.paper.polymarket.orders_api import OrderRoutes
from venues.paper.polymarket.settlement import Pace
from venues.paper.polymarket.store import ClobStore


@dataclass(frozen=True, slots=True)
class PolymarketConfig:
    """`opening_cash` (dollars of pUSD) is what a wallet has when it is first seen. `mine_after_ms` and
    `confirm_after_ms` are how long a match takes to be mined and, from then, to be confirmed; `failing` is the share of
    matches that fail by chance. `heartbeat_ms` of silence let the dead man's switch go, again every `sweep_ms`.
    `post_only_ms` is how long post-only lasts after a restart of the matching engine."""

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
        clock: Callable[[], int],
    ) -> None:
        cash = _checked(config)
        self._store = ClobStore(folder)
        pace = Pace(config.mine_after_ms * 1000, config.confirm_after_ms * 1000, config.failing, seed)
        self.clob = Clob(
            self._store, opening_cash=cash, pace=pace, modes=Modes(config.post_only_ms * 1000), clock=clock
        )
        self.keys = ApiKeys(self.clob)
        self.desk = Desk(self.clob)
        self.heartbeats = Heartbeats(self.clob, Beat(config.heartbeat_ms * 1000, config.sweep_ms * 1000))
        self.clock = Clock(self.clob, self.heartbeats)
        self.markets = MarketRoutes(self.clob)
        self._orders = OrderRoutes(self.clob, self.desk, self.clock, metrics)
        self._accounts = AccountRoutes(self.clob, self.keys, self.heartbeats, self.clock)
        self.gate: Middleware = clob_gate(self.clob, self.keys, faults, metrics)

    def add_to(self, app: web.Application) -> None:
        for routes in (self.markets, self._orders, self._accounts):
            routes.add_to(app)

    async def stop(self) -> None:
        """Everything but the file, which `close` ends after the last request."""
        await self.clock.stop()
        await self._orders.close()

    def close(self) -> None:
        self._store.close()


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
