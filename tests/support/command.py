"""The program as others start it: a process with arguments, streams, an environment and an exit code."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import discretion

from krr_export.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

HANG = 600
"""Seconds after which whoever waits takes it for a hang: no machine is so busy that what works takes so long."""
TIMED = re.compile(r"(?<= )[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2} ")
"""What stands behind the first word of each line of a log, but the last."""
PROGRAM = (sys.executable, "-m", "krr_export")

_MEASURED = """
import os, resource, sys
process = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(process, 0)
with open(sys.argv[1], "w") as file:
    file.write(f"{used.ru_maxrss} {used.ru_utime + used.ru_stime}")
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A process between: the peak that the kernel tells of a child is never below its parent's size when it was started."""


@dataclass(frozen=True)
class Ran:
    """What a run of the program left behind."""

    code: int
    out: str
    err: str
    peak: int = 0
    """Bytes of memory, of the largest process."""
    seconds: float = 0
    """Of processor time, of all threads."""

    def __post_init__(self) -> None:
        discretion.hear(self.out + self.err)

    @property
    def lines(self) -> list[str]:
        """The lines on standard error, without their times."""
        return [TIMED.sub("", line, count=1) for line in self.err.splitlines()]

    @property
    def last(self) -> str:
        """What the last line on standard error says, after the program's name."""
        assert self.lines, f"exit code {self.code} without a word"
        name, _, message = self.lines[-1].partition(": ")
        assert name == "krr-export", self.err
        return message

    @property
    def result(self) -> dict[str, Any]:
        """The one line of JSON on standard output."""
        assert self.out.count("\n") == 1, self.out
        assert self.out.endswith("\n")
        result: dict[str, Any] = json.loads(self.out)
        return result


def wait_until(what: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + HANG
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without the program's own variables, and with these."""
    return {**{key: value for key, value in os.environ.items() if not key.startswith("KRR_EXPORT_")}, **variables}


def call(*arguments: str | Path) -> Ran:
    """Run the program within this process: quicker, where nothing but what it says and leaves behind is looked at."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            with _writing_to(out, err):
                code = main([str(argument) for argument in arguments])
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        out.seek(0)
        err.seek(0)
        return Ran(code, out.read().decode(), err.read().decode())


@contextmanager
def _writing_to(out: IO[bytes], err: IO[bytes]) -> Iterator[None]:
    """Send standard output and standard error to files, and open them as Python does at its start."""
    before = sys.stdout, sys.stderr
    saved = os.dup(1), os.dup(2)
    for stream in before:
        stream.flush()
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    try:
        with (
            open(1, "w", encoding="utf-8", closefd=False) as sys.stdout,
            open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False) as sys.stderr,
        ):
            yield
    finally:
        sys.stdout, sys.stderr = before
        for number, copy in enumerate(saved, start=1):
            os.dup2(copy, number)
            os.close(copy)


def run(
    *arguments: str | Path,
    stdin: bytes | IO[bytes] = b"",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    measure: Path | None = None,
    timeout: float = HANG,
) -> Ran:
    """Run the program to its end.

    Args:
        arguments: its arguments.
        stdin: what it reads, or where from.
        env: more environment variables.
        cwd: where it runs.
        measure: a file for the peak of memory and the processor time, if they are wanted.
        timeout: seconds.
    """
    before = (sys.executable, "-ISc", _MEASURED, str(measure)) if measure else ()
    streams: dict[str, Any] = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    done = subprocess.run(
        [*before, *PROGRAM, *map(str, arguments)],
        **streams, capture_output=True, env=environment(**(env or {})), cwd=cwd, timeout=timeout, check=False,
    )  # fmt: skip
    peak, seconds = measure.read_text().split() if measure else ("0", "0")
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode(), int(peak) * 1024, float(seconds))


@contextmanager
def started(*arguments: str | Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:  # noqa: ANN401 - Popen's
    """The program while it runs, with its streams as pipes and as the leader of its own group of processes."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(
        [*PROGRAM, *map(str, arguments)], **{**streams, "env": environment(), "start_new_session": True, **options}
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@contextmanager
def heeding(number: signal.Signals) -> Iterator[None]:
    """Have programs that are started now heed a signal, though whoever started the tests ignores it, as nohup does."""
    ignored = signal.getsignal(number) == signal.SIG_IGN
    if ignored:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        if ignored:
            signal.signal(number, signal.SIG_IGN)


def contents(directory: Path) -> dict[str, str]:
    """All that lies in a directory but its lock: each path with its mode and a digest of its bytes or its target."""
    return {
        str(path.relative_to(directory)): f"{path.lstat().st_mode:o} {_digest(path)}"
        for path in sorted(directory.rglob("*"))
        if path.name != ".lock"
    }


def _digest(path: Path) -> str:
    if path.is_symlink():
        return str(path.readlink())
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
