"""A recorded session decided again: every event given to an engine set up as the session's was, in the same order.

What comes out is compared, decision by decision, with what the recording holds. Nothing here has a clock: the same
recording gives the same decisions on any machine, at any speed.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from domain.admission import Load
from domain.decisions import Suppression
from domain.errors import BadInput
from domain.intent import Intent
from domain.market import Venue
from domain.spot import SpotFeed
from ingest.engine import Engine
from ingest.gates import Halts
from ingest.readiness import Pauses
from ingest.warm import decode as decode_warm
from ingest.why import Answer
from recording.envelope import CONTROLS, DECISIONS, Envelope, EventType
from recording.fingerprint import Fingerprint
from recording.recorder import decided
from recording.session_reader import RecordedEvents
from recording.session_setup import engine_of
from venues.market_events import Doubt

_ENDED_US = 60_000_000
"""How long after its last event a recording may still be asked: a quiet market, or what the disk had not taken yet."""


class Verdict(StrEnum):
    """What a check came to. The value is the stable word in reports."""

    SAME = "same"  # every decision is the recorded one, and no other was made
    DIFFERENT = "different"  # a decision is not the recorded one: the code decides otherwise now
    INCOMPLETE = "incomplete"  # the same as far as the recording goes; it broke off, or frames were dropped


@dataclass(frozen=True, slots=True)
class Difference:
    """The first decision that is not the recorded one. `number` counts decisions from 1; a side is "" where it made
    none. `after` is the number of the last event both had seen."""

    number: int
    after: int
    recorded: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Rerun:
    """`events` are what the world said: neither decisions nor what the host did. `recorded` is the recording's own
    fingerprint, "" where it has none; `why` says what makes a verdict less than SAME. Times are microseconds."""

    fingerprint: str
    recorded: str
    verdict: Verdict
    why: str
    difference: Difference | None
    events: int
    intents: tuple[Intent, ...]
    suppressed: dict[str, int]
    first_at: int
    last_at: int


class _Comparison:
    """Decisions of both sides in order, compared as far as both have come."""

    def __init__(self) -> None:
        self.difference: Difference | None = None
        self.number = 0
        self.stopped = False
        self._recorded: deque[str] = deque()
        self._made: deque[str] = deque()

    def recorded(self, text: str, after: int) -> None:
        self._recorded.append(text)
        self._compare(after)

    def made(self, text: str, after: int) -> None:
        self._made.append(text)
        self._compare(after)

    def _compare(self, after: int) -> None:
        if self.stopped or self.difference is not None:
            self._recorded.clear()
            self._made.clear()
            return
        while self._recorded and self._made:
            recorded, made = self._recorded.popleft(), self._made.popleft()
            self.number += 1
            if recorded != made:
                self._differ(after, recorded, made)

    def settle(self, after: int, *, whole: bool) -> None:
        """At the end: what one side has and the other has not. Of a recording that broke off, the last decisions may
        be missing."""
        if self.stopped:
            return
        if self._recorded or (whole and self._made):
            self.number += 1
            self._differ(after, "".join(list(self._recorded)[:1]), "".join(list(self._made)[:1]))

    def _differ(self, after: int, recorded: str, made: str) -> None:
        if self.difference is None:
            self.difference = Difference(self.number, after, recorded, made)

    def stop(self, after: int) -> None:
        """From here on the two saw different input; only what was decided before counts."""
        if not self.stopped:
            self.settle(after, whole=False)
            self.stopped = True


class _Link(msgspec.Struct):
    link: int


class _State(msgspec.Struct):
    up: bool
    reason: str


class _Gap(msgspec.Struct):
    markets: tuple[str, ...]
    doubt: Doubt


class _Condition(msgspec.Struct):
    """What was said of a condition, that one was expected, how late it was, that the process was told to stop, or
    what was under way."""

    name: str = ""
    ok: bool = False
    why: str = ""
    at: int = 0
    pauses: Pauses = Pauses.ALL
    expected: str = ""
    feed: bool = False
    time: int = 0
    stopping: int = 0
    trading: int | None = None
    waited: int = 0


_SPOT = frozenset(feed.value for feed in SpotFeed)
_link = msgspec.json.Decoder(_Link)
_condition = msgspec.json.Decoder(_Condition)
_state = msgspec.json.Decoder(_State)
_gap = msgspec.json.Decoder(_Gap)
_halts = msgspec.json.Decoder(Halts)


def apply(engine: Engine, event: Envelope) -> None:
    """Give `engine` what it was given then; events that are none of its business are passed over.

    Raises BadInput (`bad_event`) for one that no recorder wrote."""
    try:
        match event.type:
            case EventType.FRAME if event.venue in _SPOT:
                engine.on_spot(SpotFeed(event.venue), event.body, event.received_at, event.link)
            case EventType.FRAME:
                engine.on_frame(event.body, event.received_at, Venue(event.venue), event.link)
            case EventType.TRADE_CLOSED:
                engine.trade_closed(event.market)
            case EventType.TRADE_OPENED:
                engine.trade_opened(event.market)
            case EventType.STATE:
                state = _state.decode(event.text)
                engine.on_state(state.up, state.reason, Venue(event.venue))
            case EventType.USERS:
                users = _state.decode(event.text)
                engine.on_users(users.up, users.reason, Venue(event.venue))
            case EventType.CONDITION:
                _say(engine, _condition.decode(event.text))
            case EventType.GAP:
                gap = _gap.decode(event.text)
                engine.on_gap(gap.markets, Venue(event.venue), gap.doubt)
            case EventType.LINK_LOST:
                engine.on_link_lost(_link.decode(event.text).link, Venue(event.venue))
            case EventType.HALTS:
                engine.on_halts(_halts.decode(event.text))
            case EventType.WARM:
                engine.on_warm(decode_warm(event.text))
            case EventType.FINISH:
                engine.finish()
            case _:
                pass
    except (msgspec.DecodeError, ValueError) as wrong:
        raise BadInput(f"a {event.type} event of {event.venue or 'no venue'}: {wrong}", "bad_event") from None


def _say(engine: Engine, said: _Condition) -> None:
    if said.expected:
        engine.expect(said.expected, said.pauses, feed=said.feed)
    elif said.trading is not None:
        engine.on_load(Load(said.trading, said.waited))
    elif said.stopping:
        engine.on_stop(said.stopping)
    elif said.time:
        engine.on_time(said.time)
    else:
        engine.on_condition(said.name, said.ok, said.why, said.at, said.pauses)


def until(session: RecordedEvents, moment: int) -> Answer:
    """What the engine of `session` would have answered at `moment` (our clock, µs) to why it trades nothing.

    Raises BadInput as `rerun` does, and (`not_recorded`) where the session ends before."""
    engine = engine_of(session.setup, lambda intent: None, lambda suppression: None)
    last = 0
    for event in session.events():
        if event.type in DECISIONS:
            continue
        if event.at > moment:
            return engine.answer(moment)
        last = max(last, event.at)
        apply(engine, event)
    if moment - last > _ENDED_US:
        raise BadInput(
            f"{session.path.name} ends {(moment - last) / 1e6:.0f} s before; expected a time within the recording",
            "not_recorded",
        )
    return engine.answer(moment)


def rerun(session: RecordedEvents, make: Callable[..., Engine] = Engine) -> Rerun:
    """Decide `session` again, by the rules in its set-up, and compare.

    Raises BadInput as `RecordedEvents.events` does, and for an event that cannot be applied."""
    return rerun_events(session, session.events(), make)


def rerun_events(session: RecordedEvents, events: Iterable[Envelope], make: Callable[..., Engine] = Engine) -> Rerun:
    """The same on `events` of `session`, which the caller may watch passing by."""
    seen = said = first_at = last_at = dropped = 0
    fingerprint = Fingerprint()
    intents: list[Intent] = []
    suppressed: Counter[str] = Counter()
    comparison = _Comparison()

    def took(intent: Intent) -> None:
        intents.append(intent)
        decided_now(intent)

    def refused(suppression: Suppression) -> None:
        suppressed[suppression.gate.value] += 1
        decided_now(suppression)

    def decided_now(decision: Intent | Suppression) -> None:
        fingerprint.add(decision)
        comparison.made(decided(decision).text, seen)

    engine = engine_of(session.setup, took, refused, make)
    for event in events:
        if event.type in DECISIONS:
            comparison.recorded(event.text, seen)
            continue
        seen += 1
        said += event.type not in CONTROLS
        if event.type is EventType.DROPPED:
            dropped += event.seq
            comparison.stop(seen)
        if event.at:
            first_at, last_at = min(first_at or event.at, event.at), max(last_at, event.at)
        apply(engine, event)
    footer, torn = session.footer, session.torn
    whole = not torn and footer is not None
    comparison.settle(seen, whole=whole)
    difference = comparison.difference
    recorded = footer.fingerprint if footer is not None and not torn else ""
    if difference is not None:
        why = f"decision {difference.number}, after event {difference.after}, is not the recorded one"
        verdict = Verdict.DIFFERENT
    elif comparison.stopped:
        why = f"{dropped} frames were dropped by the recorder; only what was decided before them was compared"
        verdict = Verdict.INCOMPLETE
    elif torn:
        why, verdict = torn, Verdict.INCOMPLETE
    elif recorded and recorded != fingerprint.hexdigest():
        raise BadInput(
            f"{session.path.name}: its decisions hash to {fingerprint.hexdigest()}, its footer says {recorded}; "
            "expected them equal. The file was changed after it was written: copy it again from its source",
            "bad_footer",
        )
    else:
        why, verdict = "", Verdict.SAME
    return Rerun(
        fingerprint.hexdigest(), recorded, verdict, why, difference, said, tuple(intents),
        dict(sorted(suppressed.items())), first_at, last_at,
    )  # fmt: skip
