"""The warm cache in a Redis (or Valkey) server: one key, written whole, forgotten by the server itself."""

from __future__ import annotations

from domain.errors import BadInput, Unavailable

CONNECT_S = 0.5
ANSWER_S = 1.0


class RedisCache:
    """`url` as `redis://[user:password@]host:port/db`, `rediss://` or `unix://`; `name` tells configurations apart that
    share a server. Raises BadInput for an address that is none, and where the package `redis` is not installed."""

    def __init__(self, url: str, name: str) -> None:
        try:
            import redis  # noqa: PLC0415 - optional: only who has a server needs it
            from redis.backoff import NoBackoff  # noqa: PLC0415
            from redis.retry import Retry  # noqa: PLC0415
        except ImportError:
            raise BadInput(
                "warm_cache.url is set, and the package redis is not installed; install surefoot with its extra "
                "`warm`, or set warm_cache.url: null",
                "warm_cache",
            ) from None
        self._key = f"surefoot:warm:{name}"
        self._failed = redis.RedisError
        try:
            self._redis = redis.Redis.from_url(
                url,
                socket_connect_timeout=CONNECT_S,
                socket_timeout=ANSWER_S,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError:
            raise BadInput(
                "warm_cache.url is no address of a Redis server (not repeated here: it may hold a password); expected "
                "such as redis://127.0.0.1:6379/0",
                "warm_cache",
            ) from None

    def load(self) -> bytes | None:
        try:
            found = self._redis.get(self._key)
        except (self._failed, OSError) as away:
            raise Unavailable(f"the warm cache does not answer: {type(away).__name__}", "warm_cache") from None
        return found if isinstance(found, bytes) else None

    def save(self, state: bytes, keep_ms: int) -> None:
        try:
            self._redis.set(self._key, state, px=keep_ms)
        except (self._failed, OSError) as away:
            raise Unavailable(f"the warm cache does not answer: {type(away).__name__}", "warm_cache") from None

    def close(self) -> None:
        self._redis.close()
