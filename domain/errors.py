"""The error tree, grouped by what the caller does next.

    SurefootError
    ├── Denied        we refused before anything left; fix the request. Nothing happened.
    ├── Rejected      the venue said no in a way that proves nothing happened.
    ├── Unknown       nobody can say whether it happened; only venue evidence may settle it. Never assume.
    ├── Unavailable   it could not be asked (down, overloaded, paused); asking again later is safe.
    ├── BadInput      a file, a configuration or a command line is wrong; the message names the place and the fix.
    └── Halted        a person or a rule stopped this scope; only a person starts it again.

Each carries a message that says what was seen, what was expected and what to do.
"""

from __future__ import annotations


class SurefootError(Exception):
    """Root of the tree. `code` is a short stable word for machines (`off_tick`, `stale`, …)."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class Denied(SurefootError):
    """We refused; nothing left this process."""


class Rejected(SurefootError):
    """The venue refused in a way that proves the request had no effect; with `wrong_key`, whoever asks it anything as
    we do."""

    def __init__(self, message: str, code: str = "", *, wrong_key: bool = False) -> None:
        super().__init__(message, code)
        self.wrong_key = wrong_key


class Unknown(SurefootError):
    """The outcome cannot be known from here. Resolve by evidence, or repeat the same bytes."""


class Unavailable(SurefootError):
    """It could not be asked. Safe to ask again."""


class BadInput(SurefootError):
    """A file, a setting or an argument is wrong."""


class Halted(SurefootError):
    """A durable stop covers this scope."""
