"""The envelope: one form for everything that happens to a session, whoever said it.

As JSON it is an array in the order of the fields below; a session file holds one a line (`recording.session_blocks`).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from enum import StrEnum

import msgspec

SCHEMA = 1
"""Version of the envelope itself. A field may be added at its end within a version; nothing else may change."""


class EventType(StrEnum):
    """What an envelope holds. The value is the stable word in files."""

    FRAME = "frame"  # one message of a public feed, byte for byte as it came
    USER = "user"  # one message of our own channel, byte for byte
    STATE = "state"  # a venue's feed went up or down
    GAP = "gap"  # the host distrusts books
    LINK_LOST = "link_lost"  # one of several connections is gone
    HALTS = "halts"  # the halts in force, whole
    USERS = "users"  # a venue's private channel is acknowledged or gone
    CONDITION = "condition"  # something that trading rests on holds, does not, or is expected
    TRADE_OPENED = "trade_opened"  # market: the pair
    TRADE_CLOSED = "trade_closed"  # market: the pair
    WARM = "warm"  # what features had learned before the engine was made
    FINISH = "finish"  # the engine was told that no more comes
    INTENT = "intent"  # a decision: the canonical text of the intent
    SUPPRESSED = "suppressed"  # a decision: the canonical text of the suppression
    DROPPED = "dropped"  # frames that the recorder could not keep: how many, and from when to when
    TICK = "tick"  # a spot or oracle price
    QUOTE = "quote"  # best prices, or a few levels, as somebody polled them
    CHANGE = "change"  # one level of a book of which the rest was not recorded
    FILL = "fill"  # somebody's own trade
    MATCH = "match"  # what happened in a game
    DOCUMENT = "document"  # a market's or game's description
    NOTE = "note"  # a line of a log, kept for people


DECISIONS = frozenset({EventType.INTENT, EventType.SUPPRESSED})
CONTROLS = frozenset(
    {EventType.STATE, EventType.GAP, EventType.LINK_LOST, EventType.HALTS, EventType.TRADE_OPENED}
    | {EventType.USERS, EventType.CONDITION, EventType.WARM}
    | {EventType.TRADE_CLOSED, EventType.FINISH, EventType.DROPPED}
)
"""What the host did, as against what the world said."""


class Envelope(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One event.

    `venue` and `market` say whose it is, each "" where it has none; a message about several instruments names them all,
    joined by commas. `exchange_at` is the exchange's time and `received_at` our wall clock, both in microseconds since
    the epoch; `received_ns` our monotonic clock in nanoseconds, comparable within one session only. All three are 0
    where nobody knows. `seq` is the source's own number of the event, 0 for none, `source` who wrote it and `link`
    which of several connections brought it. `text` is the content: as it came where that was UTF-8, else base64 with
    `base64` set.
    """

    schema: int
    type: EventType
    venue: str
    market: str
    exchange_at: int
    received_at: int
    received_ns: int
    seq: int
    source: str
    link: int
    text: str
    base64: bool = False

    @property
    def body(self) -> bytes:
        """The content as bytes, exactly as it came. Raises ValueError for text that is not the base64 it claims."""
        return b64decode(self.text, validate=True) if self.base64 else self.text.encode()

    @property
    def markets(self) -> tuple[str, ...]:
        return tuple(self.market.split(",")) if self.market else ()

    @property
    def at(self) -> int:
        """Where the event stands in time: when we had it, or, where nobody knows that, when it happened."""
        return self.received_at or self.exchange_at


def envelope(
    type: EventType,
    body: bytes | str,
    *,
    venue: str = "",
    market: str = "",
    exchange_at: int = 0,
    received_at: int = 0,
    received_ns: int = 0,
    seq: int = 0,
    source: str = "",
    link: int = 0,
) -> Envelope:
    """An envelope of this schema around `body`, whatever bytes it is."""
    plain = True
    if isinstance(body, str):
        text = body
    else:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            text, plain = b64encode(body).decode(), False
    return Envelope(
        SCHEMA, type, venue, market, exchange_at, received_at, received_ns, seq, source, link, text, not plain
    )


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)


def encode(event: Envelope) -> bytes:
    """One line without its end. Line breaks inside the content are escaped, so a line is an event."""
    return _encoder.encode(event)


def decode(line: bytes | memoryview) -> Envelope:
    """The inverse. Raises msgspec.DecodeError for anything else, a later schema included."""
    event = _decoder.decode(line)
    if event.schema != SCHEMA:
        raise msgspec.ValidationError(f"schema {event.schema}; this program reads {SCHEMA}")
    return event
