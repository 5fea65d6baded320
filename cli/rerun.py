"""What `surefoot replay` does with a session: decides it again, compares, and shows the first difference."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import exits
from cli.options import out, print_json, say
from domain.decisions import Suppression
from domain.intent import Intent, IntentLeg
from domain.market import MarketSpec
from domain.money import plain
from domain.orders import Side
from recording.sources.numbers import iso

if TYPE_CHECKING:
    from recording.envelope import Envelope
    from recording.importing.source import Source
    from recording.rerun import Difference, Rerun
    from recording.session_reader import RecordedEvents
    from recording.session_setup import Rules


@dataclass(frozen=True, slots=True)
class Shown:
    """What every replay says, whatever was replayed. Times are exchange microseconds, 0 where nothing has one."""

    name: str
    events: int
    first_at: int
    last_at: int
    intents: tuple[Intent, ...]
    suppressed: Mapping[str, int]
    fingerprint: str

    def document(self) -> dict[str, Any]:
        return {
            "fingerprint": self.fingerprint,
            "session": self.name,
            "events": self.events,
            "from": iso(self.first_at),
            "to": iso(self.last_at),
            "intents": len(self.intents),
            "suppressed": dict(self.suppressed),
        }


def holds_session(path: Path) -> bool:
    """Whether `path` is a session file, or a folder with such files."""
    from recording.session_blocks import SUFFIX

    return any(path.glob(f"*{SUFFIX}")) if path.is_dir() else path.name.endswith(SUFFIX)


def rerun_recorded(path: Path, *, check: bool, json_output: bool) -> int:
    """Decide a session again; the exit code."""
    from recording.rerun import rerun_events
    from recording.session_reader import RecordedEvents

    session = RecordedEvents(path)
    for note in session.setup.notes:
        say(note)
    result = rerun_events(session, _watched(session.setup.name, session.events()))
    return _report(session, result, check=check, json_output=json_output)


def rerun_imported(name: str, rules: Rules, *, check: bool, json_output: bool) -> int:
    """The same with what `surefoot import` makes of `name`, kept nowhere."""
    from cli.recordings import open_any

    source, intake = open_any(name, rules, None)
    code = rerun_source(source, json_output=json_output) if check else _decided(source, json_output=json_output)
    if intake.refused:
        reasons = "; ".join(f"{reason} ({count})" for reason, count in intake.refused.most_common())
        say(f"{intake.refused.total()} of {intake.read} rows were left out: {reasons}. `surefoot import` keeps them")
    return code


def _decided(source: Source, *, json_output: bool) -> int:
    """One pass, nothing written."""
    from recording.envelope import CONTROLS, DECISIONS
    from recording.fingerprint import Fingerprint
    from recording.importing.record import decide

    for note in source.setup.notes:
        say(note)
    intents: list[Intent] = []
    suppressed: Counter[str] = Counter()
    fingerprint = Fingerprint()
    events = first_at = last_at = 0

    def took(intent: Intent) -> None:
        intents.append(intent)
        fingerprint.add(intent)

    def refused(suppression: Suppression) -> None:
        suppressed[suppression.gate.value] += 1
        fingerprint.add(suppression)

    for event in _watched(source.setup.name, decide(source, on_intent=took, on_suppressed=refused)):
        if event.type in CONTROLS or event.type in DECISIONS:
            continue
        events += 1
        if event.at:
            first_at, last_at = min(first_at or event.at, event.at), max(last_at, event.at)
    shown = Shown(
        source.setup.name, events, first_at, last_at, tuple(intents), dict(sorted(suppressed.items())),
        fingerprint.hexdigest(),
    )  # fmt: skip
    if json_output:
        print_json(shown.document())
    else:
        show(shown, _outcomes(source.setup.instruments))
    return exits.OK


def rerun_source(source: Source, *, json_output: bool) -> int:
    """Write a session of `source` beside a first pass of decisions, decide what was written again, and compare."""
    from recording.importing.record import write_session

    with tempfile.TemporaryDirectory(prefix="surefoot-replay-") as folder:
        written = write_session(
            source, Path(folder), progress=lambda events, at: say(f"{source.setup.name}: read {events} events")
        )
        return rerun_recorded(written.path, check=True, json_output=json_output)


def _watched(name: str, events: Iterator[Envelope]) -> Iterator[Envelope]:
    from recording.importing.record import PROGRESS_EVERY

    for number, event in enumerate(events, start=1):
        yield event
        if number % PROGRESS_EVERY == 0:
            say(f"{name}: decided {number} events, up to {iso(event.at)}")


def _report(session: RecordedEvents, result: Rerun, *, check: bool, json_output: bool) -> int:
    from recording.rerun import Verdict

    shown = Shown(
        session.setup.name, result.events, result.first_at, result.last_at, result.intents, result.suppressed,
        result.fingerprint,
    )  # fmt: skip
    if json_output:
        said = shown.document()
        if check:
            said |= {"check": str(result.verdict), "recorded": result.recorded or None, "why": result.why or None,
                     "difference": _document(result.difference)}  # fmt: skip
        print_json(said)
    else:
        show(shown, _outcomes(session.setup.instruments))
        if check:
            _show_check(result)
    if session.torn:
        say(f"the session ends early: {session.torn}")
    return exits.INVARIANT if check and result.verdict is Verdict.DIFFERENT else exits.OK


def _outcomes(instruments: Sequence[MarketSpec]) -> dict[str, str]:
    return {spec.market: spec.outcome for spec in instruments if spec.outcome}


def show(shown: Shown, outcomes: Mapping[str, str]) -> None:
    """`outcomes` are the labels of markets that are tokens: their ids say nothing to people."""
    from rich.table import Column, Table

    out.print(f"{shown.name}: {shown.events} events from {iso(shown.first_at)} to {iso(shown.last_at)}", markup=False)

    def told(leg: IntentLeg) -> str:
        token = f"{leg.venue} {outcomes[leg.market]} {leg.market[:8]}…" if leg.market in outcomes else leg.market
        return f"{token} {'≤' if leg.side is Side.BUY else '≥'} {plain(leg.limit)}"

    table = Table("decided at", Column("intent", no_wrap=True), "shares", "legs", "edge $", box=None)
    for intent in shown.intents:
        legs = "  ".join(f"{leg.name} {leg.side} {told(leg)}" for leg in intent.legs)
        table.add_row(iso(intent.decided_at), intent.id, plain(intent.size), legs, plain(intent.edge))
    if shown.intents:
        out.print(table)
    gates = ", ".join(f"{gate} {count}" for gate, count in shown.suppressed.items()) or "none"
    out.print(
        f"intents {len(shown.intents)}; opportunities not taken, by the gate that was shut: {gates}", markup=False
    )
    out.print(f"fingerprint {shown.fingerprint}")


def _show_check(result: Rerun) -> None:
    from rich.table import Table

    from recording.rerun import Verdict

    if result.recorded:
        out.print(f"recorded    {result.recorded}", markup=False)
    if result.verdict is Verdict.SAME:
        out.print("check: the same, decision by decision")
        return
    out.print(f"check: {result.verdict}: {result.why}", markup=False)
    difference = result.difference
    if difference is None:
        return
    recorded, replayed = (_flat(text) for text in (difference.recorded, difference.replayed))
    table = Table("field", "recorded", "decided now", box=None)
    for field in dict.fromkeys((*recorded, *replayed)):
        left, right = recorded.get(field, "–"), replayed.get(field, "–")
        if left != right or field in _ALWAYS:
            table.add_row(field, left, right)
    out.print(table)


_ALWAYS = ("strategy", "pair", "decided_at", "at")


def _flat(text: str) -> dict[str, str]:
    """A decision's fields by their path; nothing where there is no decision."""
    found: dict[str, str] = {}

    def walk(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, held in value.items():
                walk(f"{path}.{name}" if path else name, held)
        elif isinstance(value, list):
            for place, held in enumerate(value):
                walk(f"{path}[{place}]", held)
        else:
            found[path] = str(value)

    if text:
        walk("", json.loads(text))
    return found


def _document(difference: Difference | None) -> dict[str, Any] | None:
    if difference is None:
        return None
    return {
        "decision": difference.number,
        "after_event": difference.after,
        "recorded": json.loads(difference.recorded) if difference.recorded else None,
        "replayed": json.loads(difference.replayed) if difference.replayed else None,
    }
