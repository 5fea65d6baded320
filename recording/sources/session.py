"""A session: the markets of one event and everything that happened to their books, in exchange-time order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from domain.claims import EquivalenceRecord
from domain.market import MarketSpec

BidSide = Literal["yes", "no"]
"""Kalshi keeps bids only: YES bids, and NO bids (a NO bid at p is a YES ask at 1 − p)."""


@dataclass(frozen=True, slots=True)
class BookReset:
    """The whole book of one market. Levels are (price, size) in micros, prices on their own side, any order.

    The first event of every market; a later one means the recorder lost track and started over (a gap before it).
    """

    at: int  # exchange time, microseconds since the epoch
    market: str
    yes: tuple[tuple[int, int], ...]
    no: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class BookDelta:
    """A signed change of one level. `price` in micros on its own side, `delta` in micro-contracts."""

    at: int
    market: str
    side: BidSide
    price: int
    delta: int


SessionEvent = BookReset | BookDelta


@dataclass(frozen=True, slots=True)
class Condition:
    """What a Polymarket market says of itself beyond the `MarketSpec` of its first token.

    A session names such a market once: the spec of its first token (`MarketSpec.market`), whose `complement` is the
    second. Its events name the first token; a NO bid at q is then a bid of q for the second token. `condition_id` is 0x
    and 64 hex digits, `version` "v1" or "v2", `outcomes` the labels of the two tokens, `rules` the text that says how
    it resolves, `ends_at` microseconds since the epoch (0: not said).
    """

    token: str
    condition_id: str
    outcomes: tuple[str, str] = ("Yes", "No")
    neg_risk: bool = False
    version: str = "v1"
    slug: str = ""
    rules: str = ""
    ends_at: int = 0


class Session(Protocol):
    """`events()` may be called again and yields the same events every time, ordered by `at`."""

    @property
    def name(self) -> str: ...

    @property
    def markets(self) -> Sequence[MarketSpec]: ...

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def conditions(self) -> Sequence[Condition]: ...

    def events(self) -> Iterator[SessionEvent]: ...


@dataclass(frozen=True, slots=True)
class Result:
    """How an event ended: `winner` is the market that paid, all others of the event paid nothing."""

    event: str
    winner: str


@dataclass(frozen=True, slots=True)
class RecordedSession:
    """A session held in memory: what every reader and the generator return.

    `log` is ordered by `at`; the first event of every market is a BookReset. `notes` says, for people, what the
    reader found and did (rows put in order, quarantined lines, agreement with the recorded quotes). `results` are
    what the source itself says of how its events ended; what its books show is said by `winners.winners`.
    `conditions` says more of its Polymarket markets; one without an entry is given a condition id made from its token.
    `claims` say which of its markets the recording itself declares to be one claim: for paper and replay only.
    """

    name: str
    markets: tuple[MarketSpec, ...]
    log: tuple[SessionEvent, ...]
    notes: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()
    conditions: tuple[Condition, ...] = ()
    claims: tuple[EquivalenceRecord, ...] = ()

    @property
    def start(self) -> int:
        return self.log[0].at if self.log else 0

    @property
    def end(self) -> int:
        return self.log[-1].at if self.log else 0

    def events(self) -> Iterator[SessionEvent]:
        return iter(self.log)
