"""Loopback ports: free ones are chosen once and kept, configured ones are checked with a clear refusal."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping

import psutil

from domain.errors import BadInput, Unavailable

HOST = "127.0.0.1"
_RANGE = range(20_000, 32_000)  # below the ephemeral range: no outgoing connection can sit on a port we come back to


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:port now. Connections in TIME_WAIT do not count."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def allot(wanted: Mapping[str, int], remembered: Mapping[str, int]) -> dict[str, int]:
    """One port for each name in `wanted`: the configured number, else the remembered one, else a free one.

    Raises `BadInput` for a configured port that is in use or given twice; a remembered one in use is just replaced.
    """
    given: dict[int, str] = {}
    for name, port in wanted.items():
        if not port:
            continue
        if port in given:
            raise BadInput(f"port {port} is configured for both {given[port]} and {name}; give each its own", "port")
        if not is_free(port):
            raise BadInput(
                f"port {port}, configured for {name}, is in use on {HOST}{holder(port)}; "
                "stop that program, or set another port (0 chooses a free one)",
                "port_in_use",
            )
        given[port] = name
    taken = set(given)
    ports: dict[str, int] = {}
    for name, port in wanted.items():
        known = remembered.get(name, 0)
        if port:
            ports[name] = port
        elif known and known not in taken and is_free(known):
            ports[name] = known
        else:
            ports[name] = free_port(taken)
        taken.add(ports[name])
    return ports


def free_port(taken: set[int]) -> int:
    """A port that nobody listens on, outside `taken`. Raises `Unavailable` if none is found."""
    for port in random.SystemRandom().sample(_RANGE, 200):
        if port not in taken and is_free(port):
            return port
    raise Unavailable(f"none of 200 ports between {_RANGE.start} and {_RANGE.stop} is free on {HOST}", "ports")


def holder(port: int) -> str:
    """` by NAME (pid N)` if the system tells who listens on the port, else the empty string."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return ""
    for connection in connections:
        if not connection.laddr or connection.status != psutil.CONN_LISTEN or not connection.pid:
            continue
        if connection.laddr.port == port:
            try:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.Error:
                return f" by pid {connection.pid}"
    return ""
