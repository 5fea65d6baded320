"""Two markets are the same claim only because a named person has read both rule texts and said so, in writing.

An *equivalence record* names instruments of two or more venues, says what each pays in every way their event can end,
and carries the hash of every rule text that was read. What a combination of them pays at worst follows by arithmetic:
the least, over all joint outcomes, of what its legs pay together. Markets that look alike differ in what they do about
ties, postponed, shortened and abandoned games; that difference is a row of the table, and the worst row is what counts.

A record is written once and never changed. Every decision about it is a new version:

    proposed ─▶ approved ⇄ suspended        a changed rule text suspends; only a person approves (again)
        └──────────┴───────────┴─▶ withdrawn       for good

A table that was wrong, or a text that was read anew, is proposed again as the next version, and approved again.

Trades pin the version they were decided on, `c-1a2b3c4d@3`, and no trade opens on any but the newest, approved one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from itertools import combinations

from domain.errors import BadInput, Denied
from domain.intent import canonical
from domain.later import later
from domain.market import Venue
from domain.money import plain
from domain.orders import Side

InstrumentKey = tuple[Venue, str]
"""(venue, market): a Kalshi ticker (its YES side) or a Polymarket token id."""

_ZERO, _ONE = Decimal(0), Decimal(1)


class ClaimStatus(StrEnum):
    PROPOSED = "proposed"  # somebody, or `surefoot match`, thinks so; nothing may trade on it
    APPROVED = "approved"  # a named person has read the texts
    SUSPENDED = "suspended"  # a rule text is no longer the one that was read, or a person has doubts
    WITHDRAWN = "withdrawn"  # wrong; never to be used again


_NEXT = {
    ClaimStatus.PROPOSED: (ClaimStatus.APPROVED, ClaimStatus.WITHDRAWN),
    ClaimStatus.APPROVED: (ClaimStatus.SUSPENDED, ClaimStatus.WITHDRAWN),
    ClaimStatus.SUSPENDED: (ClaimStatus.APPROVED, ClaimStatus.WITHDRAWN),
    ClaimStatus.WITHDRAWN: (),
}


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument of the claim: what its YES means in words, and the SHA-256 of the rule text that was read."""

    venue: Venue
    market: str
    meaning: str
    rules_sha256: str

    @property
    def key(self) -> InstrumentKey:
        return self.venue, self.market


@dataclass(frozen=True, slots=True)
class Pays:
    """What one share of an instrument pays in one joint outcome, in dollars: at least `low`, at most `high`.

    The two differ where the rules leave the amount open, such as "the last fair price".
    """

    low: Decimal
    high: Decimal

    @classmethod
    def exactly(cls, amount: Decimal) -> Pays:
        return cls(amount, amount)

    def __str__(self) -> str:
        return plain(self.low) if self.low == self.high else f"{plain(self.low)}–{plain(self.high)}"


@dataclass(frozen=True, slots=True)
class JointOutcome:
    """One way everything can end together, in words, and what each instrument then pays, in the record's order."""

    name: str
    pays: tuple[Pays, ...]


