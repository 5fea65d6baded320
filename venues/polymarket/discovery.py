"""Which markets there are: Gamma's listings, read page by page, as markets a trader can name, size and price.

Which ids a market trades under follows from its `version` alone: v1 `clobTokenIds`, v2 `positionIds`; both may be
filled in, so that their presence decides nothing, and any other version is refused. Of a neg-risk event that is not
augmented, exactly one market pays: its Yes tokens form a set. An augmented one may still grow outcomes, so nobody says
how many it has. Source: docs.polymarket.com/migrate/polymarket-v2/overview and the shapes captured on 2026-10-05.

What cannot be read is given to `on_dead_letter` and left out; a market left out of an event leaves its count unsaid.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol
from urllib.parse import quote as quoted

import msgspec

from domain.claims import rules_hash
from domain.errors import Unavailable
from domain.fees import FeeModel, FeeSchedule
from domain.market import MarketSpec, Venue
from venues.polymarket.limits import Endpoint
from venues.polymarket.messages import (
    EventsPage,
    FeeDetails,
    GammaEvent,
    GammaMarket,
    MarketsPage,
    Message,
    amount,
    decode,
    demanded,
    plain_text,
)
from venues.polymarket.rest import OnDeadLetter, Params, PolymarketWire, understood
from venues.polymarket.translate import (
    COLLATERAL_UNIT,
    DEAREST,
    MIN_NOTIONAL,
    SIZE_STEP,
    fee_schedule,
    grid_of,
    micros_of,
)
from venues.wire import Answer

PAGE = 100
_MAX_PAGES = 2_000
_HEX_DIGITS = 64


class GammaReads(Protocol):
    """As much of the wire as discovery needs."""

    async def gamma_get(self, path: str, endpoint: Endpoint, params: Params | None = None) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """One side of a market: the token it trades under and its label (`Yes`, `Up`, a team)."""

    token_id: str
    label: str


@dataclass(frozen=True, slots=True)
class FoundMarket:
    """One market. `condition` is 0x and 64 hex digits, `closes_at` µs or 0. `rules` is the whole text a payout is
    decided by, `rules_sha256` its hash as equivalence records keep it: a changed text is another claim. `source` is
    where the outcome is read, as a link, which the text usually names too.

    `group` and `outcomes_in_group` are the neg-risk set its first token belongs to; empty and 0 where there is none, or
    nobody says how many it has.
    """

    condition: str
    slug: str
    question: str
    version: str
    outcomes: tuple[Outcome, ...]
    tick: Decimal
    min_size: Decimal
    fees: FeeSchedule
    neg_risk: bool
    open: bool
    closed: bool
    delay_ms: int
    closes_at: int
    source: str
    rules: str
    rules_sha256: str
    group: str = ""
    outcomes_in_group: int = 0

    def specs(self) -> tuple[MarketSpec, ...]:
        """The rules of each outcome token. Taker delays of 250 ms are in the CLOB's document alone and not in these."""
        return tuple(self._spec(outcome) for outcome in self.outcomes)

    def _spec(self, outcome: Outcome) -> MarketSpec:
        others = [each.token_id for each in self.outcomes if each is not outcome]
        in_set = self.neg_risk and outcome is self.outcomes[0] and bool(self.group)
        return MarketSpec(
            venue=Venue.POLYMARKET,
            market=outcome.token_id,
            event=self.group if in_set else self.condition,
            title=self.question,
            fees=self.fees,
            price_ranges=grid_of(self.tick),
            size_step=SIZE_STEP,
            min_size=self.min_size,
            open=self.open,
            outcomes=self.outcomes_in_group if in_set else 0 if self.neg_risk else len(self.outcomes),
            delay_ms=self.delay_ms,
            min_notional=MIN_NOTIONAL,
            outcome=outcome.label,
            complement=others[0] if len(others) == 1 else "",
        )


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """An event and those of its markets that can be read. `outcomes` is how many exclude each other, 0 if unsaid."""

    id: str
    slug: str
    title: str
    group: str
    augmented: bool
    outcomes: int
    markets: tuple[FoundMarket, ...]


