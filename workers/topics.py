"""What crosses between ingest's two threads, and by which policy (`ingest.bus`).

| topic | carries | to | when more waits than may |
|---|---|---|---|
| `intents` | decisions to trade | trading | nothing is lost; nothing is opened until it is drained |
| `user_news` | fills, order updates, results, other grids | trading | nothing is lost; the metrics show it |
| `looks` | an order whose trade may want a nudge | trading, from there | the oldest of that order is dropped |
| `suppressions` | opportunities not taken | trading | the oldest of that set is dropped |
| `telemetry` | messages that could not be used, for the disk | trading | the oldest of that source is dropped |
| `control` | halts, load, conditions, closings | decisions | nothing is lost; nothing is opened until it is drained |

A suppression that still stands is reported every second, and an order that fills in parts is looked at after each; of
two that are alike and wait, the newer takes the place of the older.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingest.bus import Policy, Topic
from ingest.readiness import Pauses


@dataclass(frozen=True, slots=True)
class UnusableFrame:
    """On `telemetry`: a message of `source` that could not be used, and why; `at` is when we had it (µs)."""

    source: str
    raw: bytes
    why: str
    at: int


@dataclass(frozen=True, slots=True)
class ConditionChanged:
    """On `control`: a condition of the trading side holds or does not, why not, and what it pauses."""

    name: str
    ok: bool
    why: str
    pauses: Pauses


@dataclass(frozen=True, slots=True)
class TradeOver:
    """On `control`: a trade of `pair` is over."""

    pair: str


INTENTS = Topic("intents", Policy.HALT, 256)
USER_NEWS = Topic("user_news", Policy.NEVER_DROP, 4096)
LOOKS = Topic("looks", Policy.COALESCE, 64)
SUPPRESSIONS = Topic("suppressions", Policy.COALESCE, 1024)
TELEMETRY = Topic("telemetry", Policy.DROP_OLDEST, 4096)
CONTROL = Topic("control", Policy.HALT, 1024)
