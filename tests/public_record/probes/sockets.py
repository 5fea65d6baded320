"""Real streams against a venue's socket on loopback that misbehaves: what they notice, and whether they come back.

    input:
      refuse: [null, 429, 502]             handshakes answered with these, in order; null lets one in
      connections: [mute, good]            what each connection does in turn, the last one for every further one

| word | the connection |
|---|---|
| good | does what it should and stays |
| drops | does so, and is gone after its first book |
| mute | takes the subscription, answers pings, sends no book |
| dead | answers nothing at all any more |
| gap | leaves out a number after its first book (Kalshi) |
| error | says that its buffer has run over (Kalshi) |
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from tests.public_record.probes.rest import KALSHI_SIGNER
from tests.venues.kalshi import streaming as kalshi
from tests.venues.polymarket import streaming as polymarket

_PATIENCE_S = 6.0
_BUFFER_OVERFLOW = 25


async def watch_polymarket(given: Mapping[str, Any]) -> dict[str, Any]:
    """The market channel through the real pool of connections."""
    heard = polymarket.Heard()
    words = list(given["connections"])
    scripts = [_POLYMARKET[word] for word in words]
    wanted = _books_wanted(words)
    async with (
        polymarket.venue(*scripts, refuse=given.get("refuse", ())) as (url, peers),
        polymarket.pool(url, heard) as pool,
    ):
        back = await _within(heard.until(lambda story: _books(story) >= wanted))
        up = [status.waiting == 0 for status in pool.status()]
        return {
            "back": back and all(up),
            "connections": len(peers),
            "lost": sum(isinstance(one, tuple) and one[0] == "lost" for one in heard.story),
            "downs": len(heard.downs),
        }


async def watch_kalshi(given: Mapping[str, Any]) -> dict[str, Any]:
    """The one socket of Kalshi through the real stream."""
    words = list(given["connections"])
    scripts = [_KALSHI[word] for word in words]
    wanted = _snapshots_wanted(words)
    async with (
        kalshi.venue(*scripts, refuse=given.get("refuse", ())) as (url, requests),
        kalshi.streaming(url, KALSHI_SIGNER) as (_, heard),
    ):
        back = await _within(heard.until(lambda story: _snapshots(story) >= wanted))
        return {
            "back": back,
            "connections": len(requests) - sum(status is not None for status in given.get("refuse", ())),
            "downs": len(heard.downs),
            "gaps": sum(isinstance(one, tuple) and one[0] == "gap" for one in heard.story),
        }


async def _within(waited: Any) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await waited
    except TimeoutError:
        return False
    return True


def _books(story: list[Any]) -> int:
    return sum(isinstance(one, tuple) and one[0] == "frame" for one in story)


def _books_wanted(words: list[str]) -> int:
    return sum(word in ("good", "drops", "dead") for word in words)


def _snapshots(story: list[Any]) -> int:
    return sum(isinstance(one, tuple) and one[0] == "orderbook_snapshot" for one in story)


def _snapshots_wanted(words: list[str]) -> int:
    """One of each connection, and one more where a book is asked for again on the same."""
    return sum(2 if word == "gap" else 1 for word in words)


async def _polymarket_drops(peer: polymarket.Peer) -> None:
    await peer.images(await peer.subscription())


async def _polymarket_mute(peer: polymarket.Peer) -> None:
    await peer.subscription()
    await asyncio.Event().wait()


async def _polymarket_dead(peer: polymarket.Peer) -> None:
    await peer.images(await peer.subscription())
    peer.answers_pings = False
    await asyncio.Event().wait()


async def _kalshi_good(peer: kalshi.Peer) -> None:
    await peer.acknowledge()
    await peer.snapshot(1)
    await peer.ws.wait_closed()


async def _kalshi_drops(peer: kalshi.Peer) -> None:
    await peer.acknowledge()
    await peer.snapshot(1)


async def _kalshi_gap(peer: kalshi.Peer) -> None:
    await peer.acknowledge()
    await peer.snapshot(1)
    await peer.delta(3)
    asked = await peer.command()
    await peer.say({"id": asked["id"], "sid": 1, "seq": 4, "type": "ok", "msg": asked["params"]})
    await peer.snapshot(5)
    await peer.snapshot(6, kalshi.M2)
    await peer.ws.wait_closed()


async def _kalshi_error(peer: kalshi.Peer) -> None:
    await peer.acknowledge()
    await peer.snapshot(1)
    await peer.say({"type": "error", "sid": 1, "seq": 2, "msg": {"code": _BUFFER_OVERFLOW, "msg": "buffer overflow"}})
    await peer.ws.wait_closed()


_POLYMARKET = {
    "good": polymarket.good,
    "drops": _polymarket_drops,
    "mute": _polymarket_mute,
    "dead": _polymarket_dead,
}
_KALSHI = {"good": _kalshi_good, "drops": _kalshi_drops, "gap": _kalshi_gap, "error": _kalshi_error}
