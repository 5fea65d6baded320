"""Keeps a list of processes running: started in order, each once the one before works; restarted when one dies;
stopped in reverse. It knows nothing of what they are.

| a process                                           | has proved itself in this run | has not: it is being set up  |
|-----------------------------------------------------|-------------------------------|------------------------------|
| ends, whatever its exit code (*)                    | is started again, for ever    | exit 3 or 4 ends the start   |
| ends time and again within seconds of its start     | is started ever more rarely   | ends the start after some    |
| cannot be prepared, or does not answer once started | is ended and started again    | ends the start               |

(*) Exit 4, open trades that cannot be carried on, ends the start also of one that proved itself before it.

It has proved itself once it worked for `quick` seconds. After that no failure of one process may end the others: who
hedges must go on while a feed is refused, a disk is full or an exchange is away.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import psutil

from domain.errors import BadInput, Denied, SurefootError, Unavailable
from workers.local.processes import ProcessRecord, ProcessSpec, find, spawn, stop, tail

_POLL = 0.05
_DOUBLINGS = 20
_BAD_CONFIG, _REFUSED = 3, 4  # exit codes of a child that no restart mends; see workers.process


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Seconds. A life shorter than `quick` counts; `deaths` of them in a row are a trouble: the supervisor gives up on
    a process that never proved itself, and waits for others.

    The wait before a restart doubles from `first_wait` to `longest_wait` with each quick death, in trouble up to
    `patience`.
    """

    quick: float = 10.0
    deaths: int = 5
    first_wait: float = 0.2
    longest_wait: float = 5.0
    patience: float = 30.0


DEFAULT_POLICY = RestartPolicy()


class Child:
    """One supervised process over all its lives."""

    def __init__(self, spec: ProcessSpec, policy: RestartPolicy, say: Callable[[str], None], *, proven: bool) -> None:
        self.spec = spec
        self.record: ProcessRecord | None = None
        self.working = asyncio.Event()
        self.proven = proven
        self.trouble = ""
        """Why it does not stay up, since it died several times in a row; empty again once it works for a while."""
        self.changed: Callable[[], None] = lambda: None
        self._policy = policy
        self._say = say
        self._popen: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._worked = False  # under this supervisor

    async def keep(self) -> None:
        """Runs until `stop`. For a process that has not proved itself: raises `Unavailable` when it gives up, `Denied`
        when it refuses to run, `BadInput` when its configuration keeps it from that, or what `prepare` and `ready`
        raise."""
        deaths = 0
        while not self._stopping:
            began = time.monotonic()
            code, ending = await self._one_life()
            if self._stopping:
                return
            lived = time.monotonic() - began
            deaths = deaths + 1 if lived < self._policy.quick or not self.working.is_set() else 1
            # A refusal at the first start is about trades and settings, which may be others than before.
            if not self.proven or (code == _REFUSED and not self._worked):
                self._give_up(code, ending, deaths)
            wait = min(self._policy.first_wait * 2 ** min(deaths - 1, _DOUBLINGS), self._longest(deaths))
            self._say(f"{self.spec.name} died ({ending}) after {lived:.1f} s; starting it again in {wait:g} s")
            if deaths >= self._policy.deaths:
                self._told(f"died {deaths} times in a row, the last time after {lived:.1f} s ({ending}{self._words()})")
            await asyncio.sleep(wait)

    async def _one_life(self) -> tuple[int | None, str]:
        """From a start to an end: exit code and how it ended, in words."""
        try:
            code = await self._live()
        except (SurefootError, OSError) as wrong:
            if not self.proven:
                raise
            await self._end()
            return None, wrong.message if isinstance(wrong, SurefootError) else str(wrong)
        return code, _ending(code)

    def _give_up(self, code: int | None, ending: str, deaths: int) -> None:
        spec = self.spec
        if code == _BAD_CONFIG:
            raise BadInput(f"{spec.name} cannot run{tail(spec.output)}; see {spec.log}", "config")
        if code == _REFUSED:
            raise Denied(f"{spec.name} refuses to run{tail(spec.output)}; see {spec.log}", "refused")
        if deaths >= self._policy.deaths:
            raise Unavailable(
                f"{spec.name} died {deaths} times in a row, each within {self._policy.quick:g} s of its start "
                f"({ending}); see {spec.log} and {spec.output}{tail(spec.output)}",
                "gave_up",
            )

    def _longest(self, deaths: int) -> float:
        return self._policy.patience if deaths >= self._policy.deaths else self._policy.longest_wait

    def _words(self) -> str:
        last = tail(self.spec.output, 1).strip()
        return f": {last}" if last else ""

    def _told(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self.changed()

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
        return await self._exit_of(self._popen)

    async def _exit_of(self, popen: subprocess.Popen[bytes]) -> int:
        began = time.monotonic()
        while True:  # polled: a waiting thread a child would outlive a cancelled task
            code = popen.poll()
            if code is not None:
                return code
            if self.working.is_set() and time.monotonic() - began >= self._policy.quick:
                self._worked = True
                if not self.proven:
                    self.proven = True
                    self.changed()
                self._told("")
            await asyncio.sleep(_POLL)

    async def stop(self) -> None:
        """Ends the process if it runs and forbids another start."""
        self._stopping = True
        self.working.clear()
        await self._end()

    async def _end(self) -> None:
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

    `changed` is called with the records of all living processes whenever one was started, proved itself, or is in
    trouble or out of it; `ready` once, when all work. `proven` are those that proved themselves earlier in this run.
    """

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        *,
        say: Callable[[str], None],
        changed: Callable[[list[ProcessRecord]], None],
        ready: Callable[[], None],
        policy: RestartPolicy = DEFAULT_POLICY,
        proven: Collection[str] = (),
    ) -> None:
        self._children = [Child(spec, policy, say, proven=spec.spare or spec.name in proven) for spec in specs]
        self._changed = changed
        self._ready = ready

    @property
    def proven(self) -> list[str]:
        return [child.spec.name for child in self._children if child.proven]

    @property
    def troubles(self) -> dict[str, str]:
        """Process → why it does not stay up, of those that died several times in a row."""
        return {child.spec.name: child.trouble for child in self._children if child.trouble}

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
                # One in trouble is waited for no longer: what comes after it may do without.
                while not (keeper.done() or working.done() or child.trouble):
                    await asyncio.wait([keeper, working], timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
            finally:
                working.cancel()
                keepers.append(keeper)
            if keeper.done():
                keeper.result()
                return
        self._ready()

    def _report(self) -> None:
        self._changed([child.record for child in self._children if child.record is not None])


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
