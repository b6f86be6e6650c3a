"""What the store promises: one run at a time, the old state or the new one after any crash, and ``latest`` ahead."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from crashes import store_driver
from crashes.store_driver import FIRST, OPTIONS, SECOND, THIRD, fill, latest, names, publish

from krr_export.errors import InputError, OutputError, UsageError
from krr_export.output import publish as moves
from krr_export.output.publish import latest_remark
from krr_export.output.sinks import SinkOptions
from krr_export.output.snapshot import Staging, verify
from krr_export.output.store import Store, open_store
from krr_export.output.store_contents import warnings
from krr_export.util.files import mode_remark, output_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def small_disk(path: Path, options: str) -> Iterator[None]:
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes root")
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


# Opening


def test_a_store_is_made_with_its_parents_and_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "store"
    with open_store(path) as store:
        assert store.snapshots() == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert names(path) == [".lock"]


def test_a_store_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with open_store(tmp_path):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_missing_store_is_an_error_where_it_shall_not_be_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no store at"), open_store(tmp_path / "none", create=False):
        pass
    assert names(tmp_path) == []


def test_a_file_is_no_store_and_stays(tmp_path: Path) -> None:
    (tmp_path / "export.xml").write_text("")
    with pytest.raises(OutputError, match="is a file, not a store"), open_store(tmp_path / "export.xml"):
        pass
    assert names(tmp_path) == ["export.xml"]


@pytest.mark.parametrize("place", ["file/below", "dangling"])
def test_a_store_that_cannot_be_a_directory_is_one_clear_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(OutputError, match="cannot open the store"), open_store(tmp_path / place):
        pass


@pytest.mark.parametrize(
    ("options", "why"), [("ro", "Read-only file system"), ("nr_inodes=1", "No space left on device")]
)
def test_a_store_that_cannot_be_written_is_one_clear_line(tmp_path: Path, options: str, why: str) -> None:
    with small_disk(tmp_path, options), pytest.raises(OutputError, match=why), open_store(tmp_path):
        pass


def test_a_disk_that_fills_up_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    with small_disk(tmp_path, "size=64k"):
        publish(tmp_path, FIRST)
        with pytest.raises(OutputError, match="No space left on device"):
            publish(tmp_path, SECOND, 100_000)
        assert names(tmp_path) == [".lock", FIRST, "latest"]
        assert verify(tmp_path / "latest").proven


def test_something_else_called_latest_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    with pytest.raises(OutputError, match="latest is a directory, not a symbolic link"), open_store(tmp_path):
        pass


# The lock


def test_a_second_run_on_a_store_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, store_driver.__file__, str(tmp_path), FIRST]
    with open_store(tmp_path):
        refused = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "BusyError: another run holds the store" in refused.stderr
    assert names(tmp_path) == [".lock"]
    subprocess.run(command, check=True)


def test_a_second_run_does_not_sweep_the_first_ones_work(tmp_path: Path) -> None:
    with open_store(tmp_path) as store, store.staging() as staging:
        with pytest.raises(OutputError, match="another run"), open_store(tmp_path):
            pass
        assert staging.path.is_dir()


def test_an_orphaned_worker_does_not_hold_the_store(tmp_path: Path) -> None:
    # Ends itself once the run is killed, but leaves a child asleep that was forked while the store was held.
    program = f"""
import os, signal, time
from pathlib import Path
from krr_export.output.store import open_store
with open_store(Path({str(tmp_path)!r})):
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(tell, b"x")
        time.sleep(600)
    os.read(told, 1)
    print(child, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        orphan = int(run.stdout.readline())
        assert run.wait() == -signal.SIGKILL
        try:
            with open_store(tmp_path):
                pass
        finally:
            os.kill(orphan, signal.SIGKILL)


def test_a_lock_that_the_file_system_refuses_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_fd: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(OutputError, match=r"cannot lock the store.*No locks available; .*mount it with"),
        open_store(tmp_path),
    ):
        pass


