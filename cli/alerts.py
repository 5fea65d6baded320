"""alerts and alert test: what wakes a person, what woke one, and whether it would."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import exits
from cli.options import JsonFlag, options, out, print_json, say
from domain.alerts import Alert, AlertKind, Origin, Trouble
from domain.errors import BadInput, SurefootError, Unavailable

if TYPE_CHECKING:
    from workers.alerting.box import AlertBox
    from workers.alerting.delivery import AlertCommand
    from workers.local.layout import Layout


_WIDTH = 80


def register(app: typer.Typer) -> None:
    app.command("alerts")(alerts)
    group = typer.Typer(help="The alert command.", no_args_is_help=True)
    group.callback()(lambda: None)
    group.command("test")(send_test)
    app.add_typer(group, name="alert")


def alerts(
    only_open: Annotated[bool, typer.Option("--open", help="Only those that are not over.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 30,
    json_output: JsonFlag = False,
) -> None:
    """Alerts, open ones first: raised once, resolved when over. While the ledger is away, those of this machine."""
    import asyncio

    from rich.table import Column, Table

    layout = options.layout_at_hand()
    found, missing = asyncio.run(known(layout, only_open=only_open, limit=limit))
    if json_output:
        print_json({"alerts": [plain(alert) for alert in found], "unread": missing or None})
        return
    if missing:
        say(f"past alerts could not be read: {missing}")
    if not found:
        say("no alert is open" if only_open else "no alert was raised")
        return
    table = Table(
        Column("raised", no_wrap=True), Column("over", no_wrap=True), Column("", no_wrap=True), Column("what"),
        box=None, pad_edge=False, width=_WIDTH,
    )  # fmt: skip
    for alert in found:
        over = "open" if alert.open else f"{_when(alert.resolved_at or 0)[6:]}"
        style = "red" if alert.open else None
        what = f"{alert.kind}: {alert.text}"
        table.add_row(_when(alert.raised_at), over, str(alert.severity), what, style=style)
        table.add_row("", "", "", f"→ {alert.do}" if alert.open else f"({alert.delivery or 'not told'})")
    out.print(table)


async def known(layout: Layout, *, only_open: bool, limit: int) -> tuple[list[Alert], str]:
    """The box of this machine and what the ledger has; why that could not be read, if so."""
    from ledger.alerts import AlertLedger
    from workers.alerting.box import AlertBox
    from workers.local.layout import load_stack

    box = AlertBox(layout.root / "alerts", Origin())
    here = {alert.id: _with_delivery(box, alert) for alert in (*box.opened().values(), *box.over())}
    missing = ""
    try:
        ledger = AlertLedger(load_stack(layout.root).postgres_dsn)
        try:
            kept = await ledger.alerts(only_open=only_open, limit=limit)
        finally:
            await ledger.close()
        here = {alert.id: alert for alert in kept} | here
    except SurefootError as away:
        missing = away.message
    wanted = [alert for alert in here.values() if alert.open or not only_open]
    wanted.sort(key=lambda alert: (not alert.open, -alert.raised_at, alert.id))
    return wanted[:limit], missing


def _with_delivery(box: AlertBox, alert: Alert) -> Alert:
    from workers.alerting.delivery import state_of

    return replace(alert, delivery=box.told(alert, state_of(alert)))


def plain(alert: Alert) -> dict[str, Any]:
    """As its command gets it, and what came of that."""
    from workers.alerting.delivery import document

    return document(alert, alert.resolved_at or alert.raised_at) | {"delivery": alert.delivery or None}


def send_test(json_output: JsonFlag = False) -> None:
    """Run the alert command once with a test alert, and say what came of it. Exit code 5 if nobody was told."""
    import asyncio

    from workers.alerting.delivery import alert_command

    settings = options.load().settings
    command = alert_command(settings)
    if not command.command:
        raise BadInput(
            "no alert command is set, so nobody is told of anything; set alerts.command to a list of words such as "
            '["/usr/local/bin/page-me", "--from", "surefoot"]; see docs/alerts.md',
            "no_alert_command",
        )
    wrong, took = asyncio.run(tried(command, settings.mode))
    if json_output:
        print_json({"told": not wrong, "error": wrong or None, "seconds": round(took, 3), "command": command.command})
    elif not wrong:
        out.print(f"{command.command[0]} took a test alert in {took:.1f} s and ended well", markup=False)
    if wrong and not json_output:
        raise Unavailable(f"nobody was told: {wrong}; see docs/alerts.md", "alert_command")
    if wrong:
        raise typer.Exit(exits.UNAVAILABLE)


async def tried(command: AlertCommand, mode: str) -> tuple[str, float]:
    """What went wrong with a test alert, empty for nothing; and how long it took, seconds."""
    from venues.wire import wall_clock_us
    from workers.alerting.box import host_name
    from workers.alerting.delivery import document, line_of

    if command.missing:
        return command.missing, 0.0
    text = "this is a test: whoever reads it would be told of a trade that is stuck"
    trouble = Trouble(AlertKind.TEST, "test", text, "nothing; it is a test")
    alert = Alert.of(trouble, Origin(host_name(), "", mode, "cli"), wall_clock_us())
    began = time.monotonic()
    wrong = await command.run(line_of(document(alert, alert.raised_at)))
    return wrong, time.monotonic() - began


def _when(at: int) -> str:
    from workers.alerting.delivery import iso

    return iso(at)[5:19].replace("T", " ")
