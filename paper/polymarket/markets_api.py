"""The public routes: books, prices, markets, the time. Nobody signs these."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from aiohttp import web

from paper.core.book import ONE
from paper.polymarket import refusals, wire
from paper.polymarket.answers import answer, document
from paper.polymarket.conditions import Market
from paper.polymarket.exchange import Clob
from paper.polymarket.figures import text

_PAGE = 500
_END = "LTE="


class MarketRoutes:
    def __init__(self, clob: Clob) -> None:
        self._clob = clob

    def add_to(self, app: web.Application) -> None:
        get, post = app.router.add_get, app.router.add_post
        get("/", self.ok)
        get("/ok", self.ok)
        get("/time", self.time)
        get("/version", self.version)
        get("/book", self.book)
        post("/books", self.books)
        get("/price", self.price)
        post("/prices", self.prices)
        get("/midpoint", self.midpoint)
        post("/midpoints", self.midpoints)
        get("/spread", self.spread)
        post("/spreads", self.spreads)
        get("/last-trade-price", self.last_trade)
        post("/last-trades-prices", self.last_trades)
        get("/tick-size", self.tick_size)
        get("/tick-size/{token_id}", self.tick_size)
        get("/neg-risk", self.neg_risk)
        get("/neg-risk/{token_id}", self.neg_risk)
        get("/fee-rate", self.fee_rate)
        get("/fee-rate/{token_id}", self.fee_rate)
        get("/clob-markets/{condition}", self.clob_market)
        get("/markets-by-token/{token_id}", self.by_token)
        get("/markets", self.list_markets)
        get("/sampling-markets", self.list_markets)
        get("/simplified-markets", self.list_markets)
        get("/sampling-simplified-markets", self.list_markets)
        get("/markets/{condition}", self.one_market)
        get("/api/geoblock", self.geoblock)

    async def ok(self, http: web.Request) -> web.Response:
        return answer("OK")

    async def time(self, http: web.Request) -> web.Response:
        return answer(self._clob.now() // 1_000_000)

    async def version(self, http: web.Request) -> web.Response:
        return answer({"version": 2})

    async def geoblock(self, http: web.Request) -> web.Response:
        return answer({"blocked": False, "ip": "127.0.0.1", "country": "XX", "region": ""})

    # -- books and prices -------------------------------------------------------------------------------------------

    async def book(self, http: web.Request) -> web.Response:
        token = http.query.get("token_id", "")
        return answer(self._book(token, self._market(token)))

    async def books(self, http: web.Request) -> web.Response:
        """Tokens without a book are left out, as at the venue."""
        found = ((token, self._clob.markets.of_token(token)) for token, _ in _wanted(document(await http.read())))
        return answer([self._book(token, market) for token, market in found if market is not None and market.trading])

    async def price(self, http: web.Request) -> web.Response:
        token, side = http.query.get("token_id", ""), http.query.get("side", "").upper()
        if side not in ("BUY", "SELL"):
            raise refusals.refusal(400, "Invalid side")
        return answer({"price": text(self._price(token, self._market(token), side))})

    async def prices(self, http: web.Request) -> web.Response:
        told: dict[str, dict[str, str]] = {}
        for token, side in _wanted(document(await http.read())):
            market = self._clob.markets.of_token(token)
            if market is not None:
                told.setdefault(token, {})[side or "BUY"] = text(self._price(token, market, side or "BUY"))
        return answer(told)

    async def midpoint(self, http: web.Request) -> web.Response:
        token = http.query.get("token_id", "")
        return answer({"mid": _mid(self._best(token, self._market(token)))})

    async def midpoints(self, http: web.Request) -> web.Response:
        return answer({token: _mid(self._best(token, market)) for token, market in await self._each(http)})

    async def spread(self, http: web.Request) -> web.Response:
        token = http.query.get("token_id", "")
        return answer({"spread": _spread(self._best(token, self._market(token)))})

    async def spreads(self, http: web.Request) -> web.Response:
        return answer({token: _spread(self._best(token, market)) for token, market in await self._each(http)})

    async def last_trade(self, http: web.Request) -> web.Response:
        token = http.query.get("token_id", "")
        return answer(_last(self._market(token), token))

    async def last_trades(self, http: web.Request) -> web.Response:
        return answer([_last(market, token) | {"token_id": token} for token, market in await self._each(http)])

    # -- what a market is -------------------------------------------------------------------------------------------

    async def tick_size(self, http: web.Request) -> web.Response:
        return answer({"minimum_tick_size": self._named(http).tick / ONE})

    async def neg_risk(self, http: web.Request) -> web.Response:
        return answer({"neg_risk": self._named(http).about.neg_risk})

    async def fee_rate(self, http: web.Request) -> web.Response:
        """The base fee in basis points, which is not what a trade pays."""
        return answer({"base_fee": 1000 if self._named(http).rate else 0})

    async def clob_market(self, http: web.Request) -> web.Response:
        return answer(wire.clob_market(self._condition(http)))

    async def by_token(self, http: web.Request) -> web.Response:
        market = self._named(http)
        first, second = market.tokens
        return answer({"condition_id": market.id, "primary_token_id": first, "secondary_token_id": second})

    async def one_market(self, http: web.Request) -> web.Response:
        market = self._condition(http)
        return answer(wire.full_market(market, self.levels(market)))

    async def list_markets(self, http: web.Request) -> web.Response:
        markets = self._clob.markets.all()
        start = _start(http.query.get("next_cursor", ""))
        page = markets[start : start + _PAGE]
        more = start + _PAGE < len(markets)
        cursor = base64.b64encode(str(start + _PAGE).encode()).decode() if more else _END
        rows = [wire.full_market(market, self.levels(market)) for market in page]
        return answer({"limit": _PAGE, "count": len(rows), "next_cursor": cursor, "data": rows})

    # -- the parts --------------------------------------------------------------------------------------------------

    def levels(self, market: Market) -> dict[str, wire.Levels]:
        engine = self._clob.engines.get(market.id)
        if engine is None:
            return {"yes": [], "no": []}
        return {"yes": engine.book.levels("yes"), "no": engine.book.levels("no")}

    def _book(self, token: str, market: Market) -> dict[str, Any]:
        return wire.book(market, token, self.levels(market), self._clob.now())

    def _best(self, token: str, market: Market) -> tuple[int, int]:
        return wire.best(self.levels(market), market.index(token) == 0)

    def _price(self, token: str, market: Market, side: str) -> int:
        """The best price on that side of the book: BUY the bid, SELL the ask."""
        bid, ask = self._best(token, market)
        return bid if side == "BUY" else ask

    def _market(self, token: str) -> Market:
        market = self._clob.markets.of_token(token)
        if market is None or market.id not in self._clob.engines or not market.trading:
            raise refusals.no_orderbook()
        return market

    def _named(self, http: web.Request) -> Market:
        market = self._clob.markets.of_token(http.match_info.get("token_id") or http.query.get("token_id", ""))
        if market is None:
            raise refusals.no_market()
        return market

    def _condition(self, http: web.Request) -> Market:
        market = self._clob.markets.get(http.match_info["condition"].lower())
        if market is None:
            raise refusals.no_market()
        return market

    async def _each(self, http: web.Request) -> list[tuple[str, Market]]:
        found = ((token, self._clob.markets.of_token(token)) for token, _ in _wanted(document(await http.read())))
        return [(token, market) for token, market in found if market is not None]


def _wanted(body: Any) -> list[tuple[str, str]]:
    """The (token, side) pairs of a batch read; side is empty where none is named."""
    if not isinstance(body, list) or not all(isinstance(one, dict) for one in body):
        raise refusals.bad_payload()
    return [(str(one.get("token_id", "")), str(one.get("side", "")).upper()) for one in body]


def _mid(best: tuple[int, int]) -> str:
    return text((best[0] + best[1]) // 2)


def _spread(best: tuple[int, int]) -> str:
    return text(best[1] - best[0])


def _last(market: Market, token: str) -> dict[str, str]:
    return {"price": wire.last_price(market, token) or "0", "side": market.last_side}


def _start(cursor: str) -> int:
    if not cursor:
        return 0
    if cursor == _END:
        return 2**31
    try:
        return max(0, int(base64.b64decode(cursor, validate=True)))
    except (ValueError, binascii.Error):
        raise refusals.refusal(400, "invalid next_cursor") from None
