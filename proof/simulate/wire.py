"""The way between our processes and an exchange: time passes on it, and things get lost, late or doubled.

Bytes that have left are on their way whatever becomes of their sender. None is under way for longer than the policy's
grace allows: that bound is the one thing about the network that the lifecycle believes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from random import Random

from domain.errors import Unavailable
from domain.evidence import ForeignOrder, OrderEvidence, Resolution
from domain.market import MarketSpec
from domain.orders import OrderTicket, PreparedOrder, Quote, SubmitResult, Verdict
from proof.simulate.answers import Answers
from proof.simulate.weather import Weather
from testing.venue import FakeVenue, Fault
from venues.port import Account

_PATIENCE_MS = 1_500
_LATEST_MS = 2_500

Sent = Callable[[OrderTicket], None]
"""Told of each order as its bytes leave."""

_BEYOND_ALL = 4_102_444_800_000_000  # an instant of the year 2100, in microseconds


class Wire:
    """A `venues.port.VenueClient` in front of the model exchange. `down` while the venue cannot be reached, in
    `maintenance` while it refuses everything; `retired` are the reads that it has given up."""

    def __init__(
        self, venue: FakeVenue, weather: Weather, rng: Random, sent: Sent, told_of: Callable[[str], bool]
    ) -> None:
        self.venue = venue
        self.down = self.maintenance = False
        self.retired: set[str] = set()
        self.answers = Answers(venue, weather, told_of)
        self._weather = weather
        self._rng = rng
        self._sent = sent

    async def prepare(self, ticket: OrderTicket) -> PreparedOrder:
        return PreparedOrder(self.body(ticket))

    def body(self, ticket: OrderTicket) -> bytes:
        return self.venue.body(ticket)

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        fate = self._weather.fault("wire", f"submit {ticket.leg}{ticket.attempt}")
        if fate == "limited":
            return self._ours(Verdict.DENIED, "rate_limited", "our own limit keeps it back")
        self._sent(ticket)
        if self.down or fate == "lost":
            await asyncio.sleep(_PATIENCE_MS / 1000)
            return self._ours(Verdict.UNKNOWN, "timeout", "no answer in time")
        loop, answers = asyncio.get_running_loop(), list[SubmitResult]()
        out_ms = self._rng.uniform(0.5, 15)
        if fate == "slow":
            out_ms = self._rng.uniform(50, _PATIENCE_MS - 100)
        elif fate == "late":
            out_ms = self._rng.uniform(_PATIENCE_MS, _LATEST_MS)
        loop.call_later(out_ms / 1000, lambda: answers.append(self._arrive(ticket, fate)))
        if fate in ("answer_lost", "late"):
            await asyncio.sleep(_PATIENCE_MS / 1000)
            return self._ours(Verdict.UNKNOWN, "timeout", "no answer in time")
        await asyncio.sleep((out_ms + self._rng.uniform(0.5, 10)) / 1000)
        return answers[0]

    def _arrive(self, ticket: OrderTicket, fate: str | None) -> SubmitResult:
        """The exchange's answer; to bytes that something on the way sends twice, its answer to the second copy."""
        if self.maintenance:
            return self._ours(Verdict.REJECTED, "trading_paused", "the exchange is paused for maintenance")
        if fate == "refused":
            self.venue.script("submit", Fault.REJECT)
            return self.venue.arrive(ticket)
        answer = self.answers.answer(ticket, self.venue.arrive)
        return self.venue.arrive(ticket) if fate == "twice" and answer.verdict is Verdict.ACCEPTED else answer

    async def cancel(self, market: str, order_id: str) -> None:
        fate = await self._travel("cancel")
        await self.venue.cancel(market, order_id)
        if fate == "slow":
            raise Unavailable("the cancel was not answered in time; only a read after it says what it did", "timeout")

    async def evidence(
        self, ticket: OrderTicket, *, order_id: str | None, sent_at: int, grace_ms: int
    ) -> OrderEvidence:
        await self._travel("evidence")
        seen = await self.venue.evidence(ticket, order_id=order_id, sent_at=sent_at, grace_ms=grace_ms)
        return self.answers.listed(ticket, seen, by_name=order_id is None)

    async def quote(self, market: str) -> Quote:
        asked = self.venue.clock()
        await self._travel("quote")
        seen = await self.venue.quote(market)
        told = Quote(market, seen.bids, seen.asks, asked, seen.answered_at)
        return self._misread(told)

    def _misread(self, quote: Quote) -> Quote:
        kind = self._weather.drawn("book")
        bids, asks = quote.bids, quote.asks
        if kind == "crossed" and bids and asks:
            quote = replace(quote, asks=((bids[0][0], asks[0][1]), *asks[1:]))
        elif kind == "impossible" and asks:
            odd = self._rng.choice(
                ((Decimal("1.4"), asks[0][1]), (asks[0][0], Decimal(-3)), (Decimal("NaN"), Decimal(1)))
            )
            quote = replace(quote, asks=(odd, *asks[1:]))
        elif kind == "other_market":
            quote = replace(quote, market=f"{quote.market}-OTHER")
        else:
            return quote
        self._weather.strike(f"book:{kind}", quote.market)
        return quote

    async def market(self, market: str) -> MarketSpec:
        return await self.venue.market(market)

    def forget_rules(self, market: str) -> None:
        self.venue.forget_rules(market)

    async def cash(self) -> Decimal:
        await self._travel("cash")
        return self.answers.cash(await self.venue.cash())

    async def account(self) -> Account:
        return await self.venue.account()

    async def resolution(self, market: str) -> Resolution:
        await self._travel("resolution")
        told = await self.venue.resolution(market)
        kind = self._weather.drawn("payout")
        if kind == "odd_time" and told.payout is not None:
            told = replace(told, at=self._rng.choice((0, _BEYOND_ALL)))
        elif kind == "impossible":
            told = replace(told, payout=self._rng.choice((Decimal("1.5"), Decimal(-1), Decimal("NaN"))))
        elif kind == "other_market":
            told = Resolution(f"{market}-OTHER", Decimal(1), told.at)
        else:
            return told
        self._weather.strike(f"payout:{kind}", market)
        return told

    async def look_up(self, order_id: str) -> ForeignOrder:
        await self._travel("look_up")
        return await self.venue.look_up(order_id)

    async def _travel(self, call: str) -> str | None:
        """The time of a read; raises `Unavailable` for one that gets no answer."""
        fate = self._weather.fault("read", call)
        slow = fate == "slow" or self.down
        await asyncio.sleep((self._rng.uniform(200, 1_200) if slow else self._rng.uniform(1, 20)) / 1000)
        if call in self.retired:
            raise Unavailable(f"{call}: gone; another endpoint has taken its place", "gone")
        if self.down or self.maintenance or fate == "unavailable":
            raise Unavailable(f"the venue did not answer {call}; asking again is safe", "unavailable")
        return fate

    def _ours(self, verdict: Verdict, code: str, detail: str) -> SubmitResult:
        return SubmitResult(verdict, code, detail, sent=verdict is not Verdict.DENIED, at=self.venue.clock())
