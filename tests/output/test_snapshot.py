"""What a snapshot promises: whole or not at all, proven, and recognisable afterwards."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
from functools import partial
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from crashes.store_driver import fill, manifest, names, publish
from lxml import etree

from krr_export.errors import GuardError, InputError, OutputError
from krr_export.output import publish as moves
from krr_export.output.manifest import Manifest, read_manifest
from krr_export.output.sinks import SinkOptions
from krr_export.output.snapshot import Counts, Staging, verify
from krr_export.output.verification import count_rows
from krr_export.util.files import PartFile, directory_mode

NAME = "eksport=20140226T112225Z"


@pytest.fixture(params=["csv", "csv.gz", "parquet"])
def options(request: pytest.FixtureRequest) -> SinkOptions:
    kinds = {
        "csv": SinkOptions(format="csv"),
        "csv.gz": SinkOptions(format="csv", compression="gzip"),
        "parquet": SinkOptions(rows_per_file=2),
    }
    return kinds[request.param]


def stage_and_publish(store: Path, options: SinkOptions, rows: int = 5) -> Path:
    with Staging(store) as staging:
        return staging.publish(fill(staging, NAME, rows, options), NAME, replace=False)


def test_a_published_snapshot_is_proven_also_through_a_link(tmp_path: Path, options: SinkOptions) -> None:
    snapshot = stage_and_publish(tmp_path, options)
    found = verify(tmp_path / "latest")
    assert found.proven
    assert found.snapshot == snapshot == tmp_path / NAME
    assert found.manifest == Manifest.from_json((snapshot / "manifest.json").read_bytes())
    assert names(tmp_path) == [NAME, "latest"]


def test_success_lets_sha256sum_check_the_manifest(tmp_path: Path) -> None:
    snapshot = publish(tmp_path, NAME)
    subprocess.run(["sha256sum", "--check", "--strict", "--status", "_SUCCESS"], cwd=snapshot, check=True)


def test_verify_tells_every_kind_of_difference(tmp_path: Path, options: SinkOptions) -> None:
    snapshot = stage_and_publish(tmp_path, options)
    part = next(iter(sorted((snapshot / "person").iterdir())))
    name = f"person/{part.name}"

    whole = part.read_bytes()
    part.write_bytes(whole[:-1] + b"?")
    assert f"{name}: its SHA-256 is not the one listed" in verify(snapshot).differences
    part.write_bytes(whole[: len(whole) // 2])
    assert any(line.startswith(f"{name}: {len(whole) // 2} bytes, listed") for line in verify(snapshot).differences)
    part.unlink()
    assert {f"{name}: missing", f"{name}: its rows cannot be counted"} < set(verify(snapshot).differences)
    part.symlink_to(snapshot / "report.json")
    assert f"{name}: not a regular file" in verify(snapshot).differences
    part.unlink()
    part.write_bytes(whole)
    assert verify(snapshot).proven

    (snapshot / "person" / "extra.parquet").write_bytes(b"")
    (snapshot / "elsewhere").symlink_to(tmp_path)
    assert verify(snapshot).differences == ("elsewhere: not listed", "person/extra.parquet: not listed")


def test_verify_sees_that_the_manifest_was_edited_or_never_sealed(tmp_path: Path) -> None:
    snapshot = publish(tmp_path, NAME, 3)
    path = snapshot / "manifest.json"
    sealed = path.read_text()
    path.write_text(sealed.replace('"written": 3', '"written": 4'))
    assert verify(snapshot).differences == (
        "manifest.json: not the one that was published",
        "person: 3 rows, but 4 records were written",
        "3 records were seen, but 4 written and 0 rejected",
    )
    path.write_text(sealed.replace('"rows": 3', '"rows": 4'))
    [part] = [file.path for file in read_manifest(snapshot).files if file.rows]
    assert f"{part}: 3 rows, listed with 4" in verify(snapshot).differences
    path.write_text(sealed)
    (snapshot / "_SUCCESS").unlink()
    assert verify(snapshot).differences == (
        "_SUCCESS: missing or no regular file; this was never published, or was tampered with",
    )


def test_verify_sees_that_a_snapshot_stands_under_the_name_of_another_night(tmp_path: Path) -> None:
    moved = publish(tmp_path, NAME, 3).rename(tmp_path / "eksport=20140227T112225Z")
    assert verify(moved).differences == (f"the directory is named {moved.name}, but the export is {NAME}",)


@pytest.mark.parametrize("place", ["nothing", "dangling", "file", "empty"])
def test_verify_without_a_snapshot_is_an_input_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="there is no snapshot at"):
        verify(tmp_path / place)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"manifest_version": 1', '"manifest_version": 2'),
        ('"seen": 3', '"seen": true'),
        ('"seen": 3', '"seen": "3"'),
        ("person/part-00000.csv", "../person/part-00000.csv"),
        ("person/part-00000.csv", "/etc/passwd"),
        ("person/part-00000.csv", "person//part-00000.csv"),
        ('"sha256": "0000', '"sha256": "000g'),
        ('"files": [', '"files": 1, "others": ['),
        ('"counts"', '"count"'),
        ("{", "", ),
        ("{", "[" * 100_000),
    ],
)  # fmt: skip
def test_a_manifest_that_is_not_one_is_refused(tmp_path: Path, old: str, new: str) -> None:
    text = (publish(tmp_path, NAME, 3) / "manifest.json").read_text()
    assert old in text
    with pytest.raises(InputError, match=r"manifest\.json is"):
        Manifest.from_json(text.replace(old, new, 1))


def test_a_manifest_comes_back_as_it_was_written() -> None:
    parts = (PartFile("person/status=Å%2F/part-00000.csv", 3, 10, "a" * 64),)
    assert Manifest.from_json(manifest(NAME, parts, 3).to_json()) == manifest(NAME, parts, 3)


@pytest.mark.parametrize("counts", [Counts(6, 5, 0), Counts(6, 6, 0), Counts(6, 5, 1), Counts(4, 4, 0)])
def test_counts_that_the_files_do_not_bear_out_are_not_published(
    tmp_path: Path, counts: Counts, options: SinkOptions
) -> None:
    with Staging(tmp_path) as staging, pytest.raises(OutputError, match="do not hold what was counted"):
        staging.publish(msgspec.structs.replace(fill(staging, NAME, 5, options), counts=counts), NAME, replace=False)
    assert names(tmp_path) == []


def test_a_name_that_is_taken_needs_replace(tmp_path: Path) -> None:
    publish(tmp_path, NAME, 1)
    with pytest.raises(GuardError, match=r"already there.*--replace"):
        publish(tmp_path, NAME, 2)
    assert read_manifest(tmp_path / NAME).counts.seen == 1
    publish(tmp_path, NAME, 2, replace=True)
    assert read_manifest(tmp_path / NAME).counts.seen == 2
    assert verify(tmp_path / "latest").proven


@pytest.mark.parametrize("stops_after", [1, 2, 3, 4])
def test_where_names_cannot_be_exchanged_the_next_run_completes_the_replacement(
    tmp_path: Path, stops_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, NAME, 1)
    done = 0
    rename = Path.rename

    def stopping(self: Path, target: Path) -> Path:
        nonlocal done
        done += 1
        if done == stops_after:
            raise OSError(5, "stopped here")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(moves, "exchange", lambda _one, _other: False)
        patch.setattr(Path, "rename", stopping)
        if stops_after < 4:
            with pytest.raises(OutputError, match="cannot publish"):
                publish(tmp_path, NAME, 2, replace=True)
        else:
            publish(tmp_path, NAME, 2, replace=True)
    publish(tmp_path, "eksport=20140101T000000Z")
    assert verify(tmp_path / NAME).proven
    assert read_manifest(tmp_path / NAME).counts.seen == (1 if stops_after in {1, 2} else 2)
    assert names(tmp_path) == [".lock", "eksport=20140101T000000Z", NAME, "latest"]


@pytest.mark.parametrize("killed", [False, True])
def test_where_the_old_snapshot_may_not_be_moved_it_stays_and_no_later_run_stops(
    tmp_path: Path,
    killed: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(tmp_path, NAME, 1)
    rename = Path.rename

    def refused(self: Path, target: Path) -> Path:
        if self.name == NAME:
            raise PermissionError(errno.EPERM, "not yours")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(moves, "exchange", lambda _one, _other: False)
        patch.setattr(Path, "rename", refused)
        if killed:
            shutil.copytree(tmp_path / NAME, tmp_path / f".replacing-{NAME}")
        with pytest.raises(OutputError, match=f"cannot publish {NAME}") as caught:
            publish(tmp_path, NAME, 2, replace=True)
        assert "the next run on the store completes it" not in str(caught.value)
        publish(tmp_path, "eksport=20140101T000000Z")
    assert read_manifest(tmp_path / NAME).counts.seen == 1
    assert verify(tmp_path / NAME).proven
    assert names(tmp_path) == [".lock", "eksport=20140101T000000Z", NAME, "latest"]


def test_an_exchange_reports_what_the_system_refuses(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        moves.exchange(tmp_path / "a", tmp_path / "b")


def test_leaving_early_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with Staging(tmp_path) as staging:
            fill(staging, NAME, 3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == []


def test_the_manifest_names_the_libraries_and_does_without_in_older_ones() -> None:
    written = manifest(NAME, (), 0)
    assert written.libraries == {"lxml": etree.__version__, "pyarrow": pa.__version__}
    assert Manifest.from_json(written.to_json()).libraries == written.libraries
    older = json.loads(written.to_json())
    del older["libraries"]
    assert Manifest.from_json(json.dumps(older)).libraries == {}


def test_a_failed_run_leaves_its_report_but_no_persons(tmp_path: Path) -> None:
    for rows in (1, 2):
        with Staging(tmp_path) as staging:
            kept = staging.keep_failed(fill(staging, NAME, rows), NAME)
    assert kept == tmp_path / ".failed" / NAME
    assert names(kept) == ["manifest.json", "report.json"]
    manifest = read_manifest(kept)
    assert [part.path for part in manifest.files] == ["report.json"]
    assert manifest.counts.seen == 2, "the later run replaced the earlier"
    with pytest.raises(InputError, match="was not published"):
        verify(kept)
    assert names(tmp_path) == [".failed"], "nothing published, no latest"


def test_a_partial_result_is_proven_and_never_latest(tmp_path: Path) -> None:
    for rows in (3, 4):
        with Staging(tmp_path) as staging:
            kept = staging.keep_partial(fill(staging, NAME, rows), NAME)
    found = verify(kept)
    assert found.proven
    assert found.manifest is not None
    assert found.manifest.partial
    assert found.manifest.counts.seen == 4
    assert names(tmp_path) == [".partial"]


@pytest.mark.parametrize(("file_mode", "expected"), [(0o600, 0o700), (0o640, 0o750), (0o644, 0o755), (0o660, 0o770)])
def test_permissions_are_as_asked_whatever_the_umask(tmp_path: Path, file_mode: int, expected: int) -> None:
    assert directory_mode(file_mode) == expected
    before = os.umask(0o077 if file_mode != 0o600 else 0)
    try:
        with Staging(tmp_path, file_mode) as staging:
            written = fill(staging, NAME, 1, SinkOptions(format="csv", file_mode=file_mode))
            snapshot = staging.publish(written, NAME, replace=False)
    finally:
        os.umask(before)
    for path in (snapshot, *snapshot.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (expected if path.is_dir() else file_mode), path.name


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_all_below_a_store_with_the_set_group_id_bit_belongs_to_its_group(tmp_path: Path, umask: int) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, -1, 6001)  # others have no second group to be sure of: there the bit alone is seen
    tmp_path.chmod(0o2750)
    options = SinkOptions(format="csv", file_mode=0o640, partition_by=("status",))
    before = os.umask(umask)
    try:
        for keep in (Staging.keep_failed, Staging.keep_partial, partial(Staging.publish, replace=False)):
            with Staging(tmp_path, 0o640) as staging:
                keep(staging, fill(staging, NAME, 1, options), NAME)
        with Staging(tmp_path, 0o640) as staging:
            staging.keep_failed(fill(staging, NAME, 1, options), NAME)
    finally:
        os.umask(before)
    made = list(tmp_path.rglob("*"))
    assert {path.name for path in made} >= {".failed", ".partial", "person", "manifest.json"}
    for path in made:
        assert path.stat().st_gid == tmp_path.stat().st_gid, path
        assert stat.S_IMODE(path.stat().st_mode) == (0o2750 if path.is_dir() else 0o640), path


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("a,b\n", 0),
        ("a,b\n1,2\n3,4\n", 2),
        ('a,b\n"line\nfeed",2\n', 1),
        ('a,b\n"say ""hi""\n""",2\n,""\n', 2),
        ('a,b\n"' + "x\n" * 700_000 + '",""\n1,"""\n"""\n', 2),
        ('a,b\n"' + "x\n" * 1_700_000 + '",""\n1,"\n"\n', 2),
    ],
    ids=["header only", "plain", "line feed", "doubled quotes", "over several chunks", "a chunk within quotes"],
)
def test_csv_records_are_counted_with_regard_to_quotes(tmp_path: Path, text: str, records: int) -> None:
    path = tmp_path / "part-00000.csv"
    path.write_text(text)
    assert count_rows(path) == records


