"""The paper exchange by itself, outside any stack: its folder, its keys, what it plays."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from config.secrets import hex_key
from domain.errors import BadInput
from paper.polymarket.facade import PolymarketConfig
from paper.server import PaperConfig, PaperServer, serve
from paper.session.live import Relay
from paper.session.playback import Spec
from venues.kalshi.signing import generate_rsa_key
from venues.polymarket.wallet import Wallet
from workers.local.layout import write_private

KEY_ID = "surefoot-paper"

_SHOWN = 3
Told = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Alone:
    """`folder` holds accounts (`state`) and keys (`keys`). Books come from `recording`, or from the live `feed` with
    the CLOB at `rest` for what its `tokens` are, or from neither until somebody says what to play."""

    folder: Path
    port: int
    cash: Decimal
    seed: int = 0
    rudeness: Decimal = Decimal(0)
    failing: float = 0.0
    faults: Path | None = None
    recording: str | None = None
    game: str | None = None
    start: str | None = None
    end: str | None = None
    speed: Decimal = Decimal(1)
    feed: str = ""
    rest: str = ""
    tokens: tuple[str, ...] = ()


async def run(alone: Alone, tell: Told) -> None:
    """Serve until SIGTERM or SIGINT. `tell` is given the addresses and where the keys lie, once all of it answers.

    Raises `BadInput` for a folder that cannot be used, and `BadInput` and `Unavailable` as `server.start`, the
    recording and the relay do."""
    keys = _keys(alone.folder)
    config = PaperConfig(
        state_dir=alone.folder / "state",
        api_keys={KEY_ID: keys.kalshi()},
        port=alone.port,
        opening_cash=alone.cash,
        seed=alone.seed,
        faults_file=alone.faults,
        rudeness=alone.rudeness,
        polymarket=PolymarketConfig(opening_cash=alone.cash, failing=alone.failing),
    )
    opening: list[asyncio.Task[Relay | None]] = []

    async def guarded(server: PaperServer) -> Relay | None:
        try:
            relay = await _begin(server, alone)
            tell(_addresses(server, keys))
        except BaseException:
            server.request_stop()
            raise
        return relay

    def ready(server: PaperServer) -> None:
        opening.append(asyncio.create_task(guarded(server)))

    try:
        await serve(config, ready)
    finally:
        for task in opening:
            task.cancel()
        for found in await asyncio.gather(*opening, return_exceptions=True):
            if isinstance(found, Relay):
                await found.stop()
            elif isinstance(found, Exception):
                raise found
        # A recording that is still being read in a thread must not hold up the end.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))


def _keys(folder: Path) -> Keys:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Keys(folder / "keys")
    except OSError as error:
        raise BadInput(
            f"{folder} cannot hold the paper exchange ({error.strerror}); expected a folder in which this user may "
            "write: name another with --folder",
            "folder",
        ) from None


class Keys:
    """The keys of one folder, made when they are missing. Secrets stay in their files (0600)."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.kalshi_private = folder / "kalshi.pem"
        self.polymarket_key = folder / "polymarket.key"
        self.polymarket_credentials = folder / "polymarket.json"

    def kalshi(self) -> str:
        """The public half, in PEM."""
        if not self.kalshi_private.exists():
            write_private(self.kalshi_private, generate_rsa_key()[0])
        held = serialization.load_pem_private_key(self.kalshi_private.read_bytes(), password=None)
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return held.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    def polymarket(self, server: PaperServer) -> str:
        """Write the API credentials of the folder's wallet; returns its address."""
        if not self.polymarket_key.exists():
            write_private(self.polymarket_key, f"{os.urandom(32).hex()}\n".encode())
        address = Wallet.from_hex(hex_key(self.polymarket_key)).address
        key = server.polymarket.keys.of(address)
        content = {"apiKey": key.key, "secret": key.secret, "passphrase": key.passphrase}
        write_private(self.polymarket_credentials, json.dumps(content).encode() + b"\n")
        return address


async def _begin(server: PaperServer, alone: Alone) -> Relay | None:
    if alone.feed:
        relay = Relay(server.playback.floor, alone.feed, alone.rest, list(alone.tokens))
        await relay.start()
        return relay
    if alone.recording is not None:
        spec = Spec(recording=alone.recording, game=alone.game, start=alone.start, end=alone.end, speed=alone.speed)
        await server.playback.play(spec)
    return None


def _addresses(server: PaperServer, keys: Keys) -> dict[str, Any]:
    address = keys.polymarket(server)
    status = server.playback.status()
    live = sorted(market.spec.market for market in server.polymarket.clob.markets.all() if market.trading)
    return {
        "kalshi": {
            "base_url": server.base_url,
            "ws_url": server.ws_url,
            "key_id": KEY_ID,
            "private_key": str(keys.kalshi_private),
        },
        "polymarket": {
            "clob_url": server.clob_url,
            "gamma_url": server.gamma_url,
            "ws_market": f"{server.clob_ws_url}/market",
            "ws_user": f"{server.clob_ws_url}/user",
            "address": address,
            "private_key": str(keys.polymarket_key),
            "credentials": str(keys.polymarket_credentials),
        },
        "admin_url": server.admin_url,
        "session": status["session"] or ("live" if live else None),
        "markets": status.get("markets") or live,
        "try": [*_some_kalshi(server), *_some_polymarket(server)],
    }


def _some_kalshi(server: PaperServer) -> list[dict[str, str]]:
    """A few markets that trade, with what they are about and where their prices are read without a key."""
    exchange = server.playback.floor.kalshi
    specs = [spec for ticker, spec in exchange.specs.items() if exchange.listings.trading(ticker)]
    return [
        {
            "venue": "kalshi",
            "market": spec.market,
            "title": spec.title,
            "prices": f"{server.base_url}/markets/{spec.market}",
        }
        for spec in specs[:_SHOWN]
    ]


def _some_polymarket(server: PaperServer) -> list[dict[str, str]]:
    clob = server.polymarket.clob
    markets = [market for market in clob.markets.all() if market.trading and market.id in clob.engines]
    return [
        {
            "venue": "polymarket",
            "market": token,
            "title": f"{market.spec.title}: {market.outcome(token)}",
            "prices": f"{server.clob_url}/book?token_id={token}",
        }
        for market in markets[:_SHOWN]
        for token in market.tokens
    ]
