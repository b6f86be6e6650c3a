"""A mirror of a place in an object store: what it holds stays as it is, however often it shows what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import objects
from obstore.store import MemoryStore

from krr_export.input.objects.store import ObjectStore
from krr_export.output.objects.mirror import Mirror

if TYPE_CHECKING:
    from pathlib import Path

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
