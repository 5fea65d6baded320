"""The page every process shows: its metrics, and whether it is well."""

from __future__ import annotations

import socket
import threading

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from workers import metrics
from workers.stack.services import get_status


def fetch(server: metrics.MetricsServer, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{server.port}{path}", trust_env=False)


def test_metrics_of_the_registry_are_shown() -> None:
    registry = CollectorRegistry()
    Counter("sent", "Orders sent", registry=registry).inc(3)
    server = metrics.serve(0, registry)
    try:
        assert "sent_total 3.0" in fetch(server, "/metrics").text
    finally:
        server.close()


def test_our_own_metrics_are_shown_with_buckets_in_microseconds() -> None:
    server = metrics.serve(0)
    try:
        text = fetch(server, "/metrics").text
        assert 'surefoot_decision_seconds_bucket{le="1e-05"}' in text
        assert "surefoot_unhedged_shares" in text
    finally:
        server.close()


async def test_healthz_says_what_is_wrong() -> None:
    trouble: list[str | None] = ["no worker"]
    server = metrics.serve(0, health=lambda: trouble[0])
    try:
        answer = fetch(server, "/healthz")
        assert (answer.status_code, answer.text) == (503, "no worker\n")
        assert await get_status(server.port, "/healthz") == 503
        trouble[0] = None
        assert await get_status(server.port, "/healthz") == 200
        assert fetch(server, "/else").status_code == 404
    finally:
        server.close()


async def test_nobody_answering_is_status_zero() -> None:
    server = metrics.serve(0)
    server.close()
    assert await get_status(server.port, "/healthz") == 0


def test_a_taken_port_is_refused() -> None:
    server = metrics.serve(0)
    try:
        with pytest.raises(OSError, match="in use"):
            metrics.serve(server.port)
    finally:
        server.close()


@pytest.mark.parametrize(
    "stranger", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "same-site"}]
)
def test_a_page_of_another_site_sees_nothing(stranger: dict[str, str]) -> None:
    server = metrics.serve(0, pages={"/why": lambda: b"{}"})
    try:
        for path in ("/metrics", "/healthz", "/why"):
            url = f"http://127.0.0.1:{server.port}{path}"
            assert httpx.get(url, trust_env=False).status_code == 200
            assert httpx.get(url, headers=stranger, trust_env=False).status_code == 403, path
    finally:
        server.close()


def test_connections_that_never_ask_do_not_shut_the_page() -> None:
    server = metrics.serve(0)
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
    try:
        assert fetch(server, "/healthz").status_code == 200
        assert sum(thread.name.startswith("Thread-") for thread in threading.enumerate()) < 60
    finally:
        for one in silent:
            one.close()
        server.close()
