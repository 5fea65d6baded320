"""`surefoot-proof simulate`: trades by the thousand under seeded faults, crashes and people; each is judged."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Annotated

import typer

from cli import exits
from cli.main import ended
from cli.options import JsonFlag, say
from proof.simulate.campaign import ENOUGH, Tally, campaign, run_one
from proof.simulate.kept_seeds import Keeper
from proof.simulate.trace import render

_SAY_EVERY = 5.0


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def main() -> int:
    return ended(app, "surefoot-proof simulate")


@app.command()
def simulate(
    *,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="How many worlds to run.")] = 1_000,
    first: Annotated[int, typer.Option("--first", min=0, help="The first seed.")] = 0,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Run this one seed instead.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="With --seed: print everything that happened.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=0, help="Processes; 0 takes one a core.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Leave out what this code has run; keep what runs.")] = False,
    minutes: Annotated[float | None, typer.Option("--minutes", min=0, help="Stop after so long.")] = None,
    json_output: JsonFlag = False,
) -> int:
    """Run trades on virtual time against a model exchange, with faults at every call and crashes at every await.

    Equal seeds give equal runs. The last line of stdout is a JSON summary; exit code 6: something did not hold, with
    --resume at any time on this code; or a kind of fault never happened in 20,000 worlds.
    """
    began = time.monotonic()
    kept: Keeper | None = None
    if seed is not None:
        world, wrong = run_one(seed, trace=trace)
        tally = Tally()
        tally.count(world, wrong)
        if not json_output:
            for line in render(world, wrong):
                typer.echo(line)
    else:
        left, keep = [range(first, first + seeds)], _forget
        if resume:
            kept = Keeper(first, seeds)
            left, keep = kept.left(), kept.keep
            say(kept.sentence())
        try:
            tally = campaign(left, jobs, _progress(sum(map(len, left)), began), keep, minutes)
        finally:
            if kept is not None:
                kept.close()
        for failed, wrong in tally.failed.items():
            say(f"seed {failed}: {wrong[0]}")
        if tally.failed:
            worst = min(tally.failed)
            say(f"the run of seed {worst}, as `surefoot-proof simulate --seed {worst} --trace` shows it again:")
            for line in render(*run_one(worst, trace=True)):
                say(line)
        if not json_output:
            for line in _kinds(tally):
                say(line)
        if tally.seeds >= ENOUGH and tally.missing:
            say(f"{tally.seeds} seeds, and no {', no '.join(tally.missing)}: what never happens proves nothing")
    summary = tally.summary(time.monotonic() - began)
    if kept is not None:
        summary |= {"resumed": kept.summary()}
    typer.echo(json.dumps(summary))
    return exits.OK if tally.ok and (kept is None or not kept.failed) else exits.INVARIANT


def _kinds(tally: Tally) -> Iterator[str]:
    """How often each kind of fault happened, a group a line."""
    groups: dict[str, list[str]] = {}
    for name, times in sorted(tally.faults.items()):
        group, _, kind = name.partition(":")
        groups.setdefault(group, []).append(f"{kind} {times}")
    yield from (f"{group:<9} {', '.join(kinds)}" for group, kinds in groups.items())
    if tally.missing:
        yield f"never     {', '.join(tally.missing)}"


def _forget(chunk: range, tally: Tally) -> None:
    """Without --resume nothing is kept."""


def _progress(seeds: int, began: float) -> Callable[[Tally], None]:
    told = began

    def progress(tally: Tally) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= _SAY_EVERY:
            told = now
            rate = tally.seeds / (now - began)
            say(
                f"{tally.seeds} of {seeds} seeds, {tally.trades} trades, {tally.crashes} crashes, "
                f"{sum(tally.faults.values())} faults, {tally.violations} violations; {rate:.0f} seeds/s, "
                f"{(seeds - tally.seeds) / rate:.0f} s to go"
            )

    return progress


if __name__ == "__main__":
    sys.exit(main())
