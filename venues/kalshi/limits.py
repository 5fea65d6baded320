"""The venue's rate limits, kept on our side so that it never has to turn us away.

Two token buckets, reads and writes. Basic tier: 200 and 100 tokens a second, holding one second's worth. A request
costs 10 unless the venue says otherwise; a V2 cancel and the read of one order cost 2.
Source: docs.kalshi.com/getting_started/rate_limits; recorded `/account/limits` and `/account/endpoint_costs`.
"""

from __future__ import annotations

DEFAULT_COST = 10
CANCEL_COST = 2
ORDER_READ_COST = 2
