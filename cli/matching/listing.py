"""What a venue lists, in the few fields that tell claims apart: who, when, which part of the event, over which line.

Ids say most of it. A Kalshi ticker is `KX<LEAGUE><TYPE>-<YYMMMDD><HHMM?><TEAMS>[-<part>]-<OUTCOME>`; a Polymarket slug
is `<league>-<one>-<other>-<YYYY-MM-DD>[-<type>…]`, at Polymarket-US with `aec-` before it. What an id does not say is
read from the document's own fields, and what those do not say stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from domain.market import Venue

WINNER = "winner"
"""The type of a market on who wins the whole event; any other type is a word of the venue's own."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One instrument of a listing: its label for people, and other names it goes by."""

    market: str
    label: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """One market (Polymarket) or event (Kalshi). `league` and `kind` are lower-case words, empty where unknown;
    `part` names a map, set or half, `line` a spread's or total's number; `day` the event's day as the venue dates it.
    """

    venue: Venue
    id: str
    title: str
    rules: str
    outcomes: tuple[Outcome, ...]
    league: str = ""
    kind: str = ""
    part: str = ""
    line: Decimal | None = None
    day: date | None = None


_TICKER = re.compile(
    r"KX([A-Z0-9]+?)(GAME|MATCH|FIGHT|MAP|SETWINNER|SPREAD|TOTAL)-(\d{2}[A-Z]{3}\d{2})(\d{4})?([A-Z0-9]+)"
)
_WHOLE = ("GAME", "MATCH", "FIGHT")
_SLUG = re.compile(r"(?:aec-)?([a-z0-9]+)-([a-z0-9]+)-([a-z0-9]+)-(\d{4}-\d{2}-\d{2})(?:-(.+))?")
_INVERSE = "-inverse"
_PARTS = re.compile(r"(first[- ]half|1h|map|game|set|quarter|period)[- ]?(\d+)?")


def kalshi_events(tickers: Iterable[str], rules: Mapping[str, str] | None = None) -> list[Listing]:
    """The events of market tickers alone, as far as a ticker tells; tickers of another form are left out."""
    events: dict[str, list[str]] = {}
    for ticker in dict.fromkeys(tickers):
        event, _, suffix = ticker.rpartition("-")
        if _TICKER.fullmatch(event.rpartition("-")[0] if event[-2:-1] == "-" else event) and suffix:
            events.setdefault(event, []).append(ticker)
    return [_kalshi_event(event, members, rules or {}) for event, members in events.items()]


def _kalshi_event(event: str, tickers: list[str], rules: Mapping[str, str]) -> Listing:
    base, _, part = event.rpartition("-") if event[-2:-1] == "-" else (event, "", "")
    found = _TICKER.fullmatch(base)
    assert found is not None
    league, kind, day = found[1].lower(), found[2], _day(found[3])
    outcomes = tuple(Outcome(ticker, ticker.rpartition("-")[2]) for ticker in tickers)
    text = next((rules[ticker] for ticker in tickers if ticker in rules), "")
    whole = WINNER if kind in _WHOLE else kind.lower()
    named = f"{kind.lower()} {part}".strip() if kind not in _WHOLE else ""
    return Listing(Venue.KALSHI, event, event, text, outcomes, league, whole, named, day=day)


def _day(text: str) -> date:
    """`26MAY09`."""
    return datetime.strptime(text, "%y%b%d").replace(tzinfo=UTC).date()


def polymarket_ids(slugs: Iterable[str], rules: Mapping[str, str] | None = None) -> list[Listing]:
    """The markets of slugs alone (`…-inverse` names the other outcome of the same); others are left out."""
    listings: list[Listing] = []
    for slug in dict.fromkeys(one.removesuffix(_INVERSE) for one in slugs):
        found = _SLUG.fullmatch(slug)
        if found is None:
            continue
        outcomes = (Outcome(slug, found[2]), Outcome(slug + _INVERSE, found[3]))
        kind, part = (WINNER, "") if found[5] is None else (found[5], _part(found[5]))
        day = date.fromisoformat(found[4])
        text = (rules or {}).get(slug, "")
        listings.append(Listing(Venue.POLYMARKET, slug, slug, text, outcomes, found[1], kind, part, day=day))
    return listings


