"""The ledger of a stack that is down can be read, and nothing stays running for it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cli import exits
from cli.main import main
from config.load import load
from config.settings import Settings
from ledger.migrate import migrate
from workers.local.layout import Layout, load_stack
from workers.local.processes import ProcessSpec
from workers.stack import host
from workers.stack import services as services_of_stack

pytestmark = pytest.mark.stack


async def postgres_only(
    layout: Layout, settings: Settings, ports: Mapping[str, int], say: Callable[[str], None]
) -> list[ProcessSpec]:
    specs = await services_of_stack.services(layout, settings, ports, say)
    return [spec for spec in specs if spec.name == "postgres"]


async def once_up(state_dir: Path) -> None:
    """A stack that ran, has a ledger, and was stopped."""
    settings = load(environ={}, overrides={"state_dir": str(state_dir)}).settings
    stop, ready = asyncio.Event(), asyncio.Event()
    quiet: Any = lambda line: None  # noqa: E731
    up = host.run(settings, "r-1", say=quiet, stop=stop, ready=ready.set, services=postgres_only)
    running = asyncio.create_task(up)
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    await migrate(load_stack(state_dir).postgres_dsn)
    stop.set()
    await running


async def test_claims_are_read_while_the_stack_is_down_and_its_postgres_is_down_again_afterwards(
    state_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUREFOOT_STATE_DIR", str(state_dir))
    assert await asyncio.to_thread(main, ["claims", "ls"]) == exits.UNAVAILABLE
    assert "surefoot up" in capsys.readouterr().err
    await once_up(state_dir)
    capsys.readouterr()
    assert await asyncio.to_thread(main, ["claims", "ls", "--json"]) == exits.OK
    told = capsys.readouterr()
    assert json.loads(told.out) == []
    assert "starting its Postgres" in told.err
    assert await asyncio.to_thread(main, ["claims", "show", "c-1"]) == exits.BAD_INPUT
    capsys.readouterr()
    port = load_stack(state_dir).ports["postgres"]
    with socket.socket() as free:
        assert free.connect_ex(("127.0.0.1", port)) != 0
    (state_dir / "postgres" / "data" / "global" / "pg_control").unlink()
    assert await asyncio.to_thread(main, ["claims", "ls"]) == exits.UNAVAILABLE
    assert "cannot be started for this command" in " ".join(capsys.readouterr().err.split())
