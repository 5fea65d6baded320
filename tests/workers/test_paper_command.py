"""`surefoot paper`: the exchange alone, for anyone's client."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
from pathlib import Path
from typing import Any

import aiohttp

from cli.main import main
from tests.places import ROOT


async def started(folder: Path, *flags: str) -> tuple[asyncio.subprocess.Process, dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli.main",
        "paper",
        "--json",
        "--folder",
        str(folder),
        *flags,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=folder,
    )
    assert process.stdout is not None
    text = ""
    while True:
        line = (await process.stdout.readline()).decode()
        assert line, "it ended before it answered"
        text += line
        if line.startswith("}"):
            return process, json.loads(text)


def mode_of(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def text_of(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


async def test_it_says_where_it_is_and_keeps_accounts_and_keys_through_kill_9(tmp_path: Path) -> None:
    process, told = await started(tmp_path, "--recording", "synth-cross:7", "--cash", "250")
    keys = told["polymarket"]
    assert told["session"] == "synth-cross-7"
    assert {one["venue"] for one in told["try"]} == {"kalshi", "polymarket"}
    async with aiohttp.ClientSession() as http:
        for one in told["try"]:  # prices that anyone may read, of markets with a name
            async with http.get(one["prices"]) as answer:
                assert (answer.status, bool(one["title"])) == (200, True)
    for path in (keys["private_key"], keys["credentials"], told["kalshi"]["private_key"]):
        assert mode_of(path) == 0o600
    credentials = text_of(keys["credentials"])
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{keys['clob_url']}/ok") as answer:
            assert answer.status == 200
        async with http.get(f"{told['admin_url']}/polymarket/audit") as answer:
            wallets = (await answer.json())["wallets"]
    assert [wallet["cash"] for wallet in wallets] == [250_000_000]
    process.kill()
    await process.wait()
    process, again = await started(tmp_path)
    assert again["polymarket"]["address"] == keys["address"]
    assert text_of(keys["credentials"]) == credentials
    assert again["session"] == "synth-cross-7"  # the session goes on
    assert again["try"]
    process.send_signal(signal.SIGINT)  # Ctrl-C
    assert await process.wait() == 0
    assert process.stdout is not None
    assert await process.stdout.read() == b""  # one document, and nothing after it


async def test_people_are_told_what_is_being_opened_what_to_try_and_nothing_when_they_end_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cli.main", "paper", "--folder", str(tmp_path), "--recording", "synth:3"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=os.environ, cwd=ROOT
    )
    assert process.stderr is not None
    lines = [(await process.stderr.readline()).decode()]
    assert lines[0].startswith("opening synth:3")
    while not lines[-1].startswith("Ctrl-C"):
        lines.append((await process.stderr.readline()).decode())
        assert lines[-1]
    assert any("SYNGAME-3-" in line for line in lines)
    assert sum(line.strip().startswith("curl 'http://127.0.0.1:") for line in lines) == 1
    process.send_signal(signal.SIGINT)
    out, rest = await process.communicate()
    assert (process.returncode, out, rest) == (0, b"", b"")


def test_a_folder_that_cannot_be_used_is_refused_with_what_to_do(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "file").write_text("")
    assert main(["paper", "--folder", str(tmp_path / "file" / "inside")]) == 3
    assert "name another with --folder" in " ".join(capsys.readouterr().err.split())


def test_books_from_a_live_feed_need_its_address_by_name(tmp_path: Path, capsys: Any) -> None:
    assert main(["paper", "--folder", str(tmp_path), "--live", "ws://127.0.0.1:9/ws/market"]) == 3
    assert "no public feed is ever called unasked" in capsys.readouterr().err
    assert main(["paper", "--folder", str(tmp_path), "--recording", "nowhere"]) == 3
