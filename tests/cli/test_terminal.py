"""Nothing that a venue, a recording or a person has named commands the terminal it is shown on."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.columns import Columns
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

import cli
from cli import exits
from cli.main import main
from cli.options import print_json
from cli.terminal import Terminal, clean, clean_json
from tests.cli.test_claims import DOCUMENT, WHO, ledger

__all__ = ["ledger"]

HOSTILE = "A\x1b[2J\x1b[31mB\x9b1mC\x07D\x7fE\u202eF\rG"


def table() -> Table:
    made = Table(HOSTILE, title=HOSTILE)
    made.add_row(HOSTILE, style="red")
    return made


@pytest.mark.parametrize(
    "shown",
    [HOSTILE, Text(HOSTILE, "red"), table(), Panel(HOSTILE, title=HOSTILE), Columns([HOSTILE, Panel(HOSTILE)])],
    ids=["text", "styled", "table", "panel", "columns"],
)
def test_no_command_reaches_the_terminal_and_colours_still_do(shown: object) -> None:
    written = io.StringIO()
    Terminal(file=written, force_terminal=True, color_system="standard", width=400, highlight=False).print(shown)
    said = written.getvalue()
    for command in ("\x1b[2J", "\x9b", "\x07", "\x7f", "\u202e", "\r"):
        assert command not in said
    assert "[31mB" in said.replace("\x1b[31m", "")
    if isinstance(shown, Text):
        assert said.startswith("\x1b[31mA")


def test_ordinary_text_of_any_language_is_shown_as_it_is() -> None:
    for text in ("Zürich – 東京 ⚽ أهلا\n\tnext", "plain", "≤ 0.5 · ✗"):
        assert clean(text) == text


def test_the_cell_of_a_table_is_no_markup() -> None:
    made, written = Table("what"), io.StringIO()
    made.add_row("[red]over[/red] [/] [link=http://x]y[/link]")
    Terminal(file=written, width=200).print(made)
    assert "[red]over[/red] [/] [link=http://x]y[/link]" in written.getvalue()


def test_a_json_document_says_the_same_without_them(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({HOSTILE: [HOSTILE, "東京"]})
    said = capsys.readouterr().out
    assert json.loads(said) == {HOSTILE: [HOSTILE, "東京"]}
    assert not {"\x1b", "\x9b", "\x07", "\x7f", "\u202e"} & set(said)
    assert "東京" in said
    assert clean_json('{"a": "b"}') == '{"a": "b"}'


@pytest.mark.usefixtures("ledger")
def test_a_title_a_meaning_and_a_rule_text_of_a_venue_are_shown_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    legs = [{**one, "meaning": HOSTILE, "rules": f"{one['rules']} {HOSTILE}"} for one in DOCUMENT["instruments"]]
    path = tmp_path / "hostile.json"
    path.write_text(json.dumps({**DOCUMENT, "title": f"[red]{HOSTILE}", "instruments": legs}))
    assert main(["claims", "propose", str(path), *WHO]) == exits.OK
    assert main(["claims", "ls"]) == exits.OK
    (name,) = [word for word in capsys.readouterr().out.split() if word.startswith("c-") and "@" not in word][:1] or [
        "c-"
    ]
    assert main(["claims", "ls"]) == exits.OK
    assert main(["claims", "show", name]) == exits.OK
    said = capsys.readouterr().out
    assert "[red]A" in said
    assert not {"\x1b", "\x9b", "\x07", "\x7f", "\u202e"} & set(said)


def test_no_command_has_a_way_to_the_terminal_of_its_own() -> None:
    folder = Path(cli.__file__).parent
    for path in folder.glob("*.py"):
        text = path.read_text()
        assert path.name == "terminal.py" or " Console(" not in text, path.name
        assert "rich import print" not in text, path.name
