"""report: what a run did and whether every invariant holds; from the running stack, else the latest saved one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from cli import exits
from cli.options import JsonFlag, options, out, print_json, say
from domain.errors import BadInput, Unavailable
from recording.sources.numbers import iso

if TYPE_CHECKING:
    from workers.local.layout import Layout, Stack


_LATEST = "latest.json"


def register(app: typer.Typer) -> None:
    app.command("report")(report)


def report(
    json_output: JsonFlag = False,
    run: Annotated[str | None, typer.Option("--run", help="A run's id; the latest one if not given.")] = None,
    every_run: Annotated[bool, typer.Option("--all", help="All runs of this state folder together.")] = False,
) -> None:
    """Intents, trades, fills, fees, P&L and the invariants. Exit code 6 if one of them does not hold.

    While anything of the stack runs, ledger and exchange are compared now and the report is saved; else the latest
    saved one is shown and says of when it is. What was not saved is read from the ledger alone, and the invariants that
    need the exchange are not judged. Hedged pairs are valued at what they pay for certain.
    """
    import asyncio

    from cli.ledger import current_report
    from workers.local.layout import load_stack
    from workers.local.presence import running

    layout = options.layout_at_hand()
    if running(layout):
        document = make(load_stack(layout.root), run, every_run=every_run)
    elif every_run or not (layout.reports / (_LATEST if run is None else f"{run}.json")).exists():
        document = asyncio.run(current_report(load_stack(layout.root), run, every_run=every_run)).to_dict()
    else:
        document = saved(layout, run)
        say(f"the stack is down; this is the latest saved report, as of {_moment(document)}")
    if json_output:
        print_json(document)
    else:
        show(document)
    raise typer.Exit(verdict(document))


def make(stack: Stack, run: str | None = None, *, every_run: bool = False) -> dict[str, Any]:
    """Builds the report of a run, the latest if not named, and saves it; one of all runs is not saved.

    Raises `Unavailable` if the ledger cannot be read.
    """
    import asyncio

    from cli.ledger import current_report
    from workers.local.layout import write_private

    document: dict[str, Any] = asyncio.run(current_report(stack, run, every_run=every_run)).to_dict()
    if stack.paper_admin_url is not None:
        document["faults"] = _faults(stack)
    if every_run:
        return document
    text = json.dumps(document, indent=1, default=str, ensure_ascii=False).encode() + b"\n"
    names = [f"{document.get('run') or stack.run_id}.json"] + ([_LATEST] if run is None else [])
    for name in names:
        write_private(stack.layout.reports / name, text)
    return document


def _faults(stack: Stack) -> dict[str, Any] | None:
    """By kind: how often the paper exchange was rude since its start, and how often it could have been; None if it does
    not say."""
    from cli import paper

    try:
        counted: dict[str, Any] = paper.status(stack)["faults"]
    except (Unavailable, KeyError):
        return None
    return counted


def saved(layout: Layout, run: str | None = None) -> dict[str, Any]:
    path = layout.reports / (_LATEST if run is None else f"{run}.json")
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        document = None
    if not isinstance(document, dict):
        raise BadInput(f"{path} is damaged; run `surefoot up`, then `surefoot report`, which writes it anew", "report")
    return document


def verdict(document: dict[str, Any]) -> int:
    """OK if every invariant is true; INVARIANT if one is false; UNAVAILABLE if none is but some were not judged."""
    held = list((document.get("invariants") or {}).values())
    if any(value is False for value in held):
        return exits.INVARIANT
    return exits.OK if held and all(value is True for value in held) else exits.UNAVAILABLE


def show(document: dict[str, Any]) -> None:
    """The report for people. Numbers are printed as they stand in the document."""
    from rich.table import Table

    from cli import paper

    heading = (
        ", ".join(f"{key} {document[key]}" for key in ("run", "mode", "source") if document.get(key)) or "all runs"
    )
    out.print(f"Report: {heading}, as of {_moment(document)}", markup=False)
    table = Table(box=None, show_header=False, pad_edge=False)
    for key, label in (
        ("intents", "intents"),
        ("suppressed", "not taken, by gate"),
        ("trades", "trades by state"),
        ("outcomes", "trades by outcome"),
        ("fills", "fills"),
        ("fees", "fees $"),
        ("pnl", "certain P&L $ (hedged sets at their payoff)"),
        ("realised", "  of it realised $"),
        ("locked", "  of it locked until markets pay $"),
        ("unhedged_notional_seconds", "unhedged $ × s"),
    ):
        table.add_row(label, _plain(document.get(key)))
    if document.get("faults") is not None:
        table.add_row("the exchange was rude", paper.rudeness(document["faults"]) or "never")
    out.print(table)
    for halt in document.get("halts") or ():
        where = f"{halt['scope']} {halt['target']}".strip()
        out.print(f"halt {halt['id']}: {where}, by {halt['author']} ({halt['rule']}): {halt['reason']}", markup=False)
    for venue in document.get("capital") or ():
        free = f"${venue['free']} free" if venue["free"] is not None else "no opening balance, so no limit"
        held = f"${venue['reserved']} reserved by {venue['trades']} trades, {free}"
        out.print(f"{venue['venue']}: ${venue['cash']} cash, {held}", markup=False)
    out.print("invariants")
    for name, holds in (document.get("invariants") or {}).items():
        word, colour = {True: ("true", "green"), False: ("FALSE", "red")}.get(holds, ("not judged", "yellow"))
        out.print(Text("  ").append(f"{word:>10}  ", style=colour).append(name))
    for name, note in (document.get("invariant_notes") or {}).items():
        out.print(f"  {name}: {note}", markup=False)
    for violation in document.get("violations") or ():
        out.print(f"  {violation}", markup=False, style="red")


def _moment(document: dict[str, Any]) -> str:
    at = document.get("as_of")
    return iso(at) if isinstance(at, int) else "an unknown time"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {count}" for key, count in value.items()) or "none"
    return "none" if value is None else str(value)


def path_of(layout: Layout) -> Path:
    return layout.reports / _LATEST
