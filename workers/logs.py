"""JSON log lines, one file a process, with the ids that tie a line to a run, an intent, a trade, a market, an order.

Bind ids with `structlog.contextvars.bound_contextvars(intent=…, trade=…, market=…, order=…)`; every line written inside
carries them. Key material never reaches a line: keys that name secrets are masked, PEM blocks and DSN passwords cut.
"""

from __future__ import annotations

import logging
import logging.handlers
import re
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog

_SECRET_NAMES = re.compile(r"(?i)(password|passwd|secret|private_key(?!_file)|signature|authorization|pem$|dsn|token$)")
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_DSN_PASSWORD = re.compile(r"(\w+://[^\s:/@]+:)[^\s@]+@")
_MASK = "***"
_BYTES = 20_000_000
_KEPT = 3


def configure(process: str, run_id: str, level: str = "info", file: Path | None = None) -> None:
    """Sends structlog and standard logging of this process to `file` as JSON lines (stderr without one).

    The file is rotated at 20 MB, three old ones kept. `level` is debug, info, warning or error. Calling it again
    replaces the former configuration.
    """
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = logging.handlers.RotatingFileHandler(file, maxBytes=_BYTES, backupCount=_KEPT, encoding="utf-8")

    def sign(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        # Not a bound context: a thread, and what it calls back on another's loop, would begin without it.
        return {"process": process, "run": run_id, **event}

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        sign,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(level.upper())
    for chatty in ("httpx", "httpcore", "websockets", "asyncio"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Masks secrets by name and by shape, at any depth."""
    for key, value in event.items():
        event[key] = _MASK if _SECRET_NAMES.search(key) else _clean(value)
    return event


def _clean(value: Any) -> Any:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return _DSN_PASSWORD.sub(rf"\1{_MASK}@", _PEM.sub(_MASK, value))
    if isinstance(value, dict):
        return {k: _MASK if isinstance(k, str) and _SECRET_NAMES.search(k) else _clean(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value
