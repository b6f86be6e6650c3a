"""Runs on a store that are stopped at a chosen system call, by ``strace``: at every one of them, if need be."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from krr_export.errors import KrrExportError
from krr_export.output.snapshot import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext

CALLS = ("write", "fsync", "mkdir", "rename", "renameat2", "symlink", "unlink", "unlinkat", "rmdir")
"""The system calls by which a run changes the store."""
KILLED, REFUSED = ("signal=KILL",), ("error=ENOSPC", "error=EIO")
"""What may happen at a call: the process ends there, or the machine refuses it."""

needs_strace = pytest.mark.skipif(
    not shutil.which("strace"), reason="strace, which stops a run at a chosen call, is not installed"
)


def traced(log: Path, job: Callable[..., object], arguments: tuple[Any, ...], *options: str) -> int | None:
    """Do a job under ``strace``; return the exit code that the command would have, negative for a signal.

    The process is forked from a server that has everything imported: 50 ms instead of 500.
    """
    server = _fork_server()
    here, there = server.Pipe()
    run = server.Process(target=_do_when_told, args=(there, job, arguments))
    run.start()
    command = ["strace", "-o", str(log), *options, "-p", str(run.pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr
        is_attached = "attached" in tracer.stderr.readline()
        here.send(is_attached)
        run.join()
    if not is_attached:
        pytest.skip("strace may not trace other processes here")
    return run.exitcode


@cache
def _fork_server() -> ForkServerContext:
    """The server, started once: libraries' threads may read the environment, which is not to be changed at each run."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["crashes.stopping_start", "pandas"])  # Arrow loads pandas when it may
    with patch.dict(os.environ, PYTHONPATH=str(Path(__file__).parents[1])):
        forkserver.ensure_running()
    return server


def _do_when_told(told: Connection, job: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    """A process of its own: waits to be told, then ends with the exit code that the command would have."""
    if told.recv():
        try:
            job(*arguments)
        except KrrExportError as error:
            sys.exit(error.exit_code)


def calls_of(log: Path, job: Callable[..., object], arguments: tuple[Any, ...]) -> list[str]:
    """The names of all calls by which a job that nothing stops changes the store, in order."""
    assert traced(log, job, arguments, "-e", f"trace={','.join(CALLS)}") == 0
    return re.findall(r"^(\w+)\(", log.read_text(), re.MULTILINE)


def stopped_at_each(
    log: Path,
    calls: Sequence[str],
    faults: Sequence[str],
    job: Callable[..., object],
    arguments: Callable[[], tuple[Any, ...]],
) -> Iterator[tuple[str, int | None]]:
    """Stop a job at each of its calls; yield where and how, and the exit code.

    Args:
        log: a file for what ``strace`` writes.
        calls: those that the job makes, of `calls_of`.
        faults: what happens at them, in turn.
        job: changes a store.
        arguments: makes everything as it was before, and returns the arguments of the job.
    """
    for call in sorted(set(calls)):
        for n, fault in zip(range(1, calls.count(call) + 1), itertools.cycle(faults), strict=False):
            options = ("-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={n}")
            code = traced(log, job, arguments(), *options)
            assert code in {0, 4, -9}, "a traceback would be 1"
            yield f"{call} {n} {fault}", code


def proven(store: Path) -> dict[str, bytes]:
    """The published snapshots, each proven, with the bytes of their persons."""
    found = sorted(store.glob("eksport=*"))
    assert all(verify(path).proven for path in found)
    return {path.name: b"".join(part.read_bytes() for part in sorted(path.glob("person/*"))) for path in found}
