"""The seal keys of an installation: made once, private, the same for every process, replaceable."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from config.secrets import seal_keys
from domain.errors import BadInput
from tests.workers.test_layout import started
from workers.local.layout import Stack, load_stack
from workers.local.seals import load_seal_keys

TRADE = "i-" + "1" * 32


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    started(tmp_path)
    return load_stack(tmp_path)


def test_the_key_is_made_once_for_its_owner_alone_however_many_processes_come_first(stack: Stack) -> None:
    with ThreadPoolExecutor(8) as pool:
        seals = list(pool.map(lambda _: load_seal_keys(stack).intent(TRADE), range(8)))
    assert len(set(seals)) == 1
    path = stack.layout.seal_keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [left.name for left in path.parent.iterdir() if left.name.startswith(".")] == []
    assert load_seal_keys(stack).decided(TRADE, seals[0])


def test_a_new_key_before_the_old_one_seals_and_both_are_believed(stack: Stack) -> None:
    before = load_seal_keys(stack).intent(TRADE)
    path = stack.layout.seal_keys
    old = json.loads(path.read_text())
    path.write_text(json.dumps({"new": "ab" * 32} | old))
    keys = load_seal_keys(stack)
    assert keys.intent(TRADE).key == "new"
    assert keys.decided(TRADE, before)
    path.write_text(json.dumps({"new": "ab" * 32}))
    assert not load_seal_keys(stack).decided(TRADE, before)


def test_hosts_that_name_one_file_believe_each_other(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> None:
    shared = tmp_path_factory.mktemp("shared") / "seal.json"
    shared.write_text(json.dumps({"k": "cd" * 32}))
    shared.chmod(0o600)
    other = tmp_path_factory.mktemp("host")
    started(other, {"SUREFOOT_TEMPORAL__SEAL_KEYS": str(shared)})
    there = load_stack(other)
    settings = stack.settings.model_copy(
        update={"temporal": stack.settings.temporal.model_copy(update={"seal_keys": shared})}
    )
    here = replace(stack, settings=settings)
    assert load_seal_keys(here).decided(TRADE, load_seal_keys(there).intent(TRADE))
    assert not there.layout.seal_keys.exists()


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        ("{}", 0o600, "a JSON object of key ids"),
        ('{"k": "12"}', 0o600, "64 hex digits"),
        ("not json", 0o600, "a JSON object of key ids"),
        ('{"k": "' + "ab" * 32 + '"}', 0o644, "chmod 600"),
    ],
)
def test_a_file_that_is_no_key_or_not_private_says_what_to_do(
    tmp_path: Path, content: str, mode: int, says: str
) -> None:
    path = tmp_path / "seal.json"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(BadInput, match=says) as wrong:
        seal_keys(path)
    assert "ab" * 32 not in str(wrong.value)


def test_a_file_that_was_named_and_is_missing_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        seal_keys(tmp_path / "none.json")
