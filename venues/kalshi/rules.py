"""The rules of each market, kept for a while: tick bands, fees, whether it is open, the shard it trades on."""

from __future__ import annotations

from decimal import Decimal

from domain.errors import Denied
from domain.fees import FeeSchedule
from domain.market import MarketSpec
from domain.money import plain, whole_lots
from domain.orders import OrderTicket
from venues.kalshi.messages import EventAnswer, MarketAnswer, SeriesAnswer
from venues.kalshi.rest import RestWire, segment
from venues.kalshi.translate import fee_schedule, market_spec, outcomes_of

_MICROS = 1_000_000


class MarketRules:
    """`unit` is the member's balance unit. Rules of an open market are kept for `ttl_s`; one that is not open may open
    at any moment, so it is asked for each time. A market's shard never changes and is kept for good."""

    def __init__(self, wire: RestWire, unit: Decimal, ttl_s: float) -> None:
        self._wire = wire
        self._unit = unit
        self._ttl = int(ttl_s * _MICROS)
        self._specs: dict[str, tuple[int, MarketSpec]] = {}
        self._events: dict[str, tuple[int, FeeSchedule, int]] = {}
        self._shards: dict[str, int | None] = {}
        self._categories: dict[str, str] = {}

    def known(self, market: str) -> MarketSpec | None:
        """What is kept and still in force."""
        kept = self._specs.get(market)
        return kept[1] if kept is not None and 0 <= self._wire.clock() - kept[0] < self._ttl else None

    async def spec(self, market: str) -> MarketSpec:
        """From market, event and series."""
        known = self.known(market)
        if known is not None:
            return known
        now = self._wire.clock()
        listed = (await self._wire.get(f"/markets/{segment(market)}", MarketAnswer)).market
        self._shards[market] = listed.exchange_index
        spec = market_spec(listed, *await self._of_event(listed.event_ticker, now))
        if spec.open:
            self._specs[market] = (now, spec)
        return spec

    async def shard(self, market: str) -> int | None:
        """The exchange shard a market trades on, None where the venue does not say: it routes by itself then, and a
        shard is never guessed, least of all from the series."""
        if market not in self._shards:
            listed = (await self._wire.get(f"/markets/{segment(market)}", MarketAnswer)).market
            self._shards[market] = listed.exchange_index
        return self._shards[market]

    async def category(self, market: str) -> str:
        """The series' category in lower case, "" where the venue names none."""
        event = (await self.spec(market)).event
        return self._categories.get(event, "")

    def known_shard(self, market: str) -> int | None:
        return self._shards.get(market)

    def forget(self, market: str) -> None:
        """Its rules changed (another tick, another fee): ask anew."""
        self._specs.pop(market, None)

    def refuse_unsound(self, ticket: OrderTicket) -> None:
        """Raise `Denied` (`off_tick`, `off_lot`, `below_minimum`) for an order that the market's rules, where they are
        known, forbid: the venue would say no, later."""
        spec = self.known(ticket.market)
        if spec is None:
            return
        if not spec.on_grid(ticket.limit):
            raise Denied(
                f"price {plain(ticket.limit)} is off the {plain(spec.step_at(ticket.limit))} grid of {ticket.market}; "
                f"nearest {plain(spec.nearest(ticket.limit))}",
                "off_tick",
            )
        if ticket.size % spec.size_step:
            lots = max(whole_lots(ticket.size, spec.size_step), spec.size_step)
            raise Denied(
                f"{plain(ticket.size)} contracts of {ticket.market} is no multiple of {plain(spec.size_step)}; "
                f"nearest {plain(lots)}",
                "off_lot",
            )
        if ticket.size < spec.min_size:
            raise Denied(
                f"{plain(ticket.size)} contracts of {ticket.market} is below the venue's minimum; "
                f"nearest {plain(spec.min_size)}",
                "below_minimum",
            )

    async def _of_event(self, event: str, now: int) -> tuple[FeeSchedule, int]:
        """What all markets of an event share: their fees, and how many there are if they exclude each other."""
        kept = self._events.get(event)
        if kept is not None and 0 <= now - kept[0] < self._ttl:
            return kept[1], kept[2]
        answer = await self._wire.get(f"/events/{segment(event)}", EventAnswer)
        series = (await self._wire.get(f"/series/{segment(answer.event.series_ticker)}", SeriesAnswer)).series
        fees, outcomes = fee_schedule(answer.event, series, self._unit), outcomes_of(answer)
        self._events[event] = (now, fees, outcomes)
        self._categories[event] = (series.category or "").strip().lower()
        return fees, outcomes