# Tidying


def test_a_latest_that_a_copy_made_a_directory_of_is_told_so_and_left_alone(tmp_path: Path) -> None:
    for make, what in ((Path.mkdir, "a directory"), (Path.touch, "a file")):
        latest = tmp_path / f"store-{what[-4:]}" / "latest"
        latest.parent.mkdir()
        make(latest)
        with (
            pytest.raises(OutputError, match=f"latest is {what}, not a symbolic link.*delete it"),
            open_store(latest.parent),
        ):
            pass
        assert latest.exists()


def test_what_dead_runs_left_is_swept_and_nothing_that_links_lead_to(tmp_path: Path) -> None:
    store, elsewhere = tmp_path / "store", tmp_path / "elsewhere"
    publish(store, FIRST)
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("")
    dead = store / ".staging-1-aa"
    (dead / "person").mkdir(parents=True)
    (dead / "person" / "part-00000.parquet").write_text("")
    (dead / "link").symlink_to(elsewhere)
    (store / ".staging-1-bb").symlink_to(elsewhere)
    (store / ".staging-1-cc").write_text("")
    with open_store(store):
        assert names(store) == [".lock", FIRST, "latest"]
    assert names(elsewhere) == ["kept"]


@pytest.mark.parametrize("state", ["missing", "dangling", "behind", "absolute"])
def test_latest_is_mended(tmp_path: Path, state: str) -> None:
    publish(tmp_path, FIRST)
    publish(tmp_path, SECOND)
    (tmp_path / "latest").unlink()
    if state != "missing":
        targets = {"dangling": "nowhere", "behind": FIRST, "absolute": str(tmp_path / SECOND)}
        (tmp_path / "latest").symlink_to(targets[state])
    with open_store(tmp_path):
        assert latest(tmp_path) == SECOND


def test_latest_goes_when_there_is_nothing_left_to_point_to(tmp_path: Path) -> None:
    shutil.rmtree(publish(tmp_path, FIRST))
    with open_store(tmp_path):
        assert names(tmp_path) == [".lock"]


def test_latest_never_points_to_what_was_not_completed(tmp_path: Path) -> None:
    publish(tmp_path, FIRST)
    (publish(tmp_path, SECOND) / "_SUCCESS").unlink()
    with open_store(tmp_path) as store:
        assert latest(tmp_path) == FIRST
        assert [path.name for path in store.snapshots()] == [FIRST]


def test_latest_only_moves_to_a_newer_export(tmp_path: Path) -> None:
    publish(tmp_path, SECOND)
    publish(tmp_path, FIRST)
    assert latest(tmp_path) == SECOND
    publish(tmp_path, FIRST, replace=True)
    assert latest(tmp_path) == SECOND
    publish(tmp_path, THIRD)
    assert latest(tmp_path) == THIRD


# File systems that cannot do all


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EPERM, errno.ENOSYS])
def test_without_symbolic_links_a_store_works_without_latest(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, FIRST)
    assert latest(tmp_path) == FIRST, "made while the file system was mounted in another way"

    def refuse(_link: Path, _target: str) -> None:
        raise OSError(code, "refused")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    for name in (SECOND, THIRD):
        assert "without latest" in latest_remark(publish(tmp_path, name))
    publish(tmp_path, SECOND, replace=True)
    assert names(tmp_path) == [".lock", FIRST, SECOND, THIRD], "none that stays behind, either"
    with open_store(tmp_path) as store:
        assert [path.name for path in store.prune(1)] == [FIRST, SECOND]
    monkeypatch.undo()
    publish(tmp_path, SECOND)
    assert latest(tmp_path) == THIRD


