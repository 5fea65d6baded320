"""A burst of ten times the rate, from a socket to the decision: how late frames are, and how long a backlog lasts.

Another process is the venue: it sends book changes of `MARKETS` markets at a steady rate, for a second at ten times
that, and steadily again, each stamped as it is sent. This process runs the venue's own stream and the engine on one
loop, as ingest does. A frame's lag is from that stamp until it was decided on.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop
from websockets.asyncio.server import ServerConnection, serve

from domain.intent import LegPolicy
from domain.limits import GateLimits, SetParams
from domain.market import MarketSpec, Venue
from ingest.engine import Engine
from ingest.sets import sets_of
from ingest.strategies.basket import baskets
from proof.bench.figures import emit, percentiles
from recording.sources.tickers import market
from venues.book_feed import Counters, Told
from venues.kalshi import frames
from venues.kalshi.book_feed import KalshiFeed
from venues.kalshi.signing import Signer
from venues.kalshi.stream import KalshiStream
from venues.wire import wall_clock_us
from workers.local.keys import ensure_paper_keys
from workers.local.layout import Layout

MARKETS = 200
STEADY_S, BURST_S = 2.0, 1.0
_TURN_S = 0.001
_CENT = 10_000
_SIZE = 5_000_000_000


def run(command: str, rates: Sequence[int]) -> None:
    """Figures: lag at each of `rates` (frames a second) and at ten times it; what deciding costs beside applying."""
    for rate in rates:
        with uvloop_runner() as runner:
            lags = runner.run(_listen(rate))
        emit("lag of a frame, socket to decision", "ms", command, _told(lags, rate))
    emit("deciding beside applying", "µs", command, _split())


def uvloop_runner() -> asyncio.Runner:
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


def specs() -> list[MarketSpec]:
    """Sets of two."""
    return [market(f"KXBURST{number // 2:03d}-{'AB'[number % 2]}", f"KXBURST{number // 2:03d}", "x beats y")
            for number in range(MARKETS)]  # fmt: skip


def books(markets: Sequence[MarketSpec]) -> Iterator[bytes]:
    """Every book whole, numbered from 1; two of a set cost 1.10."""
    for number, spec in enumerate(markets, 1):
        yes = [(cents * _CENT, _SIZE) for cents in range(40, 50)]
        no = [((100 - cents) * _CENT, _SIZE) for cents in range(55, 65)]
        yield frames.snapshot(1, number, spec.market, yes, no, yes_price=True)


def change(number: int, markets: Sequence[MarketSpec], at: int) -> bytes:
    """The change with this number: a level of one book after the other, up and down again."""
    turn, place = divmod(number, len(markets))
    size = 10_000 if turn // 10 % 2 == 0 else -10_000
    return frames.delta(1, number + 1, markets[place].market, "yes", (40 + turn % 10) * _CENT, size, at, yes_price=True)


# ---------------------------------------------------------------------- this process


async def _listen(rate: int) -> list[tuple[int, int]]:
    """Of every change: when it was sent and when it was decided on, in µs."""
    seen: list[tuple[int, int]] = []
    markets = specs()
    engine = _engine(markets)
    argv = (sys.executable, "-m", "proof.bench.burst", str(rate))
    venue = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
    with TemporaryDirectory() as folder:
        assert venue.stdout is not None
        port = int(await venue.stdout.readline())
        over = asyncio.Event()

        def frame(raw: bytes, received_at: int, received_ns: int) -> None:
            engine.on_frame(raw, received_at, Venue.KALSHI)
            if raw.startswith(b'{"type":"orderbook_delta"'):
                seen.append((engine.feed(Venue.KALSHI).at, wall_clock_us()))

        layout = Layout(Path(folder))
        layout.prepare()
        ensure_paper_keys(layout)
        stream = KalshiStream(
            f"ws://127.0.0.1:{port}",
            Signer.from_pem("bench", layout.paper_private_key.read_bytes()),
            on_frame=frame,
            markets=[spec.market for spec in markets],
            user_channels=False,
            on_state=lambda up, reason: None if up else over.set(),
        )
        running = asyncio.create_task(stream.run())
        await over.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await venue.wait()
    assert engine.counters.gaps == 0
    return seen


def _told(lags: list[tuple[int, int]], rate: int) -> dict[str, object]:
    first = lags[0][0]
    begin, end = first + STEADY_S * 1e6, first + (STEADY_S + BURST_S) * 1e6
    half = first + STEADY_S * 5e5  # books were sent at once: what comes with them is no steady state
    steady = [(done - at) / 1000 for at, done in lags if half <= at < begin]
    burst = [(done - at) / 1000 for at, done in lags if begin <= at < end]
    usual = percentiles(steady)["p99"]
    back = next((at for at, done in lags if at >= end and (done - at) / 1000 <= max(usual, 1.0)), lags[-1][0])
    return {
        "rate": rate,
        "frames": len(lags),
        "steady": percentiles(steady),
        "burst": percentiles(burst),
        "drained_ms_after_the_burst": round((back - end) / 1000, 1),
    }


def _engine(markets: Sequence[MarketSpec]) -> Engine:
    return Engine(
        baskets(sets_of(markets), SetParams(), GateLimits(), LegPolicy()),
        GateLimits(),
        lambda intent: None,
        lambda suppression: None,
    )


def _split() -> dict[str, float]:
    """The same frames applied and decided on one by one, and only applied: all that coalescing could save."""
    markets = specs()
    script = [*books(markets), *(change(number, markets, 1_780_000_000_000_000 + number) for number in
                                 range(len(markets), len(markets) + 50_000))]  # fmt: skip
    told = Told(doubt=lambda markets, venue, why: None, news=lambda news: None, dead=lambda raw, why: None)
    spent = {"decided": 1e9, "applied": 1e9}
    for _ in range(3):
        engine, feed = _engine(markets), KalshiFeed(Counters(), told)
        for spec in markets:
            feed.watch(spec.market)
        begun = time.perf_counter()
        for raw in script:
            engine.on_frame(raw, 1_780_000_000_000_000, Venue.KALSHI)
        between = time.perf_counter()
        for raw in script:
            feed.take(raw, 1_780_000_000_000_000, 0)
        over = time.perf_counter()
        spent["decided"] = min(spent["decided"], between - begun)
        spent["applied"] = min(spent["applied"], over - between)
    return {name: round(seconds / len(script) * 1e6, 3) for name, seconds in spent.items()}


# ---------------------------------------------------------------------- the venue's process


async def _venue(rate: int) -> None:
    """Serve one listener and end."""
    done = asyncio.Event()

    async def talk(ws: ServerConnection) -> None:
        command = json.loads(await ws.recv())
        said = {"channel": command["params"]["channels"][0], "sid": 1}
        await ws.send(json.dumps({"type": "subscribed", "id": command["id"], "msg": said}))
        markets = specs()
        for book in books(markets):
            await ws.send(book, text=True)
        await _changes(ws, markets, rate)
        await asyncio.sleep(2)
        done.set()

    async with serve(talk, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        await done.wait()


async def _changes(ws: ServerConnection, markets: Sequence[MarketSpec], rate: int) -> None:
    """Straight into the transport: a library that frames each message could not send ten times the rate."""
    number = len(markets)
    begun = time.monotonic()
    owed = 0.0
    last = begun
    while (now := time.monotonic()) - begun < 2 * STEADY_S + BURST_S:
        bursting = STEADY_S <= now - begun < STEADY_S + BURST_S
        owed += (now - last) * rate * (10 if bursting else 1)
        last = now
        at = wall_clock_us()
        ready = [change(one, markets, at) for one in range(number, number + int(owed))]
        number += len(ready)
        owed -= len(ready)
        ws.transport.write(b"".join(_text_frame(raw) for raw in ready))
        await asyncio.sleep(_TURN_S)


def _text_frame(raw: bytes) -> bytes:
    """RFC 6455, section 5.2: final, text, not masked."""
    return b"\x81\x7e" + len(raw).to_bytes(2, "big") + raw if len(raw) > 125 else bytes((0x81, len(raw))) + raw


if __name__ == "__main__":
    with uvloop_runner() as the_venue:
        the_venue.run(_venue(int(sys.argv[1])))
