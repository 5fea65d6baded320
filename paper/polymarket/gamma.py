"""The little of Gamma a trader reads, under /gamma: the markets and events this exchange plays.

Markets by id, by slug, by condition or token, and as pages (`/markets/keyset`, `/events/keyset`: `next_cursor` until
there is none). Fields as docs.polymarket.com/api-reference has them; what only a website shows is left out.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from aiohttp import web

from paper.core.book import ONE
from paper.polymarket import refusals, wire
from paper.polymarket.answers import answer
from paper.polymarket.conditions import Market
from paper.polymarket.exchange import Clob
from paper.polymarket.figures import text
from paper.polymarket.markets_api import MarketRoutes

PREFIX = "/gamma"
_PAGE = 100


class GammaRoutes:
    def __init__(self, clob: Clob, books: MarketRoutes) -> None:
        self._clob = clob
        self._books = books

    def add_to(self, app: web.Application) -> None:
        get = app.router.add_get
        get(f"{PREFIX}/markets", self.list_markets)
        get(f"{PREFIX}/markets/keyset", self.page_markets)
        get(f"{PREFIX}/markets/slug/{{slug}}", self.by_slug)
        get(f"{PREFIX}/markets/{{id}}", self.one_market)
        get(f"{PREFIX}/events", self.list_events)
        get(f"{PREFIX}/events/keyset", self.page_events)
        get(f"{PREFIX}/events/slug/{{slug}}", self.event_by_slug)
        get(f"{PREFIX}/events/{{id}}", self.one_event)

    async def list_markets(self, http: web.Request) -> web.Response:
        return answer(self._cut(http, [self._market(market) for market in self._chosen(http)])[0])

    async def page_markets(self, http: web.Request) -> web.Response:
        rows, cursor = self._cut(http, [self._market(market) for market in self._chosen(http)])
        return answer({"markets": rows} | ({"next_cursor": cursor} if cursor else {}))

    async def list_events(self, http: web.Request) -> web.Response:
        return answer(self._cut(http, [self._event(event) for event in self._events(http)])[0])

    async def page_events(self, http: web.Request) -> web.Response:
        rows, cursor = self._cut(http, [self._event(event) for event in self._events(http)])
        return answer({"events": rows} | ({"next_cursor": cursor} if cursor else {}))

    async def one_market(self, http: web.Request) -> web.Response:
        return answer(self._market(self._found(http.match_info["id"])))

    async def by_slug(self, http: web.Request) -> web.Response:
        return answer(self._market(self._found(http.match_info["slug"])))

    async def one_event(self, http: web.Request) -> web.Response:
        return answer(self._event(self._found_event(http.match_info["id"])))

    async def event_by_slug(self, http: web.Request) -> web.Response:
        return answer(self._event(self._found_event(http.match_info["slug"])))

    # -- what is asked for ------------------------------------------------------------------------------------------

    def _chosen(self, http: web.Request) -> list[Market]:
        query = http.query
        tokens = _listed(query, "clob_token_ids") | _listed(query, "position_ids")
        conditions, slugs, ids = (_listed(query, name) for name in ("condition_ids", "slug", "id"))
        closed = query.get("closed", "").lower()
        return [
            market
            for market in self._clob.markets.all()
            if (not tokens or tokens & set(market.tokens))
            and (not conditions or market.id in conditions)
            and (not slugs or wire.slug(market) in slugs)
            and (not ids or _number(market.id) in ids)
            and (closed not in ("true", "false") or (closed == "true") == (not market.trading))
        ]

    def _events(self, http: web.Request) -> list[str]:
        wanted = _listed(http.query, "slug") | _listed(http.query, "id")
        events = list(dict.fromkeys(market.spec.event for market in self._clob.markets.all()))
        return [event for event in events if not wanted or wanted & {_number(event), _event_slug(event)}]

    def _found(self, name: str) -> Market:
        for market in self._clob.markets.all():
            if name in (_number(market.id), wire.slug(market)):
                return market
        raise refusals.no_market()

    def _found_event(self, name: str) -> str:
        for market in self._clob.markets.all():
            if name in (_number(market.spec.event), _event_slug(market.spec.event)):
                return market.spec.event
        raise refusals.refusal(404, "event not found")

    def _cut(self, http: web.Request, rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
        size = http.query.get("limit", "")
        limit = min(int(size), _PAGE) if size.isdecimal() and int(size) else _PAGE
        cursor = http.query.get("after_cursor") or http.query.get("next_cursor") or ""
        start = _start(cursor) if cursor else int(offset) if (offset := http.query.get("offset", "")).isdecimal() else 0
        more = start + limit < len(rows)
        return rows[start : start + limit], base64.b64encode(str(start + limit).encode()).decode() if more else ""

    # -- shapes -----------------------------------------------------------------------------------------------------

    def _market(self, market: Market, *, nested: bool = False) -> dict[str, Any]:
        levels = self._books.levels(market)
        bid, ask = wire.best(levels, True)
        mid = market.value if market.value >= 0 else (bid + ask) // 2
        ids = list(market.tokens)
        second = market.about.version == "v2"
        fees = market.spec.fees
        body: dict[str, Any] = {
            "id": _number(market.id),
            "question": market.spec.title,
            "conditionId": market.id,
            "questionID": market.id,
            "slug": wire.slug(market),
            "description": market.about.rules,
            "outcomes": json.dumps(list(market.about.outcomes)),
            "outcomePrices": json.dumps([text(mid), text(ONE - mid)]),
            "active": True,
            "closed": not market.trading,
            "archived": False,
            "enableOrderBook": True,
            "acceptingOrders": market.trading,
            "acceptingOrdersTimestamp": wire.instant(market.opened_at),
            "startDate": wire.instant(market.opened_at),
            "orderPriceMinTickSize": market.tick / ONE,
            "orderMinSize": market.min_size / ONE,
            "negRisk": market.about.neg_risk,
            "secondsDelay": market.spec.delay_ms // 1000,
            "feesEnabled": bool(market.rate),
            "feeSchedule": {"exponent": fees.exponent, "rate": float(fees.taker), "takerOnly": True, "rebateRate": 0},
            "makerBaseFee": 1000 if market.rate else 0,
            "takerBaseFee": 1000 if market.rate else 0,
            "bestBid": bid / ONE,
            "bestAsk": ask / ONE,
            "version": market.about.version,
        }
        if second:
            body["positionIds"] = ids
        else:
            body["clobTokenIds"] = json.dumps(ids)
        if market.about.neg_risk:
            body["negRiskMarketID"] = market.spec.event
            body["groupItemTitle"] = market.spec.outcome
        if market.about.ends_at:
            body["endDate"] = wire.instant(market.about.ends_at)
        if market.closed_at:
            body["closedTime"] = wire.instant(market.closed_at)
        if market.value >= 0:
            body["umaResolutionStatus"] = "resolved"
        if not nested:
            body["events"] = [self._heading(market.spec.event)]
        return body

    def _heading(self, event: str) -> dict[str, Any]:
        markets = self._clob.markets.of_event(event)
        neg_risk = any(market.about.neg_risk for market in markets)
        return {
            "id": _number(event),
            "slug": _event_slug(event),
            "title": markets[0].spec.title,
            "active": True,
            "closed": not any(market.trading for market in markets),
            "negRisk": neg_risk,
            "enableNegRisk": neg_risk,
            "negRiskAugmented": neg_risk and markets[0].spec.outcomes != len(markets),
        } | ({"negRiskMarketID": event} if neg_risk else {})

    def _event(self, event: str) -> dict[str, Any]:
        markets = self._clob.markets.of_event(event)
        return self._heading(event) | {"markets": [self._market(market, nested=True) for market in markets]}


def _number(identity: str) -> str:
    """Gamma's own id of a market or event: a number, here one made of its longer id."""
    digits = identity.removeprefix("0x")
    try:
        return str(int(digits[:10], 16))
    except ValueError:
        return str(int.from_bytes(identity.encode()[-5:], "big"))


def _event_slug(event: str) -> str:
    return f"paper-event-{event.removeprefix('0x')[:10]}".lower()


def _listed(query: Any, name: str) -> set[str]:
    """A filter given once, several times, or with commas."""
    return {one for value in query.getall(name, []) for one in value.split(",") if one}


def _start(cursor: str) -> int:
    try:
        return max(0, int(base64.b64decode(cursor, validate=True)))
    except (ValueError, binascii.Error):
        raise refusals.refusal(400, "invalid next_cursor") from None