@dataclass(frozen=True, slots=True)
class EquivalenceRecord:
    """One version of the statement that these instruments are about one claim.

    `outcomes` is the table: every joint outcome that the rule texts allow, ties, voids and postponements included.
    `author` decided this version (`at`, wall-clock µs) for `reason`. With `paper` it was declared by a recording or a
    rehearsal and is good for paper and replay only. Raises BadInput (`bad_claim`) when it is made with fewer than two
    instruments, one twice, no or unnamed or equal outcomes, a row of the wrong length, a payout outside 0 to 1 dollar,
    or a hash that is none.
    """

    id: str
    version: int
    title: str
    instruments: tuple[Instrument, ...]
    outcomes: tuple[JointOutcome, ...]
    status: ClaimStatus
    author: str
    reason: str
    at: int
    paper: bool = later(False)

    def __post_init__(self) -> None:
        wrong = _wrong(self.instruments, self.outcomes)
        if wrong:
            raise BadInput(f"claim {self.id or self.title!r}: {wrong}", "bad_claim")

    @property
    def pin(self) -> str:
        """What an intent carries: `<id>@<version>`."""
        return f"{self.id}@{self.version}"

    @property
    def tradable(self) -> bool:
        """Whether a person has approved this version. Real money asks for `not paper` besides."""
        return self.status is ClaimStatus.APPROVED

    @property
    def venues(self) -> tuple[Venue, ...]:
        return tuple(dict.fromkeys(one.venue for one in self.instruments))

    def index(self, key: InstrumentKey) -> int:
        """Place of an instrument in the record. Raises BadInput (`bad_claim`) for one that is not in it."""
        for place, one in enumerate(self.instruments):
            if one.key == key:
                return place
        raise BadInput(f"claim {self.id} has no instrument {key[1]} of {key[0]}", "bad_claim")

    def worst(self, legs: Mapping[int, Side]) -> tuple[Decimal, JointOutcome]:
        """The least that one share of every leg pays together, and the first outcome in which it does.

        `legs` are places of instruments with the side taken; a share sold pays the negative of what its instrument
        pays, so it counts at its highest.
        """
        found = [(_paid(outcome, legs), outcome) for outcome in self.outcomes]
        return min(found, key=lambda one: one[0])

    def decided(self, status: ClaimStatus, author: str, reason: str, at: int) -> EquivalenceRecord:
        """The next version. Raises BadInput (`no_author`) without a name and a reason, (`claim_status`) for a step
        that cannot follow; Denied (`no_rules`) for the approval of a rule text that is empty."""
        require_name(author, reason)
        if status not in _NEXT[self.status]:
            able = ", ".join(_NEXT[self.status]) or "nothing"
            raise BadInput(f"claim {self.id} is {self.status}; after that comes {able}, not {status}", "claim_status")
        if status is ClaimStatus.APPROVED and (unread := without_text(self)):
            raise Denied(
                f"claim {self.id} has no rule text of {' and '.join(unread)}, so nobody can have read it; propose it "
                "with the venue's whole text",
                "no_rules",
            )
        return replace(self, version=self.version + 1, status=status, author=author, reason=reason, at=at)


def amended(record: EquivalenceRecord, newest: EquivalenceRecord) -> EquivalenceRecord:
    """The proposal `record` as the next version of what `newest` says: another table, title or hash, to be approved
    anew. Raises BadInput (`claim_status`) where the claim was withdrawn for good."""
    if newest.status is ClaimStatus.WITHDRAWN:
        raise BadInput(f"claim {newest.id} was withdrawn ({newest.author}: {newest.reason})", "claim_status")
    return replace(record, version=newest.version + 1, status=ClaimStatus.PROPOSED)


@dataclass(frozen=True, slots=True)
class Cross:
    """Two instruments of different venues, each on a side, and what a share of both pays at worst, in dollars.

    A share sold pays the negative of its instrument, so buying a claim here and selling it there pays 0 at worst.
    """

    places: tuple[int, int]
    sides: tuple[Side, Side]
    worst: Decimal
    in_outcome: str


def crosses(record: EquivalenceRecord, sellable: Iterable[Venue]) -> tuple[Cross, ...]:
    """Every two instruments of different venues that can make a profit at some price, on the sides that do.

    `sellable` are the venues where an instrument may be sold without holding it. Two legs can make a profit only if
    they pay more at worst than the dollars they can cost at the very least: nothing for a share bought, minus one for
    a share sold.
    """
    may_sell = set(sellable)
    found: list[Cross] = []
    for one, other in combinations(range(len(record.instruments)), 2):
        here, there = record.instruments[one].venue, record.instruments[other].venue
        if here is there:
            continue
        for side in (Side.BUY, Side.SELL) if here in may_sell else (Side.BUY,):
            for opposite in (Side.BUY, Side.SELL) if there in may_sell else (Side.BUY,):
                worst, outcome = record.worst({one: side, other: opposite})
                least = -sum(leg is Side.SELL for leg in (side, opposite))
                if worst > least:
                    found.append(Cross((one, other), (side, opposite), worst, outcome.name))
    return tuple(found)


def proposal(  # noqa: PLR0917 - what is claimed, and who says so, why and when
    title: str,
    instruments: Sequence[Instrument],
    outcomes: Sequence[JointOutcome],
    author: str,
    reason: str,
    at: int,
) -> EquivalenceRecord:
    """The first version of a record: proposed, and tradable by nobody. Its id follows from its instruments, so the same
    markets are one claim whoever proposes them, in whatever order they are named."""
    require_name(author, reason)
    keys = sorted(canonical(one.key) for one in instruments)
    name = f"c-{hashlib.sha256(canonical(keys).encode()).hexdigest()[:8]}"
    status = ClaimStatus.PROPOSED
    return EquivalenceRecord(name, 1, title, tuple(instruments), tuple(outcomes), status, author, reason, at)


