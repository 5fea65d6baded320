"""What crosses between ingest's two threads, and by which policy (`ingest.bus`).

| topic | carries | to | when more waits than may |
|---|---|---|---|
| `intents` | decisions to trade | trading | nothing is lost; nothing is opened until it is drained |
| `user_news` | fills, order updates, results, other grids | trading | nothing is lost; the metrics show it |
| `looks` | an order whose trade may want a nudge | trading, from there | the oldest of that order is dropped |
| `suppressions` | opportunities not taken | trading | the oldest of that set is dropped |
| `telemetry` | messages that could not be used, for the disk | trading | the oldest of that source is dropped |
| `control` | halts, trades that are over | decisions | nothing is lost; nothing is opened until it is drained |

A suppression that still stands is reported every second, and an order that fills in parts is looked at after each; of
two that are alike and wait, the newer takes the place of the older.
"""

from __future__ import annotations

from ingest.bus import Policy, Topic

INTENTS = Topic("intents", Policy.HALT, 256)
USER_NEWS = Topic("user_news", Policy.NEVER_DROP, 4096)
LOOKS = Topic("looks", Policy.COALESCE, 64)
SUPPRESSIONS = Topic("suppressions", Policy.COALESCE, 1024)
TELEMETRY = Topic("telemetry", Policy.DROP_OLDEST, 4096)
CONTROL = Topic("control", Policy.HALT, 1024)
