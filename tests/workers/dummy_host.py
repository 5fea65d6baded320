"""A supervisor process for tests: real children that only sleep. `python dummy_host.py STATE_DIR [NAME=SCRIPT …]`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from config.load import load
from config.settings import Settings
from workers.local.layout import Layout
from workers.local.processes import ProcessSpec
from workers.local.supervisor import RestartPolicy
from workers.stack import host

SLEEP = "import time\nwhile True: time.sleep(0.05)"
FAST = RestartPolicy(quick=5, deaths=3, first_wait=0.01, longest_wait=0.02)


def sleeper(folder: Path, name: str, script: str = SLEEP) -> ProcessSpec:
    """A child that counts as working as soon as it runs."""

    async def healthy() -> bool:
        return True

    output = folder / f"{name}.err"
    return ProcessSpec(name, (sys.executable, "-c", script, name), output, output, healthy, stop_timeout=2)


async def main(folder: Path, names: list[str]) -> None:
    async def services(
        layout: Layout, settings: Settings, ports: Mapping[str, int], say: Callable[[str], None]
    ) -> list[ProcessSpec]:
        return [sleeper(layout.logs, name) for name in names]

    settings = load(environ={}, overrides={"state_dir": str(folder)}).settings

    async def nothing(layout: Layout) -> None:
        """There is no ledger behind sleepers."""

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    async with host.stop_on_signals() as stop:
        await host.run(
            settings,
            host.new_run_id(),
            say=say,
            stop=stop,
            ready=lambda: say("READY"),
            before_stop=nothing,
            services=services,
            policy=FAST,
        )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
