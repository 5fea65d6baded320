"""`/ws/user`: an account's orders and trades as they change, for whoever shows its API credentials.

The first message carries them, and perhaps the markets wanted (none named: all). What happened before a client came, or
while its connection was down, is not told again: the account is read for that. Wrong credentials end the connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from paper.core.faults import Faults
from paper.core.metrics import Metrics
from paper.polymarket import wire
from paper.polymarket.channels import Channel, Line, texts
from paper.polymarket.exchange import Clob
from paper.polymarket.keys import ApiKeys
from paper.polymarket.records import ClobOrder, ClobTrade
from paper.polymarket.step import OrderNews


class UserChannel(Channel):
    def __init__(self, clob: Clob, keys: ApiKeys, faults: Faults, metrics: Metrics, clock: Callable[[], int]) -> None:
        super().__init__("user", faults, metrics, clock)
        self._clob = clob
        self._keys = keys

    def received(self, line: Line, message: dict[str, Any]) -> bool:
        if not line.keeper:
            return self._enter(line, message)
        operation = message.get("operation")
        markets = [one.lower() for one in texts(message.get("markets"))]
        if operation == "subscribe":
            line.wanted.update(markets)
        elif operation == "unsubscribe":
            line.wanted.difference_update(markets)
        return operation in ("subscribe", "unsubscribe")

    def _enter(self, line: Line, message: dict[str, Any]) -> bool:
        given = message.get("auth")
        if str(message.get("type", "user")).lower() != "user" or not isinstance(given, dict):
            return False
        key = self._keys.socket(*(str(given.get(name, "")) for name in ("apiKey", "secret", "passphrase")))
        if key is None:
            return False
        line.keeper = key.address
        line.wanted = {one.lower() for one in texts(message.get("markets"))}
        line.everything = not line.wanted
        return True

    def order_changed(self, order: ClobOrder, news: OrderNews) -> None:
        market = self._clob.markets.get(order.condition)
        assert market is not None
        for line in self._audience(order.keeper, order.condition):
            self.send(line, "order", wire.order_event(order, market, news))

    def trade_changed(self, trade: ClobTrade) -> None:
        for line in self._audience(trade.keeper, trade.condition):
            self.send(line, "trade", wire.trade_event(trade))

    def _audience(self, keeper: str, condition: str) -> list[Line]:
        return [line for line in self.lines if line.keeper == keeper and (line.everything or condition in line.wanted)]
