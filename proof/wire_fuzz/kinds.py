"""What a request asks for, from its method and path: the memory of the protocol that a lie needs to be a good one."""

from __future__ import annotations

import re
from dataclasses import dataclass

SUBMIT = "submit"
CANCEL = "cancel"
ORDER = "order"  # one order by its id
ORDERS = "orders"  # a listing of orders
FILLS = "fills"  # Kalshi's fills, Polymarket's trades
FRESHNESS = "freshness"  # Kalshi's word on how recent its reads are
CUTOFF = "cutoff"
BALANCE = "balance"
BOOK = "book"
MARKET = "market"  # rules and state of a market, and what it paid
PUSH = "push"  # nobody asked: a frame of the account's stream
OTHER = "other"

KINDS = (SUBMIT, CANCEL, ORDER, ORDERS, FILLS, FRESHNESS, CUTOFF, BALANCE, BOOK, MARKET, PUSH, OTHER)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request on its way. `path` is as it stands on the request line, query included."""

    method: str
    path: str
    body: bytes

    @property
    def kind(self) -> str:
        if self.method == PUSH:
            return PUSH
        bare = self.path.partition("?")[0]
        for method, pattern, kind in _ROUTES:
            if self.method == method and pattern.fullmatch(bare):
                return kind
        return OTHER

    @property
    def venue(self) -> str:
        return "kalshi" if self.path.startswith("/trade-api/") else "polymarket"


def _route(method: str, pattern: str, kind: str) -> tuple[str, re.Pattern[str], str]:
    return method, re.compile(pattern), kind


_K = "/trade-api/v2"
_ROUTES = (
    _route("POST", f"{_K}/portfolio/events/orders", SUBMIT),
    _route("DELETE", f"{_K}/portfolio/events/orders/.+", CANCEL),
    _route("GET", f"{_K}/(portfolio|historical)/orders/.+", ORDER),
    _route("GET", f"{_K}/(portfolio|historical)/orders", ORDERS),
    _route("GET", f"{_K}/(portfolio|historical)/fills", FILLS),
    _route("GET", f"{_K}/exchange/user_data_timestamp", FRESHNESS),
    _route("GET", f"{_K}/historical/cutoff", CUTOFF),
    _route("GET", f"{_K}/portfolio/balance", BALANCE),
    _route("GET", f"{_K}/markets/[^/]+/orderbook", BOOK),
    _route("GET", f"{_K}/(historical/)?(markets|events|series)/[^/]+", MARKET),
    _route("POST", "/order", SUBMIT),
    _route("DELETE", "/order", CANCEL),
    _route("GET", "/data/order/.+", ORDER),
    _route("GET", "/data/orders", ORDERS),
    _route("GET", "/data/trades", FILLS),
    _route("GET", "/balance-allowance(/update)?", BALANCE),
    _route("GET", "/book", BOOK),
    _route("GET", "/(markets|clob-markets|markets-by-token)/.+", MARKET),
    _route("GET", "/neg-risk", MARKET),
)
