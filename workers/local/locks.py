"""Who may work on a state folder: one supervisor, one ingest, in every mode.

What is locked is a folder, not a file in it: a lock file that somebody removes would let a second one in. The kernel
frees a lock however its holder ends.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import Denied, Unavailable
from workers.local.layout import Layout
from workers.local.processes import open_private

SUPERVISOR = "supervisor"
READER = "reader"
"""A command that keeps the folder locked for as long as it reads the ledger of a stack that is down."""


class AlreadyUp(Denied):
    """Another supervisor holds this state folder."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(
            f"a stack is already up in {layout.root}; see `surefoot status`, stop it with `surefoot down`", "already_up"
        )


@contextmanager
def locked(layout: Layout, role: str = SUPERVISOR) -> Iterator[None]:
    """Holds the state folder against other supervisors. Raises `AlreadyUp`.

    The file `lock` is held too: versions that know no other go by it, and whoever keeps it open is found by it. It says
    what the holder does."""
    folder = _take(layout.root)
    if folder is None:
        raise AlreadyUp(layout)
    try:
        with open_private(layout.lock) as file:  # opened by the holder alone: see `presence`
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise AlreadyUp(layout) from None
            _say_role(file.fileno(), role)
            yield
    finally:
        os.close(folder)


@contextmanager
def only_ingest(layout: Layout) -> Iterator[None]:
    """Holds what ingest alone writes into. Raises `Unavailable` while another ingest of this folder lives: two would
    open trades on one account."""
    layout.spool.mkdir(exist_ok=True)
    folder = _take(layout.spool)
    if folder is None:
        raise Unavailable(
            f"another ingest works in {layout.root}; it must end first: `surefoot down` ends it", "second_ingest"
        )
    try:
        yield
    finally:
        os.close(folder)


def _take(folder: Path) -> int | None:
    """An open handle that locks the folder; None if somebody else has it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _say_role(handle: int, role: str) -> None:
    """A disk that is full leaves it unsaid: who says nothing is a supervisor."""
    try:
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps({"pid": os.getpid(), "role": role}).encode())
    except OSError:
        return
