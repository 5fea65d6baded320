"""alerts, alert test, and an alert command that does not exist."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cli.main import main
from domain.alerts import AlertKind, Origin, Trouble
from workers.alerting.box import AlertBox

LONG = "trade i-1 [on X] is STUCK: " + "long " * 40


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SUREFOOT_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


def config(folder: Path, section: str, *command: str) -> list[str]:
    path = folder / "own.yaml"
    key = {"alerts": "command", "reconcile": "alert_command"}[section]
    path.write_text(f"{section}:\n  {key}: {json.dumps(command)}\n")
    return ["--config", str(path)]


@pytest.mark.parametrize("section", ["alerts", "reconcile"])
def test_alert_test_runs_the_command_under_its_name_and_its_older_one(
    folder: Path, capsys: pytest.CaptureFixture[str], section: str
) -> None:
    write = f"import pathlib, sys; pathlib.Path({str(folder / 'told')!r}).write_text(sys.stdin.read())"
    assert main([*config(folder, section, sys.executable, "-c", write), "alert", "test"]) == 0
    told = json.loads((folder / "told").read_text())
    assert (told["alert"], told["state"], told["mode"]) == ("test", "raised", "paper")
    assert told["host"]
    assert told["at"].endswith("Z")
    assert "took a test alert" in capsys.readouterr().out


def test_alert_test_says_what_went_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fails = config(folder, "alerts", sys.executable, "-c", "raise SystemExit('no route to the phone')")
    assert main([*fails, "alert", "test"]) == 5
    assert "no route to the phone" in capsys.readouterr().err
    assert main([*fails, "alert", "test", "--json"]) == 5
    assert json.loads(capsys.readouterr().out)["told"] is False
    assert main(["alert", "test"]) == 3
    assert "no alert command is set" in capsys.readouterr().err


@pytest.mark.parametrize("section", ["alerts", "reconcile"])
def test_a_command_that_does_not_exist_is_refused_before_the_night(
    folder: Path, capsys: pytest.CaptureFixture[str], section: str
) -> None:
    missing = config(folder, section, "/no/such")
    for command in (["config", "show"], ["up", "--detach"]):
        assert main([*missing, *command]) == 3
        assert "there is no program /no/such" in capsys.readouterr().err
    assert main([*missing, "doctor", "--json"]) == 5
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["alert command"]["verdict"] == "fail"
    assert "/no/such" in checks["alert command"]["seen"]
    assert not (folder / "state").exists()


def test_alerts_are_listed_without_a_ledger_within_eighty_columns(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["alerts"]) == 0
    assert "no alert was raised" in capsys.readouterr().err
    box = AlertBox(folder / "state" / "alerts", Origin("attic", "r-1", "paper", "worker"))
    box.tell(
        Trouble(AlertKind.STUCK, "i-1", "trade i-1 [on X] is STUCK: " + "long " * 40, "unwind it", "i-1"), 1_000_000
    )
    box.tell(Trouble(AlertKind.FEED, "feed kalshi", "feed kalshi is down", "wait"), 2_000_000)
    box.resolve(box.opened()["feed:feed kalshi"], 3_000_000)
    assert main(["alerts"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "stuck: trade i-1 [on X] is STUCK" in shown
    assert "→ unwind it" in shown
    assert main(["alerts", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(each["alert"], each["state"]) for each in told["alerts"]] == [("stuck", "raised"), ("feed", "resolved")]
    assert told["unread"]
    assert main(["alerts", "--open", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["alerts"]) == 1
