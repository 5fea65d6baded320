"""`surefoot-proof fuzz [NAME …] [--minutes N]`: every target, or those named, for N minutes in all.

With atheris installed the search is guided by what the code does with each input; without it, or with `--plain`, inputs
are only changed at random. What was worth keeping goes to `--corpus`, what a target did not stand to `--finds`: put
that file into tests/proof/fuzz/found when it is mended. Exit code 0 with nothing found, 1 with something, 2 for a wrong
name.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import random
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import FunctionType
from typing import Any

from proof.fuzz.mutate import mutated
from proof.fuzz.targets import TARGETS

LONGEST = 16_384
"""Bytes of one input; a session of a dozen frames has about two thousand."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="surefoot-proof fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which decoders: {', '.join(TARGETS)}; all if none")
    parser.add_argument("--minutes", type=float, default=5.0, help="of all targets together")
    parser.add_argument("--corpus", type=Path, default=Path(".fuzz/corpus"))
    parser.add_argument("--finds", type=Path, default=Path(".fuzz/finds"))
    parser.add_argument("--plain", action="store_true", help="random changes only, without atheris")
    parser.add_argument("--guided", action="store_true", help=argparse.SUPPRESS)  # one target, in this process
    arguments = parser.parse_args()
    names = arguments.names or list(TARGETS)
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        parser.error(f"{unknown[0]!r} is no decoder; expected {', '.join(TARGETS)}")
    seconds = max(1, round(arguments.minutes * 60 / len(names)))
    if arguments.guided:
        _guided(names[0], seconds, arguments.corpus, arguments.finds)
    guided = not arguments.plain and importlib.util.find_spec("atheris") is not None
    found = 0
    for name in names:
        began = time.monotonic()
        failed = (
            _in_a_process_of_its_own(name, seconds / 60, arguments.corpus, arguments.finds)
            if guided
            else plainly(name, seconds, arguments.finds)
        )
        found += failed
        words = "FOUND something" if failed else "nothing found"
        print(f"{name}: {words} in {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201 - for the terminal
    return 1 if found else 0


def plainly(name: str, seconds: float, finds: Path, seed: int = 1) -> bool:
    """Random changes of the seeds for `seconds`; whether one broke the target, which is then under `finds`."""
    target, rng = TARGETS[name], random.Random(seed)  # noqa: S311 - a search that can be repeated
    seeds = target.seeds()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        content = mutated(rng.choice(seeds), rng, rng.randint(1, 4))
        try:
            target.run(content)
        except Exception:
            traceback.print_exc()
            folder = finds / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
            return True
    return False


def _in_a_process_of_its_own(name: str, minutes: float, corpus: Path, finds: Path) -> bool:
    """libFuzzer ends its process, in one way or the other."""
    command = [sys.executable, "-m", "proof.fuzz", name, "--guided", "--minutes", str(minutes)]
    command += ["--corpus", str(corpus), "--finds", str(finds)]
    return subprocess.run(command, check=False).returncode != 0  # noqa: S603 - ourselves


def _guided(name: str, seconds: int, corpus: Path, finds: Path) -> None:
    atheris: Any = importlib.import_module("atheris")  # optional: `pip install atheris`
    held, failed = corpus / name, finds / name
    for folder in (held, failed):
        folder.mkdir(parents=True, exist_ok=True)
    target = TARGETS[name]
    for content in target.seeds():
        (held / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
    for function in _ours():
        atheris.instrument_func(function)

    def change(content: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)  # noqa: S311 - libFuzzer's own seed
        if rng.random() < 0.5:
            return mutated(content, rng, rng.randint(1, 3))[:most]
        changed: bytes = atheris.Mutate(content, most)
        return changed

    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-artifact_prefix={failed}/", "-timeout=20"]
    atheris.Setup(
        [sys.argv[0], str(held), *options, "-print_final_stats=1", "-verbosity=1"], target.run, custom_mutator=change
    )
    atheris.Fuzz()


def _ours() -> list[FunctionType]:
    """Every function and method of the rooms that read what comes in."""
    found: list[FunctionType] = []
    for named, module in list(sys.modules.items()):
        if not named.startswith(("domain.", "ingest.", "venues.")):
            continue
        for known in list(vars(module).values()):
            if getattr(known, "__module__", "") != named:
                continue
            thing = getattr(known, "__wrapped__", known)  # behind a cache
            inside = list(vars(thing).values()) if isinstance(thing, type) else [thing]
            found += [function for function in inside if isinstance(function, FunctionType)]
    return found


if __name__ == "__main__":
    sys.exit(main())
