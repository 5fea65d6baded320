"""The pages of the Temporal UI, taken once from the `temporal` executable, which holds them and shows them only itself.

A server with nothing in it is started for a few seconds, its pages are followed from link to link (some 400 files, 4
megabytes, 2 seconds) and kept in the state folder by the executable's size and date. It holds no trade and has no
worker; what a page of another site did to it would be gone with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import posixpath
import re
import shutil
import subprocess
import tempfile
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from domain.errors import Unavailable
from workers.local.ports import HOST, free_port

_BASE = "/SUREFOOT-UI-BASE"  # stands in the first page where the folder's name will be
_START = "index.html"
_SETTINGS = "settings.json"
_LINK = re.compile(
    rb"""["'(`]([^"'()`\s<>]*?[^/"'()`\s<>]\.(?:js|css|woff2?|ttf|svg|png|ico|webp|webmanifest|wasm))["')`]"""
)
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_LONGEST_START_S = 60.0
_MOST_FILES, _MOST_BYTES = 4_000, 64_000_000


@dataclass(frozen=True, slots=True)
class Pages:
    """`files` by path below the folder, without it: body and content type. `start` is every page of the application;
    `script_hashes` allow its inline scripts, and no others, in a content security policy."""

    files: dict[str, tuple[bytes, str]] = field(repr=False)
    start: bytes = field(repr=False)
    script_hashes: tuple[str, ...]
    settings: dict[str, Any]


async def pages_of(binary: Path, cache: Path, base: str) -> Pages:
    """The pages under `base`, from the cache if this executable's are there. Raises `Unavailable`."""
    about = await asyncio.to_thread(binary.stat)
    folder = cache / f"pages-{about.st_size:x}-{about.st_mtime_ns:x}"
    if not (folder / "complete").exists():
        await _take(binary, folder)
    return await asyncio.to_thread(_read, folder, base)


def _read(folder: Path, base: str) -> Pages:
    listed: dict[str, list[str]] = json.loads((folder / "complete").read_text(encoding="utf-8"))
    files = {path: ((folder / name).read_bytes(), kind) for path, (name, kind) in listed.items()}
    start = files.pop(f"/{_START}")[0].decode().replace(_BASE, base)
    settings = json.loads(files.pop(f"/{_SETTINGS}")[0])
    hashes = tuple(
        f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in _SCRIPT.findall(start)
    )
    moved = {path: (body.replace(_BASE.encode(), base.encode()), kind) for path, (body, kind) in files.items()}
    return Pages(moved, start.encode(), hashes, settings)


async def _take(binary: Path, folder: Path) -> None:
    taken: set[int] = set()
    ports = []
    for _ in range(4):
        ports.append(free_port(taken))
        taken.add(ports[-1])
    port, ui_port, metrics_port, http_port = map(str, ports)
    argv = [str(binary), "server", "start-dev", "--ip", HOST, "--port", port, "--ui-port", ui_port]
    argv += ["--metrics-port", metrics_port, "--http-port", http_port, "--ui-public-path", _BASE]
    argv += ["--dynamic-config-value", 'frontend.httpAllowedHosts=["none.invalid"]']
    argv += ["--ui-disable-news-fetch", "--log-level", "never"]
    server = await asyncio.create_subprocess_exec(
        *argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(_LONGEST_START_S):
            found = await _follow(f"http://{HOST}:{ui_port}")
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Unavailable(f"the pages of the Temporal UI could not be taken from {binary}: {error!r}", "ui") from None
    finally:
        if server.returncode is None:
            server.kill()
        await server.wait()
    await asyncio.to_thread(_keep, folder, found)


async def _follow(origin: str) -> dict[str, tuple[bytes, str]]:
    found: dict[str, tuple[bytes, str]] = {}
    seen, size = {"/"}, 0
    todo = ["/"]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
        await _await_server(http, origin)
        while todo:
            path = todo.pop()
            async with http.get(f"{origin}{_BASE}{path}", allow_redirects=False) as answer:
                body, kind = await answer.read(), answer.headers.get("Content-Type", "")
                if answer.status != 200 or (path != "/" and "html" in kind):
                    continue
            size += len(body)
            if len(found) >= _MOST_FILES or size > _MOST_BYTES:
                raise OSError("more pages than expected")
            found[path if path != "/" else f"/{_START}"] = (body, kind)
            for link in _links(path, kind, body):
                if link not in seen:
                    seen.add(link)
                    todo.append(link)
        async with http.get(f"{origin}{_BASE}/api/v1/settings") as answer:
            answer.raise_for_status()
            found[f"/{_SETTINGS}"] = (await answer.read(), "application/json")
    return found


async def _await_server(http: aiohttp.ClientSession, origin: str) -> None:
    while True:
        try:
            async with http.get(f"{origin}{_BASE}/") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.2)


def _links(path: str, kind: str, body: bytes) -> list[str]:
    if not any(text in kind for text in ("javascript", "css", "html")):
        return []
    found = []
    for match in _LINK.findall(body):
        link = match.decode("utf-8", "replace")
        if ":" in link or link.startswith("//"):
            continue
        if link.startswith(_BASE):
            link = link.removeprefix(_BASE)
        elif link.startswith("_app/"):
            link = f"/{link}"
        elif not link.startswith("/"):
            if not link.startswith(".") and "css" not in kind:
                continue
            link = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
        found.append(link)
    return found


def _keep(folder: Path, found: dict[str, tuple[bytes, str]]) -> None:
    """Under numbers, since a path is what a server said; whole or not at all."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix="taking-"))
    listed = {}
    for number, (path, (body, kind)) in enumerate(found.items()):
        (fresh / str(number)).write_bytes(body)
        listed[path] = [str(number), kind]
    (fresh / "complete").write_text(json.dumps(listed), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
