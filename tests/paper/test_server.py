"""Starting: what is refused, in words that say what to do."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.errors import BadInput, Unavailable
from paper.server import PaperConfig, start
from paper.session.playback import Spec
from tests.paper.conftest import Launch
from tests.paper.sample import Client, ticket


async def test_a_port_in_use_is_named(launch: Launch, tmp_path: Path) -> None:
    port = (await launch()).server.port
    with pytest.raises(BadInput, match=f"port {port} on 127.0.0.1 is in use"):
        await launch(port=port, state_dir=tmp_path / "other")


async def test_one_process_owns_a_state_folder(launch: Launch) -> None:
    await launch()
    with pytest.raises(Unavailable, match="in use by another paper exchange"):
        await launch()


@pytest.mark.parametrize("damage", [b"this is no database at all, not even close", None])
async def test_a_damaged_state_file_is_refused_and_left_as_it_is(tmp_path: Path, damage: bytes | None) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    file = folder / "paper.db"
    if damage is None:
        first = await start(PaperConfig(state_dir=folder, api_keys={}))
        await first.stop()
        damage = b"SQLite format 3\x00" + b"\xff" * 4080 + file.read_bytes()[4096:]
    file.write_bytes(damage)
    with pytest.raises(BadInput, match=r"paper\.db is not a readable state file"):
        await start(PaperConfig(state_dir=folder, api_keys={}))
    assert file.read_bytes() == damage


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"host": "0.0.0.0"}, "loopback"),
        ({"member_unit": Decimal("0.05")}, "0.0001 or 0.01"),
        ({"opening_cash": Decimal("-1")}, "opening_cash"),
        ({"opening_cash": Decimal("0.0000001")}, "opening_cash"),
        ({"read_lag_ms": 10_000_000}, "read lag"),
        ({"faults_file": Path("/nonexistent/faults.yaml")}, "faults.yaml"),
        ({"api_keys": {"k": "not a key"}}, "public key of k"),
    ],
)
async def test_a_setting_that_makes_no_sense_is_refused_by_name(
    tmp_path: Path, setting: dict[str, Any], words: str
) -> None:
    settings: dict[str, Any] = {"state_dir": tmp_path, "api_keys": {}} | setting
    with pytest.raises(BadInput, match=words):
        await start(PaperConfig(**settings))


async def test_a_recording_that_is_gone_stops_a_restart_with_its_name(launch: Launch, tmp_path: Path) -> None:
    first = await launch()
    await first.server.stop()

    def gone(plan: Spec) -> Any:
        raise BadInput(f"{plan.recording}: no such file; expected a recording", "no_recording")

    with pytest.raises(BadInput, match="sample: no such file"):
        await start(PaperConfig(state_dir=tmp_path / "paper", api_keys={}), open_session=gone)


async def test_the_opening_cash_counts_only_once(launch: Launch) -> None:
    first = await launch(opening_cash=Decimal("50"))
    await first.order()
    spent = (await first.get("/portfolio/balance"))["balance_dollars"]
    await first.server.stop()
    again = await launch(opening_cash=Decimal("1000"), play=False)
    assert (await again.get("/portfolio/balance"))["balance_dollars"] == spent == "49.4925"


async def test_a_commit_that_fails_stops_everything_until_a_restart(launch: Launch) -> None:
    venue = await launch()
    store = venue.server.exchange.store

    def full(*_: object) -> None:
        raise OSError("disk full")

    put, store.put_order = store.put_order, full  # type: ignore[assignment, method-assign]
    url = f"http://127.0.0.1:{venue.server.port}/trade-api/v2/portfolio/events/orders"
    headers = venue.headers("POST", "/trade-api/v2/portfolio/events/orders")
    async with venue.http.post(url, json=ticket(), headers=headers) as answer:
        assert answer.status == 500
    store.put_order = put  # type: ignore[method-assign]
    assert (await venue.order()).status == 503
    assert (await venue.admin("GET", "/healthz")).status == 503
    await venue.server.stop()
    again = await launch(play=False)
    assert (await again.get("/portfolio/orders"))["orders"] == []
    assert (await again.get("/portfolio/balance"))["balance_dollars"] == "10000.0000"


async def test_health_and_metrics_are_served(venue: Client) -> None:
    await venue.order()
    assert (await venue.admin("GET", "/healthz")).body == {"ok": True, "state": "playing"}
    async with venue.http.get(f"{venue.server.admin_url}/metrics") as answer:
        text = await answer.text()
    assert 'surefoot_paper_orders_total{outcome="filled"} 1.0' in text
    assert 'surefoot_paper_fills_total{role="taker"} 1.0' in text


async def test_an_unknown_path_is_a_json_404(venue: Client) -> None:
    answer = await venue.call("GET", "/nothing/here")
    assert (answer.status, answer.body["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "stranger",
    [
        {"Host": "evil.example", "Content-Type": "application/json"},
        {"Origin": "http://evil.example", "Content-Type": "application/json"},
        {"Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
async def test_a_page_of_another_site_arms_no_fault_and_plays_nothing(launch: Launch, stranger: dict[str, str]) -> None:
    server = (await launch()).server
    script = b'{"faults":[{"do":"error","status":503}]}'
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as http:
        for path in ("faults", "play", "resolve", "polymarket/resolve"):
            answer = await http.post(f"/paper/v1/{path}", content=script, headers=stranger)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "stranger")
        if "text/plain" not in stranger.values() and "Host" in stranger:
            assert (await http.get("/paper/v1/status", headers=stranger)).status_code == 403
            assert (await http.get("/trade-api/v2/exchange/status", headers=stranger)).status_code == 403
        listed = await http.get("/paper/v1/faults")
        assert listed.json() == []
        assert listed.headers["X-Frame-Options"] == "DENY"
