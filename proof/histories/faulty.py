"""A trade whose own code is broken in one state, for as long as a path says: how parked runs are recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain.trade import TradeState
from workflows.lifecycle import Trade

_broken: dict[str, TradeState] = {}


def break_in(trade: str, state: TradeState) -> None:
    """From now on the code of that trade raises in that state."""
    _install()
    _broken[trade] = state


def mend(trade: str) -> None:
    _broken.pop(trade, None)


def _install() -> None:
    """Once a process: the methods through which a trade comes into a state, tells of it, and waits in it."""
    for name in ("_be", "tell", "rest"):
        healthy = getattr(Trade, name)
        if not hasattr(healthy, "may_break"):
            setattr(Trade, name, _breaking(healthy))


def _breaking(healthy: Callable[..., Any]) -> Callable[..., Any]:
    def method(trade: Trade, *arguments: Any) -> Any:
        done = healthy(trade, *arguments)
        if _broken.get(trade.intent.id) is trade.state:
            if hasattr(done, "close"):
                done.close()
            raise ArithmeticError(f"made to order in {trade.state}")
        return done

    method.may_break = True  # type: ignore[attr-defined]
    return method
