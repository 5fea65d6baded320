"""Frames of a venue's private channel into the real decoders, the real `UserChannel` and a ledger.

    input:
      order: none | unanswered | accepted | rests | unknown      what the ledger knows of the one order
      frames: [{says: {…}}, {text: "…"}]

`$ORDER` is the venue's id of the order, `$CLIENT_ID` ours, `$MARKET` its market, `$MS` and `$S` when it left. What
comes out is what the ledger holds and which trades were told to look.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import BadInput
from domain.market import Venue
from domain.orders import SubmitResult, TimeInForce, Verdict
from testing.ledger.memory import MemoryLedger
from tests.ledger.samples import START, accepted, body, intent, order_id, ticket
from tests.public_record.probes.rest import filled_in
from tests.workers.test_user_channel import FakeTemporal
from venues.polymarket.user_stream import events
from workers.user_channel import UserChannel

Facts = dict[str, Any]
_ID = "0x" + "ab" * 32


async def hear_kalshi(given: Mapping[str, Any]) -> Facts:
    """Frames of `fill`, `user_orders` and `market_lifecycle_v2`."""
    heard = await _Heard(given, Venue.KALSHI).begin()
    for raw in heard.frames(given):
        await heard.take(raw)
    return await heard.facts()


async def hear_polymarket(given: Mapping[str, Any]) -> Facts:
    """Frames of the user channel."""
    heard = await _Heard(given, Venue.POLYMARKET).begin()
    for raw in heard.frames(given):
        found, dead = events(raw)
        heard.dead += len(dead)
        for event in found:
            heard.kinds.append(f"{getattr(event, 'kind', 'TRADE') or '-'} {event.status}".strip())
            with _no_waiting():
                await heard.channel.hear(event)
    return await heard.facts()


@contextmanager
def _no_waiting() -> Iterator[None]:
    """An order's own answer is not waited for: there is none to come."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.user_channel._ANSWER_TIME_S", 0)
        yield


class _Heard:
    def __init__(self, given: Mapping[str, Any], venue: Venue) -> None:
        self.venue = venue
        self.intent = intent()
        self.ticket = ticket(self.intent)
        if venue is Venue.POLYMARKET:
            self.intent = replace(self.intent, legs=tuple(replace(leg, venue=venue) for leg in self.intent.legs))
            self.ticket = replace(ticket(self.intent), venue=venue)
        if given.get("order") == "rests":
            self.ticket = replace(self.ticket, tif=TimeInForce.GTC)
        self.known = given.get("order", "accepted")
        self.order_id = _ID if venue is Venue.POLYMARKET else order_id(self.ticket)
        self.temporal, self.ledger = FakeTemporal(), MemoryLedger()
        self.channel = UserChannel(self.temporal, self.ledger)  # type: ignore[arg-type]
        self.dead = 0
        self.kinds: list[str] = []

    async def begin(self) -> _Heard:
        if self.known == "none":
            return self
        await self.ledger.begin_order(
            "run-1", self.intent, self.ticket, body(self.ticket), START, order_id=self.order_id
        )
        results = {
            "accepted": replace(accepted(self.ticket), order_id=self.order_id),
            "rests": replace(accepted(self.ticket, "0"), remaining=Decimal(10), order_id=self.order_id),
            "unknown": SubmitResult(Verdict.UNKNOWN, "timeout"),
        }
        if self.known in results:
            await self.ledger.finish_order(self.ticket, results[self.known])
        return self

    def frames(self, given: Mapping[str, Any]) -> list[bytes]:
        known = {
            "$ORDER": self.order_id,
            "$CLIENT_ID": self.ticket.client_order_id,
            "$MARKET": self.ticket.market,
            "$MS+60000": str(START // 1000 + 60_000),
            "$MS": str(START // 1000),
            "$S": str(START // 1_000_000),
        }
        texts = [frame["text"] if "text" in frame else json.dumps(frame["says"]) for frame in given["frames"]]
        return [filled_in(text, known).encode() for text in texts]

    async def take(self, raw: bytes) -> None:
        try:
            with _no_waiting():
                await self.channel.take(raw)
        except BadInput:
            self.dead += 1
        except Exception as refused:
            if type(refused).__name__ not in ("Unavailable", "Rejected"):
                raise
            self.dead += 1

    async def facts(self) -> Facts:
        fills = (await self.ledger.snapshot()).facts.fills
        return {
            "fills": len(fills),
            "shares": sum((fill.shares for fill in fills), Decimal(0)),
            "gross": sum((fill.gross for fill in fills), Decimal(0)),
            "told": len(self.temporal.signals),
            "dead": self.dead,
            "events": self.kinds,
        }
