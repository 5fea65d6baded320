"""`surefoot strategies`, and that nothing starts by strategies that cannot run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli import exits
from cli.main import main
from config.settings import Postgres, Settings
from domain.limits import StrategySpec
from workers.local.layout import Layout, write_json
from workers.local.ports import allot
from workers.stack.services import endpoints, wanted_ports

CALM = "strategy: calm\nname: quiet\nparams: {calmest: '0.004'}\npairs: [KXBTC-]\n"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("SUREFOOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SUREFOOT_STATE_DIR", str(tmp_path / "state"))


def written(path: Path, text: str) -> str:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert main([*arguments, "--json"]) == exits.OK
    listed: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return listed


def test_without_files_the_two_of_the_settings_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    basket, cross = shown(capsys, "strategies")
    assert (basket["name"], cross["name"]) == ("basket", "cross")
    assert basket["params"] == {"margin": "0.001", "min_size": "1", "max_size": "100", "ttl_ms": 1000, "sell": False}
    assert str(basket["version"]).startswith("2-")


def test_the_configured_ones_are_shown_with_version_and_place(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = written(tmp_path / "mine.yaml", "{}")
    path = written(tmp_path / "strategies" / "quiet.yaml", CALM)
    (quiet,) = shown(capsys, "--config", config, "strategies")
    assert (quiet["name"], quiet["strategy"], quiet["pairs"], quiet["source"]) == (
        "quiet", "calm", ["KXBTC-"], f"file {path}",
    )  # fmt: skip
    assert main(["--config", config, "strategies"]) == exits.OK
    table = capsys.readouterr().out
    for word in ("quiet", "calm", str(quiet["version"]), "calmest 0.004", "KXBTC-…", path):
        assert word in table


def test_a_version_that_is_shown_can_be_written_into_the_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = written(tmp_path / "quiet.yaml", CALM)
    (quiet,) = shown(capsys, "strategies", path)
    pinned = written(tmp_path / "pinned.yaml", f"{CALM}version: {quiet['version']}\n")
    assert shown(capsys, "strategies", pinned)[0]["version"] == quiet["version"]
    changed = written(tmp_path / "pinned.yaml", f"{CALM.replace('0.004', '0.003')}version: {quiet['version']}\n")
    assert main(["strategies", changed]) == exits.BAD_INPUT
    assert f"version {quiet['version']} was expected" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("strategy: calm\n", "name is missing"),
        ("strategy: clam\nname: a\n", "Did you mean calm?"),
        ("strategy: calm\nname: a\nparams: {calmst: '1'}\n", "Did you mean calmest?"),
        ("strategy: calm\nname: a\nparams: {calmest: 0.004}\n", "binary fraction"),
        ("strategy: calm\nname: a\nparams: {calmest: '-1'}\n", "expected above 0"),
    ],
)
@pytest.mark.parametrize("command", [["strategies"], ["up"], ["up", "--detach"], ["demo"]])
def test_strategies_that_are_missing_or_wrong_are_bad_input_to_every_start(
    command: list[str], text: str | None, said: str, *, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = tmp_path / "mine.yaml"
    if text is not None:
        written(path, text)
    monkeypatch.setenv("SUREFOOT_STRATEGIES", json.dumps([str(path)]))
    assert main(command) == exits.BAD_INPUT
    told = capsys.readouterr().err
    assert said in told
    assert "mine.yaml" in told
    layout = Layout(tmp_path / "state")
    assert not layout.settings.exists(), "nothing was started"


def test_doctor_names_the_strategies_and_what_is_wrong_with_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said() -> dict[str, str]:
        main(["doctor", "--json"])
        return next(one for one in json.loads(capsys.readouterr().out)["checks"] if one["name"] == "strategies")

    path = written(tmp_path / "quiet.yaml", CALM)
    monkeypatch.setenv("SUREFOOT_STRATEGIES", json.dumps([path]))
    assert said()["seen"].startswith("quiet 1-")
    written(tmp_path / "quiet.yaml", CALM.replace("0.004", "-1"))
    assert (said()["verdict"], "calmest -1" in said()["seen"]) == ("fail", True)


def test_ingest_itself_never_starts_by_strategies_it_does_not_have(tmp_path: Path) -> None:
    """Another version's settings, say: no restart mends that, and its exit code says so."""
    layout = Layout(tmp_path / "state")
    layout.prepare()
    settings = Settings(
        state_dir=layout.root,
        postgres=Postgres(dsn="postgresql://nobody@127.0.0.1:1/none"),
        strategies=(StrategySpec("of tomorrow", "mine"),),
    )
    layout.settings.write_text(settings.model_dump_json(), encoding="utf-8")
    ports = allot(wanted_ports(settings), {})
    write_json(layout.stack, {"run_id": "r", "ports": ports, "endpoints": endpoints(settings, ports)})
    ended = subprocess.run(
        [sys.executable, "-m", "workers.ingest_host", "--state-dir", str(layout.root)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == exits.BAD_INPUT
    assert "there is no strategy 'of tomorrow'" in ended.stderr
