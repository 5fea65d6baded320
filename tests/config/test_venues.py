"""Which venues are in use, what each needs before real orders may go there, and where their secrets come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.load import load
from config.secrets import api_credentials, hex_key
from domain.errors import BadInput
from domain.market import Venue

KEY = "ab" * 32
LIVE = {
    "SUREFOOT_MODE": "live",
    "SUREFOOT_LIVE__ENABLED": "true",
    "SUREFOOT_SETS": '[["A", "B"]]',
}
BOTH = {"SUREFOOT_VENUES": '["kalshi", "polymarket"]'}


def refusal(environ: dict[str, str]) -> str:
    with pytest.raises(BadInput) as caught:
        load(environ=environ)
    return caught.value.message


def secret(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_kalshi_alone_is_in_use_unless_more_is_said() -> None:
    assert load(environ={}).settings.in_use == (Venue.KALSHI,)
    assert load(environ=BOTH).settings.in_use == (Venue.KALSHI, Venue.POLYMARKET)


@pytest.mark.parametrize("venues", ["[]", '["kalshi", "kalshi"]', '["robinhood"]'])
def test_venues_are_known_ones_each_once(venues: str) -> None:
    assert "venues" in refusal({"SUREFOOT_VENUES": venues})


def test_the_risk_is_accepted_for_every_venue_in_use_and_for_no_other() -> None:
    message = refusal(LIVE | BOTH | {"SUREFOOT_LIVE__I_ACCEPT_THE_RISK": "kalshi"})
    assert 'i_accept_the_risk: "kalshi+polymarket"' in message
    assert "polymarket.signer_key_file" in message
    assert "polymarket.credentials_file" in message
    assert "kalshi.key_id" in message
    alone = refusal(
        LIVE | {"SUREFOOT_VENUES": '["polymarket"]', "SUREFOOT_LIVE__I_ACCEPT_THE_RISK": "kalshi+polymarket"}
    )
    assert 'i_accept_the_risk: "polymarket"' in alone
    assert "kalshi.key_id" not in alone


def test_the_order_in_which_the_venues_are_named_does_not_matter() -> None:
    message = refusal(LIVE | BOTH | {"SUREFOOT_LIVE__I_ACCEPT_THE_RISK": "polymarket+kalshi"})
    assert "i_accept_the_risk" not in message


def test_polymarket_alone_is_live_with_its_own_four_settings(tmp_path: Path) -> None:
    settings = load(
        environ=LIVE
        | {
            "SUREFOOT_VENUES": '["polymarket"]',
            "SUREFOOT_LIVE__I_ACCEPT_THE_RISK": "polymarket",
            "SUREFOOT_POLYMARKET__SIGNER_KEY_FILE": str(tmp_path / "key"),
            "SUREFOOT_POLYMARKET__CREDENTIALS_FILE": str(tmp_path / "creds.json"),
        }
    ).settings
    assert settings.mode == "live"
    assert settings.in_use == (Venue.POLYMARKET,)


def test_a_wallet_that_is_not_the_signer_must_be_named() -> None:
    live = LIVE | {"SUREFOOT_VENUES": '["polymarket"]', "SUREFOOT_POLYMARKET__SIGNATURE_TYPE": "safe"}
    assert "polymarket.funder" in refusal(live)


def test_an_address_that_is_none_is_refused() -> None:
    assert "polymarket.funder" in refusal({"SUREFOOT_POLYMARKET__FUNDER": "0x12"})


@pytest.mark.parametrize("text", [KEY, f"0x{KEY}", f"{KEY}\n"])
def test_a_key_is_read_with_or_without_its_prefix(tmp_path: Path, text: str) -> None:
    assert hex_key(secret(tmp_path / "key", text)) == KEY


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = secret(tmp_path / "key", KEY, mode)
    with pytest.raises(BadInput, match="chmod 600"):
        hex_key(path)


@pytest.mark.parametrize("text", ["", KEY[:-1], f"{KEY}00", f"key: {KEY}", "ключ"])
def test_what_is_no_key_is_refused_without_being_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput) as caught:
        hex_key(secret(tmp_path / "key", text))
    assert KEY[:-1] not in caught.value.message


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        hex_key(tmp_path / "absent")


def test_credentials_are_read_and_never_shown(tmp_path: Path) -> None:
    given = {"apiKey": "id", "secret": "c2VjcmV0", "passphrase": "pass"}
    found = api_credentials(secret(tmp_path / "creds.json", json.dumps(given)))
    assert (found.key, found.secret, found.passphrase) == ("id", "c2VjcmV0", "pass")
    assert "c2VjcmV0" not in repr(found)
    assert "pass" not in repr(found).replace("passphrase", "")


@pytest.mark.parametrize("text", ["", "[]", '{"apiKey": "id"}', '{"apiKey": "id", "secret": 1, "passphrase": "p"}'])
def test_what_are_no_credentials_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match="apiKey, secret, passphrase"):
        api_credentials(secret(tmp_path / "creds.json", text))


def test_merging_needs_a_wallet_that_can_and_the_relayers_key() -> None:
    live = LIVE | {"SUREFOOT_VENUES": '["polymarket"]', "SUREFOOT_POLYMARKET__MERGE": "true"}
    assert "proxy, safe or deposit" in refusal(live)
    message = refusal(live | {"SUREFOOT_POLYMARKET__SIGNATURE_TYPE": "safe"})
    assert "polymarket.relayer_key_file" in message
    assert "proxy, safe or deposit" not in message
