"""Links to the Temporal UI: one that opens a session, and where the stuck trades are listed."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from domain.trade import TradeState
from workers.local.layout import Stack
from workers.ui_door.tokens import TokenFolder
from workflows.names import SEARCH_STATE


def trades_page(namespace: str, state: TradeState | None = None) -> str:
    """The list of trades, or of those in one state."""
    page = f"/namespaces/{quote(namespace, safe='')}/workflows"
    return page if state is None else page + "?" + urlencode({"query": f"{SEARCH_STATE}='{state}'"})


def trade_page(namespace: str, trade: str) -> str:
    return f"/namespaces/{quote(namespace, safe='')}/workflows/{quote(trade, safe='')}"


def opening_link(stack: Stack, page: str) -> str | None:
    """A link that works once, within ten minutes, and leads to `page`; None if no UI of ours is there.

    Raises `Unavailable` if the state folder cannot be written.
    """
    if stack.temporal_ui_url is None:
        return None
    token = TokenFolder(stack.layout.ui_tokens).issue()
    return f"{stack.temporal_ui_url}/open?{urlencode({'token': token, 'to': page})}"