class Discovery:
    """Reads Gamma's listings. Raises `Unavailable` and `Rejected` as every read."""

    def __init__(self, wire: GammaReads, on_dead_letter: OnDeadLetter = lambda kind, raw, why: None) -> None:
        self._wire, self._dead = wire, on_dead_letter

    async def markets(self, **filters: str | int) -> AsyncIterator[FoundMarket]:
        """Markets by Gamma's own filters (`closed`, `slug`, `condition_ids`, `clob_token_ids`, `tag_id`, …)."""
        async for raw in self._pages("/markets/keyset", Endpoint.GAMMA_MARKETS, filters):
            market = self._market(raw)
            if market is not None:
                yield market

    async def events(self, **filters: str | int) -> AsyncIterator[FoundEvent]:
        """Events by Gamma's own filters (`closed`, `slug`, `series_id`, `tag_slug`, `title_search`, …)."""
        async for raw in self._pages("/events/keyset", Endpoint.GAMMA_EVENTS, filters):
            event = self._event(raw)
            if event is not None:
                yield event

    async def event(self, event_id: str) -> FoundEvent:
        """One event by Gamma's id."""
        path = f"/events/{quoted(event_id, safe='')}"
        answer = await self._wire.gamma_get(path, Endpoint.GAMMA_EVENTS)
        found = self._event(answer.body)
        if found is None:
            raise Unavailable(f"GET {path}: the event cannot be read; it is in the dead letters", "unparseable")
        return found

    async def _pages(
        self, path: str, endpoint: Endpoint, filters: Mapping[str, str | int]
    ) -> AsyncIterator[msgspec.Raw]:
        cursor, seen = "", set[str]()
        for _ in range(_MAX_PAGES):
            asked: dict[str, str | int] = {"limit": PAGE, **filters}
            if cursor:
                asked["after_cursor"] = cursor
            answer = await self._wire.gamma_get(path, endpoint, asked)
            if endpoint is Endpoint.GAMMA_MARKETS:
                page = understood(MarketsPage, f"GET {path}", answer)
                rows, following = page.markets, page.next_cursor
            else:
                listed = understood(EventsPage, f"GET {path}", answer)
                rows, following = listed.events, listed.next_cursor
            for raw in rows:
                yield raw
            cursor = following or ""
            if not cursor:
                return
            if cursor in seen:
                break
            seen.add(cursor)
        raise Unavailable(f"GET {path}: the listing does not end; expected no next_cursor on the last page", "endless")

    def _market(self, raw: msgspec.Raw | bytes) -> FoundMarket | None:
        try:
            return found_market(decode(GammaMarket, raw))
        except ValueError as wrong:
            self._dead("gamma_market", bytes(raw), str(wrong))
            return None

    def _event(self, raw: msgspec.Raw | bytes) -> FoundEvent | None:
        try:
            event = decode(GammaEvent, raw)
        except ValueError as wrong:
            self._dead("gamma_event", bytes(raw), str(wrong))
            return None
        listed = event.markets or []
        markets = [market for market in map(self._market, listed) if market is not None]
        group = event.neg_risk_market_id or ""
        neg_risk = bool(event.neg_risk or event.enable_neg_risk) and bool(group)
        whole = neg_risk and not event.augmented and event.augmented is not None and len(markets) == len(listed)
        outcomes = len(markets) if whole else 0
        if neg_risk:
            markets = [
                replace(market, group=group, outcomes_in_group=outcomes) if market.neg_risk else market
                for market in markets
            ]
        return FoundEvent(
            id=plain_text(event.id),
            slug=event.slug,
            title=event.title,
            group=group,
            augmented=bool(event.augmented),
            outcomes=outcomes,
            markets=tuple(markets),
        )


