"""Histories as files: all that a replay needs and nothing of the machine they were made on, payloads readable.

A payload of JSON is written as `{"payload": …}` instead of base64. Ids of runs, identities, queues and stack traces go;
times stay as they were, since the trade's own decisions rest on them.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

from domain.errors import BadInput
from workflows.names import TRADE_QUEUE

INDEX = "index.json"

_DROPPED = frozenset(
    {
        "identity", "taskId", "requestId", "historySizeBytes", "workerVersion", "stackTrace", "encodedAttributes",
        "deploymentName", "deploymentVersion", "workerDeploymentVersion", "workerDeploymentName", "versioningBehavior",
        "versioningOverride", "workerInstanceKey", "workerControlTaskQueue",
    }
)  # fmt: skip
_RUN_IDS = frozenset({"originalExecutionRunId", "firstExecutionRunId", "newExecutionRunId"})
_MARK = re.compile(r'"\\u0000(\d+)"')
_JSON = base64.b64encode(b"json/plain").decode()


def save(folder: Path, name: str, history: WorkflowHistory) -> Path:
    """Write one history as `<name>.json`."""
    run = str(uuid.uuid5(uuid.NAMESPACE_URL, f"surefoot/{name}"))
    said: list[str] = []
    document = _neutral(json.loads(history.to_json()), run, said)
    text = _MARK.sub(lambda mark: said[int(mark[1])], json.dumps(document, indent=1, ensure_ascii=False))
    file = folder / f"{name}.json"
    file.write_text(text + "\n", encoding="utf-8")
    return file


def save_index(folder: Path, told: dict[str, str]) -> None:
    """Write which paths there are: name → one sentence."""
    (folder / INDEX).write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def index(folder: Path) -> dict[str, str]:
    """Name → one sentence. Raises `BadInput` for a folder that holds no corpus."""
    try:
        told: dict[str, str] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{folder} holds no corpus of histories ({error}); record one: make histories", "corpus"
        ) from None
    return told


def load(folder: Path, name: str) -> WorkflowHistory:
    """One history, as the replayer takes it; its workflow id is the path's name. Raises `BadInput` if unreadable."""
    try:
        document = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        return WorkflowHistory.from_json(name, _wire(document))
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{folder / name}.json is no history ({error}); run make histories PATHS={name}") from None


def names(folder: Path) -> Iterator[str]:
    """The files there are, whatever the index says."""
    yield from sorted(file.stem for file in folder.glob("*.json") if file.name != INDEX)


def _neutral(value: Any, run: str, said: list[str]) -> Any:
    """`value` without what is dropped. Payloads go to `said`, a line each, and leave a mark."""
    if isinstance(value, list):
        return [_neutral(item, run, said) for item in value]
    if not isinstance(value, dict):
        return value
    if "metadata" in value and value["metadata"].get("encoding") == _JSON and set(value) <= {"metadata", "data"}:
        kept = {key: base64.b64decode(text).decode() for key, text in value["metadata"].items() if key != "encoding"}
        payload = {"payload": json.loads(base64.b64decode(value["data"])), **kept}
        said.append(json.dumps(payload, ensure_ascii=False))
        return f"\0{len(said) - 1}"
    found: dict[str, Any] = {}
    for key, item in value.items():
        if key in _DROPPED:
            continue
        if key in _RUN_IDS:
            found[key] = run
        elif key == "taskQueue":
            found[key] = {"name": TRADE_QUEUE, "kind": "TASK_QUEUE_KIND_NORMAL"}
        else:
            found[key] = _neutral(item, run, said)
    return found


def _wire(value: Any) -> Any:
    if isinstance(value, list):
        return [_wire(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "payload" in value:
        data = json.dumps(value["payload"], ensure_ascii=False, separators=(",", ":")).encode()
        metadata = {key: base64.b64encode(text.encode()).decode() for key, text in value.items() if key != "payload"}
        return {"metadata": {"encoding": _JSON, **metadata}, "data": base64.b64encode(data).decode()}
    return {key: _wire(item) for key, item in value.items()}
