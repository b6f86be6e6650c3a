"""A mirror of a place in an object store: what it holds stays as it is, however often it shows what is there."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import objects
import pytest
from obstore.store import MemoryStore

import krr_export
from krr_export.errors import NetworkError, PublishedError
from krr_export.input.objects.store import ObjectStore
from krr_export.jobs.push import push_snapshots
from krr_export.output.objects.layout import commit_key
from krr_export.output.objects.mirror import Mirror
from krr_export.output.objects.publish import prepare
from krr_export.output.store_contents import snapshots

VALID = Path(__file__).parents[2] / "samples/valid.xml"
NIGHTS = [f"eksport=202602{day:02}T112225Z" for day in range(1, 21)]


def test_what_was_refused_is_read_once_however_many_nights_are_shown(tmp_path: Path) -> None:
    """A backfill shows the place again for every night that it publishes."""
    native = MemoryStore()
    for name in NIGHTS:
        for file in ("manifest.json", "report.json"):
            native.put(f"failed/{name}/{file}", name.encode())
    counted = objects.Disturbed(native)
    mirror = Mirror(ObjectStore(counted, objects.URI), tmp_path / "mirror")
    mirror.show([])
    at_first, counted.requests = counted.requests, 0
    mirror.show([])
    assert at_first > 2 * len(NIGHTS)
    assert counted.requests < 5
    kept = {path.parent.name: path.read_text() for path in tmp_path.glob("mirror/.failed/*/report.json")}
    assert kept == {name: name for name in NIGHTS}


def test_what_is_refused_here_stays_though_the_place_has_an_older_result(tmp_path: Path) -> None:
    native = MemoryStore()
    mirror = Mirror(ObjectStore(native, objects.URI), tmp_path / "mirror")
    mirror.show([])
    own = tmp_path / "mirror/.failed" / NIGHTS[0]
    own.mkdir(parents=True)
    (own / "report.json").write_text("of today")
    native.put(f"failed/{NIGHTS[0]}/report.json", b"of another")
    mirror.show([])
    assert (own / "report.json").read_text() == "of today"


def test_what_could_not_be_shown_whole_is_neither_deleted_nor_replaced(tmp_path: Path) -> None:
    """Whatever request fails: the mirror has seen nothing that a result of its own may take the place of."""
    native, own = MemoryStore(), tmp_path / "own"
    krr_export.convert(VALID, tmp_path / "other", workers=0, columns=["status"])
    krr_export.convert(VALID, own, workers=0)
    [night], [other] = snapshots(own), snapshots(tmp_path / "other")
    push_snapshots(ObjectStore(native, objects.URI), [prepare(other, objects.URI)], lambda *_: None, replace=False)
    committed = bytes(native.get(commit_key(night.name)).bytes())
    for at in itertools.count(1):
        disturbed = objects.Disturbed(native, at, before=objects.fail)
        mirror = Mirror(ObjectStore(disturbed, objects.URI), tmp_path / f"mirror-{at}")
        try:
            mirror.show([night.name])
        except NetworkError:
            shown = mirror.directory / night.name
            if not shown.exists():  # else it is shown, and what came after it failed
                shutil.copytree(night, shown)
                with pytest.raises(PublishedError):
                    mirror.write_back()
            assert bytes(native.get(commit_key(night.name)).bytes()) == committed
        else:
            break
    assert at > 4
    assert [file.table for file in mirror.files(night.name)].count("person") == 1