@pytest.mark.parametrize("place", [".failed", ".partial"])
def test_nothing_is_kept_or_deleted_behind_a_link(tmp_path: Path, place: str) -> None:
    store, elsewhere = tmp_path / "store", tmp_path / "elsewhere"
    (elsewhere / NAME).mkdir(parents=True)
    store.mkdir()
    (store / place).symlink_to(elsewhere)
    with Staging(store) as staging, pytest.raises(OutputError, match=f"cannot keep {place}/.*link.*remove it"):
        (staging.keep_failed if place == ".failed" else staging.keep_partial)(fill(staging, NAME, 1), NAME)
    publish(store, NAME)
    assert names(elsewhere) == [NAME]
    assert names(elsewhere / NAME) == []
    assert names(store) == sorted([place, ".lock", NAME, "latest"])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("sync_directory", "cannot force .* to the disk, though it is published: Input/output error"),
        ("update_latest", "cannot let latest follow to .*, though it is published: Input/output error"),
        ("remove_replaced", "cannot delete what .* replaced, though it is published: Input/output error"),
    ],
)
@pytest.mark.parametrize("replaces", [False, True])
def test_a_disk_that_fails_once_the_snapshot_is_visible_is_said_to_have_failed_then(
    tmp_path: Path,
    call: str,
    said: str,
    replaces: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if replaces:
        publish(tmp_path, NAME, 1)

    def fail(*_: object) -> None:
        raise OSError(5, "stopped here")

    with monkeypatch.context() as patch:
        patch.setattr(f"krr_export.output.snapshot.{call}", fail)
        with pytest.raises(OutputError, match=said):
            publish(tmp_path, NAME, 2, replace=True)
    assert read_manifest(tmp_path / NAME).counts.seen == 2
    if replaces:
        [old] = tmp_path.glob(".staging-*")
        assert read_manifest(old).counts.seen == 1, "nothing is deleted that might still be wanted"
    publish(tmp_path, "eksport=20140101T000000Z")
    assert names(tmp_path) == [".lock", "eksport=20140101T000000Z", NAME, "latest"]
