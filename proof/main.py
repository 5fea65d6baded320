"""`surefoot-proof NAME …`: everything that shows the rest to be right, a name each."""

from __future__ import annotations

import sys
from importlib import import_module

NAMES = {
    "simulate": "trades on virtual time, with faults and crashes at every step",
    "chaos": "real processes killed at every step of a trade's life",
    "wire-fuzz": "real clients and whole trades against venues that lie",
    "fuzz": "input that breaks a decoder",
    "conformance": "the venues' official clients against the paper exchange",
    "histories": "record one history of every path, for the replay tests",
    "verify": "the long ladder of all of these, going on where it stopped",
    "bench": "what it costs, in figures",
}


def main(arguments: list[str]) -> int:
    """Runs one of them with the rest of the arguments; its exit code, or 2 for a name that nobody knows."""
    name = arguments[0] if arguments else "--help"
    if name in ("--help", "-h"):
        print(usage())  # noqa: T201 - for the terminal
        return 0
    if name not in NAMES:
        print(f"no proof is called {name!r}; expected {', '.join(NAMES)}", file=sys.stderr)  # noqa: T201
        return 2
    sys.argv = [f"surefoot-proof {name}", *arguments[1:]]
    code: int = import_module(f"proof.{name.replace('-', '_')}.__main__").main()
    return code


def usage() -> str:
    width = max(map(len, NAMES))
    told = "\n".join(f"  {name:<{width}}  {says}" for name, says in NAMES.items())
    return f"usage: surefoot-proof NAME [--help] …\n\n{told}"


def run() -> None:
    sys.exit(main(sys.argv[1:]))