def test_a_link_that_fails_for_another_reason_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_link: Path, _target: str) -> None:
        raise OSError(errno.ENOSPC, "refused")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    with pytest.raises(OutputError, match=r"let latest follow .*No space left on device; free some space"):
        publish(tmp_path, FIRST)


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EPERM, errno.ENOSYS])
def test_where_the_file_system_keeps_its_own_permissions_that_is_said(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: object, _mode: int) -> None:
        raise OSError(code, "refused")

    monkeypatch.setattr(os, "fchmod", refuse)
    monkeypatch.setattr(Path, "chmod", refuse)
    before = os.umask(0o077)
    try:
        with open_store(tmp_path, file_mode=0o640) as store, store.staging() as staging:
            options = SinkOptions(format="csv", file_mode=0o640)
            path = staging.publish(fill(staging, FIRST, 1, options), FIRST, replace=False) / "manifest.json"
    finally:
        os.umask(before)
    assert verify(tmp_path / FIRST).proven
    assert mode_remark(path, 0o640).startswith("; its files have mode 600, not 640: ")
    assert mode_remark(path, 0o600) == ""


def test_permissions_that_cannot_be_changed_for_another_reason_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: object, _mode: int) -> None:
        raise OSError(errno.EIO, "refused")

    monkeypatch.setattr(Path, "chmod", refuse)
    before = os.umask(0o277)
    try:
        with pytest.raises(OutputError, match=r"cannot open the store .*: Input/output error"):
            publish(tmp_path / "new", FIRST)
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.EACCES, "write access"),
        (errno.EPERM, "file system"),
        (errno.EOPNOTSUPP, "file system"),
        (errno.ENOSYS, "file system"),
        (errno.ESTALE, "mount it again"),
        (errno.ENOTCONN, "mount it again"),
        (errno.EHOSTDOWN, "mount it again"),
        (errno.ENOENT, "is its file system mounted"),
        (errno.ENAMETOOLONG, "shorter path"),
    ],
)
def test_the_advice_fits_what_the_system_said(code: int, advice: str) -> None:
    with pytest.raises(OutputError) as caught, output_errors("write it"):
        raise OSError(code, os.strerror(code))
    assert advice in (caught.value.hint or "")


# Finding


def test_a_published_snapshot_is_found_and_seen_to_be_intact(tmp_path: Path) -> None:
    part = publish(tmp_path, FIRST, 3) / "person" / "part-00000.csv"
    with open_store(tmp_path) as store:
        manifest = store.find(FIRST)
        assert manifest
        assert manifest.counts.seen == 3
        assert store.is_intact(manifest)
        assert store.find(SECOND) is None

        part.write_bytes(part.read_bytes() + b"x")
        assert not store.is_intact(manifest)
        part.unlink()
        assert not store.is_intact(manifest)
        (tmp_path / FIRST / "manifest.json").write_text("{}")
        assert store.find(FIRST) is None


@pytest.mark.parametrize(
    ("format_", "partition_by", "schema", "line"),
    [
        ("parquet", (), "14-05", "the format csv, not parquet"),
        ("csv", ("status",), "14-05", "the partitioning none, not status"),
        ("csv", (), "16-02", "the schema 14-05, not 16-02"),
    ],
)
def test_a_store_keeps_one_kind(
    tmp_path: Path, format_: str, partition_by: tuple[str, ...], schema: str, line: str
) -> None:
    options = msgspec.structs.replace(OPTIONS, format=format_, partition_by=partition_by)
    with open_store(tmp_path) as store:
        store.check_same_kind(options, schema)
    publish(tmp_path, FIRST)
    with open_store(tmp_path) as store:
        store.check_same_kind(OPTIONS, "14-05")
        with pytest.raises(UsageError, match=line):
            store.check_same_kind(options, schema)


# Pruning


def keep_beside(store: Store, name: str) -> None:
    with store.staging() as staging:
        staging.keep_failed(fill(staging, name, 1), name)
    with store.staging() as staging:
        staging.keep_partial(fill(staging, name, 1), name)


