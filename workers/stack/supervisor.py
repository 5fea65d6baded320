"""Keeps a list of processes running: started in order, each once the one before works; restarted when one dies;
stopped in reverse. It knows nothing of what they are.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from domain.errors import BadInput, Denied, Unavailable
from workers.stack.processes import ProcessRecord, ProcessSpec, find, spawn, stop, tail

_POLL = 0.05
_BAD_CONFIG, _REFUSED = 3, 4  # exit codes of a child that no restart mends; see workers.process


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Seconds. A life shorter than `quick` counts; after `deaths` of them in a row the supervisor gives up.

    The wait before a restart doubles from `first_wait` to `longest_wait` with each quick death.
    """

    quick: float = 10.0
    deaths: int = 5
    first_wait: float = 0.2
    longest_wait: float = 5.0


DEFAULT_POLICY = RestartPolicy()


class Child:
    """One supervised process over all its lives."""

    def __init__(self, spec: ProcessSpec, policy: RestartPolicy, say: Callable[[str], None]) -> None:
        self.spec = spec
        self.record: ProcessRecord | None = None
        self.working = asyncio.Event()
        self.changed: Callable[[], None] = lambda: None
        self._policy = policy
        self._say = say
        self._popen: subprocess.Popen[bytes] | None = None
        self._stopping = False

    async def keep(self) -> None:
        """Runs until `stop`; raises `Unavailable` when it gives up, `Denied` when the process refuses to run,
        `BadInput` when its configuration keeps it from that, or what `prepare` and `ready` raise."""
        quick_deaths = 0
        while not self._stopping:
            began = time.monotonic()
            code = await self._live()
            if self._stopping:
                return
            if code == _BAD_CONFIG:
                raise BadInput(f"{self.spec.name} cannot run{tail(self.spec.output)}; see {self.spec.log}", "config")
            if code == _REFUSED:
                raise Denied(f"{self.spec.name} refuses to run{tail(self.spec.output)}; see {self.spec.log}", "refused")
            lived = time.monotonic() - began
            quick_deaths = quick_deaths + 1 if lived < self._policy.quick else 1
            if quick_deaths >= self._policy.deaths:
                raise Unavailable(
                    f"{self.spec.name} died {quick_deaths} times in a row, each within {self._policy.quick:g} s of its "
                    f"start ({_ending(code)}); see {self.spec.log} and {self.spec.output}{tail(self.spec.output)}",
                    "gave_up",
                )
            wait = min(self._policy.first_wait * 2 ** (quick_deaths - 1), self._policy.longest_wait)
            self._say(f"{self.spec.name} died ({_ending(code)}) after {lived:.1f} s; starting it again in {wait:g} s")
            await asyncio.sleep(wait)

    async def _live(self) -> int:
        spec = self.spec
        self.working.clear()
        began = time.monotonic()
        if spec.prepare is not None:
            await spec.prepare()
        if self._stopping:
            return 0
        self._popen = spawn(spec)
        try:
            self.record = ProcessRecord.of(spec, self._popen.pid)
        except psutil.NoSuchProcess:
            return self._popen.wait()
        self.changed()
        while not self._stopping:
            code = self._popen.poll()
            if code is not None:
                return code
            if await spec.healthy():
                break
            if time.monotonic() - began > spec.start_timeout:
                raise Unavailable(
                    f"{spec.name} (pid {self._popen.pid}) runs but did not answer its health check within "
                    f"{spec.start_timeout:g} s; see {spec.log}{tail(spec.output)}",
                    "not_healthy",
                )
            await asyncio.sleep(_POLL)
        while spec.ready is not None and not self._stopping:
            try:
                await spec.ready()
                break
            except Unavailable:
                if self._popen.poll() is not None:
                    break
                if time.monotonic() - began > spec.start_timeout:
                    raise
                await asyncio.sleep(_POLL)
        if not self._stopping and self._popen.poll() is None:
            self._say(f"{spec.name} is up (pid {self._popen.pid}, {time.monotonic() - began:.1f} s)")
            self.working.set()
        return await _exit_of(self._popen)

    async def stop(self) -> None:
        """Ends the process if it runs and forbids another start."""
        self._stopping = True
        self.working.clear()
        popen, record = self._popen, self.record
        if popen is None or popen.poll() is not None:
            return
        began = time.monotonic()
        if record is not None and find(record) is not None:
            await asyncio.to_thread(stop, record)
        else:  # between fork and record: a child we hold the handle of is ours for certain
            popen.kill()
        popen.wait()
        self._say(f"stopped {self.spec.name} in {time.monotonic() - began:.1f} s")


class Supervisor:
    """Runs `specs` until `stop` is set or one of them gives up; on the way out stops all, last first.

    `changed` is called with the records of all living processes whenever one was started; `ready` once, when all work.
    """

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        *,
        say: Callable[[str], None],
        changed: Callable[[list[ProcessRecord]], None],
        ready: Callable[[], None],
        policy: RestartPolicy = DEFAULT_POLICY,
    ) -> None:
        self._children = [Child(spec, policy, say) for spec in specs]
        self._changed = changed
        self._ready = ready

    async def run(self, stop: asyncio.Event) -> None:
        """Returns after a stop; raises the `SurefootError` of the child that could not be kept."""
        keepers: list[asyncio.Task[None]] = []
        for child in self._children:
            child.changed = self._report
        try:
            stopped = asyncio.create_task(stop.wait(), name="stop")
            keepers.append(asyncio.create_task(self._start(keepers), name="start"))
            while not stopped.done():
                # The list grows while children start; the timeout takes in the new ones.
                await asyncio.wait([stopped, *keepers], timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task in keepers if task.done()]:
                    keepers.remove(task)
                    task.result()  # raises what the child raised
            stopped.cancel()
        finally:
            for task in keepers:
                if task.get_name() == "start":
                    task.cancel()
            for child in reversed(self._children):
                await child.stop()
            for task in keepers:
                task.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)

    async def _start(self, keepers: list[asyncio.Task[None]]) -> None:
        for child in self._children:
            keeper = asyncio.create_task(child.keep(), name=child.spec.name)
            working = asyncio.create_task(child.working.wait())
            try:
                await asyncio.wait([keeper, working], return_when=asyncio.FIRST_COMPLETED)
            finally:
                working.cancel()
                keepers.append(keeper)
            if keeper.done():
                keeper.result()
                return
        self._ready()

    def _report(self) -> None:
        self._changed([child.record for child in self._children if child.record is not None])


async def _exit_of(popen: subprocess.Popen[bytes]) -> int:
    while True:  # polled: a waiting thread a child would outlive a cancelled task
        code = popen.poll()
        if code is not None:
            return code
        await asyncio.sleep(_POLL)


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
