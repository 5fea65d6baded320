"""`surefoot-proof verify`: the long ladder. Each proof goes on where it stopped on today's code, and all add up.

Seeds of the simulator to 1,000,000; the whole list of chaos; two hours of the wire fuzzer; every mutant. The last line
of stdout is JSON. Exit code 0 if nothing failed on this code so far, 6 if something did; `left` says what is still to
be done.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

from proof.verify.ladder import RUNGS, Rung, minutes_for


def main() -> int:
    names = [rung.name for rung in RUNGS]
    parser = argparse.ArgumentParser(prog="surefoot-proof verify", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="PROOF", help=f"of {', '.join(names)}; all if none")
    parser.add_argument("--minutes", type=float, help="for each proof; without it each runs to its end")
    parser.add_argument("--report", action="store_true", help="run nothing; say what is done and left")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.only if name not in names]
    if unknown:
        parser.error(f"{unknown[0]!r} is not among {', '.join(names)}")
    chosen = [rung for rung in RUNGS if not arguments.only or rung.name in arguments.only]
    broken = [] if arguments.report else [rung.name for rung in chosen if not _run(rung, arguments.minutes)]
    return _told(chosen, broken)


def _run(rung: Rung, bound: float | None) -> bool:
    """Go on with one proof. False if its run ended badly and nothing on record says why."""
    standing = rung.standing()
    if standing.left == 0:
        say(f"{rung.name}: {standing}; nothing left")
        return True
    minutes = minutes_for(rung, bound)
    say(f"{rung.name}: {standing}; going on" + (f" for {minutes:g} minutes" if minutes < 10_000 else ""))
    began = time.monotonic()
    code = subprocess.run(rung.command(minutes), check=False, stdout=subprocess.DEVNULL).returncode  # noqa: S603 - ours
    say(f"{rung.name}: exit code {code} after {time.monotonic() - began:.0f} s")
    return code == 0 or bool(rung.standing().failed)


def _told(chosen: list[Rung], broken: list[str]) -> int:
    summary = {}
    failed = bool(broken)
    for rung in chosen:
        standing = rung.standing()
        for text in standing.failed:
            say(f"{rung.name} FAILED {text}")
        say(f"{rung.name}: {standing}")
        summary[rung.name] = {
            "done": standing.done,
            "left": standing.left,
            "unit": standing.unit,
            "failed": len(standing.failed),
        }
        failed = failed or bool(standing.failed)
    print(json.dumps(summary | ({"did_not_run": broken} if broken else {})), flush=True)  # noqa: T201 - the result
    return 6 if failed else 0


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress


if __name__ == "__main__":
    sys.exit(main())
