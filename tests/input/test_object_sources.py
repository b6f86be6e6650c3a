"""Exports and deliveries that lie in an object store: what is read is what a file would give, or it is said why not."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import TYPE_CHECKING

import command
import deliveries
import objects
import pytest
from obstore.store import MemoryStore, from_url

import krr_export
from krr_export.errors import InputError, KrrExportError, NetworkError
from krr_export.input.objects.reading import open_object
from krr_export.input.objects.store import ObjectStore
from krr_export.output.manifest import read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from deliveries import Keys

    from krr_export.input.objects.store import Native

pytestmark = pytest.mark.slow
VALID = Path(__file__).parents[2] / "samples/valid.xml"
SMALL = 100


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return deliveries.keys_in(tmp_path / "keys")


def put(place: str, *files: Path, names: tuple[str, ...] = ()) -> None:
    """Upload files."""
    native = from_url(place)
    for file, name in zip(files, names or [file.name for file in files], strict=True):
        native.put(name, file.read_bytes())


def persons(store: Path) -> dict[str, str]:
    return command.contents(store / "latest/person")


@pytest.mark.parametrize("compressed", [False, True])
def test_an_export_gives_what_its_file_gives(compressed: bool, place: str, tmp_path: Path) -> None:  # noqa: FBT001 - pytest gives it by name
    file = tmp_path / ("valid.xml.gz" if compressed else "valid.xml")
    file.write_bytes(gzip.compress(VALID.read_bytes()) if compressed else VALID.read_bytes())
    put(place, file)
    ran = command.call("convert", f"{place}/{file.name}", tmp_path / "store")
    assert ran.code == 0, ran.err
    krr_export.convert(file, tmp_path / "plain", workers=0)
    assert persons(tmp_path / "store") == persons(tmp_path / "plain")
    ours, plain = (read_manifest(tmp_path / store / "latest").source for store in ("store", "plain"))
    assert ours == plain
    again = command.call("convert", f"{place}/{file.name}", tmp_path / "store")
    assert (again.code, "nothing to do" in again.last) == (0, True)
    assert command.call("validate", f"{place}/{file.name}").code == 0
    inspected = command.call("inspect", f"{place}/{file.name}", "--json")
    assert inspected.result == command.call("inspect", file, "--json").result


@pytest.mark.parametrize("part", ["", ".gz.enc", ".sig", ".key.991825827"])
def test_a_delivery_is_verified_and_decrypted(part: str, place: str, keys: Keys, tmp_path: Path) -> None:
    deliveries.make_set(tmp_path / "inbox", VALID.read_bytes())
    put(f"{place}/inbox", *sorted((tmp_path / "inbox").iterdir()))
    opened = ["--private-key", str(keys.private_key), "--publisher-cert", str(keys.publisher_cert)]
    source = f"{place}/inbox/Kontaktregister-20140226T120409{part}" if part else f"{place}/inbox"
    ran = command.call("convert", source, tmp_path / "store", *opened, "--json")
    assert ran.code == 0, ran.err
    krr_export.convert(VALID, tmp_path / "plain", workers=0)
    assert persons(tmp_path / "store") == persons(tmp_path / "plain")
    local = command.call("convert", tmp_path / "inbox", tmp_path / "local", *opened, "--json")
    assert ran.result["report"]["source"] == local.result["report"]["source"]


def test_a_delivery_that_was_tampered_with_publishes_nothing(place: str, keys: Keys, tmp_path: Path) -> None:
    data = deliveries.make_set(tmp_path / "inbox", VALID.read_bytes())
    data.write_bytes(data.read_bytes()[:-1] + b"x")
    put(place, *sorted((tmp_path / "inbox").iterdir()))
    opened = ["--private-key", str(keys.private_key), "--publisher-cert", str(keys.publisher_cert)]
    ran = command.call("convert", f"{place}/{data.name}", tmp_path / "store", *opened)
    assert ran.code == 3
    assert "signature" in ran.last
    assert not (tmp_path / "store").exists()


def test_nothing_of_a_delivery_stays_in_the_directory_of_temporary_files(
    place: str, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    data = deliveries.make_set(tmp_path / "inbox", VALID.read_bytes())
    put(place, *sorted((tmp_path / "inbox").iterdir()))
    with krr_export.open_export(
        f"{place}/{data.name}", private_key=keys.private_key, publisher_cert=keys.publisher_cert
    ) as export:
        assert os.listdir(tmp_path / "tmp") == []  # noqa: PTH208 - of names alone
        assert sum(batch.num_rows for batch in export.batches()) == 40


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("missing.xml", 3, "missing.xml: there is no such object, and no delivery below it"),
        ("empty", 3, "empty: there is no such object"),
        ("Kontaktregister-20140226T120409.gz.enc", 3, "no such file"),
        ("eksport=20260226T112225Z", 2, "the URI is that of a snapshot"),
        ("a?versionId=1", 2, "the URI has a query in it"),
    ],
)
def test_what_is_not_there_is_said(name: str, code: int, says: str, place: str, tmp_path: Path) -> None:
    ran = command.call("convert", f"{place}/{name}", tmp_path / "store")
    assert (ran.code, says in ran.last) == (code, True), ran.err
    assert not (tmp_path / "store").exists()


def test_keys_with_an_export_that_is_not_signed_are_refused(place: str, keys: Keys, tmp_path: Path) -> None:
    put(place, VALID)
    ran = command.call("convert", f"{place}/valid.xml", tmp_path / "store", "--publisher-cert", keys.publisher_cert)
    assert (ran.code, "its signature cannot be verified" in ran.last) == (3, True)


@pytest.fixture
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("krr_export.input.objects.reading._RANGE", SMALL)


def opened(native: Native) -> bytes:
    store = ObjectStore(native, objects.URI)
    described = store.describe("export")
    assert described is not None
    with open_object(store, "export", described) as stream:
        return stream.read()


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("size", [0, 1, SMALL, SMALL + 1, 7 * SMALL, 777])
def test_ranges_are_joined_in_order(size: int) -> None:
    native, body = MemoryStore(), os.urandom(size)
    native.put("export", body)
    assert opened(native) == body


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("change", ["replaced", "deleted"])
@pytest.mark.parametrize("at", [2, 5, 9])
def test_what_is_changed_while_it_is_read_is_refused(change: str, at: int) -> None:
    native = MemoryStore()
    native.put("export", b"x" * 10 * SMALL)
    does: Callable[[], object] = (
        (lambda: native.put("export", b"y" * 10 * SMALL)) if change == "replaced" else (lambda: native.delete("export"))
    )
    with pytest.raises(InputError, match="export was changed while it was read"):
        opened(objects.Disturbed(native, at, before=does))


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("at", range(1, 12))
def test_a_failure_at_any_request_is_one_of_the_network_without_the_servers_words(at: int) -> None:
    native = MemoryStore()
    native.put("export", b"x" * 10 * SMALL)
    with pytest.raises(NetworkError) as raised:
        opened(objects.Disturbed(native, at, after=objects.fail))
    assert isinstance(raised.value, KrrExportError)
    assert objects.QUOTED not in str(raised.value)