def _part(text: str) -> str:
    found = _PARTS.search(text.lower())
    return "" if found is None else f"{found[1].replace('-', ' ')} {found[2] or ''}".strip()


class GammaMarket(msgspec.Struct):
    """Of `gamma-api.polymarket.com/markets`; outcomes and token ids are JSON lists inside a text."""

    question: str
    slug: str
    description: str = ""
    outcomes: str = "[]"
    clobTokenIds: str = "[]"  # noqa: N815 - the venue's own name
    sportsMarketType: str | None = None  # noqa: N815
    line: float | str | None = None
    groupItemTitle: str | None = None  # noqa: N815
    endDate: str | None = None  # noqa: N815


def gamma_listings(markets: Iterable[GammaMarket]) -> list[Listing]:
    """Every market with two outcomes and their token ids."""
    listings: list[Listing] = []
    for market in markets:
        labels, tokens = (msgspec.json.decode(text, type=list[str]) for text in (market.outcomes, market.clobTokenIds))
        if len(labels) != 2 or len(tokens) != 2:
            continue
        found = _SLUG.fullmatch(market.slug)
        teams = (found[2], found[3]) if found is not None and labels != ["Yes", "No"] else ("", "")
        outcomes = tuple(
            Outcome(token, label, (team,) if team else ())
            for token, label, team in zip(tokens, labels, teams, strict=True)
        )
        sport = market.sportsMarketType
        listings.append(
            Listing(
                venue=Venue.POLYMARKET,
                id=market.slug,
                title=market.question,
                rules=market.description,
                outcomes=outcomes,
                league=found[1] if found is not None else "",
                kind=WINNER if sport == "moneyline" else sport or "",
                part=_part(market.slug) if sport not in (None, "moneyline") else "",
                line=_line(market.line),
                day=date.fromisoformat(found[4]) if found is not None else None,
            )
        )
    return listings


def _line(value: float | str | None) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None


class KalshiMarket(msgspec.Struct):
    """Of the API's `/markets` and `/events` documents, and of the site's own event documents."""

    ticker: str = ""
    ticker_name: str = ""
    event_ticker: str = ""
    title: str = ""
    yes_sub_title: str = ""
    rules_primary: str = ""
    rules_secondary: str = ""
    rulebook_variables: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        return self.ticker or self.ticker_name


class KalshiEvent(msgspec.Struct):
    markets: list[KalshiMarket]
    title: str = ""
    ticker: str = ""
    event_ticker: str = ""
    underlying: str = ""
    settle_details: str = ""


def kalshi_listings(events: Iterable[KalshiEvent]) -> list[Listing]:
    """Games whose tickers say who plays are one listing of several outcomes; of other events each market is its own,
    with its YES as the one outcome."""
    listings: list[Listing] = []
    for event in events:
        texts = {market.name: kalshi_rules(event, market) for market in event.markets}
        games = kalshi_events(texts, texts)
        labels = {market.name: market for market in event.markets}
        for game in games:
            named = tuple(
                Outcome(one.market, labels[one.market].yes_sub_title or one.label, (one.label,))
                for one in game.outcomes
            )
            listings.append(replace(game, title=event.title or game.title, outcomes=named))
        if games:
            continue
        for market in event.markets:
            outcome = Outcome(market.name, market.yes_sub_title or "Yes")
            title = market.title or event.title
            listings.append(Listing(Venue.KALSHI, market.name, title, texts[market.name], (outcome,)))
    return listings


def kalshi_rules(event: KalshiEvent, market: KalshiMarket) -> str:
    """The rules as the API gives them, or the site's template with the market's own words in it."""
    said = "\n".join(filter(None, (market.rules_primary, market.rules_secondary)))
    if said:
        return said
    text = "\n".join(part.strip() for part in (event.underlying, event.settle_details) if part.strip())
    for name, value in (market.rulebook_variables or {}).items():
        text = text.replace(f"|| {name} ||", str(value))
    return text
