"""What a strategy said besides an intent: an opportunity it saw and did not take, and the gate that was shut."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Gate(StrEnum):
    """Every reason for silence. The value is the stable word in reports and metrics."""

    NOT_READY = "not_ready"  # a book of the pair has no snapshot yet, or the feed is down
    GAPPED = "gapped"  # a sequence gap or a recorder's restart; the book is not trusted until resynced
    CROSSED = "crossed"  # a book whose best bid is at or above its best ask
    WARMING = "warming"  # a book is believed, but not for long enough yet
    MIRRORED = "mirrored"  # the two tokens of one condition do not mirror each other: two views of different instants
    IMPOSSIBLE = "impossible"  # a quote no exchange shows: outside (0, 1), off the grid, without a size, from the past
    DEGENERATE = "degenerate"  # a side is empty, or the spread is so wide that nobody means it
    ARTEFACT = "artefact"  # sizes alone move the micro-price further from the mid than is believed
    JUMP = "jump"  # the mid moved further than its volatility explains, and has not stood there long enough
    STALE = "stale"  # a book last changed too long before the deciding event
    SKEWED = "skewed"  # the two books are of different instants
    LAGGED = "lagged"  # the frame was under way for too long
    FEATURES = "features"  # a feature that the strategy stands on is not valid, or speaks against the trade
    SHALLOW = "shallow"  # depth runs out before the smallest size
    USERS = "users"  # a venue's private channel is not acknowledged: fills there would be heard of late
    HALTED = "halted"  # a halt in force covers a market or the strategy, or halts could not be read
    PAUSED = "paused"  # the process is not RUNNING: a condition for trading does not hold, or not for long enough
    BUSY = "busy"  # as many trades are under way as hedging leaves room for, or a hedge waits
    OPEN_TRADE = "open_trade"  # the pair already has as many open trades as allowed
    NO_DURABLE_START = "no_durable_start"  # the workflow could not be started: no record, no trade


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a quote is not believed now: the gate it shuts, and for people what was seen and what the limit is."""

    gate: Gate
    detail: str


@dataclass(frozen=True, slots=True)
class Suppression:
    """An opportunity (a profit after all fees) that was not taken.

    One opportunity lasts from the event that opens the edge to the event that closes it, and counts once for each
    gate that was shut meanwhile. `edge` is the profit in dollars seen for `size` shares; `at` exchange microseconds.
    """

    strategy: str
    pair: str
    gate: Gate
    detail: str
    edge: Decimal
    size: Decimal
    at: int