def found_market(market: GammaMarket) -> FoundMarket:
    """One of Gamma's markets, read. Raises `ValueError` that says what is missing or not understood."""
    if market.version not in ("v1", "v2"):
        raise ValueError(f"version {market.version!r}; expected v1 or v2: which ids it trades under is not known")
    labels = _texts(market.outcomes, "outcomes")
    tokens = _texts(market.clob_token_ids if market.version == "v1" else market.position_ids, "token ids")
    if not tokens or len(tokens) != len(labels):
        raise ValueError(f"{len(tokens)} token ids for {len(labels)} outcomes; a market just listed may lack them yet")
    if not all(token.isascii() and token.isdecimal() for token in tokens):
        raise ValueError("a token id is no decimal number")
    text = (market.description or "").strip()
    return FoundMarket(
        condition=condition_word(market.condition_id),
        slug=market.slug,
        question=market.question,
        version=market.version,
        outcomes=tuple(Outcome(token, label) for token, label in zip(tokens, labels, strict=True)),
        tick=demanded(market.tick, "orderPriceMinTickSize"),
        min_size=demanded(market.min_size, "orderMinSize"),
        fees=_fees(market),
        neg_risk=bool(market.neg_risk),
        open=bool(market.accepting_orders) and not market.closed and market.active is not False,
        closed=bool(market.closed),
        delay_ms=int((amount(market.seconds_delay) or 0) * 1000),
        closes_at=micros_of(msgspec.Raw(msgspec.json.encode(market.end_date))) if market.end_date else 0,
        source=(market.resolution_source or "").strip(),
        rules=text,
        rules_sha256=rules_hash(text),
        group=market.neg_risk_market_id or "",
    )


def condition_word(condition: str) -> str:
    """A condition id as the CLOB wants it: 0x and 64 hex digits. Gamma writes those of v2 markets with 62; they are
    padded on the right. Raises `ValueError` for what is no condition id."""
    digits = condition.removeprefix("0x").lower()
    if len(digits) not in (_HEX_DIGITS - 2, _HEX_DIGITS) or any(c not in "0123456789abcdef" for c in digits):
        raise ValueError(f"condition id {condition!r}; expected 0x and 62 or 64 hex digits")
    return "0x" + digits.ljust(_HEX_DIGITS, "0")


class _EventRef(Message, frozen=True):
    id: msgspec.Raw


class _MarketEvents(Message, frozen=True):
    events: list[_EventRef] | None = None


async def neg_risk_outcomes(wire: PolymarketWire, condition: str) -> int:
    """How many markets the neg-risk event of a condition has, 0 where nobody says or it may still grow."""
    answer = await wire.gamma_get("/markets/keyset", Endpoint.GAMMA_MARKETS, {"condition_ids": condition, "limit": 1})
    page = understood(MarketsPage, "GET /markets/keyset", answer)
    for raw in page.markets:
        for event in decode(_MarketEvents, raw).events or ():
            return (await Discovery(wire).event(plain_text(event.id))).outcomes
    return 0


def _fees(market: GammaMarket) -> FeeSchedule:
    if market.fees_enabled is False:
        return FeeSchedule(Decimal(0), unit=COLLATERAL_UNIT, model=FeeModel.POLYMARKET)
    if market.fees is None:
        return DEAREST
    given = market.fees
    return fee_schedule(FeeDetails(given.rate, given.exponent, given.taker_only), msgspec.Raw(b"1"))


def _texts(raw: msgspec.Raw, name: str) -> list[str]:
    """A list of texts, given as a list or as JSON inside a string."""
    if bytes(raw) in (b"", b"null"):
        return []
    try:
        value = msgspec.json.decode(raw)
        if isinstance(value, str):
            value = msgspec.json.decode(value)
        return msgspec.convert(value, list[str])
    except (msgspec.DecodeError, RecursionError):
        raise ValueError(f"{name}: {bytes(raw)[:80]!r}; expected a list of texts") from None
