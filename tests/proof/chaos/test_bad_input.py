"""What is wrong is told in words, with the documented exit code, and leaves nothing running."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import exits
from proof.chaos.system import Ended, System, surefoot, survivors
from recording.sources import session_file, synth
from recording.sources.session import BookDelta, RecordedSession
from tests.places import ROOT
from venues.kalshi.signing import generate_rsa_key
from workers.local.keys import ensure_paper_keys
from workers.local.layout import Layout, read_stack_file, write_json, write_private
from workers.local.ports import free_port

pytestmark = [pytest.mark.stack, pytest.mark.ladder, pytest.mark.timeout(240)]


def told(ended: Ended, code: int, *words: str) -> None:
    """The command ended with `code`, said all `words` on stderr in one error message, and showed no traceback."""
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err + ended.out
    message = ended.err.partition("error: ")[2]
    for word in words:
        assert word in message, ended.err


# ------------------------------------------------------------------ what stands around


async def test_a_port_in_use_is_named_with_its_holder_before_anything_starts(folder: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        ended = await surefoot(folder, "up", "--detach", env={"SUREFOOT_PAPER__PORT": str(port)})
    told(ended, exits.BAD_INPUT, f"port {port}", f"pid {os.getpid()}", "set another port")
    assert survivors(folder) == []


async def test_a_temporal_cluster_that_does_not_answer_is_named(folder: Path) -> None:
    address = f"127.0.0.1:{free_port(set())}"
    ended = await surefoot(folder, "up", "--detach", env={"SUREFOOT_TEMPORAL__ADDRESS": address})
    told(ended, exits.UNAVAILABLE, address, "start it, or set the key to null")
    assert survivors(folder) == []


async def test_a_postgres_that_does_not_answer_is_told_without_its_password(folder: Path) -> None:
    dsn = f"postgresql://me:hunter2@127.0.0.1:{free_port(set())}/ledger"
    ended = await surefoot(folder, "up", "--detach", env={"SUREFOOT_POSTGRES__DSN": dsn})
    told(ended, exits.UNAVAILABLE, "postgres.dsn does not answer", "start it, or set the key to null")
    assert "hunter2" not in ended.err + ended.out
    assert survivors(folder) == []


# ------------------------------------------------------------------ keys


async def test_a_key_that_cannot_sign_stops_the_start(folder: Path) -> None:
    _prepared(folder).paper_private_key.write_text("not a key")
    ended = await surefoot(folder, "up", "--detach")
    told(ended, exits.BAD_INPUT, "PEM")
    assert survivors(folder) == []


async def test_a_key_the_exchange_does_not_know_stops_the_start(folder: Path) -> None:
    layout = _prepared(folder)
    write_private(layout.paper_private_key, generate_rsa_key()[0])
    ended = await surefoot(folder, "up", "--detach")
    told(ended, exits.REFUSED, "401", "check both")
    assert survivors(folder) == []


def _prepared(folder: Path) -> Layout:
    layout = Layout(folder)
    layout.prepare()
    ensure_paper_keys(layout)
    return layout


@pytest.mark.parametrize("module", ["workers.trade_worker", "workers.ingest_host"])
async def test_a_process_with_a_wrong_key_ends_saying_so(system: System, folder: Path, module: str) -> None:
    """As if the key had been exchanged under a running stack: the process that starts next tells it and ends."""
    stack = await _with_another_key(system, folder)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        "--state-dir",
        str(stack.root),
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    _, err = await process.communicate()
    assert process.returncode == exits.UNAVAILABLE
    message = err.decode()
    assert message.startswith("error: ")
    assert "401" in message
    assert "check both" in message
    assert "Traceback" not in message


async def _with_another_key(system: System, folder: Path) -> Layout:
    """A state folder that leads to the running stack, with metrics ports of its own and a key of nobody's."""
    await system.ready()
    theirs, mine = system.stack.layout, Layout(folder)
    mine.prepare()
    shutil.copy(theirs.settings, mine.settings)
    shutil.copy(theirs.postgres_password, mine.postgres_password)
    write_private(mine.paper_private_key, generate_rsa_key()[0])
    document = read_stack_file(theirs)
    taken: set[int] = set()
    for name in document["endpoints"]["metrics"]:
        document["endpoints"]["metrics"][name] = free_port(taken)
        taken.add(document["endpoints"]["metrics"][name])
    write_json(mine.stack, {**document, "processes": [], "supervisor": None})
    return mine


