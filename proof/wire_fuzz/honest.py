"""The venues: the paper exchange of both wires, in this process, answering bytes with bytes.

It is the server of `paper.server` without its sockets: every request passes the same gates and routes,
signatures are checked, and what it answers is true. What it holds is read for the verdict through its own audit.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import HttpVersion11, web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from paper.core.faults import Faults
from paper.core.metrics import Metrics
from paper.kalshi.auth import Keys
from paper.kalshi.exchange import Exchange
from paper.kalshi.gate import gate
from paper.kalshi.listing import Outcome
from paper.kalshi.rest import Routes
from paper.kalshi.rest_exchange import ExchangeRoutes
from paper.kalshi.rest_orders import OrderRoutes
from paper.kalshi.settlement import Clerk
from paper.kalshi.store import Store
from paper.kalshi.stream import Streams
from paper.polymarket.facade import PolymarketConfig, PolymarketSide
from paper.polymarket.store import ClobStore
from paper.session.admin import Admin, admin_errors
from paper.session.floor import Floor
from paper.session.playback import Playback
from recording.sources.session import RecordedSession, SessionEvent
from venues.kalshi.signing import Signer
from venues.polymarket.wallet import Credentials, Wallet

ORIGIN = "http://127.0.0.1:9"
"""Where the clients believe the venues are. Nothing listens there: no byte leaves this process."""

KEY_ID = "6e0c4f0e-0000-4000-8000-00000000f022"
_PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
_WALLET_KEY = "0x" + "4c" * 32
_UNIT = 100  # micro-dollars: a direct member
_TIMER = 1_000_000
_HISTORY = 90 * 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Told:
    """One answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def signer() -> Signer:
    return Signer(KEY_ID, _PRIVATE)


@lru_cache(maxsize=1)
def wallet() -> Wallet:
    return Wallet.from_hex(_WALLET_KEY)


class HonestVenues:
    """Kalshi's and Polymarket's side of one world. `clock` is wall-clock microseconds. Needs a running loop."""

    def __init__(self, clock: Callable[[], int], *, cash: int, failing: float, seed: int) -> None:
        self.clock = clock
        self.folder = Path(tempfile.mkdtemp(prefix="wire-fuzz-", dir=_memory()))
        shutil.copytree(_template(cash), self.folder, dirs_exist_ok=True)
        faults, metrics = Faults(seed), Metrics()
        self._store = Store(self.folder)
        self.kalshi = Exchange(self._store, opening_cash=cash, unit=_UNIT, clock=clock)
        streams = Streams(self.kalshi, faults, metrics, clock)
        config = PolymarketConfig(opening_cash=Decimal(cash).scaleb(-6), failing=failing)
        self.polymarket = PolymarketSide(self.folder, config, faults, metrics, seed, _TIMER, clock)
        self._floor = Floor(self.kalshi, self.polymarket.clob)
        playback = Playback(self._floor, _never, metrics)
        self._clerk = Clerk(self.kalshi, _TIMER)
        pem = _PRIVATE.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        keys = Keys({KEY_ID: pem})
        app = web.Application(
            middlewares=[admin_errors, gate(self.kalshi, keys, faults, streams, metrics), self.polymarket.gate]
        )
        self.polymarket.add_to(app)
        about = ExchangeRoutes(self.kalshi, (KEY_ID,), _HISTORY)
        about.add_to(app)
        OrderRoutes(self.kalshi, metrics, self._clerk.wake).add_to(app)
        Routes(self.kalshi, playback, metrics, 0, _TIMER, about.since, self._clerk.wake).add_to(app)
        Admin(self.kalshi, playback, self._clerk, faults, streams, metrics, self.polymarket).add_to(app)
        app.freeze()
        self._app = app
        self._clerk.start()
        self.polymarket.clock.start()

    @property
    def credentials(self) -> Credentials:
        key = self.polymarket.keys.of(wallet().address)
        return Credentials(key.key, key.secret, key.passphrase)

    def open(self, session: RecordedSession) -> None:
        """List the session's markets and put its opening books up."""
        self._floor.begin(session, "wire-fuzz")
        for event in session.log:
            self.happen(event)

    def happen(self, event: SessionEvent) -> None:
        self._floor.apply(event, self.clock())

    def resolve(self, outcomes: Mapping[str, Outcome], tokens: Mapping[str, int]) -> None:
        """Markets end: Kalshi's by ticker, Polymarket's by their first token and what it pays (micro-dollars)."""
        if outcomes:
            self._clerk.resolve(outcomes)
        for token, value in tokens.items():
            self.polymarket.admin.resolve(token, value)

    async def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Told:
        """What the venue says to these bytes, their effect included. `path` is as it stands on the request line."""
        raw = tuple((name.encode(), value.encode()) for name, value in headers.items())
        held: CIMultiDict[str] = CIMultiDict(headers)
        if body:
            held["Content-Length"] = str(len(body))
        message = RawRequestMessage(
            method, path, HttpVersion11, CIMultiDictProxy(held), raw, False, None, False, False, URL(path, encoded=True)
        )
        loop = asyncio.get_running_loop()
        line: Any = _Line()
        payload = StreamReader(line, 2**20, loop=loop)
        if body:
            payload.feed_data(body)
        payload.feed_eof()
        task: Any = asyncio.current_task()
        request = web.Request(message, payload, line, line, task, loop, client_max_size=2**24)
        answered = await self._app._handle(request)  # the application's one entry below its sockets
        content = answered.body if isinstance(answered, web.Response) else None
        whole = bytes(content) if isinstance(content, (bytes, bytearray)) else b""
        told: dict[str, str] = dict(answered.headers.items())
        told["Date"] = formatdate(self.clock() / 1_000_000, usegmt=True)
        told["Content-Length"] = str(len(whole))
        return Told(answered.status, told, whole)

    async def audit(self) -> dict[str, Any]:
        """The exchange's own books of both sides, as it tells an operator."""
        first = await self.answer("GET", "/paper/v1/audit", {"Host": "127.0.0.1"}, b"")
        second = await self.answer("GET", "/paper/v1/polymarket/audit", {"Host": "127.0.0.1"}, b"")
        return {"kalshi": msgspec.json.decode(first.body), "polymarket": msgspec.json.decode(second.body)}

    async def stop(self) -> None:
        await self._clerk.stop()
        await self.polymarket.stop()

    def close(self) -> None:
        self.polymarket.close()
        self._store.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class _Line:
    """What stands where a server's connection would: nobody is at its other end."""

    ssl_context = None
    peername = sockname = ("127.0.0.1", 0)
    transport = None
    _reading_paused = False

    def pause_reading(self, *args: Any, **kwargs: Any) -> None:
        """All of a request is there at once."""

    def resume_reading(self, *args: Any, **kwargs: Any) -> None:
        """As above."""


def _never(spec: object) -> Any:
    raise AssertionError("nothing is played here")


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of its own inside


@lru_cache(maxsize=4)
def _template(cash: int) -> Path:
    """A state folder that has just been opened, with secrets that are the same in every run: worlds repeat exactly."""
    folder = Path(tempfile.mkdtemp(prefix="wire-fuzz-new-", dir=_memory()))
    store = Store(folder)
    Exchange(store, opening_cash=cash, unit=_UNIT, clock=lambda: 1)
    store.close()
    clob = ClobStore(folder)
    with clob.transaction():
        clob.put("key_secret", "22" * 32)
    clob.close()
    return folder
