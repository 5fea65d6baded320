"""The probes by name: each runs something real on a case's input and says what came of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from tests.public_record.probes import books, markets, rest, sets, sockets, stack, trades, users

PROBES: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "kalshi_client": rest.ask_kalshi,
    "polymarket_client": rest.ask_polymarket,
    "kalshi_stream": markets.hear_kalshi,
    "polymarket_stream": markets.hear_polymarket,
    "kalshi_user_channel": users.hear_kalshi,
    "polymarket_user_channel": users.hear_polymarket,
    "kalshi_socket": sockets.watch_kalshi,
    "polymarket_socket": sockets.watch_polymarket,
    "polymarket_sets": sets.carry,
    "whole_trade": trades.live,
    "reconcile": books.compare,
    "stack": stack.trade,
}


async def tried(probe: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a probe says of an input."""
    said = PROBES[probe](given)
    facts: dict[str, Any] = await said if inspect.isawaitable(said) else said
    return facts
