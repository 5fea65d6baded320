"""Balances as the CLOB has them cached: as they were before a match, until their time is up or the client asks for them
to be read again (`GET /balance-allowance/update`).

A stale balance is shown, and an order is weighed against the smaller of it and what the chain has: what was just bought
cannot be sold yet, and what was sold is not there to be sold again. Lost with the process, as a cache is.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from paper.polymarket.records import Wallet


@dataclass(frozen=True, slots=True)
class _Kept:
    cash: int
    tokens: dict[str, int]
    until: int


class Caches:
    """By address; times in microseconds."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def keep(self, wallet: Wallet, token: str, until: int, now: int) -> None:
        """Cash and this token stay as they are now. What is cached already stays as it is, and longer."""
        before = self._living(wallet.address, now)
        cash = wallet.cash if before is None else before.cash
        tokens = {token: wallet.tokens.get(token, 0)} | (before.tokens if before is not None else {})
        self._kept[wallet.address] = _Kept(cash, tokens, max(until, before.until if before is not None else 0))

    def drop(self, address: str) -> None:
        self._kept.pop(address, None)

    def shown(self, wallet: Wallet, now: int) -> Wallet:
        """The wallet as a read shows it."""
        kept = self._living(wallet.address, now)
        if kept is None:
            return wallet
        return msgspec.structs.replace(wallet, cash=kept.cash, tokens=wallet.tokens | kept.tokens)

    def spendable(self, wallet: Wallet, now: int) -> Wallet:
        """The wallet as an order is weighed against it."""
        kept = self._living(wallet.address, now)
        if kept is None:
            return wallet
        fewer = {token: min(size, wallet.tokens.get(token, 0)) for token, size in kept.tokens.items()}
        return msgspec.structs.replace(wallet, cash=min(wallet.cash, kept.cash), tokens=wallet.tokens | fewer)

    def _living(self, address: str, now: int) -> _Kept | None:
        kept = self._kept.get(address)
        return kept if kept is not None and now < kept.until else None
