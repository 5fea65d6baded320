"""Loopback ports: free ones are kept from start to start, configured ones are checked."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from domain.errors import BadInput
from workers.local.ports import allot, free_port, holder, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_every_name_gets_its_own_free_port() -> None:
    ports = allot({"a": 0, "b": 0, "c": 0}, {})
    assert len(set(ports.values())) == 3
    assert all(is_free(port) for port in ports.values())


def test_a_remembered_port_is_kept() -> None:
    first = allot({"a": 0, "b": 0}, {})
    assert allot({"a": 0, "b": 0}, first) == first


def test_a_remembered_port_in_use_is_replaced(taken: int) -> None:
    assert allot({"a": 0}, {"a": taken})["a"] != taken


def test_a_remembered_port_that_is_now_configured_for_another_is_replaced() -> None:
    port = free_port(set())
    ports = allot({"a": 0, "b": port}, {"a": port})
    assert ports["b"] == port
    assert ports["a"] != port


def test_a_configured_port_in_use_is_refused_with_its_number_its_holder_and_the_fix(taken: int) -> None:
    with pytest.raises(BadInput) as caught:
        allot({"paper": taken}, {})
    assert f"port {taken}" in caught.value.message
    assert "paper" in caught.value.message
    assert f"pid {os.getpid()}" in caught.value.message
    assert "0 chooses a free one" in caught.value.message


def test_one_port_configured_for_two_is_refused() -> None:
    port = free_port(set())
    with pytest.raises(BadInput, match="both a and b"):
        allot({"a": port, "b": port}, {})


def test_nobody_holds_a_free_port() -> None:
    assert holder(free_port(set())) == ""
