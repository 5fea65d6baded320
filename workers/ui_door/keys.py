"""What only this installation knows of its door: a name that Temporal's HTTP API answers to, and the pages' folder.

`host`: the API answers requests for this Host alone. It is a name under `.invalid`, which no resolver knows, so no page
in a browser can be at it; 128 random bits, so none can guess it. It is on the command line of the server: another user
of this machine can read it there, who can reach Temporal by gRPC in any case.

`path`: all pages lie under it, and the session's cookie is sent to it alone. Cookies do not tell ports apart: without
it a server on another port of this machine would be sent the cookie.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from workers.local.layout import Layout, write_private


@dataclass(frozen=True, slots=True)
class DoorKeys:
    host: str
    path: str


def ensure_door_keys(layout: Layout) -> DoorKeys:
    """Those of the state folder, made at the first start. They stay: a Temporal may run on with them."""
    try:
        told = json.loads(layout.ui_keys.read_bytes())
        return DoorKeys(str(told["host"]), str(told["path"]))
    except (OSError, ValueError, KeyError, TypeError):
        made = DoorKeys(f"{os.urandom(16).hex()}.invalid", f"/{os.urandom(16).hex()}")
        write_private(layout.ui_keys, json.dumps(asdict(made)).encode() + b"\n")
        return made
