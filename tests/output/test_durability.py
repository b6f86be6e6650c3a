"""What a run says is done outlasts a power failure, and nothing old is deleted before what takes its place does."""

from __future__ import annotations

import io
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from crashes.durability import Disk, followed
from crashes.store_driver import names
from exports import tiny_xml
from servers import sshd

from krr_export import convert, verify

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("strace"), reason="strace, which follows a run, is not installed"),
]

NAME = "eksport=20140226T112225Z"
NEXT = "eksport=20140227T112225Z"
BAD = tiny_xml.person("<status>X</status>")


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """The directory that is looked at."""
    path = (tmp_path / "disk").resolve()
    path.mkdir()
    return path


def export(*persons: str, day: int = 26) -> bytes:
    return tiny_xml.export(*persons).replace(b"2014-02-26T", f"2014-02-{day}T".encode())


def store(disk: Path, *exports: bytes, **options: Any) -> Path:  # noqa: ANN401 - ConvertOptions checks them
    """A store that earlier runs have written."""
    for data in exports:
        convert(io.BytesIO(data), disk / "store", workers=0, guard=False, **options)
    return disk / "store"


def run(disk: Path, data: bytes, *options: str, to: str = "store", inject: str = "") -> tuple[Disk, int]:
    source = disk.parent / "export.xml"
    source.write_bytes(data)
    told = ("--workers", "0", "--no-guard", *options)
    return followed(disk, disk.parent / "log", "convert", source, disk / to, *told, inject=inject)


def lasts(ended: tuple[Disk, int], code: int = 0) -> Disk:
    """Hold that the run ended so, did all in order, and leaves nothing that is not sure to last."""
    disk, found = ended
    assert (found, disk.faults, disk.unforced()) == (code, [], set())
    return disk


def test_a_new_store_and_its_first_snapshot(disk: Path) -> None:
    ended = lasts(run(disk, export(tiny_xml.person(), tiny_xml.person("<status>AKTIV</status>")), to="a/b/store"))
    assert {".", "a", "a/b", "a/b/store"} <= set(ended.forced), "each directory on the way to it"
    assert verify(disk / "a" / "b" / "store" / "latest").proven


@pytest.mark.parametrize("options", [(), ("--partition-by", "status"), ("--format", "csv")], ids=["", "parts", "csv"])
def test_a_snapshot_and_latest(disk: Path, options: tuple[str, ...]) -> None:
    given = {"partition_by": ["status"]} if "--partition-by" in options else {}
    path = store(disk, export(tiny_xml.person()), format="csv" if "csv" in options else "parquet", **given)
    lasts(run(disk, export(tiny_xml.person("<status>AKTIV</status>"), tiny_xml.person(), day=27), *options))
    assert (path / "latest").readlink().name == NEXT


@pytest.mark.parametrize("inject", ["", "renameat2:error=EINVAL"], ids=["exchange", "two renames"])
def test_a_snapshot_that_replaces_another(disk: Path, inject: str) -> None:
    path = store(disk, export(tiny_xml.person()))
    lasts(run(disk, export(tiny_xml.person(), tiny_xml.person()), "--replace", inject=inject))
    assert names(path) == [".lock", NAME, "latest"]


def test_what_was_refused_and_what_is_partial(disk: Path) -> None:
    path = store(disk)
    for persons in ((BAD,), (BAD, tiny_xml.person())):
        lasts(run(disk, export(*persons)), code=1)
        lasts(run(disk, export(*persons), "--limit", "1", "--max-rejects", "1"))
    assert names(path / ".failed") == names(path / ".partial") == [NAME]
    lasts(run(disk, export(tiny_xml.person())))
    assert names(path / ".failed") == [], "it was published, so this goes"


def test_snapshots_that_are_pruned(disk: Path) -> None:
    path = store(disk, *(export(tiny_xml.person(), day=day) for day in (24, 25, 26)), export(BAD, day=20))
    lasts(followed(disk, disk.parent / "log", "prune", path, "--keep", "1"))
    assert names(path) == [".failed", ".lock", NAME, "latest"]


@pytest.mark.parametrize("left", [".staging-1-aa", f".replaced-{NAME}"])
def test_what_a_dead_run_exchanged(disk: Path, left: str) -> None:
    path = store(disk, export(tiny_xml.person()))
    shutil.copytree(path / NAME, path / left)
    again = ("prune", path, "--keep", "9")
    lasts(followed(disk, disk.parent / "log", *again, unforced=(path / NAME,)))
    assert names(path) == [".lock", NAME, "latest"]


def test_what_a_dead_run_published_is_sure_to_last_before_it_is_said_to_be_there(disk: Path) -> None:
    path = store(disk, export(tiny_xml.person()))
    source = disk.parent / "export.xml"
    source.write_bytes(export(tiny_xml.person()))
    again = ("convert", source, path, "--workers", "0")
    lasts(followed(disk, disk.parent / "log", *again, unforced=(path / NAME,)))


def test_a_delivery_that_is_fetched(disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    home = tmp_path / "server"
    home.mkdir()
    with sshd.served(home) as server:
        sshd.put(server.directory, "20260102T030405")
        login = ("--identity", str(server.login.identity), "--known-hosts", str(server.login.known_hosts))
        ended = lasts(followed(disk, tmp_path / "log", "fetch", server.uri(), disk / "a" / "inbox", *login))
    data = "Kontaktregister-20260102T030405.gz.enc"
    assert {".", "a"} <= set(ended.forced)
    assert ended.named[f"a/inbox/{data}"] == set(), "the others' names are sure to last before the data has its own"
