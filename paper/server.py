"""The paper exchange as a process: one loopback port for HTTP, WebSocket and the operator's side."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import structlog
from aiohttp import web

from config.spot import MADE_UP_PATH
from domain.errors import BadInput
from domain.money import Inexact, to_micros
from paper.core import faults as scripted
from paper.core.faults import Faults
from paper.core.metrics import Metrics
from paper.core.read_lag import lag_micros
from paper.core.rudeness import MOST, habits
from paper.core.spot import SpotStreet
from paper.kalshi.auth import Keys
from paper.kalshi.exchange import Exchange
from paper.kalshi.gate import WS_PATH, gate, no_strangers
from paper.kalshi.rest import PREFIX, Routes
from paper.kalshi.rest_exchange import ExchangeRoutes
from paper.kalshi.rest_orders import OrderRoutes
from paper.kalshi.settlement import Clerk
from paper.kalshi.store import Store
from paper.kalshi.stream import Streams
from paper.polymarket.facade import PolymarketConfig, PolymarketSide
from paper.session.admin import Admin, admin_errors
from paper.session.admin_opening import OpeningAdmin
from paper.session.floor import Floor
from paper.session.playback import OpenSession, Playback, Spec
from recording.sources.open import open_recording
from recording.sources.session import Session

_LOG = structlog.get_logger("paper")
_UNITS = (Decimal("0.0001"), Decimal("0.01"))


@dataclass(frozen=True, slots=True)
class PaperConfig:
    """`port` 0 picks a free one. `api_keys` maps key ids to public keys in PEM; all of them trade the one account.

    `opening_cash` is dollars and counts only when the state folder is new. `member_unit` is the balance unit of the
    account's fees: 0.0001 (direct members) or 0.01. `read_lag_ms` is how far account reads trail. `settle_after_ms` is
    how long after its result a market pays; half of it before it says so. `history_after_s` is how long ago orders and
    fills become history, listed under `/historical` alone. `seed` drives faults with a probability;
    `faults_file` holds faults armed from the start. `rudeness` multiplies how often each of the venues' own habits
    happens (see `rudeness`); 0 is an exchange that does nothing unasked.
    """

    state_dir: Path
    api_keys: Mapping[str, str]
    port: int = 0
    host: str = "127.0.0.1"
    opening_cash: Decimal = Decimal(10_000)
    member_unit: Decimal = Decimal("0.0001")
    read_lag_ms: int = 0
    settle_after_ms: int = 1_000
    history_after_s: int = 90 * 86_400
    seed: int = 0
    faults_file: Path | None = None
    rudeness: Decimal = Decimal(0)
    polymarket: PolymarketConfig = field(default_factory=PolymarketConfig)


@dataclass(slots=True)
class PaperServer:
    """A running exchange. `stop` ends it in order; kill -9 is just as safe for the account."""

    port: int
    host: str
    exchange: Exchange
    playback: Playback
    streams: Streams
    faults: Faults
    metrics: Metrics
    clerk: Clerk
    polymarket: PolymarketSide
    spot: SpotStreet
    _runner: web.AppRunner = field(repr=False)
    _store: Store = field(repr=False)
    request_stop: Callable[[], None] = field(default=lambda: None, repr=False)

    @property
    def base_url(self) -> str:
        return f"http://{self.host}:{self.port}{PREFIX}"

    @property
    def ws_url(self) -> str:
        return f"ws://{self.host}:{self.port}{WS_PATH}"

    @property
    def clob_url(self) -> str:
        """Polymarket's CLOB. Gamma is under `gamma_url`, both channels under `clob_ws_url`."""
        return f"http://{self.host}:{self.port}"

    @property
    def gamma_url(self) -> str:
        return f"{self.clob_url}/gamma"

    @property
    def clob_ws_url(self) -> str:
        return f"ws://{self.host}:{self.port}/ws"

    @property
    def admin_url(self) -> str:
        return f"http://{self.host}:{self.port}/paper/v1"

    @property
    def spot_url(self) -> str:
        """A made-up spot feed in the form of Coinbase's."""
        return f"ws://{self.host}:{self.port}{MADE_UP_PATH}"

    async def stop(self) -> None:
        await self.clerk.stop()
        await self.playback.stop()
        await self.polymarket.stop()
        await self.streams.close()
        await self.spot.close()
        await self._runner.cleanup()
        self.polymarket.close()
        self._store.close()


def wall_clock() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def from_recording(spec: Spec) -> Session:
    return open_recording(spec.recording, game=spec.game, start=spec.start, end=spec.end)


