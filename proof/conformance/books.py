"""The exchange's own books, read from its files once it has ended, beside what the client was told."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from domain.money import from_micros
from paper.kalshi.store import Store
from paper.polymarket.store import ClobStore
from proof.conformance.checks import Check
from proof.conformance.stand import Stand

Row = tuple[str, Decimal, Decimal]
"""Order id, price, size."""


@dataclass(frozen=True, slots=True)
class Books:
    """Dollars, shares by market (none without), fills in any order."""

    cash: Decimal
    shares: dict[str, Decimal]
    fills: tuple[Row, ...]


def on_disk(stand: Stand, state: Path) -> Books:
    """What the exchange has durably booked for the client's account. The exchange must not run."""
    return _kalshi(state) if stand.venue == "kalshi" else _polymarket(state)


def _kalshi(state: Path) -> Books:
    store = Store(state)
    try:
        held = {ticker: position.shares for ticker, position in store.positions().items()}
        rows = [(fill.order_id, fill.price, fill.count) for fill in store.fills()]
        return _books(int(store.get("cash") or 0), held, rows)
    finally:
        store.close()


def _polymarket(state: Path) -> Books:
    store = ClobStore(state)
    try:
        # The key's own wallet; others it signs for may have been seen beside it.
        (wallet,) = (one for one in store.wallets().values() if one.address == one.keeper.lower())
        mine = (trade for trade in store.trades(keeper=wallet.keeper) if trade.account == wallet.address)
        trades = [trade for trade in mine if trade.status != "FAILED"]
        return _books(wallet.cash, wallet.tokens, [(one.order_id, one.price, one.size) for one in trades])
    finally:
        store.close()


def _books(cash: int, held: dict[str, int], rows: list[tuple[str, int, int]]) -> Books:
    return Books(
        from_micros(cash),
        {market: from_micros(shares) for market, shares in held.items() if shares},
        tuple((order_id, from_micros(price), from_micros(size)) for order_id, price, size in rows),
    )


def compare(told: dict[str, Any], booked: Books) -> list[Check]:
    """Cash, shares and every fill, to the last unit. `told` is what the client's process said at its end."""
    heard = {market: Decimal(shares) for market, shares in told["positions"].items() if Decimal(shares)}
    fills = sorted((fill["order_id"], Decimal(fill["price"]), Decimal(fill["size"])) for fill in told["fills"])
    return [
        _same("books: cash", booked.cash, Decimal(told["cash"])),
        _same("books: shares", booked.shares, heard),
        _same("books: fills", sorted(booked.fills), fills),
    ]


def _same(name: str, booked: Any, told: Any) -> Check:
    words = f"{len(booked)} rows" if isinstance(booked, list) else _plain(booked)
    seen = words if booked == told else f"exchange {_plain(booked)}, client {_plain(told)}"
    return Check(name, "the exchange has booked what the client was told", seen, ok=booked == told)


def _plain(value: Any) -> str:
    return str({key: str(each) for key, each in value.items()}) if isinstance(value, dict) else str(value)
