"""A real Dask cluster on this machine: a scheduler and workers, each a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import command
import discretion

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator, Mapping

_LOUD = {"DASK_LOGGING__DISTRIBUTED": "debug"}
"""What is in no log must not be in the fullest one."""


@dataclass
class DaskCluster:
    """A scheduler that runs, and its workers, oldest first."""

    home: Path
    variables: Mapping[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    address: str = ""
    _scheduler: subprocess.Popen[bytes] | None = None
    _heard: dict[Path, int] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def start_scheduler(self, *options: str) -> None:
        """Start the scheduler, and wait until it listens."""
        words = ("--port", "0", "--no-jupyter", "--no-show", "--dashboard-address", ":0", *options)
        self._scheduler = self._start("scheduler", *words)
        self._wait_for("Scheduler at:", self._scheduler, "scheduler")
        self.address = self.log("scheduler").partition("Scheduler at:")[2].split()[0]

    def grow_to(self, workers: int, **variables: str) -> None:
        """Start workers until there are so many, of one thread each, and wait until the scheduler knows them."""
        started = {}
        while len(self.workers) < workers:
            name = f"worker-{len(list(self.home.glob('worker-*.log')))}"
            options = ("--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name)
            started[name] = self._start("worker", self.address, *options, name=name, **variables)
            self.workers.append(started[name])
        for name, process in started.items():
            self._wait_for("Registered to:", process, name)

    def kill(self, number: int) -> None:
        """Kill a worker."""
        process = self.workers.pop(number)
        process.kill()
        process.wait()

    def signal_scheduler(self, number: signal.Signals) -> None:
        """Send a signal to the scheduler."""
        assert self._scheduler is not None
        self._scheduler.send_signal(number)

    def kill_busy(self) -> None:
        """Kill the workers that convert something."""
        busy = {_parent(child) for child in self.children()}
        for number in reversed(range(len(self.workers))):
            if self.workers[number].pid in busy:
                self.kill(number)

    def children(self) -> list[int]:
        """Return the processes that convert for its workers."""
        workers = {worker.pid for worker in self.workers}
        found = []
        for child in children():
            with suppress(OSError):
                found += [child] if _parent(child) in workers else []
        return found

    def log(self, name: str) -> str:
        """Return all that a process logged, but for fractions of numbers, whose digits are anything."""
        path = self.home / f"{name}.log"
        return _without_fractions(path.read_text()) if path.exists() else ""

    def hear(self) -> None:
        """Have discretion hear what was logged since the last time."""
        for path in self.home.glob("*.log"):
            said = path.read_bytes()
            discretion.hear(_without_fractions(said[self._heard.get(path, 0) :].decode(errors="replace")))
            self._heard[path] = len(said)

    def close(self) -> None:
        """Kill all processes."""
        self._stack.close()

    def _wait_for(self, words: str, process: subprocess.Popen[bytes], name: str) -> None:
        """Wait until a process logs that it is ready; one that ends before is not waited for."""
        command.wait_until(lambda: words in self.log(name) or process.poll() is not None)
        assert words in self.log(name), f"the {name} ended: {self.log(name)}"

    def _start(self, kind: str, *arguments: str, name: str = "", **variables: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments]
        environment = command.environment(**_LOUD, **self.variables, **variables)
        log = self._stack.enter_context((self.home / f"{name or kind}.log").open("wb"))
        process = subprocess.Popen(words, env=environment, cwd=self.home, stdout=log, stderr=log)
        self._stack.callback(_end, process)
        return process


def children() -> list[int]:
    """Return the processes that convert for workers, whose parent is a worker or is dead."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_ours = b"jobs.backfill.child" in (process / "cmdline").read_bytes()
            if is_ours and _parent(int(process.name)) != os.getpid():
                found.append(int(process.name))
    return found


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/status").read_text().partition("\nPPid:\t")[2].split()[0])


def _without_fractions(said: str) -> str:
    return re.sub(r"(?<=\d\.)\d{5,}", "", said)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    process.wait()


@contextmanager
def running(home: Path, *options: str, **variables: str) -> Iterator[DaskCluster]:
    """A scheduler without workers, by default on loopback; all is killed in the end."""
    cluster = DaskCluster(home, variables)
    try:
        cluster.start_scheduler(*(options or ("--host", "127.0.0.1")))
        yield cluster
    finally:
        cluster.close()
