"""A supervisor of sleeping children as a process of its own, and its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.places import ROOT
from workers.local.layout import Layout, read_stack_file
from workers.local.processes import ProcessRecord
from workers.stack import host


class Hosted:
    """dummy_host.py as a process of its own, read until READY."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.layout = Layout(folder)
        script = str(Path(__file__).with_name("dummy_host.py"))
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            (sys.executable, script, str(folder), *names),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=env,
        )
        self.lines: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith("READY"):
                break

    def records(self) -> list[ProcessRecord]:
        return host.recorded(read_stack_file(self.layout))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        host.down(self.layout, lambda line: None)
