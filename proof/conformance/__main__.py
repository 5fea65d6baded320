"""`surefoot-proof conformance [CLIENT…]`: official clients and our own trade against the paper exchange.

Each gets an exchange of its own (a process, a temporary folder, free loopback ports) and runs the same script.
Exit code 0 if every check of every client passed, 1 if one did not, 2 for a client nobody knows, 5 if the exchange did
not come up. The last line of the output is a JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from domain.errors import SurefootError
from proof.conformance import newest, report
from proof.conformance.drive import DESKS
from proof.conformance.runner import Result, run_client

_KEPT = Path(".surefoot") / "conformance" / "kalshi"
_NEWEST = "kalshi_python_async"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="surefoot-proof conformance",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=f"one of {', '.join(DESKS)}; none for all of them")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="the exchange goes wrong as this script says")
    arguments = parser.parse_args()
    unknown = [client for client in arguments.clients if client not in DESKS]
    if unknown:
        parser.error(f"no client {', '.join(unknown)}; expected some of {', '.join(DESKS)}")
    try:
        results = asyncio.run(run(arguments.clients or list(DESKS), arguments.faults))
    except SurefootError as error:
        print(f"error: {error.message}", file=sys.stderr)  # noqa: T201
        return 5
    print(report.table(results))  # noqa: T201
    print(json.dumps(summary(results)))  # noqa: T201
    return 1 if any(result.failed for result in results) else 0


async def run(clients: list[str], faults: Path | None = None) -> list[Result]:
    """One after the other. Raises `Unavailable` if an exchange does not come up."""
    results = []
    with tempfile.TemporaryDirectory(prefix="surefoot-conformance-") as folder:
        for client in clients:
            python = Path(sys.executable)
            if client == _NEWEST:
                try:
                    python = await newest.python_with_it(_KEPT)
                except newest.NotHere as why:
                    print(f"{client}: {why}; {_NEWEST}-older stands for it", file=sys.stderr)  # noqa: T201
                    continue
            own = Path(tempfile.mkdtemp(prefix=f"{client}-", dir=folder))
            results.append(await run_client(client, python, own, report.progress, faults=faults))
    return results


def summary(results: list[Result]) -> dict[str, object]:
    return {
        "clients": [result.summary() for result in results],
        "passed": sum(len(result.passed) for result in results),
        "failed": sum(len(result.failed) for result in results),
    }


if __name__ == "__main__":
    sys.exit(main())
