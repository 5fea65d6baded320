"""`python -m proof.verify.mutants [MODULE …]`: try every mutant that has no verdict yet, and list the survivors.

Exit code 0 if every one that was tried is noticed or explained, 6 if not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import deque

from proof.verify.mutants import reach
from proof.verify.mutants.changes import Mutant, mutants
from proof.verify.mutants.targets import TARGETS
from proof.verify.mutants.trial import POOL, Trials, run
from proof.verify.mutants.verdicts import PASSED, SURVIVED, Verdicts, explanations, score


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m proof.verify.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(TARGETS)}; all if none")
    parser.add_argument("--minutes", type=float, help="stop after so long; the next run goes on from there")
    parser.add_argument("--jobs", type=int, default=1, help="forks at once; 0 takes one a core")
    parser.add_argument("--worlds", type=int, default=300, help="simulated worlds for what tests and mypy let pass")
    parser.add_argument(
        "--tests",
        nargs="+",
        default=POOL,
        metavar="FILE",
        help="only what these notice, quickly; the rest stays as it is",
    )
    parser.add_argument("--report", action="store_true", help="try nothing; say what is known")
    arguments = parser.parse_args()
    chosen = arguments.modules or list(TARGETS)
    unknown = [module for module in chosen if module not in TARGETS]
    if unknown:
        parser.error(f"{unknown[0]!r} is not among {', '.join(TARGETS)}")
    found = {module: mutants(module) for module in chosen}
    verdicts = Verdicts(chosen)
    if not arguments.report:
        jobs = arguments.jobs or os.cpu_count() or 1

        def work(trials: Trials) -> None:
            until = time.monotonic() + arguments.minutes * 60 if arguments.minutes is not None else None
            _try_all(trials, [mutant for module in chosen for mutant in found[module]], verdicts, jobs, until)

        worlds = arguments.worlds if tuple(arguments.tests) == POOL else 0
        code = run(Trials(TARGETS, reach.read(), worlds, work, say, tests=arguments.tests))
        if code:
            say(f"pytest ended with {code}")
            return 1
        verdicts.compact(found)
    return told(found, verdicts)


def told(found: dict[str, list[Mutant]], verdicts: Verdicts) -> int:
    """Print survivors, a line a module and the sum as JSON; return the exit code."""
    explained = explanations()
    total = score([mutant for module in found.values() for mutant in module], verdicts, explained)
    for mutant in total.unexplained:
        print(f"SURVIVED {mutant}")  # noqa: T201 - for the terminal
    for module, its in found.items():
        print(score(its, verdicts, explained).line(module))  # noqa: T201
    for one in total.stale:
        print(f"explained, but not surviving: {one.module} {one.function}: {one.now}")  # noqa: T201
    summary = {
        "mutants": total.tried + len(total.left),
        "tried": total.tried,
        "noticed": total.noticed,
        "explained": total.counts["explained"],
        SURVIVED: total.counts[SURVIVED],
        "left": len(total.left),
    }
    print(json.dumps(summary), flush=True)  # noqa: T201
    return 6 if total.unexplained or total.stale else 0


def _try_all(trials: Trials, all_of: list[Mutant], verdicts: Verdicts, jobs: int, until: float | None) -> None:
    """Everything without a verdict that still stands, `jobs` forks at a time."""
    fresh = trials.all_words()
    waiting: deque[tuple[Mutant, bool]] = deque()
    again: list[tuple[Mutant, bool]] = []  # survivors whose tests have changed: most likely what a person waits for
    for mutant in all_of:
        kept = verdicts.of(mutant)
        if trials.tests != POOL:
            if kept is None or kept[0] in (SURVIVED, PASSED):
                waiting.append((mutant, False))
            continue
        still = kept is not None and kept[1] == trials.words(trials.tests_of(mutant))
        passed = kept is not None and kept[0] == PASSED and still
        if kept is not None and kept[0] in (SURVIVED, PASSED) and not still:
            again.append((mutant, False))
        elif kept is None or (passed and trials.worlds):
            waiting.append((mutant, passed))
        elif kept[0] not in (SURVIVED, PASSED) and kept[1] not in fresh:
            waiting.append((mutant, False))
    waiting.extendleft(reversed(again))
    asked, began = len(waiting), time.monotonic()
    say(f"{asked} of {len(all_of)} mutants are to be tried")
    running: dict[int, tuple[Mutant, list[str], int]] = {}
    while waiting or running:
        while waiting and len(running) < jobs and (until is None or time.monotonic() < until):
            mutant, passed = waiting.popleft()
            tests = trials.tests_of(mutant)
            child, told_by = trials.start(mutant, [] if passed else tests)
            running[child] = (mutant, tests, told_by)
        if not running:
            say(f"out of time with {len(waiting)} left")
            return
        child, status = os.waitpid(-1, 0)
        if child not in running:
            continue
        mutant, tests, told_by = running.pop(child)
        verdict = trials.verdict(mutant, tests, status, told_by)
        if verdict is not None and (trials.tests == POOL or verdict.how != PASSED):
            verdicts.keep(mutant, verdict)
        if verdict is not None and verdict.how in (SURVIVED, PASSED):
            say(f"{verdict.how.upper()} {len(tests)} tests: {mutant}")
        done = asked - len(waiting) - len(running)
        if done % 50 == 0:
            say(f"{done} of {asked} tried, {(time.monotonic() - began) / done:.2f} s each")


def say(line: str) -> None:
    print(line, file=sys.__stderr__, flush=True)


if __name__ == "__main__":
    sys.exit(main())
