"""Postgres, Temporal and the paper exchange as one stack, seen through the command line."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest
from temporalio.client import Client

from cli import exits
from cli.ledger import venue_sides
from cli.main import main
from config.load import load
from config.settings import Settings
from domain.market import Venue
from domain.operator import Action, OperatorCommand, is_sealed
from domain.seal import Seal
from tests.patience import PATIENCE_S
from workers.local.books import open_ledger
from workers.local.layout import Layout, Stack, load_stack, read_stack_file
from workers.local.processes import ProcessSpec
from workers.local.seals import load_seal_keys
from workers.stack import host
from workers.stack import services as services_of_stack
from workers.stack.opening import record_opening_once
from workers.stack.services import get_status
from workflows.names import SIGNAL_FORCE_FLAT, TRADE_QUEUE, TRADE_WORKFLOW

pytestmark = pytest.mark.stack


async def servers_only(
    layout: Layout, settings: Settings, ports: Mapping[str, int], say: Callable[[str], None]
) -> list[ProcessSpec]:
    """The real list without the processes that trade."""
    specs = await services_of_stack.services(layout, settings, ports, say)
    return [spec for spec in specs if spec.name in ("postgres", "temporal", "paper")]


@pytest.fixture
async def stack(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stack]:
    monkeypatch.setenv("SUREFOOT_STATE_DIR", str(state_dir))
    settings = load(environ={}, overrides={"state_dir": str(state_dir), "paper.opening_cash": "500"}).settings
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(
        host.run(settings, "r-1", say=lambda line: None, stop=stop, ready=ready.set, services=servers_only)
    )
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    yield load_stack(state_dir)
    stop.set()
    await running


async def run(*arguments: str) -> int:
    return await asyncio.to_thread(main, list(arguments))


async def test_a_stack_is_seen_played_and_reported_through_the_command_line(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_ledger(stack) as ledger:
        recorded = await ledger.latest_run()
    assert recorded is not None
    assert (recorded.run_id, recorded.mode) == ("r-1", "paper")

    opening = record_opening_once(stack.layout)
    await opening()
    await opening()
    sides = await venue_sides(stack)
    assert {venue: side and side.cash for venue, side in sides.items()} == {Venue.KALSHI: Decimal(500)}

    assert await run("status", "--json") == exits.OK
    told = json.loads(capsys.readouterr().out)
    assert [item["name"] for item in told["processes"]] == ["postgres", "temporal", "paper"]
    assert told["temporal_ui"] == stack.temporal_ui_url

    assert await run("play", "--recording", "synth:3", "--speed", "100") == exits.OK
    assert await run("play", "--recording", "synth:x") == exits.BAD_INPUT
    assert "synth:" in capsys.readouterr().err

    assert await run("trades", "--json") == exits.OK
    assert json.loads(capsys.readouterr().out) == []
    assert await run("trade", "i-0") == exits.BAD_INPUT

    assert await run("report", "--json") == exits.OK
    told = json.loads(capsys.readouterr().out)
    assert told["run"] == "r-1"
    assert len(told["invariants"]) == 7
    assert all(told["invariants"].values())
    assert (stack.layout.reports / "r-1.json").exists()

    assert await run("doctor") == exits.OK
    missing = "i-" + "0" * 32
    assert await run("unwind", missing, "--reason", "drill", "--author", "me") == exits.REFUSED
    assert f"trade {missing} is not running" in capsys.readouterr().err


async def test_unwind_without_a_worker_is_stored_for_the_next_one(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    trade = "i-" + "5" * 32
    client = await Client.connect(stack.temporal_address)
    handle = await client.start_workflow(TRADE_WORKFLOW, id=trade, task_queue=TRADE_QUEUE)
    assert await run("unwind", trade, "--reason", "a drill", "--author", "ann") == exits.OK
    assert "will be obeyed as soon as a worker is up" in capsys.readouterr().out.replace("\n", " ")
    events = (await handle.fetch_history()).events
    (signal_event,) = [event for event in events if event.HasField("workflow_execution_signaled_event_attributes")]
    attributes = signal_event.workflow_execution_signaled_event_attributes
    assert attributes.signal_name == SIGNAL_FORCE_FLAT
    left = OperatorCommand(**json.loads(attributes.input.payloads[0].data))
    left = replace(left, seal=Seal(**cast(dict[str, str], left.seal)))
    assert (left.author, left.reason, left.order_id, left.venue) == ("ann", "a drill", "", "")
    assert is_sealed(load_seal_keys(stack), trade, Action.FORCE_FLAT, left)
    assert await run("flat", trade, "--reason", "at once", "--author", "bob") == exits.OK
    async with open_ledger(stack) as ledger:
        kept = await ledger.commands(trade)
    assert [(one.action, one.author, one.reason) for one in kept] == [
        (Action.FORCE_FLAT, "ann", "a drill"),
        (Action.FORCE_FLAT, "bob", "at once"),
    ]


async def test_halts_and_capital_are_what_the_ledger_has(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    person = ("--reason", "a drill", "--author", "ann")
    assert await run("halt", "--market", "kalshi/GAME", *person) == exits.OK
    assert await run("halt", "--all", *person) == exits.OK
    capsys.readouterr()
    assert await run("halts", "--json") == exits.OK
    standing = json.loads(capsys.readouterr().out)
    assert [(one["scope"], one["target"]) for one in standing] == [("market", "kalshi/GAME"), ("all", "")]
    for one in standing:
        assert await run("resume", one["id"], *person) == exits.OK
    capsys.readouterr()
    assert await run("halts", "--json") == exits.OK
    assert json.loads(capsys.readouterr().out) == []
    assert await run("halts", "--all", "--json") == exits.OK
    assert [one["cleared_by"] for one in json.loads(capsys.readouterr().out)] == ["ann", "ann"]
    assert await run("resume", standing[0]["id"], *person) == exits.BAD_INPUT
    await record_opening_once(stack.layout)()
    assert await run("capital", "--json") == exits.OK
    (money,) = json.loads(capsys.readouterr().out)
    assert (money["venue"], Decimal(money["free"]), money["held"]) == ("kalshi", Decimal(500), [])
    assert await run("trades", "--stuck") == exits.OK


async def test_no_secret_reaches_a_log_or_a_file_others_can_read(stack: Stack) -> None:
    secrets = [stack.layout.postgres_password.read_text(), stack.layout.paper_private_key.read_text().splitlines()[1]]
    looked = 0
    for path in stack.state_dir.rglob("*"):
        if (
            path.is_file()
            and not path.is_relative_to(stack.layout.keys)
            and not path.is_relative_to(stack.layout.postgres)
        ):
            looked += 1
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in secrets), path
    assert looked > 5


async def test_the_exchange_comes_back_from_a_kill_at_the_same_address(stack: Stack) -> None:
    records = {record.name: record for record in host.recorded(read_stack_file(stack.layout))}
    os.kill(records["paper"].pid, signal.SIGKILL)
    port = stack.metrics_ports["paper"]
    async with asyncio.timeout(PATIENCE_S):
        while True:
            now = {record.name: record for record in host.recorded(read_stack_file(stack.layout))}
            if now["paper"].pid != records["paper"].pid and await get_status(port, "/healthz") == 200:
                break
            await asyncio.sleep(0.05)
    side = (await venue_sides(stack))[Venue.KALSHI]
    assert side is not None
    assert side.cash == Decimal(500)
    assert now["temporal"].pid == records["temporal"].pid