async def start(
    config: PaperConfig,
    *,
    open_session: OpenSession = from_recording,
    clock: Callable[[], int] = wall_clock,
) -> PaperServer:
    """Open the account, go on with the session that was playing, and listen.

    Raises `BadInput` for a setting, a key, a faults file, a recording or a state file that is wrong and for a port in
    use; `Unavailable` if another process owns the state folder.
    """
    lag, cash, unit, timer = _checked(config)
    keys = Keys(config.api_keys)
    faults = Faults(config.seed, habits(config.rudeness))
    if config.faults_file is not None:
        script = scripted.load(config.faults_file)
        if script.seed is not None:
            faults.reseed(script.seed)
        faults.add(script.faults)
    store = Store(config.state_dir)
    try:
        metrics = Metrics()
        exchange = Exchange(store, opening_cash=cash, unit=unit, clock=clock)
        streams = Streams(exchange, faults, metrics, clock)
        side = PolymarketSide(config.state_dir, config.polymarket, faults, metrics, config.seed, timer, clock)
        playback = Playback(Floor(exchange, side.clob), open_session, metrics)
        clerk = Clerk(exchange, timer)
        await playback.resume()
        try:
            clerk.start()
            side.clock.start()
            kalshi = gate(exchange, keys, faults, streams, metrics)
            app = web.Application(middlewares=[no_strangers, admin_errors, kalshi, side.gate])
            side.add_to(app)
            about = ExchangeRoutes(exchange, tuple(config.api_keys), config.history_after_s * 1_000_000)
            about.add_to(app)
            OrderRoutes(exchange, metrics, clerk.wake).add_to(app)
            Routes(exchange, playback, metrics, lag, timer, about.since, clerk.wake).add_to(app)
            OpeningAdmin(exchange).add_to(app)
            Admin(exchange, playback, clerk, faults, streams, metrics, side).add_to(app)
            app.router.add_get(WS_PATH, streams.serve)
            spot = SpotStreet(config.seed, clock)
            app.router.add_get(MADE_UP_PATH, spot.serve)
            runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)
            port = await _listen(runner, config)
        except BaseException:
            await clerk.stop()
            await playback.stop()
            await side.stop()
            side.close()
            raise
    except BaseException:
        store.close()
        raise
    server = PaperServer(
        port, config.host, exchange, playback, streams, faults, metrics, clerk, side, spot, runner, store
    )
    _LOG.info("paper exchange is up", base_url=server.base_url, ws_url=server.ws_url, state=str(config.state_dir))
    return server


async def serve(
    config: PaperConfig, ready: Callable[[PaperServer], None], *, open_session: OpenSession = from_recording
) -> None:
    """Run until SIGTERM or SIGINT; `ready` is called once the port answers."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    starting, stopped = (
        asyncio.create_task(start(config, open_session=open_session)),
        asyncio.create_task(stopping.wait()),
    )
    await asyncio.wait([starting, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not starting.done():  # the session that goes on is still being read
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return
    server = starting.result()
    server.request_stop = stopping.set
    try:
        ready(server)
        await stopping.wait()
    finally:
        await server.stop()
        _LOG.info("paper exchange stopped")


async def _listen(runner: web.AppRunner, config: PaperConfig) -> int:
    await runner.setup()
    try:
        await web.TCPSite(runner, config.host, config.port).start()
    except OSError as error:
        await runner.cleanup()
        if error.errno != errno.EADDRINUSE:
            raise
        raise BadInput(
            f"port {config.port} on {config.host} is in use; expected it free; "
            "stop what holds it, or set the paper exchange's port to 0 for a free one",
            "port_in_use",
        ) from None
    return int(runner.addresses[0][1])


def _checked(config: PaperConfig) -> tuple[int, int, int, int]:
    """Read lag in µs, opening cash and unit in micro-dollars, settlement timer in µs."""
    try:
        loopback = ipaddress.ip_address(config.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise BadInput(f"host {config.host!r} was asked; expected a loopback address such as 127.0.0.1", "host")
    if config.member_unit not in _UNITS:
        raise BadInput(f"member_unit {config.member_unit} was asked; expected 0.0001 or 0.01", "member_unit")
    try:
        cash = to_micros(config.opening_cash)
    except Inexact as error:
        raise BadInput(f"opening_cash: {error}", "opening_cash") from None
    unit = to_micros(config.member_unit)
    if cash < 0 or cash % unit:
        raise BadInput(
            f"opening_cash {config.opening_cash} was asked; expected dollars ≥ 0 in steps of {config.member_unit}",
            "opening_cash",
        )
    if config.settle_after_ms < 0:
        raise BadInput(
            f"settle_after_ms {config.settle_after_ms} was asked; expected milliseconds from 0 on", "settle_after_ms"
        )
    if not 0 <= config.rudeness <= MOST:
        raise BadInput(f"rudeness {config.rudeness} was asked; expected a number from 0 to {MOST}", "rudeness")
    return lag_micros(config.read_lag_ms), cash, unit, config.settle_after_ms * 1000
