"""`/ws/market`: books and prices, for anybody.

On subscribing a client gets the book of every token it names, then `price_change` with absolute sizes (0 removes a
level), `last_trade_price`, `tick_size_change`, and a whole `book` again after its own trades moved one and where a
recording starts over. With `custom_feature_enabled` also `best_bid_ask`, `new_market` and `market_resolved`. There is
no sequence number. The `hash` of a change is a digest of it: what the venue makes it from is not documented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from paper.core.book import ONE, Change
from paper.core.faults import Faults
from paper.core.metrics import Metrics
from paper.polymarket import wire
from paper.polymarket.channels import Channel, Line, texts
from paper.polymarket.conditions import Market
from paper.polymarket.exchange import Clob
from paper.polymarket.figures import text
from paper.polymarket.records import ClobTrade
from paper.polymarket.step import MarketNews
from venues.polymarket import frames


class MarketChannel(Channel):
    def __init__(self, clob: Clob, faults: Faults, metrics: Metrics, clock: Callable[[], int]) -> None:
        super().__init__("market", faults, metrics, clock)
        self._clob = clob
        self._best: dict[str, tuple[int, int]] = {}

    def received(self, line: Line, message: dict[str, Any]) -> bool:
        operation = message.get("operation", "")
        if operation not in ("", "subscribe", "unsubscribe"):
            return False
        if not operation and str(message.get("type", "")).lower() != "market":
            return False
        tokens = texts(message.get("assets_ids"))
        if "custom_feature_enabled" in message:
            line.custom = bool(message["custom_feature_enabled"])
        if operation == "unsubscribe":
            line.wanted.difference_update(tokens)
            return True
        new = [token for token in dict.fromkeys(tokens) if token not in line.wanted]
        line.wanted.update(new)
        books = [body for token in new if (body := self._book(token)) is not None]
        if books:
            self.send(line, "book", books)
        return True

    # -- what happened ----------------------------------------------------------------------------------------------

    def book_changed(self, market: Market, changes: list[Change], at: int) -> None:
        audience = [(line, tokens) for line, tokens in self._audience(market)]
        if not audience:
            return
        levels = self._levels(market)
        rows = {token: _rows(market, token, changes, levels) for token in market.tokens}
        for line, tokens in audience:
            frame = frames.price_change(market.id, [row for token in tokens for row in rows[token]], at)
            self.send(line, "price_change", frame)
        self._bests(market, levels, at)

    def book_replaced(self, market: Market) -> None:
        for line, tokens in self._audience(market):
            for token in tokens:
                self.send(line, "book", self._book(token))
        self._bests(market, self._levels(market), self._clob.now())

    def printed(self, trade: ClobTrade) -> None:
        market = self._clob.markets.get(trade.condition)
        assert market is not None
        for line, tokens in self._audience(market):
            if trade.taker_token in tokens:
                body = {
                    "market": market.id,
                    "asset_id": trade.taker_token,
                    "price": text(trade.taker_price),
                    "size": text(trade.size),
                    "fee_rate_bps": "0",
                    "side": trade.taker_side,
                    "timestamp": str(trade.matched_at // 1000),
                    "event_type": "last_trade_price",
                    "transaction_hash": trade.tx,
                }
                self.send(line, "last_trade_price", body)
            for token in tokens:
                self.send(line, "book", self._book(token))

    def market_changed(self, market: Market, news: MarketNews, old_tick: int) -> None:
        at = str(self._clob.now() // 1000)
        if news == "tick_size_change":
            for line, tokens in self._audience(market):
                for token in tokens:
                    body = {
                        "event_type": news,
                        "market": market.id,
                        "asset_id": token,
                        "old_tick_size": text(old_tick),
                        "new_tick_size": text(market.tick),
                        "timestamp": at,
                    }
                    self.send(line, news, body)
                    self.send(line, "book", self._book(token))
            return
        body = _opened(market, at) if news == "new_market" else _resolved(market, at)
        for line in self.lines:
            if line.custom:
                self.send(line, news, body)

    # -- the parts --------------------------------------------------------------------------------------------------

    def _audience(self, market: Market) -> Iterator[tuple[Line, list[str]]]:
        for line in self.lines:
            tokens = [token for token in market.tokens if token in line.wanted]
            if tokens:
                yield line, tokens

    def _book(self, token: str) -> dict[str, Any] | None:
        market = self._clob.markets.of_token(token)
        if market is None or market.id not in self._clob.engines:
            return None
        levels = self._levels(market)
        self._best[token] = wire.best(levels, market.index(token) == 0)
        return wire.book_event(market, token, levels, self._clob.now())

    def _levels(self, market: Market) -> dict[str, wire.Levels]:
        engine = self._clob.engines.get(market.id)
        if engine is None:
            return {"yes": [], "no": []}
        return {"yes": engine.book.levels("yes"), "no": engine.book.levels("no")}

    def _bests(self, market: Market, levels: dict[str, wire.Levels], at: int) -> None:
        for token in market.tokens:
            found = wire.best(levels, market.index(token) == 0)
            if self._best.get(token) == found:
                continue
            self._best[token] = found
            body = {
                "event_type": "best_bid_ask",
                "market": market.id,
                "asset_id": token,
                "best_bid": text(found[0]),
                "best_ask": text(found[1]),
                "spread": text(found[1] - found[0]),
                "timestamp": str(at // 1000),
            }
            for line in self.lines:
                if line.custom and token in line.wanted:
                    self.send(line, "best_bid_ask", body)


def _rows(
    market: Market, token: str, changes: list[Change], levels: dict[str, wire.Levels]
) -> list[frames.LevelChange]:
    """The changes as this token's book sees them, each with the best prices after all of them, as recordings of the
    venue show them."""
    first = market.index(token) == 0
    sizes = {side: dict(levels[side]) for side in ("yes", "no")}
    bids, asks = wire.side_levels(levels, first)
    bid, ask = bids[-1][0] if bids else None, asks[-1][0] if asks else None
    rows = []
    for side, level, _ in changes:
        buys = (side == "yes") == first
        price = level if buys else ONE - level
        rows.append(frames.LevelChange(token, buys, price, sizes[side].get(level, 0), bid, ask))
    return rows


def _opened(market: Market, at: str) -> dict[str, Any]:
    fees = market.spec.fees
    return {
        "event_type": "new_market",
        "id": str(int(market.id[2:10], 16)),
        "question": market.spec.title,
        "market": market.id,
        "condition_id": market.id,
        "slug": wire.slug(market),
        "description": market.about.rules,
        "assets_ids": list(market.tokens),
        "clob_token_ids": list(market.tokens),
        "outcomes": list(market.about.outcomes),
        "order_price_min_tick_size": text(market.tick),
        "fees_enabled": bool(market.rate),
        "fee_schedule": {"exponent": str(fees.exponent), "rate": text(market.rate), "taker_only": True},
        "active": True,
        "timestamp": at,
    }


def _resolved(market: Market, at: str) -> dict[str, Any]:
    winner = next((token for token in market.tokens if market.pays(token) == ONE), "")
    return {
        "event_type": "market_resolved",
        "id": str(int(market.id[2:10], 16)),
        "market": market.id,
        "assets_ids": list(market.tokens),
        "winning_asset_id": winner,
        "winning_outcome": market.outcome(winner) if winner else "",
        "timestamp": at,
    }
