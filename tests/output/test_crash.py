"""A run stopped at any moment leaves the old store or the new one, and the next run goes on from there."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

import pytest
from crashes.stopping import KILLED, REFUSED, calls_of, needs_strace, proven, stopped_at_each
from crashes.store_driver import FIRST, SECOND, latest, names, publish

from krr_export.output.manifest import read_manifest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def fresh_store(path: Path) -> Path:
    """A store with one snapshot and what a dead run left: so that sweeping is interrupted too."""
    shutil.rmtree(path, ignore_errors=True)
    publish(path, FIRST, 1)
    (path / ".staging-1-aa").mkdir()
    (path / ".staging-1-aa" / "left").write_text("")
    return path


def state(store: Path) -> dict[str, int]:
    """The published snapshots, each proven, with their rows."""
    return {name: read_manifest(store / name).counts.seen for name in proven(store)}


@needs_strace
@pytest.mark.parametrize("faults", [KILLED, REFUSED], ids=["killed", "refused"])
@pytest.mark.parametrize("replace", [False, True], ids=["publish", "replace"])
def test_stopped_at_any_call_the_store_is_the_old_or_the_new_one(
    tmp_path: Path,
    faults: tuple[str, ...],
    replace: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    old, new = {FIRST: 1}, {FIRST: 2} if replace else {FIRST: 1, SECOND: 2}
    store, log = tmp_path / "store", tmp_path / "log"
    name = FIRST if replace else SECOND
    job = partial(publish, name=name, rows=2, replace=replace)
    calls = calls_of(log, job, (fresh_store(store),))
    assert state(store) == new
    assert {"write", "fsync", "mkdir", "unlinkat", "renameat2" if replace else "symlink"} <= set(calls)

    met = set()
    for where, code in stopped_at_each(log, calls, faults, job, lambda: (fresh_store(store),)):
        after = state(store)
        assert after == new if code == 0 else after in (old, new), where
        assert latest(store) in after, "and never missing"
        met.add(after == new)
        publish(store, name, 2, replace=True)
        assert state(store) == new
        assert names(store) == [".lock", *sorted(new), "latest"], "the rerun has swept"
        assert latest(store) == max(new)
    assert met == {True, False}
