"""How a match becomes final: the statuses of a trade, and when each comes.

    MATCHED ──▶ MINED ──▶ CONFIRMED
        │         └─ doomed late ─▶ FAILED (the balances go back)
        └─ doomed ─▶ RETRYING ──▶ FAILED, or MINED at the second try

A trade's fate is decided when it is matched, by a fault or by chance: chance is a hash of the seed and the trade's id,
so that a restart does not change it. Source of the order: docs.polymarket.com/concepts/order-lifecycle.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import msgspec

from paper.polymarket.records import ClobTrade, TradeStatus
from venues.polymarket.keccak import keccak256

Fate = Literal["", "early", "late", "retry"]
"""`early` fails without ever being mined, `late` after it was mined; `retry` is mined at the second try."""


@dataclass(frozen=True, slots=True)
class Destiny:
    """What a script wants of one match: its `fate` (None: chance decides), how much `later` than usual it is mined, and
    for how long after that the account's balances stay `cached` (µs)."""

    fate: Fate | None = None
    later: int = 0
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """Microseconds from match to mined and from mined to confirmed (a retry takes as long as mining), the share of
    trades that fail by chance (0 to 1), and the seed of that chance."""

    mine: int
    confirm: int
    failing: float = 0.0
    seed: int = 0

    def fate(self, trade_id: str) -> Fate:
        if not self.failing:
            return ""
        drawn = int.from_bytes(hashlib.sha256(f"{self.seed}/{trade_id}".encode()).digest()[:8], "big") / 2**64
        return "early" if drawn < self.failing else ""


def following(trade: ClobTrade) -> TradeStatus:
    """The status that comes next for a trade that is not final."""
    if trade.status == "MATCHED":
        return "RETRYING" if trade.fate in ("early", "retry") else "MINED"
    if trade.status == "RETRYING":
        return "MINED" if trade.fate == "retry" else "FAILED"
    return "FAILED" if trade.fate == "late" else "CONFIRMED"


def step(trade: ClobTrade, pace: Pace, at: int) -> ClobTrade:
    """The trade one status further, at `at`."""
    status = following(trade)
    wait = {"MINED": pace.confirm, "RETRYING": pace.mine}.get(status)
    return msgspec.structs.replace(
        trade,
        status=status,
        updated_at=at,
        due=0 if wait is None else at + max(1, wait),
        tx=transaction(trade.trade_id) if status in ("MINED", "RETRYING") else trade.tx,
    )


def transaction(trade_id: str) -> str:
    """A transaction hash that a trade's id stands for."""
    return "0x" + keccak256(trade_id.encode()).hex()
