"""Each client once, all at the same time, each against an exchange of its own."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from proof.conformance.checks import Check
from proof.conformance.drive import DESKS
from proof.conformance.runner import Result, run_client

_CLIENTS = tuple(client for client in DESKS if client != "kalshi_python_async")  # which wants a Python of its own
pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]  # a dozen processes at once, on however few cores
_BOOKS = {"books: cash", "books: shares", "books: fills"}


@pytest.fixture(scope="module")
async def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """By client; and under `losing` one whose exchange loses every frame that tells of a fill."""
    python = Path(sys.executable)
    losing = tmp_path_factory.mktemp("faults") / "faults.yaml"
    losing.write_text("- {match: {venue: polymarket, event: trade, every: 1}, do: drop}\n", encoding="ascii")
    async with asyncio.TaskGroup() as group:
        runs = {
            client: group.create_task(run_client(client, python, tmp_path_factory.mktemp(client), _quietly))
            for client in _CLIENTS
        }
        own = tmp_path_factory.mktemp("losing")
        runs["losing"] = group.create_task(run_client("surefoot-polymarket", python, own, _quietly, faults=losing))
    return {name: task.result() for name, task in runs.items()}


def _quietly(client: str, check: Check) -> None:
    """Findings are judged at the end."""


@pytest.mark.parametrize("client", _CLIENTS)
def test_the_client_trades_the_whole_script_and_both_sides_books_agree(client: str, results: dict[str, Result]) -> None:
    result = results[client]
    assert [f"{check.name}: {check.seen}" for check in result.failed] == []
    assert {check.name for check in result.passed} >= _BOOKS
    assert result.version


async def test_a_client_that_never_comes_up_is_a_finding_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to("/bin/false")
    result = await run_client("surefoot-kalshi", tmp_path / "python", tmp_path, _quietly)
    assert [check.name for check in result.failed] == ["the client's process"]
    assert result.version == ""


def test_an_exchange_that_loses_its_fill_frames_is_found_out(results: dict[str, Result]) -> None:
    result = results["losing"]
    assert {check.name: check.seen.rpartition("; ")[2] for check in result.failed} == dict.fromkeys(
        ("place crossing", "several levels", "maker fill"), "not so: heard on the stream"
    )
    assert {check.name for check in result.passed} >= _BOOKS
