"""One-time tokens, which `surefoot ui` gives out and the door takes, and the sessions they open.

A token is a file named by its hash, in a folder only its owner can read: whoever removes the file has used the token,
so it opens one session however many ask, also after the door was started anew. Sessions live in memory.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from domain.errors import Unavailable

LIFE_S = 600.0
"""How long a token waits to be used."""
_SESSION_S = 12 * 3_600.0
_MOST_SESSIONS = 16


class TokenFolder:
    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock

    def issue(self) -> str:
        """A new token; those whose time has passed are removed. Raises `Unavailable` if it cannot be written."""
        token = secrets.token_urlsafe(32)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            for file in self._folder.iterdir():
                if not self._fresh(file):
                    file.unlink(missing_ok=True)
            (self._folder / _digest(token)).touch(mode=0o600)
        except OSError as error:
            raise Unavailable(
                f"no token could be written to {self._folder}: {error.strerror}; free space or mend its permissions",
                "ui_token",
            ) from None
        return token

    def use(self, token: str) -> bool:
        """True the first time within ten minutes, never again."""
        file = self._folder / _digest(token)
        try:
            fresh = self._fresh(file)
            file.unlink()
        except OSError:
            return False
        return fresh

    def _fresh(self, file: Path) -> bool:
        return abs(self._clock() - file.stat().st_mtime) <= LIFE_S


class Sessions:
    """Who has shown a token in the last twelve hours; the oldest gives way to a seventeenth."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}  # by hash, in the order they were opened

    def open(self) -> str:
        if len(self._until) >= _MOST_SESSIONS:
            del self._until[next(iter(self._until))]
        session = secrets.token_urlsafe(32)
        self._until[_digest(session)] = self._clock() + _SESSION_S
        return session

    def holds(self, shown: Iterable[str]) -> bool:
        """Whether one of these is a session: another port of this machine may have set a cookie of the same name."""
        now = self._clock()
        return any(self._until.get(_digest(session), now) > now for session in shown)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
