"""The names that a fault script has for requests, and which façade a path belongs to.

A path that ends in `/` stands for every path under it.
"""

from __future__ import annotations

KALSHI = "/trade-api/"
"""What every path of Kalshi's begins with."""
_V2 = f"{KALSHI}v2"
_ORDERS = f"{_V2}/portfolio/events/orders"

REQUESTS: dict[tuple[str, str], tuple[str, str]] = {
    ("kalshi", "place_order"): ("POST", _ORDERS),
    ("kalshi", "place_orders"): ("POST", f"{_ORDERS}/batched"),
    ("kalshi", "cancel_order"): ("DELETE", f"{_ORDERS}/"),
    ("kalshi", "get_order"): ("GET", f"{_V2}/portfolio/orders/"),
    ("kalshi", "list_orders"): ("GET", f"{_V2}/portfolio/orders"),
    ("kalshi", "list_fills"): ("GET", f"{_V2}/portfolio/fills"),
    ("kalshi", "positions"): ("GET", f"{_V2}/portfolio/positions"),
    ("kalshi", "balance"): ("GET", f"{_V2}/portfolio/balance"),
    ("kalshi", "settlements"): ("GET", f"{_V2}/portfolio/settlements"),
    ("kalshi", "list_markets"): ("GET", f"{_V2}/markets"),
    ("kalshi", "market"): ("GET", f"{_V2}/markets/"),
    ("kalshi", "socket"): ("GET", "/trade-api/ws/v2"),
    ("polymarket", "place_order"): ("POST", "/order"),
    ("polymarket", "place_orders"): ("POST", "/orders"),
    ("polymarket", "cancel_order"): ("DELETE", "/order"),
    ("polymarket", "cancel_orders"): ("DELETE", "/orders"),
    ("polymarket", "cancel_all"): ("DELETE", "/cancel-all"),
    ("polymarket", "cancel_market"): ("DELETE", "/cancel-market-orders"),
    ("polymarket", "get_order"): ("GET", "/data/order/"),
    ("polymarket", "list_orders"): ("GET", "/data/orders"),
    ("polymarket", "list_trades"): ("GET", "/data/trades"),
    ("polymarket", "balance"): ("GET", "/balance-allowance"),
    ("polymarket", "book"): ("GET", "/book"),
    ("polymarket", "books"): ("POST", "/books"),
    ("polymarket", "market"): ("GET", "/clob-markets/"),
    ("polymarket", "time"): ("GET", "/time"),
    ("polymarket", "heartbeat"): ("POST", "/v1/heartbeats"),
    ("polymarket", "create_key"): ("POST", "/auth/api-key"),
    ("polymarket", "derive_key"): ("GET", "/auth/derive-api-key"),
    ("polymarket", "gamma"): ("GET", "/gamma/"),
    ("polymarket", "market_socket"): ("GET", "/ws/market"),
    ("polymarket", "user_socket"): ("GET", "/ws/user"),
}
_EXACT = {(venue, *where): name for (venue, name), where in REQUESTS.items() if not where[1].endswith("/")}
_UNDER = [(venue, *where, name) for (venue, name), where in REQUESTS.items() if where[1].endswith("/")]


def venue_of(path: str) -> str:
    return "kalshi" if path.startswith("/trade-api/") else "polymarket"


def name_of(method: str, path: str) -> str | None:
    """The name of a request; None for one that has none."""
    venue = venue_of(path)
    found = _EXACT.get((venue, method, path))
    if found is not None:
        return found
    for owner, verb, prefix, name in _UNDER:
        if owner == venue and verb == method and path.startswith(prefix):
            return name
    return None