def test_prune_takes_the_oldest_and_what_failed_then(tmp_path: Path) -> None:
    every = [f"eksport=2014030{day}T000000Z" for day in range(1, 7)]
    for name in every[:5]:
        publish(tmp_path, name)
    with open_store(tmp_path) as store:
        for name in every:
            keep_beside(store, name)
        pruned = store.prune(2)
        assert [path.relative_to(tmp_path).as_posix() for path in pruned] == [
            *every[:3],
            *(f".failed/{name}" for name in every[:4]),
            *(f".partial/{name}" for name in every[:4]),
        ]
        assert [path.name for path in store.snapshots()] == every[3:5]
        assert store.prune(2) == []
    assert names(tmp_path) == [".failed", ".lock", ".partial", *every[3:5], "latest"]
    assert names(tmp_path / ".failed") == names(tmp_path / ".partial") == every[4:]
    assert latest(tmp_path) == every[4]


def test_what_failed_before_the_oldest_snapshot_left_goes_however_little_it_is(tmp_path: Path) -> None:
    publish(tmp_path, SECOND)
    with open_store(tmp_path) as store:
        keep_beside(store, FIRST)
        store.prune(5)
    assert names(tmp_path / ".failed") == []


def test_prune_leaves_so_many_whole_snapshots_and_no_damaged_one_counts(tmp_path: Path) -> None:
    for name in (FIRST, SECOND, THIRD):
        publish(tmp_path, name)
    part = next(path for path in (tmp_path / THIRD / "person").iterdir())
    part.unlink()
    with open_store(tmp_path) as store:
        assert [path.name for path in store.prune(1)] == [FIRST]
        part.write_bytes(b"of another size")
        assert store.prune(1) == []
    assert {SECOND, THIRD} <= {*names(tmp_path)}


def test_prune_never_takes_what_latest_points_to(tmp_path: Path) -> None:
    for name in (FIRST, SECOND, THIRD):
        publish(tmp_path, name)
    with open_store(tmp_path) as store:
        (tmp_path / "latest").unlink()
        (tmp_path / "latest").symlink_to(FIRST)
        assert [path.name for path in store.prune(1)] == [SECOND]


def test_prune_does_not_follow_links_out_of_the_store(tmp_path: Path) -> None:
    store_path, elsewhere = tmp_path / "store", tmp_path / "elsewhere"
    publish(store_path, SECOND)
    publish(elsewhere, FIRST)
    (store_path / FIRST).symlink_to(elsewhere / FIRST)
    with open_store(store_path) as store:
        assert store.prune(1) == []
    assert names(store_path) == [".lock", FIRST, SECOND, "latest"]
    assert verify(elsewhere / FIRST).proven


def test_prune_keeps_at_least_one(tmp_path: Path) -> None:
    with open_store(tmp_path) as store, pytest.raises(UsageError):
        store.prune(0)


def test_a_snapshot_vanishes_at_once_even_if_deleting_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, FIRST)
    publish(tmp_path, SECOND)

    def fail(_path: Path) -> None:
        raise OSError(errno.EIO, "stopped here")

    with open_store(tmp_path) as store, monkeypatch.context() as patch:
        patch.setattr(moves, "remove", fail)
        with pytest.raises(OutputError, match="cannot delete old snapshots"):
            store.prune(1)
        assert [path.name for path in store.snapshots()] == [SECOND]
    with open_store(tmp_path):
        assert names(tmp_path) == [".lock", SECOND, "latest"]


def test_an_error_without_a_number_says_no_more_than_it_should() -> None:
    with pytest.raises(OutputError) as caught, output_errors("write it"):
        raise OSError("something with a value in it")
    assert caught.value.message == "cannot write it: the system gives no reason"


def test_prune_deletes_nothing_behind_a_link_and_nothing_that_is_not_the_store_s(tmp_path: Path) -> None:
    store_path, elsewhere = tmp_path / "store", tmp_path / "elsewhere"
    publish(store_path, SECOND)
    (elsewhere / FIRST).mkdir(parents=True)
    (store_path / ".failed").symlink_to(elsewhere)
    (store_path / ".partial" / "notes").mkdir(parents=True)
    with open_store(store_path) as store:
        assert store.prune(1) == []
    assert (elsewhere / FIRST).is_dir()
    assert (store_path / ".partial" / "notes").is_dir()


