"""A run stopped at any moment leaves the old store or the new one, and the next run goes on from there."""

from __future__ import annotations

import itertools
import multiprocessing
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import store_driver
from store_driver import FIRST, SECOND, latest, names, publish

from krr_export.output.manifest import read_manifest
from krr_export.output.snapshot import verify

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

CALLS = ("write", "fsync", "mkdir", "rename", "renameat2", "symlink", "unlink", "unlinkat", "rmdir")
"""The system calls by which a run changes the store."""


def traced(store: Path, log: Path, *options: str, replace: bool) -> int | None:
    """Publish SECOND, or replace FIRST by another, under ``strace``; return the exit code, negative for a signal.

    The process is forked from a server that has everything imported: 50 ms instead of 500.
    """
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(
        ["krr_export.output.sinks", "krr_export.output.store", "pandas"]
    )  # Arrow loads pandas when it may
    here, there = server.Pipe()
    name = FIRST if replace else SECOND
    run = server.Process(target=store_driver.publish_when_told, args=(there, store, name, replace))
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


def fresh_store(path: Path) -> Path:
    """A store with one snapshot and what a dead run left: so that sweeping is interrupted too."""
    shutil.rmtree(path, ignore_errors=True)
    publish(path, FIRST, 1)
    (path / ".staging-1-aa").mkdir()
    (path / ".staging-1-aa" / "left").write_text("")
    return path


def state(store: Path) -> dict[str, int]:
    """The published snapshots, each proven, with their rows."""
    found = sorted(store.glob("eksport=*"))
    assert all(verify(path).proven for path in found)
    return {path.name: read_manifest(path).counts.seen for path in found}


@pytest.mark.skipif(not shutil.which("strace"), reason="strace, which stops a run at a chosen call, is not installed")
@pytest.mark.parametrize("faults", [["signal=KILL"], ["error=ENOSPC", "error=EIO"]], ids=["killed", "refused"])
@pytest.mark.parametrize("replace", [False, True], ids=["publish", "replace"])
def test_stopped_at_any_call_the_store_is_the_old_or_the_new_one(
    tmp_path: Path,
    faults: list[str],
    replace: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    old, new = {FIRST: 1}, {FIRST: 2} if replace else {FIRST: 1, SECOND: 2}
    store, log = fresh_store(tmp_path / "store"), tmp_path / "log"
    assert traced(store, log, "-e", f"trace={','.join(CALLS)}", replace=replace) == 0
    assert state(store) == new
    calls = re.findall(r"^(\w+)\(", log.read_text(), re.MULTILINE)
    assert {"write", "fsync", "mkdir", "unlinkat", "renameat2" if replace else "symlink"} <= set(calls)

    met = set()
    for call in sorted(set(calls)):
        for n, fault in zip(range(1, calls.count(call) + 1), itertools.cycle(faults), strict=False):
            code = traced(
                fresh_store(store), log, "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={n}", replace=replace
            )
            assert code in {0, 4, -9}, "a traceback would be 1"
            after = state(store)
            assert after == new if code == 0 else after in (old, new), f"{call} {n} {fault}"
            assert latest(store) in after, "and never missing"
            met.add(after == new)
            publish(store, FIRST if replace else SECOND, 2, replace=True)
            assert state(store) == new
            assert names(store) == [".lock", *sorted(new), "latest"], "the rerun has swept"
            assert latest(store) == max(new)
    assert met == {True, False}
