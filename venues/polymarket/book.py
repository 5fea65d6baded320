"""The hash Polymarket puts on a book: SHA-1 over the compact JSON of the book with an empty hash.

The order of the fields is the venue's: market, asset_id, timestamp, hash (empty), bids, asks, min_order_size,
tick_size, neg_risk, last_trade_price, and for markets of protocol V2 `version` last; all texts as the venue wrote them,
levels in its order (best last). Reproduced on answers of `GET /book` of both protocols; the order is that of the
venue's own client (`py-clob-client-v2`, `utilities.py`), which leaves `version` out and is wrong for V2 there.

In the stream `min_order_size` and `neg_risk` may be missing and `last_trade_price` late, so only a REST book and the
first snapshot of a subscription prove anything by their hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec


def book_hash(
    *,
    market: str,
    asset_id: str,
    timestamp: str,
    bids: Sequence[tuple[str, str]],
    asks: Sequence[tuple[str, str]],
    min_order_size: str,
    tick_size: str,
    neg_risk: bool,
    last_trade_price: str,
    version: str | None = None,
) -> str:
    """40 hex digits. `version` is None for markets whose books do not say one."""
    content: dict[str, object] = {
        "market": market,
        "asset_id": asset_id,
        "timestamp": timestamp,
        "hash": "",
        "bids": [{"price": price, "size": size} for price, size in bids],
        "asks": [{"price": price, "size": size} for price, size in asks],
        "min_order_size": min_order_size,
        "tick_size": tick_size,
        "neg_risk": neg_risk,
        "last_trade_price": last_trade_price,
    }
    if version is not None:
        content["version"] = version
    return hashlib.sha1(msgspec.json.encode(content), usedforsecurity=False).hexdigest()
