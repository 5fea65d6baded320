"""Where settings come from, which source wins, and what each mistake is told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from config.keys import leaves
from config.load import effective, load, redact_dsn, shown
from domain.errors import BadInput


def yaml_file(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(**arguments: object) -> str:
    arguments.setdefault("environ", {})
    with pytest.raises(BadInput) as caught:
        load(**arguments)  # type: ignore[arg-type]
    return caught.value.message


def test_without_any_source_the_paper_profile_applies() -> None:
    loaded = load(environ={})
    assert loaded.settings.mode == "paper"
    assert loaded.sources["mode"] == "profile paper"
    assert loaded.sources["temporal.port"] == "default"
    assert loaded.settings.state_dir.is_absolute()


@pytest.mark.parametrize("name", ["paper", "demo"])
def test_every_shipped_profile_loads(name: str) -> None:
    assert load(profile=name, environ={}).settings.mode == "paper"


def test_the_demo_profile_plays_a_synthetic_session() -> None:
    assert load(profile="demo", environ={}).settings.paper.session.recording == "synth:7"


def test_later_sources_win_and_every_value_knows_its_source(tmp_path: Path) -> None:
    profile = yaml_file(tmp_path, "paper: {port: 1, read_lag_ms: 1, seed: 1, opening_cash: '1'}", "profile.yaml")
    config = yaml_file(tmp_path, "paper: {port: 2, read_lag_ms: 2, seed: 2}")
    loaded = load(
        profile=str(profile),
        config=config,
        environ={"SUREFOOT_PAPER__PORT": "3", "SUREFOOT_PAPER__READ_LAG_MS": "3"},
        overrides={"paper.port": 4},
    )
    paper = loaded.settings.paper
    assert (paper.port, paper.read_lag_ms, paper.seed, paper.opening_cash) == (4, 3, 2, Decimal(1))
    assert loaded.sources["paper.port"] == "command line"
    assert loaded.sources["paper.read_lag_ms"] == "environment SUREFOOT_PAPER__READ_LAG_MS"
    assert loaded.sources["paper.seed"] == f"file {config}"
    assert loaded.sources["paper.opening_cash"] == f"profile {profile}"


def test_the_environment_names_a_profile_and_the_command_line_outranks_it(tmp_path: Path) -> None:
    environ = {"SUREFOOT_PROFILE": "demo"}
    assert load(environ=environ).sources["mode"] == "profile demo"
    assert load(profile="paper", environ=environ).sources["mode"] == "profile paper"


def test_the_short_variables_set_the_state_folder_and_the_temporal_binary(tmp_path: Path) -> None:
    loaded = load(environ={"SUREFOOT_STATE_DIR": str(tmp_path), "SUREFOOT_TEMPORAL": "/opt/temporal"})
    assert loaded.settings.state_dir == tmp_path
    assert loaded.settings.temporal.binary == "/opt/temporal"
    assert loaded.sources["temporal.binary"] == "environment SUREFOOT_TEMPORAL"


def test_a_list_comes_from_the_environment_as_json() -> None:
    assert load(environ={"SUREFOOT_SETS": '[["A", "B", "C"]]'}).settings.sets == (("A", "B", "C"),)
    assert "not a JSON list" in refusal(environ={"SUREFOOT_SETS": "[A, B"})


def test_money_from_text_is_exact() -> None:
    assert load(environ={"SUREFOOT_STRATEGY__MARGIN": "0.1"}).settings.strategy.margin == Decimal("0.1")


def test_a_binary_fraction_for_money_is_refused_with_the_fix(tmp_path: Path) -> None:
    message = refusal(config=yaml_file(tmp_path, "strategy: {margin: 0.001}"))
    assert "strategy.margin = 0.001" in message
    assert 'margin: "0.001"' in message
    assert "mine.yaml" in message


def test_a_binary_fraction_is_fine_where_no_money_is(tmp_path: Path) -> None:
    assert load(config=yaml_file(tmp_path, "paper: {session: {speed: 2.5}}"), environ={}).settings.paper.session.speed


def test_money_finer_than_a_micro_is_refused() -> None:
    message = refusal(environ={"SUREFOOT_STRATEGY__MARGIN": "0.0000001"})
    assert "strategy.margin" in message
    assert "six decimal places" in message


@pytest.mark.parametrize("text", ["NaN", "Infinity", "much"])
def test_money_that_is_no_number_is_refused(text: str) -> None:
    assert "strategy.margin" in refusal(environ={"SUREFOOT_STRATEGY__MARGIN": text})


def test_an_unknown_key_is_refused_with_the_nearest_one_and_all_allowed(tmp_path: Path) -> None:
    message = refusal(config=yaml_file(tmp_path, "gates: {max_skw_ms: 5}"))
    assert "unknown key gates.max_skw_ms" in message
    assert "Did you mean gates.max_skew_ms?" in message
    assert "max_open_per_pair" in message


def test_an_unknown_section_is_refused(tmp_path: Path) -> None:
    assert "Did you mean" in refusal(config=yaml_file(tmp_path, "kalshy: {key_id: a}"))


def test_the_value_of_an_unknown_key_is_never_repeated(tmp_path: Path) -> None:
    assert "hunter2" not in refusal(config=yaml_file(tmp_path, "postgres: {password: hunter2}"))
    assert "hunter2" not in refusal(environ={"SUREFOOT_POSTGRES__PASSWORD": "hunter2"})


def test_an_unknown_variable_is_refused_with_the_nearest_one() -> None:
    message = refusal(environ={"SUREFOOT_PAPER__PROT": "1"})
    assert "SUREFOOT_PAPER__PROT" in message
    assert "Did you mean SUREFOOT_PAPER__PORT?" in message


def test_a_value_of_the_wrong_kind_names_key_value_and_source() -> None:
    message = refusal(environ={"SUREFOOT_PAPER__PORT": "eighty"})
    assert "environment SUREFOOT_PAPER__PORT" in message
    assert "paper.port = eighty" in message
    assert "integer" in message


def test_every_wrong_value_is_told_at_once() -> None:
    message = refusal(environ={"SUREFOOT_PAPER__PORT": "x", "SUREFOOT_LOGGING__LEVEL": "loud"})
    assert "paper.port" in message
    assert "logging.level" in message
    assert "'debug'" in message


def test_a_section_given_a_plain_value_is_refused_with_its_keys(tmp_path: Path) -> None:
    message = refusal(config=yaml_file(tmp_path, "gates: 5"))
    assert "gates is a section" in message
    assert "max_lag_ms" in message


def test_a_key_given_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    assert "line 2" in refusal(config=yaml_file(tmp_path, "mode: paper\nmode: live\n"))


def test_broken_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    assert "line 2" in refusal(config=yaml_file(tmp_path, "mode: paper\ngates: a: b\n"))


def test_a_list_at_the_top_of_a_file_is_refused(tmp_path: Path) -> None:
    assert "expected sections" in refusal(config=yaml_file(tmp_path, "- mode"))


def test_a_missing_file_and_an_unknown_profile_are_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(config=tmp_path / "none.yaml")
    assert "Did you mean demo?" in refusal(profile="demmo")


def test_a_time_that_yaml_reads_as_a_number_is_refused_with_the_fix(tmp_path: Path) -> None:
    message = refusal(config=yaml_file(tmp_path, "paper: {session: {from: 19:30:00}}"))
    assert "paper.session.from" in message
    assert "write it in quotes" in message


def test_live_is_refused_until_every_deliberate_step_is_taken(tmp_path: Path) -> None:
    steps = {
        "SUREFOOT_LIVE__ENABLED": "true",
        "SUREFOOT_LIVE__I_ACCEPT_THE_RISK": "kalshi",
        "SUREFOOT_KALSHI__KEY_ID": "abc",
        "SUREFOOT_KALSHI__PRIVATE_KEY_FILE": str(tmp_path / "key.pem"),
        "SUREFOOT_SETS": '[["A", "B"]]',
    }
    for left_out in steps:
        environ = {name: text for name, text in steps.items() if name != left_out}
        assert "mode live" in refusal(environ=environ | {"SUREFOOT_MODE": "live"})
    assert load(environ=steps | {"SUREFOOT_MODE": "live"}).settings.mode == "live"


def test_naming_another_venue_does_not_accept_the_risk() -> None:
    message = refusal(
        environ={"SUREFOOT_MODE": "live", "SUREFOOT_LIVE__ENABLED": "true", "SUREFOOT_LIVE__I_ACCEPT_THE_RISK": "yes"}
    )
    assert 'i_accept_the_risk: "kalshi"' in message


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({"SUREFOOT_STRATEGY__MIN_SIZE": "0"}, "min_size"),
        ({"SUREFOOT_STRATEGY__MIN_SIZE": "101"}, "max_size"),
        ({"SUREFOOT_POLICY__LOSS_BUDGET": "-1"}, "policy.loss_budget"),
        ({"SUREFOOT_GATES__MAX_LAG_MS": "0"}, "gates.max_lag_ms"),
        ({"SUREFOOT_PAPER__MEMBER_UNIT": "0.001"}, "member_unit"),
        ({"SUREFOOT_PAPER__PORT": "70000"}, "65535"),
        ({"SUREFOOT_SETS": '[["A", "A"]]'}, "is no set"),
    ],
)
def test_values_that_make_no_sense_are_refused(environ: dict[str, str], word: str) -> None:
    assert word in refusal(environ=environ)


def test_key_material_in_place_of_a_path_is_not_repeated() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----"
    message = refusal(environ={"SUREFOOT_KALSHI__CONNECT_TIMEOUT_MS": pem})
    assert "MIIEvQ" not in message
    assert "path of a file" in message


def test_a_dsn_is_shown_without_its_password() -> None:
    dsn = "postgresql://me:hunter2@db.example:5432/ledger"
    assert shown("postgres.dsn", dsn) == "postgresql://me:***@db.example:5432/ledger"
    assert "hunter2" not in redact_dsn("postgresql://h/db?password=hunter2")
    assert "hunter2" not in redact_dsn("host=h password=hunter2")
    assert "hunter2" not in repr(load(environ={"SUREFOOT_POSTGRES__DSN": dsn}).settings)


def test_paths_come_back_absolute_because_other_processes_open_them(tmp_path: Path) -> None:
    settings = load(environ={"SUREFOOT_PAPER__FAULTS_FILE": "faults.yaml"}).settings
    assert settings.paper.faults_file == Path.cwd() / "faults.yaml"


def test_every_setting_has_a_value_and_a_source() -> None:
    loaded = load(environ={})
    names = [name for name, _ in leaves()]
    assert list(effective(loaded.settings)) == names
    assert list(loaded.sources) == names


def test_settings_survive_a_file() -> None:
    settings = load(environ={"SUREFOOT_SETS": '[["A", "B"]]'}, overrides={"paper.session.from": "19:30"}).settings
    assert type(settings).model_validate_json(settings.model_dump_json()) == settings
