"""Log lines are JSON, carry the ids bound around them, and never hold a secret."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from workers import logs

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    for handler in handlers:
        root.removeHandler(handler)
    path = tmp_path / "worker.log"
    logs.configure("worker", "r-1", "info", path)
    yield path
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_line_names_its_process_its_run_and_the_ids_bound_around_it(file: Path) -> None:
    with structlog.contextvars.bound_contextvars(intent="i-1", trade="i-1", market="M", order="o-1"):
        structlog.get_logger("x").info("order sent", size="1.00")
    (line,) = lines(file)
    assert line["event"] == "order sent"
    assert (line["process"], line["run"]) == ("worker", "r-1")
    assert (line["intent"], line["trade"], line["market"], line["order"]) == ("i-1", "i-1", "M", "o-1")
    assert line["level"] == "info"
    assert line["at"].endswith("Z")


def test_lines_of_libraries_become_json_too(file: Path) -> None:
    logging.getLogger("some.library").warning("slow: %s", "x")
    (line,) = lines(file)
    assert line["event"] == "slow: x"
    assert line["run"] == "r-1"


def test_lines_below_the_level_are_not_written(file: Path) -> None:
    structlog.get_logger("x").debug("noise")
    assert lines(file) == []


def test_secrets_are_masked_by_name_and_by_shape_at_any_depth(file: Path) -> None:
    structlog.get_logger("x").info(
        f"loaded {PEM}",
        password="hunter2",
        headers={"KALSHI-ACCESS-SIGNATURE": "abcdef", "path": "/x"},
        dsn="postgresql://u:hunter2@h/db",
        note=["see postgresql://u:hunter2@h/db"],
        body=PEM.encode(),
        private_key_file="/keys/mine.pem",
    )
    text = file.read_text()
    for secret in ("hunter2", "MIIEow", "abcdef"):
        assert secret not in text
    (line,) = lines(file)
    assert line["private_key_file"] == "/keys/mine.pem"
    assert line["headers"]["path"] == "/x"


def test_a_traceback_is_written_without_key_material(file: Path) -> None:
    try:
        int(PEM)
    except ValueError:
        structlog.get_logger("x").exception("failed")
    (line,) = lines(file)
    assert "ValueError" in line["exception"]
    assert "MIIEow" not in line["exception"]


def test_a_thread_and_what_it_starts_sign_their_lines_too(file: Path) -> None:
    thread = threading.Thread(target=lambda: structlog.get_logger("x").info("feed", up=True))
    thread.start()
    thread.join()
    (line,) = lines(file)
    assert (line["process"], line["run"]) == ("worker", "r-1")