# What only looks like a snapshot


def copied(store: Path, name: str, source: str = SECOND) -> None:
    shutil.copytree(store / source, store / name)


def failed(store: Path, name: str) -> None:
    with Staging(store) as staging:
        staging.keep_failed(fill(staging, name, 1), name).rename(store / name)


def partial_result(store: Path, name: str) -> None:
    with Staging(store) as staging:
        staging.keep_partial(fill(staging, name, 1), name).rename(store / name)


def linked(store: Path, name: str) -> None:
    (store / name).symlink_to(SECOND)


def a_file(store: Path, name: str) -> None:
    (store / name).write_text("")


OTHERS = {
    f"{SECOND}-kopi": copied,
    f"{SECOND} (1)": copied,
    f"{SECOND}.zip": a_file,
    "eksport=": copied,
    "eksport=20990230T112225Z": copied,
    "eksport=20990101T112225Z": copied,
    "eksport=20990102T112225Z": linked,
    "eksport=20990103T112225Z": a_file,
    "eksport=20990104T112225Z": partial_result,
    "eksport=20990105T112225Z": failed,
}


@pytest.fixture
def littered(tmp_path: Path) -> Path:
    publish(tmp_path, FIRST)
    publish(tmp_path, SECOND)
    for name, make in OTHERS.items():
        make(tmp_path, name)
    shutil.rmtree(tmp_path / ".failed")
    shutil.rmtree(tmp_path / ".partial")
    return tmp_path


def test_what_is_no_snapshot_is_never_counted_followed_or_deleted(littered: Path) -> None:
    with open_store(littered) as store:
        assert [path.name for path in store.snapshots()] == [FIRST, SECOND]
        assert latest(littered) == SECOND
        assert store.prune(2) == []
        store.check_same_kind(OPTIONS, "14-05")
        assert [path.name for path in store.prune(1)] == [FIRST]
    assert names(littered) == sorted([".lock", "latest", SECOND, *OTHERS])


def test_all_that_is_no_snapshot_is_named_in_one_line_with_what_to_do(littered: Path) -> None:
    (said,) = warnings(littered)
    assert said.count("eksport=2") == 3
    assert f"and {len(OTHERS) - 3} more" in said
    assert said.endswith("move it out of the store")


@pytest.mark.parametrize("name", [f"eksport=2099010{day}T112225Z" for day in (1, 2, 3, 4)])
def test_nothing_but_a_snapshot_is_replaced(littered: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} lies in the store and is no snapshot.*"):
        publish(littered, name, replace=True)
    assert os.path.lexists(littered / name)


def test_what_lies_aside_under_another_name_is_not_pruned(tmp_path: Path) -> None:
    publish(tmp_path, SECOND)
    for place in (".failed", ".partial"):
        (tmp_path / place / f"{FIRST}.bak").mkdir(parents=True)
        (tmp_path / place / f"{FIRST}-link").symlink_to(tmp_path / SECOND)
        (tmp_path / place / FIRST).symlink_to(tmp_path / SECOND)
    with open_store(tmp_path) as store:
        assert store.prune(1) == []


# Damaged


def test_a_damaged_newest_snapshot_keeps_latest_and_is_neither_counted_nor_pruned(tmp_path: Path) -> None:
    for name in (FIRST, SECOND, THIRD):
        publish(tmp_path, name)
    (tmp_path / THIRD / "manifest.json").write_text("{")
    with open_store(tmp_path) as store:
        assert latest(tmp_path) == THIRD, "readers do not go back to older data unawares"
        assert store.prune(2) == []
        assert [path.name for path in store.prune(1)] == [FIRST]
    assert [line.startswith(f"damaged: {THIRD} (manifest.json is damaged") for line in warnings(tmp_path)] == [True]
    newer = "eksport=20140301T000000Z"
    publish(tmp_path, newer)
    assert latest(tmp_path) == newer
    publish(tmp_path, THIRD, replace=True)
    assert list(warnings(tmp_path)) == []


