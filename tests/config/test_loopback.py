"""What a page of another site sends to a port of this machine is refused; what programs send passes."""

from __future__ import annotations

import pytest

from config.loopback import refusal

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8080", "localhost:1", "[::1]:80", "127.8.9.1:5"])
def test_a_program_of_this_machine_passes(host: str) -> None:
    assert refusal("GET", {"Host": host}) is None
    assert refusal("POST", {"Host": host, **JSON}, json_only=True) is None
    assert refusal("GET", {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}) is None


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1",
        "127.0.0.1@evil.example", "evil.example#127.0.0.1", "127.0.0.1, evil.example", "[::1", "0.0.0.0", "2130706433",
        "127.1", "127.0.0.1:x",
    ],
)  # fmt: skip
def test_another_host_is_refused(host: str) -> None:
    assert "Host" in (refusal("GET", {"Host": host}) or "")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9", "https://127.0.0.1:8", "http://localhost:8", ""]
)
def test_another_origin_is_refused(origin: str) -> None:
    assert "Origin" in (refusal("POST", {"Host": "127.0.0.1:8", "Origin": origin, **JSON}) or "")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site", "nonsense"])
def test_a_browser_that_says_another_site_asks_is_refused(site: str) -> None:
    assert "browser" in (refusal("GET", {"Host": "127.0.0.1:8", "Sec-Fetch-Site": site}) or "")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_where_json_is_expected_a_body_that_needs_no_preflight_is_refused(kind: str) -> None:
    headers = {"Host": "127.0.0.1:8", "Content-Type": kind}
    assert "application/json" in (refusal("POST", headers, json_only=True) or "")
    assert refusal("POST", headers) is None
