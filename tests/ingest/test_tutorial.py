"""docs/how-to-write-a-strategy.md: its file, registry line, parameters and test work as they stand there."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ingest.strategies
from config.strategy_files import entries
from config.yaml_text import parse
from domain.limits import StrategySpec
from ingest.sets import sets_of
from ingest.strategies import calm
from ingest.strategies.registry import REGISTRY, Kind, instances, strategies_of
from recording.replay import replay
from recording.session_setup import Rules
from recording.sources import synth
from tests.places import ROOT

PAGE = ROOT / "docs" / "how-to-write-a-strategy.md"
TEXT = PAGE.read_text(encoding="utf-8")
FILE, LINE, TEST, FEATURES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
(PARAMS,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def module(name: str, source: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    made = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, made)
    exec(compile(source, f"{PAGE.name} ({name})", "exec"), made.__dict__)
    return made


@pytest.fixture
def deep(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The page's file and line, in place."""
    made = module("ingest.strategies.deep", FILE, monkeypatch)
    monkeypatch.setattr(ingest.strategies, "deep", made, raising=False)
    line: dict[str, Kind] = eval(f"{{{LINE}}}", {"Kind": Kind, "deep": importlib.import_module(made.__name__)})
    for code, kind in line.items():
        monkeypatch.setitem(REGISTRY, code, kind)
    return made


def declared(tmp_path: Path) -> StrategySpec:
    path = tmp_path / "deep.yaml"
    path.write_text(PARAMS, encoding="utf-8")
    (entry,) = entries([str(path)], "a test")
    return StrategySpec(**entry | {"pairs": tuple(entry["pairs"])})


@pytest.mark.usefixtures("deep")
def test_the_test_of_the_page_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    page = module("tutorial_test", TEST, monkeypatch)
    tests: list[Any] = [value for name, value in vars(page).items() if name.startswith("test_")]
    assert tests
    for test in tests:
        test()


def test_its_parameters_are_accepted_and_make_the_version_that_is_printed(deep: ModuleType, tmp_path: Path) -> None:
    (instance,) = instances(Rules(strategies=(declared(tmp_path),)))
    assert isinstance(instance.params, deep.DeepParams)
    assert (instance.name, instance.params.times) == ("deep-cups", 2)
    assert set(re.findall(r"\b1-[0-9a-f]{8}\b", TEXT)) == {instance.version}


@pytest.mark.usefixtures("deep")
def test_on_a_recording_it_takes_some_of_what_a_basket_takes_and_the_same_twice(tmp_path: Path) -> None:
    session = synth.make(9)
    sets = sets_of(session.markets)

    def run(spec: StrategySpec) -> Any:
        made = strategies_of(Rules(strategies=(spec,)), sets, session.markets)
        return replay(session, sets=(), strategies=made)

    spec = declared(tmp_path)
    taken, again = run(spec), run(spec)
    every = run(StrategySpec("basket", "all", {"margin": "0.004", "max_size": "20"}, pairs=spec.pairs))
    assert taken.fingerprint == again.fingerprint
    assert {intent.strategy for intent in taken.intents} == {"deep-cups"}
    assert 0 < len(taken.intents) < len(every.intents)


def test_the_part_on_features_is_the_code_of_the_strategy_that_it_names() -> None:
    source = flat(inspect.getsource(calm))
    assert [part for part in FEATURES.strip("\n").split("\n\n") if flat(part) not in source] == []


def flat(code: str) -> str:
    """Without the indentation of a class around it."""
    return "\n".join(line.strip() for line in code.strip().splitlines())


def test_the_declaration_that_the_page_on_strategies_shows_is_accepted_with_the_version_it_pins() -> None:
    page = (PAGE.parent / "strategies.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (entry,) = entries([parse(shown, "strategies.md")], "a test")
    spec = StrategySpec(**entry | {"pairs": tuple(entry["pairs"])})
    (instance,) = instances(Rules(strategies=(spec,)))
    assert instance.version == spec.version
