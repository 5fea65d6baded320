"""As much of a frame as the stream reads itself; what it says is for the caller."""

from __future__ import annotations

import msgspec


class Peek(msgspec.Struct):
    """The outside of a frame, `msg` skipped."""

    type: str
    sid: int | None = None
    seq: int | None = None
    id: int | None = None


class Named(msgspec.Struct):
    """Which market a message is of, and, for the lifecycle, what became of it."""

    market_ticker: str = ""
    event_type: str = ""


class OfMarket(msgspec.Struct):
    """A frame whose `msg` names its market."""

    msg: Named
