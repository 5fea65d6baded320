"""How each venue says no, by situation: any one of these in the words or the code of its answer.

Kalshi: docs.kalshi.com/getting_started/order_errors and recorded answers. Polymarket:
docs.polymarket.com/resources/error-codes.
"""

from __future__ import annotations

WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "kalshi": {
        "key": ("authentication_error", "incorrect_api_key_signature"),
        "price": ("invalid_price",),
        "size": ("invalid_parameters",),
        "funds": ("insufficient_balance",),
        "duplicate": ("order_already_exists",),
        "post_only": ("post only cross",),
        "all_or_none": ("fill_or_kill_insufficient_resting_volume",),
        "cancel": ("not_found",),
        "order": ("not_found",),
        "market": ("not_found", "market_not_found"),
    },
    "polymarket": {
        "key": ("unauthorized", "invalid api key"),
        "price": ("breaks minimum tick size",),
        "size": ("lower than the minimum",),
        "funds": ("not enough balance",),
        "duplicate": ("duplicated",),
        "post_only": ("crosses the book", "order crosses book", "post_only_would_cross"),
        "all_or_none": ("fok orders are fully filled or killed",),
        "cancel": ("not found", "already canceled", "already matched"),
        "order": ("not found", "not_found"),
        "market": ("no orderbook exists", "not found"),
    },
}


def says(venue: str, situation: str, words: str) -> bool:
    """Whether an answer means this situation."""
    heard = words.lower()
    return any(word in heard for word in WORDS[venue][situation])
