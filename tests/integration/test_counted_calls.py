"""What is done once is done once: a delivery's directory is listed, a snapshot asked for, options checked."""

from __future__ import annotations

import io
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import deliveries
import pytest
from exports import tiny_xml

import krr_export
from krr_export.input.delivery.opening import DeliveryOptions
from krr_export.jobs.options import ConvertOptions
from krr_export.output.manifest import read_manifest
from krr_export.parsing.lexical import Reject
from krr_export.synthetic import SampleOptions, write_sample

if TYPE_CHECKING:
    from krr_export.output.manifest import Manifest


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A delivery of some megabytes, with another beside it."""
    xml = io.BytesIO()
    write_sample(xml, SampleOptions(20_000, seed=4))
    deliveries.make_set(tmp_path / "inbox", b"<old/>", stamp="20130101T0100")
    deliveries.make_set(tmp_path / "inbox", xml.getvalue())
    return tmp_path / "inbox"


def opened_by(keys: deliveries.Keys) -> DeliveryOptions:
    return DeliveryOptions(keys.private_key, None, keys.publisher_cert)


def bytes_read() -> int:
    """What this process has asked of the kernel so far: every read(2), also of what is in memory already."""
    (line,) = (line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("rchar"))
    return int(line.split()[1])


@pytest.mark.parametrize("max_age", [None, "9999d"])
def test_a_delivery_is_listed_once_and_read_twice(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_age: str | None
) -> None:
    listed: Counter[str] = Counter()
    for name in ("listdir", "scandir"):
        lists = getattr(os, name)
        monkeypatch.setattr(os, name, lambda path=".", lists=lists: listed.update([str(path)]) or lists(path))
    options = ConvertOptions(workers=0, delivery=opened_by(deliveries.keys_in(tmp_path / "keys")), max_age=max_age)
    krr_export.convert(io.BytesIO(tiny_xml.export(tiny_xml.person())), tmp_path / "warm", workers=0)
    before = bytes_read()
    result = krr_export.convert(inbox, tmp_path / "store", options)
    read, size = bytes_read() - before, (inbox / "Kontaktregister-20140226T120409.gz.enc").stat().st_size
    assert result.outcome == "published"
    assert listed[str(inbox)] == 1
    assert size > 1_500_000
    assert 2 <= read / size < 2.5, "once to verify it, once to use it"


def test_whether_a_snapshot_is_known_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, store = tmp_path / "export.xml", tmp_path / "store"
    for year in (2020, 2021):
        root = tiny_xml.export(tiny_xml.person()).replace(b"2014-02-26", f"{year}-02-26".encode())
        source.with_suffix(f".{year}").write_bytes(root)
        krr_export.convert(source.with_suffix(f".{year}"), store, workers=0)
    asked: Counter[str] = Counter()

    def counted(snapshot: Path) -> Manifest:
        asked[snapshot.name] += 1
        return read_manifest(snapshot)

    monkeypatch.setattr("krr_export.output.store_contents.read_manifest", counted)
    assert krr_export.convert(source.with_suffix(".2020"), store, workers=0).outcome == "unchanged"
    assert asked["eksport=20200226T112225Z"] == 1, "latest, and the store's kind, are read from the newest one"


def test_options_are_checked_once_and_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = Counter[str]()
    check = ConvertOptions.__post_init__

    def counted(options: ConvertOptions) -> None:
        checked["options"] += 1
        check(options)

    monkeypatch.setattr(ConvertOptions, "__post_init__", counted)
    for given in ({"workers": 0}, {"options": ConvertOptions(workers=0)}):
        checked.clear()
        krr_export.convert(io.BytesIO(tiny_xml.export(tiny_xml.person())), tmp_path / str(len(given)), **given)
        assert checked["options"] == ("options" not in given)


def test_a_reject_is_made_once_with_its_ordinal_line_and_bytes() -> None:
    bad = tiny_xml.person("<status>X</status>")
    document = tiny_xml.export(*[tiny_xml.person(), tiny_xml.person(), bad] * 100)
    with (
        patch.object(Reject, "__init__", autospec=True, side_effect=Reject.__init__) as made,
        krr_export.open_export(io.BytesIO(document), workers=0) as export,
    ):
        rejects = [reject for result in export.results() for reject in result.rejects]
    assert [id(call.args[0]) for call in made.call_args_list] == [id(reject) for reject in rejects]
    assert [reject.ordinal for reject in rejects] == [*range(3, 301, 3)]
    assert {document[r.byte_offset : r.byte_offset + len(bad)] for r in rejects} == {bad.encode()}
