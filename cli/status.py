"""status: is all well, and if not what is worst. It asks everything at once and waits for nothing longer than
seconds."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import typer

from cli import exits
from cli.brake import flag_words, unsupervised_words
from cli.options import JsonFlag, options, out, print_json
from domain.alerts import Alert, Origin
from domain.errors import SurefootError
from domain.halt import Halt
from domain.headline import Headline, Seen, Word, headlines
from domain.market import Venue
from domain.money import plain
from recording.sources.numbers import iso
from workers.halt_flag import HaltFlag

if TYPE_CHECKING:
    from ledger.overview import Overview
    from workers.local.layout import Stack
    from workers.local.processes import ProcessRecord


_PATIENCE_S = 6.0
_PAGES = ("paper", "worker", "ingest")
_STYLE = {Word.RUNNING: "green", Word.DEGRADED: "yellow", Word.DOWN: "yellow"}


def register(app: typer.Typer) -> None:
    app.command("status")(status)


def status(json_output: JsonFlag = False) -> None:
    """Is all well? What is stuck, halted, silent; what is open, unhedged, earned and free. Exit code 5 unless well.

    It answers within seconds whatever is frozen, and says what it could not learn.
    """
    import asyncio

    alone = unsupervised_words(options.layout_at_hand())
    try:
        stack = options.stack()
    except SurefootError:
        if alone:
            out.print(alone, markup=False, style="red")
        raise
    told = asyncio.run(look(stack))
    if json_output:
        print_json(told)
    else:
        _show(told)
        if sys.stdout.isatty() and any(line["word"] == Word.STUCK for line in told["headlines"]):
            _link_to_stuck(stack)  # for whoever looks: it opens once, and has no business in a file
    if not told["well"]:
        raise typer.Exit(exits.UNAVAILABLE)


@dataclass(slots=True)
class _Asked:
    """What came of the questions; None for what did not answer in time."""

    overview: Overview | None
    why: Mapping[str, Any] | None
    awaits: str | None
    session: Mapping[str, Any] | None
    unlearnt: list[str]


async def look(stack: Stack) -> dict[str, Any]:
    """Everything, as JSON takes it."""
    import asyncio

    from cli import faults
    from workers.alerting.sources import speaks
    from workers.local.layout import read_stack_file
    from workers.local.locks import READER, SUPERVISOR
    from workers.local.presence import running

    document = read_stack_file(stack.layout)
    here = [record for record in await asyncio.to_thread(running, stack.layout) if record.name != READER]
    supervised = any(record.name == SUPERVISOR for record in here)
    records = _known(document, here)
    processes, temporal, asked = await asyncio.gather(
        asyncio.gather(*(_process(stack, record) for record in records)),
        speaks(stack.temporal_address),
        _ask(stack, document, {record.name for record in here}),
    )
    silent = _silent(document, processes, temporal if here else "")
    seen = _seen(stack, document, asked, silent, [record.name for record in here])
    lines = headlines(seen)
    overview = asked.overview
    return {
        "well": lines[0].word is Word.RUNNING,
        "headline": str(lines[0]),
        "headlines": [{"word": line.word, "text": line.text} for line in lines],
        "phase": document.get("phase") if supervised else "unsupervised" if here else "down",
        "unsupervised": None if supervised or not here else unsupervised_words(stack.layout),
        "halted": flag_words(stack.layout),
        "error": document.get("error"),
        "run_id": stack.run_id,
        "mode": stack.settings.mode,
        "state_dir": str(stack.state_dir),
        "trades": None if overview is None else _trades(overview),
        "last_reconciliation": None if overview is None or overview.compared is None else _compared(overview),
        "last_alert": _last_alert(stack, overview),
        "temporal_ui": stack.temporal_ui_url,
        "temporal": stack.temporal_address,
        "exchange": stack.venue_base_url,
        "venues": _addresses(stack),
        "metrics": {name: f"http://127.0.0.1:{port}/metrics" for name, port in stack.metrics_ports.items()},
        "processes": processes,
        "awaits": asked.awaits,
        "faults": None if overview is None else [faults.plain(fault) for fault in overview.faults],
        "session": asked.session,
    }


# ---------------------------------------------------------------------- asking


async def _ask(stack: Stack, document: Mapping[str, Any], runs: set[str]) -> _Asked:
    import asyncio

    from cli import paper
    from cli.reconcile import awaited
    from ledger.alerts import AlertLedger
    from venues.wire import wall_clock_us
    from workers.alerting.sources import page

    asked = _Asked(None, None, None, None, [])
    if not runs and stack.settings.postgres.dsn is None:
        return asked

    async def ledger() -> None:
        eyes = AlertLedger(stack.postgres_dsn)
        try:
            asked.overview = await eyes.overview(wall_clock_us())
        finally:
            await eyes.close()
        if "ingest" in runs:
            asked.awaits = await awaited(stack, document)

    async def ingest() -> None:
        if "ingest" in runs:
            code, body = await page(stack.metrics_ports["ingest"], "/readiness")
            asked.why = json.loads(body) if code == 200 else None

    async def session() -> None:
        if "paper" in runs and not stack.live:
            asked.session = await asyncio.to_thread(paper.status, stack)

    await asyncio.gather(
        _within(asked, "the ledger (trades, halts, money)", ledger()),
        _within(asked, "why ingest opens nothing, if so", ingest()),
        _within(asked, "", session()),
    )
    return asked


async def _within(asked: _Asked, what: str, question: Awaitable[None]) -> None:
    import asyncio

    try:
        async with asyncio.timeout(_PATIENCE_S):
            await question
    except TimeoutError:
        wrong = f"no answer within {_PATIENCE_S:g} s"
    except (SurefootError, OSError, ValueError) as error:
        wrong = getattr(error, "message", "") or str(error)
    else:
        return
    if what:
        asked.unlearnt.append(f"{what}: {wrong}")


def _known(document: Mapping[str, Any], here: list[ProcessRecord]) -> list[ProcessRecord]:
    """What runs, and what should: recorded by a supervisor that has not ended it."""
    from workers.local.locks import SUPERVISOR
    from workers.local.processes import ProcessRecord

    names = {record.name for record in here}
    try:
        recorded = [ProcessRecord.parse(item) for item in document.get("processes") or ()]
    except SurefootError:
        recorded = []
    dead = [record for record in recorded if record.name not in names] if names else []
    return [record for record in here if record.name != SUPERVISOR] + dead


async def _process(stack: Stack, record: ProcessRecord) -> dict[str, Any]:
    import psutil

    from workers.alerting.sources import page
    from workers.local.processes import find

    process = find(record)
    entry: dict[str, Any] = {"name": record.name, "pid": record.pid, "well": True, "why": "", "up_s": 0, "memory_mb": 0}
    if process is None:
        return entry | {"well": False, "why": "it has ended"}
    try:
        entry["up_s"] = round(time.time() - process.create_time())
        entry["memory_mb"] = round(process.memory_info().rss / 1e6)
        if process.status() == psutil.STATUS_STOPPED:
            return entry | {"well": False, "why": "it is stopped (SIGSTOP)"}
    except psutil.Error:
        return entry | {"well": False, "why": "it has ended"}
    if record.name in _PAGES:
        code, body = await page(stack.metrics_ports[record.name], "/healthz")
        if code != 200:
            said = body.decode("utf-8", "replace").strip()[:200] or "no answer within 2 s"
            return entry | {"well": False, "why": said}
    return entry


def _silent(document: Mapping[str, Any], processes: Iterable[dict[str, Any]], temporal: str) -> list[tuple[str, str]]:
    silent = {item["name"]: str(item["why"]) for item in processes if not item["well"]}
    if temporal:
        silent.setdefault("temporal", temporal)
    for name, why in (document.get("troubles") or {}).items():
        silent.setdefault(name, why)
    return list(silent.items())


def _seen(
    stack: Stack, document: Mapping[str, Any], asked: _Asked, silent: list[tuple[str, str]], runs: list[str]
) -> Seen:
    from workers.alerting.sources import conditions
    from workers.local.locks import SUPERVISOR

    supervised, waits = SUPERVISOR in runs, list[str]()
    if asked.why is not None:
        waits = [trouble.text.partition(": ")[2] or trouble.text for trouble in conditions(asked.why)]
        broken = [one for one in asked.why["conditions"] if not one["ok"] and one["name"] == "disk"]
        waits += [f"disk: {one['why']}" for one in broken]
    phase = document.get("phase")
    if runs and supervised and phase != "ready":
        waits.append(f"the stack is {phase}" + (f": {document['error']}" if document.get("error") else ""))
    halts: list[Halt] = list(HaltFlag(stack.state_dir).standing())
    overview = asked.overview
    if overview is not None:
        halts += overview.halts
    if asked.awaits and not any(str(halt) in asked.awaits for halt in halts):
        waits.append(asked.awaits)
    return Seen(
        runs=[name for name in runs if name != SUPERVISOR],
        supervised=supervised,
        silent=silent,
        stuck=[one.trade for one in overview.stuck] if overview is not None else [],
        faulty=[fault.intent_id for fault in overview.faults] if overview is not None else [],
        halts=halts,
        waits=waits,
        unlearnt=asked.unlearnt,
    )


def _trades(overview: Overview) -> dict[str, Any]:
    return {
        "trading": overview.trading,
        "settling": overview.settling,
        "stuck": [one.trade for one in overview.stuck],
        "unhedged": overview.unhedged,
        "pnl_today": overview.today,
        "free": overview.free,
    }


def _compared(overview: Overview) -> dict[str, Any]:
    last = overview.compared
    assert last is not None
    stops = sum(finding.stops for finding in last.findings)
    return {"at": last.at, "agrees": not stops and not last.unreached, "findings": stops, "unreached": last.unreached}


def _last_alert(stack: Stack, overview: Overview | None) -> dict[str, Any] | None:
    """The newest of this machine's and the ledger's."""
    from workers.alerting.box import AlertBox

    box = AlertBox(stack.layout.root / "alerts", Origin())
    known: list[Alert] = [*box.opened().values(), *box.over()]
    if overview is not None and overview.last_alert is not None:
        known.append(overview.last_alert)
    if not known:
        return None
    last = max(known, key=lambda alert: (alert.raised_at, not alert.open))
    return {"id": last.id, "kind": last.kind, "text": last.text, "at": last.raised_at, "open": last.open}


def _addresses(stack: Stack) -> dict[str, str]:
    """Where orders go, by venue in use."""
    found: dict[str, str] = {}
    for venue in stack.settings.in_use:
        if venue is Venue.KALSHI:
            found[venue] = stack.venue_base_url
        elif venue is Venue.POLYMARKET and stack.polymarket is not None:
            found[venue] = stack.polymarket.clob_url
    return found


# ---------------------------------------------------------------------- showing


def _link_to_stuck(stack: Stack) -> None:
    from domain.trade import TradeState
    from workers.ui_door.link import opening_link, trades_page

    try:
        link = opening_link(stack, trades_page(stack.temporal_namespace, TradeState.STUCK))
    except SurefootError:  # a full disk takes no token, and must not hide what was found
        return
    if link is not None:
        out.print(f"the stuck trades, once, within ten minutes: {link}", markup=False, soft_wrap=True)


def _show(told: Mapping[str, Any]) -> None:
    from rich.table import Table

    for each in told["headlines"]:
        headline = Headline(Word(each["word"]), each["text"])
        out.print(str(headline), markup=False, style=_STYLE.get(headline.word, "red"))
    out.print(f"run {told['run_id']}, mode {told['mode']}, {told['state_dir']}", markup=False)
    if told["error"]:
        out.print(f"last error: {told['error']}", markup=False)
    if told["unsupervised"]:
        out.print("`surefoot halt --all` stops opening, `surefoot up` takes it over, `surefoot down` ends it")
    if any(line["word"] == Word.STUCK for line in told["headlines"]):
        out.print("stuck trades: `surefoot trades --stuck`; their list in the UI: `surefoot ui --stuck`", markup=False)
    for line in money_lines(told):
        out.print(line, markup=False)
    if not told["processes"]:
        return
    table = Table("process", "pid", "well", "up", "memory", box=None)
    for item in told["processes"]:
        well = "yes" if item["well"] else "NO"
        table.add_row(item["name"], str(item["pid"]), well, f"{item['up_s']} s", f"{item['memory_mb']} MB")
    out.print(table)
    ui = "run `surefoot ui`" if told["temporal_ui"] else f"none of this stack; Temporal is at {told['temporal']}"
    out.print(f"Temporal UI: {ui}", markup=False)
    for venue, address in told["venues"].items():
        out.print(f"{venue}: {address}", markup=False)
    for fault in told["faults"] or ():
        out.print(f"trade {fault['intent_id']}: {fault['words']}", markup=False, style="red")
    if told["session"]:
        out.print(f"session: {session_line(told['session'])}", markup=False)


def money_lines(told: Mapping[str, Any]) -> list[str]:
    """Open, stuck, unhedged, P&L, free; last reconciliation and alert. `?` for what was not learnt."""
    trades, last, alert = told["trades"], told["last_reconciliation"], told["last_alert"]
    if trades is None:
        first = "trades ? open, ? stuck; unhedged $?, P&L today $?, free $?"
    else:
        free = "?" if trades["free"] is None else cents(trades["free"])
        first = (
            f"trades {trades['trading']} open, {len(trades['stuck'])} stuck, {trades['settling']} settling; "
            f"unhedged ${cents(trades['unhedged'])}, P&L today ${cents(trades['pnl_today'])}, free ${free}"
        )
    compared = "none yet" if last is None else f"{iso(last['at'])}, {_agreement(last)}"
    told_last = "none"
    if alert is not None:
        told_last = f"{iso(alert['at'])} {alert['kind']}, {'open' if alert['open'] else 'over'}"
    return [first, f"last reconciliation: {compared}", f"last alert: {told_last}"]


def _agreement(last: Mapping[str, Any]) -> str:
    if last["agrees"]:
        return "venue and ledger agree"
    unreached = f"not reached: {', '.join(last['unreached'])}" if last["unreached"] else ""
    found = f"{last['findings']} findings" if last["findings"] else ""
    return "; ".join(part for part in (found, unreached) if part)


def cents(amount: Decimal) -> str:
    """Dollars for people, to the cent; a smaller amount that is not nothing keeps its digits."""
    rounded = amount.quantize(Decimal("0.01"))
    return plain(amount) if not rounded and amount else f"{rounded:,}"


def session_line(session: Mapping[str, Any]) -> str:
    """What the paper exchange plays, for people."""
    if session.get("session") is None:
        return f"{session['state']}; let it play one with `surefoot play`"
    ended = ", ".join(f"{item['market']} {item['result'] or item['stage']}" for item in session.get("ended", ()))
    return (
        f"{session['session']} {session['state']}, {session['progress']:.0%} of {iso(session['start'])} to "
        f"{iso(session['end'])}, event {session['events']} of {session['events_total']}, speed {session['speed']}"
        + (f"; ended: {ended}" if ended else "")
    )