def declared(record: EquivalenceRecord) -> EquivalenceRecord:
    """`record` as a recording may declare it: approved by the recording itself, for paper and replay only."""
    return replace(record, version=record.version + 1, status=ClaimStatus.APPROVED, paper=True)


def changed_texts(record: EquivalenceRecord, texts: Mapping[InstrumentKey, str]) -> tuple[str, ...]:
    """What is no longer as it was read: one sentence an instrument whose text in `texts` has another hash. Instruments
    missing from `texts` are not judged."""
    said: list[str] = []
    for one in record.instruments:
        text = texts.get(one.key)
        if text is None:
            continue
        seen = rules_hash(text)
        if seen != one.rules_sha256:
            said.append(f"the rules of {one.market} on {one.venue} read {seen[:12]}, approved {one.rules_sha256[:12]}")
    return tuple(said)


def rules_hash(text: str) -> str:
    """SHA-256 of a rule text: of its words, so that a line broken elsewhere is no change of the rules."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()


def split_pin(pin: str) -> tuple[str, int]:
    """`c-1a2b3c4d@3` as id and version. Raises BadInput (`bad_claim`) for anything else."""
    name, _, version = pin.rpartition("@")
    if not name or not (version.isascii() and version.isdecimal()):
        raise BadInput(f"{pin!r} pins no claim; expected an id and a version such as c-1a2b3c4d@3", "bad_claim")
    return name, int(version)


def refusal(pin: str, newest: EquivalenceRecord | None) -> str:
    """Why no trade may open on `pin`, given the newest version of its claim; empty if one may."""
    if newest is None:
        return f"claim {pin} is not in the ledger; propose and approve it first"
    if newest.pin != pin:
        return (
            f"claim {pin} is no longer the newest version: {newest.pin} is {newest.status} "
            f"({newest.author}: {newest.reason}); decide anew on that one"
        )
    if unread := without_text(newest):
        return f"claim {pin} was approved without the rule text of {' and '.join(unread)}; propose it with its texts"
    if not newest.tradable:
        return f"claim {pin} is {newest.status} ({newest.author}: {newest.reason}); `surefoot claims show {newest.id}`"
    return ""


def without_text(record: EquivalenceRecord) -> tuple[str, ...]:
    """Markets whose rule text is empty: nobody can have read it. What a recording declares needs none."""
    nothing = rules_hash("")
    return () if record.paper else tuple(one.market for one in record.instruments if one.rules_sha256 == nothing)


def require_name(author: str, reason: str) -> None:
    """Raise BadInput (`no_author`) unless both are there."""
    if not author.strip() or not reason.strip():
        raise BadInput("a claim is decided only by somebody with a name, for a reason; give both", "no_author")


def _paid(outcome: JointOutcome, legs: Mapping[int, Side]) -> Decimal:
    parts = (outcome.pays[n].low if side is Side.BUY else -outcome.pays[n].high for n, side in legs.items())
    return sum(parts, _ZERO)


def _wrong(instruments: Sequence[Instrument], outcomes: Sequence[JointOutcome]) -> str:
    """What is wrong with a record's content; empty if nothing is."""
    if len(instruments) < 2:
        return f"{len(instruments)} instrument(s); expected two or more that are about the same event"
    if len({one.key for one in instruments}) < len(instruments):
        return "an instrument is named twice; name each once"
    for one in instruments:
        if len(one.rules_sha256) != 64 or not all(sign in "0123456789abcdef" for sign in one.rules_sha256):
            return f"{one.market}: rules_sha256 {one.rules_sha256!r}; expected 64 hex digits"
        if not one.market or not one.meaning.strip():
            return "an instrument without market or meaning; say what its YES means"
    names = [outcome.name.strip() for outcome in outcomes]
    if not all(names) or len(set(names)) < len(names) or len(names) < 2:
        return f"outcomes {names}; expected two or more, each with a name of its own"
    for outcome in outcomes:
        if len(outcome.pays) != len(instruments):
            return f"outcome {outcome.name!r} says {len(outcome.pays)} payouts for {len(instruments)} instruments"
        for paid in outcome.pays:
            if not _ZERO <= paid.low <= paid.high <= _ONE:
                return f"outcome {outcome.name!r} pays {paid}; expected from 0 to 1 dollar"
    return ""
