"""Strategy files: found, read once, and refused with what was seen, what was expected and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.load import load
from config.settings import Settings
from domain.errors import BadInput

CALM = "strategy: calm\nname: calm-bitcoin\nparams:\n  calmest: '0.004'\npairs: [KXBTC-]\n"
TIGHT = "strategy: basket\nname: tight\nparams: {margin: '0.0005'}\n"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def listing(*paths: Path) -> dict[str, str]:
    return {"SUREFOOT_STRATEGIES": json.dumps([str(path) for path in paths])}


def refusal(path: Path, text: str) -> str:
    with pytest.raises(BadInput) as caught:
        load(environ=listing(written(path, text)))
    assert caught.value.code == "config"
    return caught.value.message


def test_files_that_the_setting_lists_are_read_in_its_order(tmp_path: Path) -> None:
    paths = [written(tmp_path / "z.yaml", TIGHT), written(tmp_path / "a.yaml", CALM)]
    tight, calm = load(environ=listing(*paths)).settings.strategies
    assert (tight.strategy, tight.name, tight.params) == ("basket", "tight", {"margin": "0.0005"})
    assert (calm.strategy, calm.pairs, calm.source) == ("calm", ("KXBTC-",), f"file {paths[1]}")


def test_a_folder_beside_the_configuration_file_holds_the_strategies(tmp_path: Path) -> None:
    config = written(tmp_path / "mine.yaml", "{}")
    written(tmp_path / "strategies" / "b.yaml", CALM)
    written(tmp_path / "strategies" / "a.yaml", TIGHT)
    written(tmp_path / "strategies" / "notes.txt", "not one")
    loaded = load(config=config, environ={})
    assert [spec.name for spec in loaded.settings.strategies] == ["tight", "calm-bitcoin"]
    assert loaded.sources["strategies"] == f"folder {tmp_path / 'strategies'}"


def test_the_setting_outranks_the_folder(tmp_path: Path) -> None:
    config = written(tmp_path / "mine.yaml", f"strategies: ['{written(tmp_path / 'one.yaml', TIGHT)}']")
    written(tmp_path / "strategies" / "b.yaml", CALM)
    assert [spec.name for spec in load(config=config, environ={}).settings.strategies] == ["tight"]
    none = written(tmp_path / "none.yaml", "strategies: []")
    assert load(config=none, environ={}).settings.strategies == ()


def test_a_folder_made_for_strategies_that_holds_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "strategies").mkdir()
    with pytest.raises(BadInput, match=r"holds no \.yaml file"):
        load(config=written(tmp_path / "mine.yaml", "{}"), environ={})


def test_a_strategy_may_be_written_in_place(tmp_path: Path) -> None:
    config = written(
        tmp_path / "mine.yaml", "strategies:\n- {strategy: basket, name: tight, params: {margin: '0.1'}}\n"
    )
    (spec,) = load(config=config, environ={}).settings.strategies
    assert (spec.name, spec.params, spec.source) == ("tight", {"margin": "0.1"}, f"file {config}: strategies[0]")


def test_settings_written_down_bring_the_strategies_back_without_their_files(tmp_path: Path) -> None:
    path = written(tmp_path / "calm.yaml", CALM)
    settings = load(environ=listing(path)).settings
    path.unlink()
    assert Settings.model_validate_json(settings.model_dump_json()).strategies == settings.strategies


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("strategy: basket\nname: a\nparms: {}\n", "unknown key parms. Did you mean params?"),
        ("name: a\n", "strategy is missing"),
        ("strategy: basket\n", "name is missing"),
        ("strategy: basket\nname: 5\n", "name is missing or no text"),
        ("strategy: basket\nname: Two Words\n", "'Two Words'; expected up to 64 small letters"),
        ("strategy: basket\nname: a\nparams: [1]\n", "params is a list; expected keys with values"),
        ("strategy: basket\nname: a\npairs: KXBTC\n", "such as [KXBTC-]"),
        ("strategy: basket\nname: a\nversion: 2\n", "version = 2; expected text"),
        ("- strategy\n", "holds a list"),
        ("strategy: basket\nstrategy: calm\nname: a\n", "given twice"),
    ],
)
def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    told = refusal(tmp_path / "wrong.yaml", text)
    assert told.startswith(f"file {tmp_path / 'wrong.yaml'}")
    assert said in told


def test_a_file_that_is_missing_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.yaml: No such file"):
        load(environ=listing(tmp_path / "nowhere.yaml"))


def test_two_of_one_name_are_refused_even_in_one_file(tmp_path: Path) -> None:
    one = written(tmp_path / "one.yaml", TIGHT)
    with pytest.raises(BadInput, match="name tight is that of"):
        load(environ=listing(one, one))


@pytest.mark.parametrize("listed", ["[5]", "calm.yaml"])
def test_a_setting_that_lists_no_files_is_refused(listed: str) -> None:
    with pytest.raises(BadInput, match="expected"):
        load(environ={"SUREFOOT_STRATEGIES": listed})
