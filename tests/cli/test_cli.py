"""The command line: what it prints where, and the exit code of every kind of ending."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cli import exits
from cli.main import main
from domain.errors import BadInput, Denied, Halted, Rejected, SurefootError, Unavailable, Unknown
from tests.places import ROOT

COMMANDS = ["up", "down", "status", "play", "demo", "replay", "synth"]
COMMANDS += ["trades", "trade", "unwind", "hold", "retry", "accept", "adopt", "flat"]
COMMANDS += ["halt", "resume", "halts", "capital", "report", "doctor", "config"]
COMMANDS += ["reconcile", "acknowledge", "resolve", "versions", "strategies", "why"]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("SUREFOOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SUREFOOT_STATE_DIR", str(tmp_path / "state"))


def test_help_lists_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == exits.OK
    told = capsys.readouterr().out
    for word in (*COMMANDS, "Exit codes", "130 interrupted", "6 an invariant does not hold"):
        assert word in told


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == exits.OK
    assert "Usage: surefoot" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput("x"), 3),
        (Denied("x"), 4),
        (Rejected("x"), 4),
        (Halted("x"), 4),
        (Unavailable("x"), 5),
        (Unknown("x"), 5),
        (SurefootError("x"), 1),
    ],
)
def test_every_error_has_its_exit_code(error: SurefootError, code: int) -> None:
    assert exits.code_of(error) == code


@pytest.mark.parametrize("arguments", [["fly"], ["up", "--sped", "2"], ["unwind", "i-1"], ["play", "--speed", "0"]])
def test_a_wrong_command_line_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == exits.USAGE
    captured = capsys.readouterr()
    assert "usage error" in captured.err
    assert captured.out == ""


def test_a_wrong_setting_is_bad_input_told_on_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUREFOOT_GATES__MAX_SKEW", "5")
    assert main(["config", "show"]) == exits.BAD_INPUT
    captured = capsys.readouterr()
    assert "Did you mean SUREFOOT_GATES__MAX_SKEW_MS?" in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["trades"],
        ["trade", "i-1"],
        ["report"],
        ["unwind", "i-1", "--reason", "x", "--author", "me"],
        ["play"],
    ],
)
def test_without_a_stack_a_command_is_unavailable_and_says_what_to_do(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == exits.UNAVAILABLE
    assert "surefoot up" in capsys.readouterr().err


def test_down_with_nothing_running_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down"]) == exits.OK
    assert "nothing runs" in capsys.readouterr().err


def test_unwind_without_a_reason_worth_recording_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unwind", "i-1", "--reason", " ", "--author", "me"]) == exits.BAD_INPUT
    assert "--reason is empty" in capsys.readouterr().err


def test_stuck_trades_and_another_state_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trades", "--stuck", "--state", "closed"]) == exits.BAD_INPUT
    assert "--stuck and --state CLOSED exclude each other" in capsys.readouterr().err


def test_an_internal_error_names_the_log_that_holds_its_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("boom")

    (tmp_path / "state" / "logs").mkdir(parents=True)
    monkeypatch.setattr("cli.doctor._checks", broken)
    assert main(["doctor"]) == exits.INTERNAL
    told = capsys.readouterr().err
    log = tmp_path / "state" / "logs" / "cli.log"
    assert str(log) in told
    assert "Traceback" not in told
    assert "ZeroDivisionError: boom" in log.read_text()
    assert main(["--debug", "doctor"]) == exits.INTERNAL
    assert "Traceback" in capsys.readouterr().err


def test_an_interruption_has_its_own_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.doctor._checks", interrupted)
    assert main(["doctor"]) == exits.INTERRUPTED


def test_config_show_tells_every_value_with_its_source_and_no_password(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUREFOOT_POSTGRES__DSN", "postgresql://me:hunter2@h/db")
    for arguments in (["config", "show"], ["config", "show", "--json"]):
        assert main(arguments) == exits.OK
        told = capsys.readouterr().out
        assert "hunter2" not in told
        assert "postgresql://me:***@h/db" in told
        assert "environment SUREFOOT_POSTGRES__DSN" in told
    assert json.loads(told)["strategy.margin"] == {"value": "0.001", "source": "profile paper"}


def test_doctor_passes_here_and_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == exits.OK
    told = json.loads(capsys.readouterr().out)
    assert told["ok"]
    names = {check["name"] for check in told["checks"]}
    assert names >= {"python", "wheels", "postgres binary", "temporal binary", "disk", "state folder", "key", "stack"}


def test_doctor_names_a_taken_port_its_holder_and_the_fix(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        monkeypatch.setenv("SUREFOOT_PAPER__PORT", str(server.getsockname()[1]))
        assert main(["doctor"]) == exits.UNAVAILABLE
    told = capsys.readouterr().out
    assert f"pid {os.getpid()}" in told
    assert "configure 0" in told


def test_doctor_finds_a_secret_that_others_can_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    keys = tmp_path / "state" / "keys"
    keys.mkdir(parents=True, mode=0o755)
    keys.parent.chmod(0o700)
    keys.chmod(0o755)
    assert main(["doctor"]) == exits.UNAVAILABLE
    assert f"chmod go= {keys}" in capsys.readouterr().out


def test_a_session_is_written_and_replayed_with_the_same_fingerprint_as_its_seed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.session.jsonl.gz"
    assert main(["synth", "--seed", "11", "--out", str(file)]) == exits.OK
    assert capsys.readouterr().out.strip() == str(file)
    told = []
    for source in ("synth:11", str(file)):
        assert main(["replay", "--recording", source, "--json"]) == exits.OK
        told.append(json.loads(capsys.readouterr().out))
    assert told[0]["fingerprint"] == told[1]["fingerprint"]
    assert told[0]["intents"] > 0
    assert set(told[0]) >= {"fingerprint", "events", "intents", "suppressed"}


def test_a_session_file_that_nothing_would_open_is_not_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["synth", "--seed", "1", "--out", str(tmp_path / "mine.json")]) == exits.BAD_INPUT
    assert "NAME.session.jsonl.gz" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_missing_recording_is_bad_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["replay", "--recording", str(tmp_path / "none")]) == exits.BAD_INPUT
    assert "does not exist" in capsys.readouterr().err


def test_a_saved_report_outlives_the_stack_and_its_verdict_is_the_exit_code(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    reports = tmp_path / "state" / "reports"
    reports.mkdir(parents=True)
    for holds, code in ((True, exits.OK), (False, exits.INVARIANT), (None, exits.UNAVAILABLE)):
        document = {
            "run": "r-1",
            "as_of": 1_767_833_600_000_000,
            "intents": 2,
            "trades": {"CLOSED": 2},
            "invariants": {"same_bytes": True, "fills_match": holds},
        }
        (reports / "latest.json").write_text(json.dumps(document))
        assert main(["report", "--json"]) == code
        captured = capsys.readouterr()
        assert json.loads(captured.out) == document
        assert "as of 2026-01-08T" in captured.err
        assert main(["report"]) == code
        assert "CLOSED 2" in capsys.readouterr().out


def test_the_installed_program_ends_with_the_documented_code(tmp_path: Path) -> None:
    env = {**os.environ, "SUREFOOT_STATE_DIR": str(tmp_path)}
    done = subprocess.run(
        (sys.executable, "-m", "cli.main", "status"),
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == exits.UNAVAILABLE
    assert done.stdout == ""
    assert "surefoot up" in done.stderr
