"""An HTTP server of a few threads: whoever opens connections and says nothing is dropped for whoever comes next."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_MOST = 16
_PAUSE_S = 0.1


class LoopbackServer(ThreadingHTTPServer):
    """At most 16 connections at once: the oldest makes room for the next, so that a scrape always comes through."""

    daemon_threads = True

    def __init__(self, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: dict[Any, None] = {}  # in the order they came
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), handler)

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Until `shutdown`. What a want of memory or of descriptors breaks while a caller is taken in, or dropped, ends
        that caller and not the page: a process whose page is silent counts as frozen."""
        while True:
            try:
                return super().serve_forever(poll_interval)
            except Exception:
                time.sleep(_PAUSE_S)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            if len(self._open) >= _MOST:
                oldest = next(iter(self._open))
                del self._open[oldest]
                _cut(oldest)
            self._open[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that left or was dropped is no news."""


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
