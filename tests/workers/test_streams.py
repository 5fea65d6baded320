"""Streams are made anew whenever what is watched changes; what the process knows of their keys outlives them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from domain.market import Venue
from workers import streams


class Made:
    """Stands where a stream of the venue is made: keeps what it was made with."""

    def __init__(self, *places: Any, **options: Any) -> None:
        self.options = options


class Ears:
    def users(self, venue: Venue, up: bool, reason: str) -> None: ...

    def state(self, venue: Venue, up: bool, reason: str) -> None: ...


def test_a_key_that_was_let_in_stays_known_to_the_streams_made_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KalshiStream", Made)
    monkeypatch.setattr(streams, "signer_of", lambda stack: SimpleNamespace(key_id=stack.key))

    def made(key: str) -> Any:
        stack: Any = SimpleNamespace(venue_ws_url="ws://127.0.0.1:1", key=key)
        watched: Any = SimpleNamespace(markets=lambda venue: ["M"])
        engine: Any = SimpleNamespace(on_gap=None)
        ears: Any = Ears()
        return streams._kalshi(stack, watched, engine, ears, lambda at: None)

    first = made("one")
    first.options["on_state"](False, "handshake refused with HTTP 404")
    assert made("one").options["let_in"] is False
    first.options["on_state"](True, "every subscription is acknowledged")
    assert made("one").options["let_in"] is True
    assert made("another").options["let_in"] is False