def test_latest_never_moves_to_a_snapshot_that_is_damaged(tmp_path: Path) -> None:
    publish(tmp_path, FIRST)
    (publish(tmp_path, SECOND) / "manifest.json").unlink()
    (tmp_path / "latest").unlink()
    with open_store(tmp_path):
        assert latest(tmp_path) == FIRST


def test_without_its_success_a_snapshot_is_named_left_alone_and_may_be_replaced(tmp_path: Path) -> None:
    publish(tmp_path, FIRST)
    (publish(tmp_path, SECOND) / "_SUCCESS").unlink()
    assert [f"{SECOND} (it has no _SUCCESS)" in line for line in warnings(tmp_path)] == [True]
    with open_store(tmp_path) as store:
        assert store.prune(1) == []
    publish(tmp_path, SECOND, replace=True)
    assert latest(tmp_path) == SECOND


def test_only_a_store_is_pruned_and_no_other_directory_gets_a_lock(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no store at"), open_store(tmp_path, create=False):
        pass
    assert names(tmp_path) == []


def test_the_lock_is_not_looked_for_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError), open_store(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()


# Where locks do not work


def test_a_store_whose_file_system_grants_the_lock_to_everybody_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda _fd, _how: None)
    with pytest.raises(UsageError, match="does not lock"), open_store(tmp_path / "store"):
        pass
    assert names(tmp_path / "store") == [".lock"]


@pytest.mark.parametrize("hours", [1, 13])
def test_what_another_machine_writes_is_swept_only_once_it_is_silent(tmp_path: Path, hours: int) -> None:
    other = tmp_path / ".staging-0123abcd-77-aa"
    (other / "person").mkdir(parents=True)
    (other / "person" / "part-00000.csv").write_text("")
    (tmp_path / ".staging-77-aa").mkdir()
    then = time.time() - hours * 3600
    os.utime(other, (0, 0))
    os.utime(other / "person", (0, 0))
    os.utime(other / "person" / "part-00000.csv", (then, then))
    with open_store(tmp_path):
        assert other.is_dir() == (hours == 1)
        assert not (tmp_path / ".staging-77-aa").exists()


@pytest.mark.parametrize("gut", [Path.unlink, lambda part: os.truncate(part, 8)], ids=["deleted", "cut"])
@pytest.mark.parametrize("replaces", ["nothing", "by exchange", "by two renames"])
def test_a_snapshot_that_another_run_gutted_is_not_called_published(
    tmp_path: Path,
    replaces: str,
    gut: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if replaces != "nothing":
        publish(tmp_path, FIRST, 1)
    place = moves.put_in_place

    def gutted(new: Path, target: Path) -> None:
        place(new, target)
        gut(next((target / "person").iterdir()))

    with monkeypatch.context() as patch:
        patch.setattr("krr_export.output.snapshot.put_in_place", gutted)
        if replaces == "by two renames":
            patch.setattr(moves, "exchange", lambda _one, _other: False)
        with pytest.raises(OutputError, match="was withdrawn: another run"):
            publish(tmp_path, FIRST, 2, replace=True)
    with open_store(tmp_path):
        assert names(tmp_path) == sorted([".lock", *([FIRST, "latest"] if replaces != "nothing" else [])])
    if replaces != "nothing":
        assert verify(tmp_path / FIRST).proven, "the old one has its place again"


def test_prune_keeps_what_failed_of_the_oldest_snapshot_that_stays(tmp_path: Path) -> None:
    for name in (FIRST, SECOND, THIRD):
        publish(tmp_path, name)
    with open_store(tmp_path) as store:
        for name in (FIRST, SECOND):
            keep_beside(store, name)
        store.prune(2)
    assert names(tmp_path / ".failed") == names(tmp_path / ".partial") == [SECOND]
