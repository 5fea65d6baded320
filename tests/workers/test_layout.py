"""The state folder and what a child process learns from it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from config.load import load
from config.settings import Settings
from domain.errors import BadInput, Unavailable
from workers.local.keys import ensure_paper_keys
from workers.local.layout import Layout, load_stack, open_to_others, read_stack_file, write_json, write_private
from workers.local.ports import allot
from workers.stack.services import endpoints, wanted_ports


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def started(folder: Path, environ: dict[str, str] | None = None) -> Settings:
    """A state folder as a supervisor leaves it before it starts the first child."""
    settings = load(environ=environ or {}, overrides={"state_dir": str(folder)}).settings
    layout = Layout(folder)
    layout.prepare()
    ensure_paper_keys(layout)
    write_private(layout.postgres_password, b"s3cret/+")
    ports = allot(wanted_ports(settings), {})
    write_private(layout.settings, settings.model_dump_json().encode())
    write_json(layout.stack, {"run_id": "r-1", "ports": ports, "endpoints": endpoints(settings, ports)})
    return settings


def test_secrets_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    started(tmp_path)
    layout = Layout(tmp_path)
    assert mode(layout.keys) == 0o700
    for path in (layout.paper_private_key, layout.postgres_password, layout.stack, layout.settings):
        assert mode(path) == 0o600, path


def test_a_folder_of_before_is_closed_to_others_at_the_next_start(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for folder in (layout.paper, layout.logs, layout.postgres / "data"):
        folder.mkdir(mode=0o755, parents=True)
    exposed = [layout.paper / "polymarket.db", layout.temporal_db, layout.logs / "worker.log", layout.settings]
    theirs = layout.postgres / "data" / "PG_VERSION"
    for path in (*exposed, theirs):
        path.write_bytes(b"")
        path.chmod(0o644)
    (layout.logs / "elsewhere").symlink_to("/etc/hosts")
    tmp_path.chmod(0o755)
    assert {tmp_path, layout.paper, *exposed} <= set(open_to_others(layout))
    layout.prepare()
    assert open_to_others(layout) == []
    assert [mode(path) for path in exposed] == [0o600] * 4
    assert [mode(path) & 0o767 for path in (tmp_path, layout.paper, layout.logs)] == [0o700] * 3
    assert mode(theirs) == 0o644, "its server's own business"


def test_a_child_learns_every_endpoint_of_a_paper_stack(tmp_path: Path) -> None:
    settings = started(tmp_path)
    stack = load_stack(tmp_path)
    assert stack.settings == settings
    assert stack.run_id == "r-1"
    assert stack.temporal_address == f"127.0.0.1:{stack.ports['temporal']}"
    assert stack.temporal_ui_url == f"http://127.0.0.1:{stack.ports['temporal_ui']}"
    assert stack.venue_base_url == stack.paper_base_url == f"http://127.0.0.1:{stack.ports['paper']}/trade-api/v2"
    assert stack.venue_ws_url == f"ws://127.0.0.1:{stack.ports['paper']}/trade-api/ws/v2"
    assert stack.private_key_file.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert set(stack.metrics_ports) == {"temporal", "paper", "worker", "worker_sdk", "ingest", "ingest_sdk"}
    assert not stack.live


def test_a_live_stack_points_at_the_configured_exchange(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    started(
        tmp_path / "state",
        {
            "SUREFOOT_MODE": "live",
            "SUREFOOT_LIVE__ENABLED": "true",
            "SUREFOOT_LIVE__I_ACCEPT_THE_RISK": "kalshi",
            "SUREFOOT_KALSHI__KEY_ID": "my-key",
            "SUREFOOT_KALSHI__PRIVATE_KEY_FILE": str(key),
            "SUREFOOT_KALSHI__BASE_URL": "https://exchange.invalid/trade-api/v2",
            "SUREFOOT_SETS": '[["A", "B"]]',
        },
    )
    stack = load_stack(tmp_path / "state")
    assert stack.live
    assert stack.venue_base_url == "https://exchange.invalid/trade-api/v2"
    assert stack.key_id == "my-key"
    assert stack.private_key_file == key
    assert stack.paper_admin_url is None


def test_the_database_password_is_in_the_dsn_of_a_child_and_nowhere_else(tmp_path: Path) -> None:
    started(tmp_path)
    stack = load_stack(tmp_path)
    assert ":s3cret%2F%2B@127.0.0.1:" in stack.postgres_dsn
    assert "s3cret" not in (tmp_path / "stack.json").read_text()
    assert "s3cret" not in (tmp_path / "settings.json").read_text()
    assert "s3cret" not in repr(stack)


def test_an_unstarted_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no stack was started"):
        load_stack(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{nonsense"])
def test_a_damaged_stack_file_is_refused_with_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "stack.json").write_text(text)
    with pytest.raises(BadInput, match="surefoot up"):
        read_stack_file(Layout(tmp_path))


def test_damaged_settings_are_refused_with_what_to_do(tmp_path: Path) -> None:
    started(tmp_path)
    (tmp_path / "settings.json").write_text('{"mode": "papyrus"}')
    with pytest.raises(BadInput, match="surefoot up"):
        load_stack(tmp_path)


def test_a_state_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(BadInput, match="--state-dir"):
        Layout(tmp_path / "state").prepare()


def test_a_replaced_file_is_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": 2})
    assert read_stack_file(Layout(tmp_path)) == {"a": 2}
    assert [entry.name for entry in tmp_path.iterdir()] == ["stack.json"]


def test_a_paper_key_pair_is_made_once_and_again_when_half_of_it_is_lost(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.prepare()
    ensure_paper_keys(layout)
    first = layout.paper_private_key.read_bytes()
    ensure_paper_keys(layout)
    assert layout.paper_private_key.read_bytes() == first
    layout.paper_public_key.unlink()
    ensure_paper_keys(layout)
    assert layout.paper_private_key.read_bytes() != first
