"""Keeps what features have learned across engines of one process, and across processes where there is a cache.

Memory always; the cache beside it, on a thread of its own that only ever writes the newest state. A cache that is away
costs one warning and nothing else: the next state is tried again, and the first that is taken says so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from config.settings import Settings
from domain.errors import Unavailable
from ingest.warm import WarmCache, WarmState, decode, encode
from ingest.warm_redis import RedisCache
from venues.wire import wall_clock_us

log = structlog.get_logger(__name__)

_LAST_SAVE_S = 3.0


class WarmKeeper:
    """States older than `most_age_ms` are never given out. `start` before the first `keep`, where there is a cache;
    `close` after the last. `trouble` says why the cache did not answer last time, "" if it did."""

    def __init__(self, cache: WarmCache | None, most_age_ms: int, *, clock: Callable[[], int] = wall_clock_us) -> None:
        self._cache = cache
        self._most_age_us = most_age_ms * 1000
        self._clock = clock
        self._latest: WarmState | None = None
        self._saved: WarmState | None = None
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="warm cache", daemon=True)
        self.trouble = ""

    @property
    def cached(self) -> bool:
        """Whether there is a cache beside the memory."""
        return self._cache is not None

    def start(self) -> None:
        if self._cache is not None:
            self._thread.start()

    def keep(self, state: WarmState) -> None:
        """From any thread; never blocks, never raises."""
        if state.spots:
            self._latest = state
            self._wake.set()

    def latest(self) -> WarmState | None:
        """The newest state that is young enough, this process's own or else the cache's. May block as the cache does;
        never raises."""
        now = self._clock()
        own = self._latest
        if own is not None or self._cache is None:
            return own if own is not None and own.usable(now, self._most_age_us) else None
        try:
            raw = self._cache.load()
            found = decode(raw) if raw is not None else None
        except Unavailable as away:
            self._say(away.message)
            return None
        except ValueError as wrong:
            log.warning("a saved state of features is not used", why=str(wrong))
            return None
        self._say("")
        return found if found is not None and found.usable(self._clock(), self._most_age_us) else None

    def close(self) -> None:
        """Save the newest state if it is not, and end. Returns within seconds also while the cache is away."""
        self._closing = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_LAST_SAVE_S)

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait()
            self._wake.clear()
            self._save()
        self._save()

    def _save(self) -> None:
        state = self._latest
        if self._cache is None or state is None or state is self._saved:
            return
        try:
            self._cache.save(encode(state), self._most_age_us // 1000)
        except Unavailable as away:
            self._say(away.message)
        else:
            self._saved = state
            self._say("")

    def _say(self, trouble: str) -> None:
        was, self.trouble = self.trouble, trouble
        if trouble and not was:
            log.warning("features are kept in memory only; a restart will warm them anew", why=trouble)
        elif was and not trouble:
            log.info("the warm cache answers again")


def warm_keeper_of(settings: Settings) -> WarmKeeper:
    """As the settings have it. Raises BadInput for an address that is none."""
    url = settings.warm_cache.url
    cache = RedisCache(url, settings.name) if url is not None else None
    return WarmKeeper(cache, settings.warm_cache.max_age_ms)
