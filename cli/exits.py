"""Exit codes: stable, few, named by what the caller does next. The table below is what `--help` shows."""

from __future__ import annotations

from domain.errors import BadInput, Denied, Halted, Rejected, SurefootError, Unavailable, Unknown

OK = 0
INTERNAL = 1
USAGE = 2
BAD_INPUT = 3
REFUSED = 4
UNAVAILABLE = 5
INVARIANT = 6
INTERRUPTED = 130

EPILOG = "\n\n".join(
    (
        "Exit codes:",
        "0 ok",
        "1 internal error; the log with its traceback is named, --debug prints it",
        "2 usage",
        "3 bad input: configuration, recording, file, port",
        "4 refused: denied, halted, a validator said no",
        "5 unavailable: stack, Temporal, Postgres or exchange not reachable",
        "6 an invariant does not hold",
        "130 interrupted",
    )
)


def code_of(error: SurefootError) -> int:
    """The exit code of an error of ours."""
    if isinstance(error, BadInput):
        return BAD_INPUT
    if isinstance(error, (Denied, Rejected, Halted)):
        return REFUSED
    if isinstance(error, (Unavailable, Unknown)):
        return UNAVAILABLE
    return INTERNAL
