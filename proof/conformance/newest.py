"""Kalshi's newest official client, in an environment of its own: it wants Python 3.13, we support 3.11.

Built once under the given folder from hashed requirements, and kept. Where no such Python is installed, or its
packages cannot be had, the run goes on without and says so.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("kalshi-newest.txt")
_PYENV = "PYENV_ROOT"


class NotHere(Exception):
    """The newest client cannot be had on this machine; the message says why."""


async def python_with_it(folder: Path) -> Path:
    """The interpreter of an environment that has it. Raises `NotHere`."""
    python = folder / "bin" / "python"
    stamp = folder / ".requirements"
    wanted = REQUIREMENTS.read_text(encoding="ascii")
    if python.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return python
    base = _base()
    await _run(base, "-m", "venv", "--clear", str(folder))
    await _run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", str(REQUIREMENTS))
    stamp.write_text(wanted, encoding="ascii")
    return python


def _base() -> Path:
    """A Python of 3.13 or later: this one, one on the path, or one of pyenv's."""
    if sys.version_info >= (3, 13):
        return Path(sys.executable)
    for name in ("python3.13", "python3.14"):
        found = shutil.which(name)
        if found is not None and "shims" not in found:
            return Path(found)
    kept = Path(os.environ.get(_PYENV, Path.home() / ".pyenv")) / "versions"
    for version in ("3.13", "3.14"):
        for found_here in sorted(kept.glob(f"{version}.*/bin/python"), reverse=True):
            return found_here
    raise NotHere("Kalshi's newest client wants Python 3.13 or later and none is installed")


async def _run(python: Path, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        str(python), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    if process.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        raise NotHere(f"its environment could not be built ({' '.join(last)[:200]})")
