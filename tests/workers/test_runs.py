"""Which run a start belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers.local.layout import Layout, write_json
from workers.stack.host import run_to_begin


@pytest.mark.parametrize("phase", ["starting", "ready", "failed"])
def test_a_stack_that_was_cut_off_goes_on_with_its_run(tmp_path: Path, phase: str) -> None:
    layout = Layout(tmp_path)
    write_json(layout.stack, {"run_id": "20260101T000000Z-abcd", "phase": phase, "ever_ready": True})
    assert run_to_begin(layout) == ("20260101T000000Z-abcd", True)


def test_a_stopped_stack_ended_its_run_and_the_next_start_begins_another(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_json(layout.stack, {"run_id": "20260101T000000Z-abcd", "phase": "stopped", "ever_ready": True})
    run_id, goes_on = run_to_begin(layout)
    assert run_id != "20260101T000000Z-abcd"
    assert not goes_on


def test_the_first_start_of_a_folder_begins_a_run(tmp_path: Path) -> None:
    assert not run_to_begin(Layout(tmp_path))[1]


@pytest.mark.parametrize("phase", ["starting", "failed"])
def test_a_start_that_never_came_up_began_no_run(tmp_path: Path, phase: str) -> None:
    layout = Layout(tmp_path)
    write_json(layout.stack, {"run_id": "20260101T000000Z-abcd", "phase": phase, "ever_ready": False})
    assert not run_to_begin(layout)[1]
