"""Each client once, all at the same time, each against an exchange of its own."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from workers.conformance.checks import Check
from workers.conformance.runner import Result, run_client

_CLIENTS = ("kalshi_python_async-older", "surefoot-kalshi")
_BOOKS = {"books: cash", "books: shares", "books: fills"}


@pytest.fixture(scope="module")
async def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    said: list[tuple[str, Check]] = []
    runs = [
        run_client(
            client,
            Path(sys.executable),
            tmp_path_factory.mktemp(client),
            lambda name, check: said.append((name, check)),
        )
        for client in _CLIENTS
    ]
    return {result.client: result for result in await asyncio.gather(*runs)}


@pytest.mark.stack
@pytest.mark.parametrize("client", _CLIENTS)
def test_the_client_trades_the_whole_script_and_both_sides_books_agree(client: str, results: dict[str, Result]) -> None:
    result = results[client]
    assert [f"{check.name}: {check.seen}" for check in result.failed] == []
    assert {check.name for check in result.passed} >= _BOOKS
    assert result.version


@pytest.mark.stack
async def test_a_client_that_never_comes_up_is_a_finding_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to("/bin/false")
    result = await run_client("surefoot-kalshi", tmp_path / "python", tmp_path, lambda name, check: None)
    assert [check.name for check in result.failed] == ["the client's process"]
    assert result.version == ""
