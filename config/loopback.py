"""Who may ask a server of ours that listens on this machine: programs here, no page of another site in a browser.

A browser reaches loopback ports for any page it shows. What betrays such a page:

| what a page tries                         | what the request then has                                           |
|-------------------------------------------|---------------------------------------------------------------------|
| DNS rebinding: a name of its own that     | `Host: evil.example`: no loopback address and not `localhost`       |
| resolves to 127.0.0.1                     |                                                                     |
| a form or `fetch` across sites            | an `Origin` other than the host asked, or `Origin: null`            |
| an image, a script, a link, a frame       | no `Origin`, but `Sec-Fetch-Site: cross-site` or, from another port |
|                                           | of this machine, `same-site`                                        |
| a body that needs no preflight            | `Content-Type: text/plain` or a form's, where JSON is expected      |

Programs send neither `Origin` nor `Sec-Fetch-Site`. Another user of this machine is not stopped by any of this.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

SAFE_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every answer carries, so that no other page shows it, frames it or reads it as a script."""


class Headers(Protocol):
    """A request's headers by name, whatever the case, as every server's library has them."""

    def get(self, name: str, /) -> str | None: ...


_BODIES = ("POST", "PUT", "PATCH")


def refusal(method: str, headers: Headers, *, json_only: bool = False) -> str | None:
    """Why a request is refused, in words for its sender; None if it may pass.

    `json_only`: bodies must say that they are JSON, which a browser asks permission for before it sends them to another
    site.
    """
    host = headers.get("Host") or ""
    if not _of_this_machine(host):
        return f"Host {host[:80]!r} was asked; expected a loopback address or localhost"
    origin = headers.get("Origin")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        return f"Origin {origin[:80]!r} asked; pages of other sites are not answered"
    site = headers.get("Sec-Fetch-Site")
    if site is not None and site.lower() not in {"same-origin", "none"}:
        return f"a {site[:20]} request of a browser; pages of other sites are not answered"
    if json_only and method in _BODIES:
        kind = (headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return f"Content-Type {kind[:80]!r} was sent; expected application/json"
    return None


def _of_this_machine(host: str) -> bool:
    if any(sign in host for sign in "/@?#\\ \t,"):
        return False
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not name:
        return False
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
