"""What a command imports before it does anything: a brake is not kept waiting for libraries that it does not need."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from typer.main import get_command

from cli import exits
from cli.commands import PANELS, Commands
from cli.main import app, main
from tests.places import ROOT

HEAVY = {
    "temporalio",
    "aiohttp",
    "httpx",
    "websockets",
    "pydantic",
    "asyncpg",
    "yaml",
    "psutil",
    "structlog",
    "msgspec",
}
LIGHT = {"msgspec", "pydantic"}  # typer reads options with pydantic where it is installed
ROWS = [row for rows in PANELS.values() for row in rows]


def imported(*arguments: str) -> set[str]:
    """The top-level packages in memory after one command line."""
    script = (
        "import sys\nfrom cli.main import main\nmain(sys.argv[1:])\n"
        "print('IMPORTED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    ended = subprocess.run(
        (sys.executable, "-c", script, *arguments),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        timeout=120,
    )
    return set(ended.stdout.rpartition("IMPORTED")[2].split())


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], set()),
        (["halt", "--help"], LIGHT),
        (["resume", "--help"], LIGHT),
        (["trades", "--help"], LIGHT),
        (["capital", "--help"], LIGHT),
        (["report", "--help"], LIGHT),
        (["why", "--help"], LIGHT),
        (["trade"], LIGHT),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_imports_no_library_that_only_its_work_needs(arguments: list[str], allowed: set[str]) -> None:
    assert imported(*arguments) & HEAVY <= allowed


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_list_of_commands_says_of_each_what_its_own_help_says_first(row: object) -> None:
    assert isinstance(row, type(ROWS[0]))
    own = (Commands()[row.name].help or "").strip()
    first = " ".join(own.split("\n\n", 1)[0].split())
    assert re.match(re.escape(row.says), first), first


def test_every_row_is_a_command_once() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert list(vars(get_command(app))["commands"]) == [row.name for row in ROWS]


def test_it_tells_its_version_without_a_stack(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == exits.OK
    assert re.fullmatch(r"surefoot \d+\.\d+\.\d+, trades' code [0-9a-f]{12}\n", capsys.readouterr().out)
