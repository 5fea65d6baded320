"""The page of a process goes on whatever happened as it took a caller in: silent, its process would count as frozen."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler

import pytest

from workers import loopback_server
from workers.loopback_server import LoopbackServer


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


def test_the_page_answers_again_after_memory_ran_out_as_a_caller_was_taken_in_and_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loopback_server, "_PAUSE_S", 0.001)
    server = LoopbackServer(0, Page)
    spent: list[socket.socket] = []

    def runs_out(request: socket.socket) -> None:
        if not spent:
            spent.append(request)
            request.close()
            raise MemoryError
        LoopbackServer.shutdown_request(server, request)

    def none_left(request: object, address: object) -> None:
        if not spent:
            raise MemoryError
        LoopbackServer.process_request(server, request, address)

    monkeypatch.setattr(server, "shutdown_request", runs_out)
    monkeypatch.setattr(server, "process_request", none_left)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises((urllib.error.URLError, ConnectionError, TimeoutError)):
        opener.open(url, timeout=1)
    with opener.open(url, timeout=5) as answer:
        assert answer.read() == b"ok"
    assert serving.is_alive()
    server.shutdown()
    serving.join(5)
    server.server_close()
    assert not serving.is_alive()
