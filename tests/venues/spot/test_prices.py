"""Polymarket's price topics: authenticated, subscribed, without holes; secrets go out and nowhere else."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.spot import SpotKind, SpotSource
from tests.venues.spot.world import Heard, Peer, world
from venues.kept_socket import KeptSocket
from venues.polymarket.prices import SPOT_CHANNEL, TWAP_CHANNEL, PriceRules, PriceTicks, prices_feed
from venues.polymarket.wallet import Credentials
from venues.spot import OutOfStep, Unreadable

NOW = 1_795_262_400_000_000
SECRET = base64.urlsafe_b64encode(b"s" * 32).decode()
KEY = Credentials("9180014b-33c8-9240-a14b-bdca11c0a465", SECRET, "open sesame")


def price(seq: int, at_ms: int, value: str = "61035.860000000000000001", **more: Any) -> Any:
    payload = {
        "symbol": "BTCUSD",
        "source": more.pop("source", "chainlink"),
        "value": 61035.86,
        "full_accuracy_value": value,
        "timestamp": at_ms,
        **more.pop("payload", {}),
    }
    return {"v": 1, "channel": SPOT_CHANNEL, "seq": seq, "ts": at_ms + 900, "payload": payload, **more}


def history(seq: int, *at_ms: int, channel: str = SPOT_CHANNEL) -> Any:
    points = [{"timestamp": at, "value": 1.0, "full_accuracy_value": "1.5"} for at in at_ms]
    payload: dict[str, Any] = {"symbol": "btcusd", "source": "chainlink", "data": points}
    if channel == TWAP_CHANNEL:
        payload["window_seconds"] = 60
    return {"v": 1, "channel": channel, "seq": seq, "ts": 1, "snapshot": True, "payload": payload}


def raw(message: Any) -> bytes:
    return json.dumps(message).encode()


def test_a_price_is_exact_and_carries_its_sources_time() -> None:
    (tick,) = PriceTicks().take(raw(price(1, 1_780_730_269_000)), NOW)
    assert (tick.source, tick.symbol, tick.kind) == (SpotSource.CHAINLINK, "btcusd", SpotKind.INDEX)
    assert tick.price == 61_035_860_000_000_000_000_001
    assert (tick.exchange_at, tick.received_at) == (1_780_730_269_000_000, NOW)
    (other,) = PriceTicks().take(raw(price(1, 5, source="pyth")), NOW)
    assert other.source is SpotSource.PYTH


def test_an_average_is_a_source_of_its_own() -> None:
    frame = price(1, 5, channel=TWAP_CHANNEL, payload={"window_seconds": 60})
    (tick,) = PriceTicks().take(raw(frame), NOW)
    assert tick.source is SpotSource.CHAINLINK_TWAP
    with pytest.raises(Unreadable, match="TWAP of 30 s"):
        PriceTicks().take(raw(price(1, 5, channel=TWAP_CHANNEL, payload={"window_seconds": 30})), NOW)


def test_what_a_new_subscription_repeats_is_told_once() -> None:
    ticks = PriceTicks()
    assert [t.exchange_at for t in ticks.take(raw(history(1, 1000, 2000)), NOW)] == [1_000_000, 2_000_000]
    assert ticks.take(raw(price(2, 3000)), NOW)
    again = ticks.take(raw(history(1, 2000, 3000, 4000)), NOW, 2)
    assert [t.exchange_at for t in again] == [4_000_000]
    assert ticks.late == 0
    assert not ticks.take(raw(price(2, 3500)), NOW, 2)
    assert ticks.late == 1


def test_a_hole_is_a_loss() -> None:
    ticks = PriceTicks()
    ticks.take(raw(history(1, 1000)), NOW)
    ticks.take(raw(price(2, 2000)), NOW)
    with pytest.raises(OutOfStep, match=r"frame 4 of price\.crypto came after 2"):
        ticks.take(raw(price(4, 4000)), NOW)
    with pytest.raises(OutOfStep, match="dropped 3"):
        PriceTicks().take(raw(price(9, 4000, dropped=3)), NOW)


def test_a_price_carried_forward_is_no_observation() -> None:
    ticks = PriceTicks()
    assert not ticks.take(raw(price(1, 5, payload={"is_carried_forward": True})), NOW)
    assert ticks.carried == 1


def test_other_frames_are_counted_and_unreadable_ones_refused() -> None:
    ticks = PriceTicks()
    for frame in ({"op": "pong"}, {"v": 2, "channel": SPOT_CHANNEL}, {"v": 1, "channel": "price.moon"}):
        assert not ticks.take(raw(frame), NOW)
    assert dict(ticks.unknown) == {SPOT_CHANNEL: 1, "price.moon": 1}
    for frame in (
        b"",
        b"\xff",
        raw(price(1, 5, value="nan")),
        raw(price(1, 5, source="oracle")),
        raw([]),
        raw(price(1, NOW // 1000 + 60_001)),
    ):
        with pytest.raises(Unreadable):
            PriceTicks().take(frame, NOW)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_unreadable(frame: bytes) -> None:
    try:
        PriceTicks().take(frame, NOW)
    except Unreadable:
        return


def feed(url: str, heard: Heard, **options: Any) -> KeptSocket:
    return prices_feed(
        KEY,
        ["btcusd"],
        url=url,
        clock=lambda: NOW,
        **heard.ears() | options,
    )


async def authenticated(peer: Peer) -> None:
    said = await peer.hears()
    assert said["op"] == "auth"
    assert said["auth"] == {"apiKey": KEY.key, "secret": SECRET, "passphrase": "open sesame"}
    await peer.say({"op": "authed", "rid": said["rid"]})
    assert await subscription(peer) == [
        {"channel": SPOT_CHANNEL, "filter": {"symbol": "btcusd"}},
        {"channel": TWAP_CHANNEL, "filter": {"symbol": "btcusd", "window_seconds": 60}},
    ]


async def subscription(peer: Peer) -> Any:
    while True:
        said = await peer.hears()
        if said["op"] == "subscribe":
            return said["subscriptions"]
        assert said == {"op": "ping"}


async def test_it_authenticates_subscribes_and_is_up_when_every_price_came() -> None:
    async def script(peer: Peer) -> None:
        await authenticated(peer)
        await peer.say({"op": "subscribed", "rid": "2", "channel": SPOT_CHANNEL}, b"?", history(1, 1000))
        await peer.say(history(1, 1000, channel=TWAP_CHANNEL), price(2, 2000))
        await peer.stay()

    async with world(script) as w, w.feed(feed(w.url, w.heard)) as heard:
        await heard.until(lambda: heard.ups() and len(heard.ticks) == 3)
        assert [frame for frame, _ in heard.dead] == [b"?"]
        kept = repr(heard.frames) + repr(heard.states)
        assert SECRET not in kept
        assert "open sesame" not in kept


async def test_a_hole_is_healed_by_what_the_next_subscription_repeats() -> None:
    async def script(peer: Peer) -> None:
        await authenticated(peer)
        await peer.say(history(1, 1000, channel=TWAP_CHANNEL))
        if peer.number:
            await peer.say(history(1, 1000, 2000, 3000))
        else:
            await peer.say(history(1, 1000), price(3, 3000))
        await peer.stay()

    async with world(script) as w, w.feed(feed(w.url, w.heard)) as heard:
        await heard.until(lambda: len(heard.ticks) == 4)
        spot = [t.exchange_at for t in heard.ticks if t.source is SpotSource.CHAINLINK]
        assert spot == [1_000_000, 2_000_000, 3_000_000]
        assert "came after 1" in heard.losses()[0]


async def test_silence_that_no_ping_breaks_is_a_loss() -> None:
    async def script(peer: Peer) -> None:
        await authenticated(peer)
        await peer.say(history(1, 1000), history(1, 1000, channel=TWAP_CHANNEL))
        await peer.stay()

    rules = PriceRules(ping_s=0.01, silence_s=0.05)
    async with world(script) as w, w.feed(feed(w.url, w.heard, rules=rules)) as heard:
        await heard.until(lambda: heard.ups() == 2)
        assert "not even an answer to a ping" in heard.losses()[0]


@pytest.mark.parametrize("by", ["error", "close"])
async def test_wrong_credentials_end_it_without_being_named(by: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.hears()
        if by == "error":
            await peer.say({"op": "error", "rid": "1", "code": "unauthorized"})
            await peer.stay()
        else:
            await peer.ws.close(4001, "auth")

    async with world(script) as w:
        with pytest.raises(BadInput, match="derive them anew") as refused:
            await feed(w.url, w.heard).run()
        assert SECRET not in refused.value.message


async def test_a_refused_subscription_is_tried_again() -> None:
    async def refuse(peer: Peer) -> None:
        await authenticated(peer)
        await peer.say({"op": "error", "rid": "2", "channel": SPOT_CHANNEL, "code": "rate_limited"})
        await peer.stay()

    async def serve(peer: Peer) -> None:
        await authenticated(peer)
        await peer.say(history(1, 1000), history(1, 1000, channel=TWAP_CHANNEL))
        await peer.stay()

    async with world(refuse, serve) as w, w.feed(feed(w.url, w.heard)) as heard:
        await heard.until(heard.ups)
        assert "rate_limited" in heard.losses()[0]


def test_more_than_a_connection_carries_is_refused() -> None:
    for symbols, provider in (([], ""), (["x"] * 33, ""), (["btcusd"], "binance")):
        with pytest.raises(BadInput, match="expected 1 to 32"):
            prices_feed(KEY, symbols, on_tick=lambda tick: None, provider=provider)