# ------------------------------------------------------------------ recordings

Spoil = Callable[[list[bytes]], list[bytes]]
BROKEN: dict[str, tuple[Spoil, str]] = {
    "cut short": (lambda lines: lines[:40], "cut short"),
    "out of order": (lambda lines: [*lines[:30], lines[60], *lines[30:]], "order"),
    "with a merge conflict": (lambda lines: [*lines[:30], b"<<<<<<< HEAD\n", *lines[30:]], "line 31"),
}


def _broken(folder: Path, how: str) -> tuple[str, str]:
    """A session file spoiled so, and the word that must be said of it."""
    spoil, word = BROKEN[how]
    path = folder / "game.session.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(spoil(list(session_file.lines(synth.make(3, seconds=10)))))))
    return str(path), word


@pytest.mark.parametrize("how", BROKEN)
async def test_a_broken_recording_is_refused_by_replay_and_play_with_its_place(
    system: System, tmp_path: Path, how: str
) -> None:
    await system.ready()
    before = await system.ask("GET", "/status")
    path, word = _broken(tmp_path, how)
    for command in ("replay", "play"):
        told(
            await surefoot(system.folder, command, "--recording", path), exits.BAD_INPUT, "game.session.jsonl.gz", word
        )
    after = await system.ask("GET", "/status")
    assert (after["session"], after["state"]) == (before["session"], before["state"])


async def test_a_recording_cut_in_the_middle_of_its_bytes_is_refused(system: System, tmp_path: Path) -> None:
    path = tmp_path / "game.session.jsonl.gz"
    session_file.write(synth.make(3, seconds=10), path)
    path.write_bytes(path.read_bytes()[:-500])
    for command in ("replay", "play"):
        told(await surefoot(system.folder, command, "--recording", str(path)), exits.BAD_INPUT, path.name)


async def test_a_missing_recording_is_named_by_every_command_that_plays_one(system: System, tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere.session.jsonl.gz")
    for command in ("replay", "play"):
        ended = await surefoot(system.folder, command, "--recording", missing)
        told(ended, exits.BAD_INPUT, missing, "does not exist")


async def test_a_demo_of_a_broken_recording_says_so_and_stops_all_it_started(folder: Path, tmp_path: Path) -> None:
    path, word = _broken(tmp_path, "cut short")
    told(await surefoot(folder, "demo", "--recording", path), exits.BAD_INPUT, "game.session.jsonl.gz", word)
    assert survivors(folder) == []


async def test_a_crossed_recording_is_replayed_and_nothing_in_it_is_taken(tmp_path: Path) -> None:
    """The first market shows a bid above its ask from the start: whatever looks cheap there is not believed."""
    game = synth.make(3, seconds=20)
    market, event_name = game.markets[0].market, game.markets[0].event
    markets = tuple(spec for spec in game.markets if spec.event == event_name)
    opening = next(event for event in game.log if event.market == market)
    crossing = BookDelta(opening.at, market, "yes", 990_000, 1_000_000_000)
    place = 1 + max(n for n, event in enumerate(game.log) if event.at == opening.at)
    path = tmp_path / "crossed.session.jsonl.gz"
    log = (*game.log[:place], crossing, *game.log[place:])
    own = tuple(event for event in log if event.market in {spec.market for spec in markets})
    session_file.write(RecordedSession("crossed", markets, own), path)
    ended = await surefoot(tmp_path, "replay", "--recording", str(path), "--json")
    assert ended.code == exits.OK, ended.err
    result = json.loads(ended.out)
    assert result["intents"] == 0
    assert result["suppressed"]["crossed"] > 0
