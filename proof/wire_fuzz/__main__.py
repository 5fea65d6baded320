"""`surefoot-proof wire-fuzz [--minutes M] [--seed S | --replay FILE] [--first S] [--jobs N] [--resume] [--json]`

Worlds of lies for M minutes, on virtual time or (`--sockets`) over real sockets in real time; with `--seed` or
`--replay` one world, with everything that happened in it. `--resume` goes on after the seeds this code has run before,
and keeps what it runs: hours add up. What failed is kept under `--finds`, a file a seed with the lies it was told. Exit
code 0 with nothing found, 1 with something (with `--resume`: now or before, on this code), 2 for a wrong argument.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from proof.kept.digest import digest
from proof.kept.results import Proof, Results
from proof.wire_fuzz.campaign import CHUNK, TOGETHER, Tally, campaign, run_one, run_seeds, run_sockets, write_down
from proof.wire_fuzz.world import World

PROOF = "wire-fuzz"
_EVERY_S = 5.0
_MOST_SEEDS = 1 << 40


def main() -> int:
    parser = argparse.ArgumentParser(prog="surefoot-proof wire-fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long; what has begun by then is finished")
    parser.add_argument("--seed", type=int, help="run this world alone and tell what happened in it")
    parser.add_argument("--replay", type=Path, help="the same, of a file under --finds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0 takes one a core")
    parser.add_argument("--sockets", action="store_true", help="over real sockets, with the lies that only they tell")
    parser.add_argument("--resume", action="store_true", help="leave out what this code has run; keep what runs")
    parser.add_argument("--json", action="store_true", help="nothing but a JSON summary on stdout")
    parser.add_argument("--finds", type=Path, default=Path(".fuzz/wire"))
    arguments = parser.parse_args()
    began = time.monotonic()
    if arguments.seed is not None or arguments.replay is not None:
        tally = _one(_seed(arguments), silent=arguments.json)
    else:
        name = f"{PROOF}-sockets" if arguments.sockets else PROOF
        proof = Results().of(name, digest("proof.wire_fuzz.campaign")) if arguments.resume else None
        tally = _many(arguments, proof)
        for seed, wrong in tally.failed.items():
            file = write_down(arguments.finds, seed, wrong, tally.told.get(seed, []))
            _say(f"seed {seed}: {wrong[0]} ({file})")
        if proof is not None:
            _say(
                f"on this code so far: {proof.seeds} worlds in {proof.minutes:.1f} minutes, {len(proof.failed)} failed"
            )
            proof.compact()
            if proof.failed:
                _tell(tally, began, silent=arguments.json)
                return 1
    _tell(tally, began, silent=arguments.json)
    return 1 if tally.violations else 0


def _seed(arguments: argparse.Namespace) -> int:
    if arguments.replay is None:
        return int(arguments.seed)
    return int(json.loads(arguments.replay.read_text())["seed"])


def _one(seed: int, *, silent: bool) -> Tally:
    world, wrong, compared = run_one(seed, tracing=True)
    tally = Tally()
    tally.count(world, wrong, compared)
    if not silent:
        for line in story(world, wrong):
            print(line)  # noqa: T201 - for the terminal
    return tally


def story(world: World, wrong: list[str]) -> Iterator[str]:
    """One world for people: its lies, what the trade made of them, and what does not hold."""
    plan = world.plan
    yield f"seed {plan.seed}: a lie in every {plan.rate:.0%} of answers, honest from {plan.calm_ms / 1000:g} s on"
    yield from (f"habit: {habit.name} to every {habit.kind} at {habit.venue} {habit.market}" for habit in plan.habits)
    yield from world.trace
    yield from (f"lie: {told}" for told in world.liar.told)
    yield from (f"BROKEN {each}" for each in wrong)
    yield "nothing is broken" if not wrong else f"{len(wrong)} broken"


def _many(arguments: argparse.Namespace, proof: Proof | None) -> Tally:
    began = told = time.monotonic()
    kept = began

    def progress(tally: Tally) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= _EVERY_S:
            told = now
            lies = sum(tally.lies.values()) - tally.by_lie()["right"]
            left = max(arguments.minutes * 60 - now + began, 0)
            _say(
                f"{tally.worlds} worlds, {tally.requests} requests, {lies} lies, {tally.violations} violations; "
                f"{tally.worlds / (now - began):.1f} worlds/s, {left:.0f} s to go"
            )

    def keep(seeds: range, tally: Tally) -> None:
        nonlocal kept
        if proof is None:
            return
        now = time.monotonic()
        failed = [f"seed {seed}: {wrong[0]}" for seed, wrong in tally.failed.items()]
        proof.add(seeds=[seeds], minutes=(now - kept) / 60, counts=tally.by_lie(), failed=failed)
        kept = now

    stretches = (
        [range(arguments.first, _MOST_SEEDS)] if proof is None else proof.left(range(arguments.first, _MOST_SEEDS))
    )
    size = TOGETHER if arguments.sockets else CHUNK
    chunks = itertools.chain.from_iterable(_chunks(stretch, size) for stretch in stretches)
    run = run_sockets if arguments.sockets else run_seeds
    return campaign(chunks, minutes=arguments.minutes, run=run, jobs=arguments.jobs, progress=progress, keep=keep)


def _chunks(seeds: range, size: int) -> Iterator[range]:
    return (seeds[n : n + size] for n in range(0, len(seeds), size))


def _tell(tally: Tally, began: float, *, silent: bool) -> None:
    summary = tally.summary(time.monotonic() - began)
    if not silent:
        for name, times in summary["lies"].items():
            _say(f"{name:>13} {times}")
    print(json.dumps(summary))  # noqa: T201 - the result


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - for the terminal


if __name__ == "__main__":
    sys.exit(main())
