"""why: what keeps ingest from trading, now or at a moment of the record."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.text import Text

from cli.options import JsonFlag, options, out, print_json, say
from domain.decisions import Gate
from domain.errors import BadInput, Unavailable
from recording.sources.numbers import iso

if TYPE_CHECKING:
    from recording.session_reader import RecordedEvents


_PATIENCE_S = 5.0
_MOST = 40
_READ = {"halts": "halts are read", "positions": "positions are compared"}
"""Conditions whose bare names would say something else than that they hold."""
_STYLE = {"running": "green", "degraded": "red", "starting": "yellow", "warming": "yellow", "stopping": "yellow"}


def register(app: typer.Typer) -> None:
    app.command("why")(why)


def why(
    market: Annotated[
        str, typer.Argument(metavar="[MARKET]", help="A market, an event or a pair, or how it begins.")
    ] = "",
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="Then, from the record: an ISO time, UTC if it says no zone.")
    ] = "",
    recording: Annotated[
        Path | None, typer.Option("--recording", help="The session to ask; else that of the state folder.")
    ] = None,
    json_output: JsonFlag = False,
) -> None:
    """Why is it not trading? The process's phase, what does not hold, and the reason of every strategy.

    Without --at the running ingest answers. With it the recording of that time is decided again up to that moment.
    """
    answer = _then(at, recording) if at else _now()
    if market:
        answer["strategies"] = [told for told in answer["strategies"] if _names(told, market)]
        if not answer["strategies"]:
            raise BadInput(
                f"nothing is watched whose market, event or pair begins with {market!r}; "
                "`surefoot why` without a name lists all",
                "no_market",
            )
    if json_output:
        print_json(answer)
    else:
        _show(answer, whole=bool(market))


def _now() -> dict[str, Any]:
    from cli import faults
    from workers.local.pages import NoAnswer, ask

    stack = options.stack()
    port = stack.metrics_ports["ingest"]
    try:
        said = ask("GET", f"http://127.0.0.1:{port}/why", timeout=_PATIENCE_S)
    except NoAnswer as away:
        raise Unavailable(
            f"ingest does not answer on port {port} ({away}); `surefoot status` says whether it runs, "
            "`surefoot why --at TIME` asks the record",
            "ingest",
        ) from None
    if said.status != 200:
        raise Unavailable(
            "ingest watches nothing: no session is played, or the start waits for the venues and the ledger to agree; "
            "see `surefoot status`",
            "nothing_watched",
        )
    answer: dict[str, Any] = json.loads(said.body)
    standing = faults.standing(stack)
    answer["faults"] = None if standing is None else [faults.plain(fault) for fault in standing]
    return answer


def _then(at: str, recording: Path | None) -> dict[str, Any]:
    from ingest.why import plain
    from recording.rerun import until
    from recording.session_reader import RecordedEvents

    moment = _moment(at)
    session = RecordedEvents(recording) if recording is not None else _recorded(moment, at)
    return plain(until(session, moment))


def _moment(text: str) -> int:
    """Microseconds since the epoch."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"--at {text!r}; expected a time such as 2026-11-21T14:03:05", "bad_time") from None
    if when.tzinfo is None:
        when = datetime.fromisoformat(f"{text}+00:00")
    return int(when.timestamp() * 1_000_000)


def _recorded(moment: int, at: str) -> RecordedEvents:
    """The last session of the state folder that began at or before `moment`."""
    from recording.session_blocks import SUFFIX
    from recording.session_reader import RecordedEvents

    folder = options.layout().recordings
    found: RecordedEvents | None = None
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if path.name.count(".") > SUFFIX.count("."):
            continue  # a later part
        session = RecordedEvents(path)
        if session.setup.started_at <= moment:
            found = session
    if found is None:
        raise BadInput(
            f"{folder} holds no recording that began by {at}; name one with --recording, or give a later time",
            "not_recorded",
        )
    return found


def _names(told: dict[str, Any], market: str) -> bool:
    wanted = market.casefold()
    named = [told["pair"], *(m[key] for m in told["markets"] for key in ("market", "event"))]
    return any(str(name).casefold().startswith(wanted) for name in named)


def _show(answer: dict[str, Any], *, whole: bool) -> None:
    from rich.table import Column, Table

    from venues.wire import wall_clock_us

    phase = str(answer["phase"])
    ago = (wall_clock_us() - answer["at"]) / 1e6
    when = "now" if ago < _PATIENCE_S else f"at {iso(answer['at'])}"
    broken = [condition for condition in answer["conditions"] if not condition["ok"]]
    because = f": {escape(answer['why'])}" if answer["why"] and not broken else ""
    out.print(f"[bold]{when}[/bold]: [{_STYLE.get(phase, 'white')}]{phase}[/]{because}", highlight=False)
    for condition in broken:
        since = f" since {iso(condition['since'])}" if condition["since"] else ""
        pauses = {"all": "", "nothing": " (pauses nothing)"}.get(
            condition["pauses"], f" (pauses {condition['pauses']})"
        )
        out.print(f"  [red]✗[/red] {condition['name']}: {escape(condition['why'])}{since}{pauses}", highlight=False)
    told = answer["strategies"]
    halts = dict.fromkeys(gate["detail"] for one in told for gate in one["gates"] if gate["gate"] == Gate.HALTED)
    for halt in halts:
        out.print(f"  [red]✗[/red] halted: {escape(halt)}", highlight=False)
    if not broken:
        names = [_READ.get(condition["name"], condition["name"]) for condition in answer["conditions"]]
        out.print(f"  [green]✓[/green] {', '.join(names) or 'nothing was said of any condition'}", highlight=False)
    for fault in answer.get("faults") or ():
        shut = ", ".join(fault["markets"])
        out.print(
            f"  [red]✗[/red] trade {fault['intent_id']}: {escape(fault['words'])}; nothing opens on {escape(shut)}",
            highlight=False,
        )
    table = Table(Column("strategy"), Column("pair"), Column("why nothing is traded"), box=None, pad_edge=False)
    for one in told if whole else told[:_MOST]:
        table.add_row(one["strategy"], one["pair"], "\n".join(one["reasons"]))
    out.print(table)
    if not whole and len(told) > _MOST:
        say(f"{len(told) - _MOST} more; `surefoot why MARKET` or --json shows them")
    if whole:
        _show_markets(told)


def _show_markets(told: list[dict[str, Any]]) -> None:
    from rich.table import Column, Table

    table = Table(
        Column("market"), Column("phase"), Column("bid", justify="right"), Column("ask", justify="right"),
        Column("changed"), Column("why"), box=None, pad_edge=False,
    )  # fmt: skip
    for market in {(m["venue"], m["market"]): m for one in told for m in one["markets"]}.values():
        phase = str(market["phase"])
        table.add_row(
            market["market"], Text(phase, _STYLE.get(phase, "white")), market["bid"] or "–",
            market["ask"] or "–", iso(market["changed_at"]) if market["changed_at"] else "never", market["why"],
        )  # fmt: skip
    out.print()
    out.print(table)
