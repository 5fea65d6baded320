"""A short slice of the search for input that breaks a decoder: what was found once, and random changes of the seeds."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from proof.fuzz import feeds, mutate, seeds
from proof.fuzz.feeds import Wrong
from proof.fuzz.targets import TARGETS

FOUND = Path(__file__).with_name("found")
SLOW_TARGETS = {"recording", "session"}  # they write files


def test_every_find_is_a_targets() -> None:
    assert {folder.name for folder in FOUND.iterdir()} <= set(TARGETS)


@pytest.mark.parametrize("find", sorted(FOUND.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_was_found_once_does_no_harm_any_more(find: Path) -> None:
    TARGETS[find.parent.name].run(find.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_no_target_complains_of_its_own_seeds(name: str) -> None:
    for content in TARGETS[name].seeds():
        TARGETS[name].run(content)
    assert TARGETS[name].seeds() == TARGETS[name].seeds()


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), times=st.integers(1, 4))
@example(seed=0, times=1)
def test_whatever_is_changed_the_decoder_reads_or_refuses_it(name: str, seed: int, times: int) -> None:
    rng = random.Random(seed)
    held = _SEEDS[name]
    for _ in range(1 if name in SLOW_TARGETS else 5):
        TARGETS[name].run(mutate.mutated(rng.choice(held), rng, times))


@pytest.mark.parametrize("name", TARGETS)
@given(content=st.binary(max_size=400))
@settings(max_examples=25, deadline=None)
def test_no_bytes_do_more_than_be_refused(name: str, content: bytes) -> None:
    TARGETS[name].run(content)


_SEEDS = {name: target.seeds() for name, target in TARGETS.items()}


# -- the search itself ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("venue", "old", "new"),
    [("kalshi", b'"delta_fp":"10.00"', b'"delta_fp":"11.00"'), ("polymarket", b'"size":"3"', b'"size":"4"')],
)
def test_a_feed_that_books_another_size_than_it_was_told_is_noticed(venue: str, old: bytes, new: bytes) -> None:
    """The engine is told one thing and the slow book another."""
    content = getattr(seeds, venue)()[0]
    assert old in content
    slow = feeds.SlowKalshi if venue == "kalshi" else feeds.SlowPolymarket
    honest = slow.take
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slow, "take", lambda self, raw, *rest: honest(self, raw.replace(old, new), *rest))
        with pytest.raises(Wrong, match="was told"):
            TARGETS[venue].run(content)


def test_equal_seeds_change_input_equally_and_every_way_is_taken() -> None:
    content = seeds.kalshi()[0]
    one, other = ([mutate.mutated(content, random.Random(seed), 2) for seed in range(200)] for _ in range(2))
    assert one == other
    assert len(set(one)) > 150
    assert any(json_lines(changed) == json_lines(content) for changed in one)
    assert any(json_lines(changed) < json_lines(content) for changed in one)


def json_lines(content: bytes) -> int:
    count = 0
    for line in content.split(b"\n"):
        try:
            json.loads(line)
        except ValueError:
            continue
        count += 1
    return count


def test_the_command_searches_without_atheris_and_says_what_it_did(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "proof.fuzz", "labels", "--plain", "--minutes", "0.02", "--finds", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("labels: nothing found in ")
    assert not list(tmp_path.iterdir())
