"""Runs a command as its user would, and measures it from outside: time, processor time, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, BinaryIO, Self

from krr_export.util.memory import peak_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SECONDS_BETWEEN = 0.05
_SHARE = 0.02
"""Of a processor's time, for looking: to add up the memory of large processes takes milliseconds, and slows them."""
_LAST_CHARACTERS = 600
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024

if Path("/proc/self/smaps_rollup").exists():
    MEMORY = "PSS"
elif Path("/proc/self/statm").exists():
    MEMORY = "RSS"
else:
    MEMORY = "RSS of the largest process"


class RunFailedError(Exception):
    """A command did not succeed, or its result is wrong."""


@dataclass(frozen=True)
class Cost:
    """What a run took.

    Attributes:
        seconds: of wall time, from the start of the process to its end.
        cpu_seconds: user and system time of the process tree.
        peak_bytes: the highest memory seen, as the sum over the process tree of what ``MEMORY`` says.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def measure(command: Sequence[str]) -> Cost:
    """Run a command to its end.

    Raises:
        RunFailedError: its exit code is not 0; with the end of what it said.
    """
    with tempfile.TemporaryFile() as log:
        cost, code = _run(command, log)
        if code:
            raise RunFailedError(f"exit code {code}: {_end_of(log)}")
    return cost


def _run(command: Sequence[str], log: BinaryIO) -> tuple[Cost, int]:
    started = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
    try:
        with _Watch(process.pid) as watch:
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
    except BaseException:
        process.kill()
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)  # Popen need not wait for it again
    # What the kernel keeps of the largest process misses nothing, but is never below what this program itself has had.
    kept = usage.ru_maxrss * _MAXRSS_UNIT
    peak = (max(watch.peak, kept) if kept > peak_memory() else watch.peak) or kept
    # The system adds up what was waited for, exactly; Spark's Java, which nobody waits for, is seen from outside only.
    cpu_seconds = max(usage.ru_utime + usage.ru_stime, watch.cpu_seconds)
    return Cost(seconds, cpu_seconds, peak), process.returncode


def _end_of(log: BinaryIO) -> str:
    log.seek(0)
    return log.read().decode(errors="replace").strip()[-_LAST_CHARACTERS:]


class _Watch:
    """Looks at a process tree every now and then; a context manager."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._cpu_seconds: dict[str, float] = {}
        self._pid = str(pid)
        self._ended = Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def cpu_seconds(self) -> float:
        """Of all processes, as far as it was seen."""
        return sum(self._cpu_seconds.values())

    def _watch(self) -> None:
        while True:
            began = time.perf_counter()
            tree = list(_tree(self._pid))
            self.peak = max(self.peak, sum(map(_memory, tree)))
            self._cpu_seconds |= {pid: seconds for pid in tree if (seconds := _cpu_seconds(pid))}
            if self._ended.wait(max(_SECONDS_BETWEEN, (time.perf_counter() - began) / _SHARE)):
                return


def _tree(pid: str) -> Iterator[str]:
    """A process and all that it started, those that are still there."""
    yield pid
    try:
        threads = list(Path("/proc", pid, "task").iterdir())
    except OSError:
        return
    for thread in threads:
        for child in _read(thread / "children").split():
            yield from _tree(child)


def _memory(pid: str) -> int:
    """Bytes; shared pages are divided among the processes that share them, where the system does so."""
    if MEMORY == "PSS":
        lines = _read(Path("/proc", pid, "smaps_rollup")).splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    fields = _read(Path("/proc", pid, "statm")).split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def _cpu_seconds(pid: str) -> float:
    """User and system time of the process alone."""
    _, _, rest = _read(Path("/proc", pid, "stat")).rpartition(")")  # its name may hold anything
    fields = rest.split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process is gone, or this is not Linux
        return ""
