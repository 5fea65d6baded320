"""The operator port: any front end acts through it, and no act is without a person and a reason."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from config.load import load
from domain.errors import BadInput
from domain.halt import Scope
from testing.ledger.memory import MemoryLedger
from tests.places import ROOT
from workers.local.layout import Layout
from workers.operator import halts, port, stack
from workers.operator.port import Operator, Person
from workers.operator.stack import StackOperator

ADA = Person("Ada", "venue storm")


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Operator:
    """The port over a ledger in memory."""
    kept = MemoryLedger()

    @asynccontextmanager
    async def opened(*_: Any) -> AsyncIterator[MemoryLedger]:
        yield kept

    monkeypatch.setattr(halts, "open_ledger", opened)
    settings = load(environ={}, overrides={"state_dir": str(tmp_path)}).settings
    at: Any = SimpleNamespace(layout=Layout(tmp_path), settings=settings)
    return StackOperator(at)


@pytest.mark.parametrize(("author", "reason"), [("", "why"), (" ", "why"), ("Ada", ""), ("Ada", "\n")])
def test_nobody_acts_and_nobody_acts_without_a_reason(author: str, reason: str) -> None:
    with pytest.raises(BadInput, match="is empty"):
        Person(author, reason)


async def test_a_front_end_halts_and_lifts_in_a_persons_name_and_prints_nothing(
    operator: Operator, capfd: pytest.CaptureFixture[str]
) -> None:
    first = await operator.halts.place(Scope.ALL, "", ADA)
    again = await operator.halts.place(Scope.ALL, "", Person("Grace", "again"))
    assert (first.known, again.known) == (False, True)
    assert (again.halt.author, again.halt.reason) == ("Ada", "venue storm"), "the one that stands stays as it is"
    lifted = await operator.halts.lift(first.halt.id, Person("Grace", "calm"))
    assert (lifted.halt.id, lifted.left) == (first.halt.id, ())
    (record,) = (await operator.halts.listed(lifted_too=True)).records
    assert (record.halt.author, record.cleared_by, record.cleared_reason) == ("Ada", "Grace", "calm")
    assert (await operator.halts.listed()).records == ()
    assert capfd.readouterr() == ("", "")


def test_the_port_knows_no_front_end() -> None:
    """No file of it names typer, rich or a command's module."""
    for file in Path(port.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"typer", "rich", "cli"}, file


ACTS = {"set_halt", "clear_halt", "execute_update", "add_claim", "acknowledge", "declare_transfer"}
"""Calls that change what trades do."""
NOBODYS = {("cli/session.py", "add_claim")}
"""A recording declares its own claims, for paper only; no person says so."""


def test_no_command_acts_past_the_port() -> None:
    past = {
        (str(file.relative_to(ROOT)), node.func.attr)
        for file in sorted((ROOT / "cli").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ACTS
        if not _of_the_port(node.func)
    }
    assert past == NOBODYS


def _of_the_port(called: ast.Attribute) -> bool:
    return isinstance(called.value, ast.Attribute) and called.value.attr == "reconciliation"


def test_the_four_parts_are_made_for_one_stack(operator: Operator) -> None:
    made = {type(part).__module__ for part in (operator.trades, operator.halts, operator.claims)}
    assert made == {f"{stack.__package__}.{name}" for name in ("trades", "halts", "claims")}
    assert type(operator.reconciliation).__module__ == f"{stack.__package__}.reconciliation"
