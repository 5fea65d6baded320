"""The file HALT of a state folder: halts that stand without a ledger. Ingest reads it, and every order that opens.

Only openings go by it: hedges, unwinds and cancels pass, as they pass every halt. Reading it opens no network and takes
microseconds; what cannot be read halts everything. `touch HALT` is therefore a brake too.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from domain.halt import Halt
from domain.halt_flag import MOST_BYTES, PREFIX, UNREAD, parse, render, unread
from workers.local.private_files import write_private

NAME = "HALT"
_LOCK_S = 1.0


class HaltFlag:
    """Reads and writes the flag of one state folder. Writers wait for each other, for a second at most."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / NAME

    def standing(self) -> tuple[Halt, ...]:
        """The halts it says, oldest first. Never raises."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return (unread("it is a link to nothing", 0),) if self.path.is_symlink() else ()
        except OSError as error:
            return (unread(error.strerror or type(error).__name__, 0),)
        try:
            changed_at = os.fstat(handle).st_mtime_ns // 1000
            content = os.read(handle, MOST_BYTES + 1)
        except OSError as error:
            return (unread(error.strerror or type(error).__name__, 0),)
        finally:
            os.close(handle)
        return tuple(sorted(parse(content, changed_at), key=lambda halt: (halt.at, halt.id)))

    def add(self, wanted: Halt) -> Halt:
        """Puts a halt into the flag and returns the one that stands: one for each scope and target is enough.

        On a disk that is full the flag becomes an empty one, which halts everything. Raises `OSError` if not even that
        can be made.
        """
        with self._alone():
            known = self.standing()
            for halt in known:
                if halt.id == UNREAD or (halt.scope, halt.target) == (wanted.scope, wanted.target):
                    return halt
            new = replace(wanted, id=f"{PREFIX}{os.urandom(3).hex()}")
            try:
                write_private(self.path, render((*known, new)))
            except OSError:
                os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
                return self.standing()[0]
            return new

    def remove(self, halt_id: str) -> None:
        """Takes one halt out of the flag, and the file away with the last. Raises `OSError` if it cannot be changed."""
        with self._alone():
            left = tuple(halt for halt in self.standing() if halt.id != halt_id)
            if left:
                write_private(self.path, render(left))
            else:
                self.path.unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Against a second writer. A lock that cannot be had does not keep anybody from the brake."""
        try:
            handle = os.open(self.path.with_name(f".{NAME}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            yield
            return
        try:
            deadline = time.monotonic() + _LOCK_S
            while time.monotonic() < deadline:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    time.sleep(0.02)
            yield
        finally:
            os.close(handle)
