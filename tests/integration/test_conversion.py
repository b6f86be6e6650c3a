"""What becomes of an export: published whole, kept aside with its reasons, or refused; and a rerun is safe."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from conversions import SAMPLES, cut_into
from exports import tiny_xml
from exports.mutants import XSD

import krr_export
from krr_export.errors import GuardError, InputError, UsageError
from krr_export.output.manifest import Manifest, read_manifest
from krr_export.output.snapshot import Staging, verify

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "eksport=20140226T112225Z"
"""The snapshot of `tiny_xml.export`."""

BAD = tiny_xml.person("<status>X</status>")
NEW_OPTIONS = ("columns", "pseudonymised", "pseudonym_key_fingerprint", "derive", "as_of", "strict")
"""The options that manifests of the first version lack."""


def convert(source: Path | bytes | str, store: Path, **options: Any) -> krr_export.ConvertResult:  # noqa: ANN401 - ConvertOptions checks them
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    return krr_export.convert(stream, store, **{"workers": 0, **options})


def tree(path: Path) -> dict[str, bytes | str]:
    """All files below a directory, and the targets of links."""
    return {
        entry.relative_to(path).as_posix(): str(entry.readlink()) if entry.is_symlink() else entry.read_bytes()
        for entry in path.rglob("*")
        if (entry.is_symlink() or entry.is_file()) and entry.name != ".lock"
    }


def test_an_export_is_published_proven_and_latest(export: Callable[..., bytes], tmp_path: Path) -> None:
    result = convert(export(tiny_xml.person(), tiny_xml.person()), tmp_path)
    assert (result.outcome, result.published, result.exit_code) == ("published", True, 0)
    assert result.path == tmp_path / NAME
    assert (tmp_path / "latest").resolve() == result.path
    assert krr_export.verify(tmp_path / "latest").proven
    assert result.message == f"published 2 records as {result.path}; the first snapshot of a new store"


def test_what_the_file_system_would_not_do_is_said_in_the_last_line(
    export: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(errno.EPERM, "refused")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    monkeypatch.setattr(os, "fchmod", refuse)
    before = os.umask(0o077)
    try:
        result = convert(export(tiny_xml.person()), tmp_path, mode=0o640)
        refused = convert(export(BAD), tmp_path / "other", mode=0o640)
    finally:
        os.umask(before)
    assert (result.exit_code, refused.exit_code) == (0, 1)
    assert f" as {result.path}; without latest: " in result.message
    for message in (result.message, refused.message):
        assert "; its files have mode 600, not 640: " in message


def test_a_place_that_something_else_has_is_refused_before_anything_is_read(
    export: Callable[..., bytes], tmp_path: Path
) -> None:
    (tmp_path / NAME / "mine").mkdir(parents=True)
    for replace in (False, True):
        with pytest.raises(UsageError, match=f"{NAME} lies in the store and is no snapshot: .*; move it out"):
            convert(export(tiny_xml.person()), tmp_path, replace=replace)
    assert (tmp_path / NAME / "mine").is_dir()
    assert convert(export(tiny_xml.person()), tmp_path, limit=1).outcome == "partial", "that has another place"


NEW_OPTIONS = ("columns", "pseudonymised", "pseudonym_key_fingerprint", "derive", "as_of", "strict")
"""What the manifests of the first version do not say."""


@pytest.mark.parametrize("options", [{}, {"format": "csv"}, {"partition_by": ["status"]}, {"rows_per_file": 1}])
def test_the_same_again_is_nothing_to_do(export: Callable[..., bytes], tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "export.xml"
    path.write_bytes(export(tiny_xml.person(), tiny_xml.person()))
    store = tmp_path / "store"
    first = convert(path, store, **options)
    before = tree(store)
    for again in (path, str(path), path.read_bytes()):
        result = convert(again, store, **options)
        assert (result.outcome, result.path, result.report) == ("unchanged", first.path, None)
        assert (result.published, result.exit_code) == (True, 0)
        assert "nothing to do" in result.message
    assert tree(store) == before


def test_the_same_again_from_standard_input_is_nothing_to_do(
    export: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for outcome in ("published", "unchanged"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(export(tiny_xml.person()))))
        assert convert("-", tmp_path).outcome == outcome
    assert read_manifest(tmp_path / NAME).source.name == "standard input"


def test_how_it_is_read_does_not_make_another_result(export: Callable[..., bytes], tmp_path: Path) -> None:
    data = export(tiny_xml.person())
    convert(data, tmp_path)
    for options in ({"workers": 2}, {"reader": "iterparse"}, {"max_rejects": 5}, {"allow_empty": True}):
        assert convert(data, tmp_path, **options).outcome == "unchanged"


def test_a_rerun_on_a_snapshot_of_an_older_version_is_nothing_to_do(
    export: Callable[..., bytes], tmp_path: Path
) -> None:
    source = tmp_path / "export.xml"
    source.write_bytes(export(tiny_xml.person()))
    path = convert(source, tmp_path / "store").path / "manifest.json"
    manifest = json.loads(path.read_text())
    for option in NEW_OPTIONS:
        del manifest["options"][option]
    path.write_text(json.dumps(manifest))
    assert convert(source, tmp_path / "store").outcome == "unchanged"


def test_replace_gives_a_profile_to_a_snapshot_that_has_none(export: Callable[..., bytes], tmp_path: Path) -> None:
    source = tmp_path / "export.xml"
    source.write_bytes(export(tiny_xml.person()))
    store = tmp_path / "store"
    assert convert(source, store, profile=False).outcome == "published"
    assert convert(source, store).outcome == "unchanged"
    again = convert(source, store, replace=True)
    assert again.outcome == "published"
    assert json.loads((again.path / "report.json").read_text())["profile"]["records"] == 1
    assert convert(source, store, replace=True).outcome == "unchanged"


def test_by_another_xsd_of_the_same_name_it_is_another_result(export: Callable[..., bytes], tmp_path: Path) -> None:
    for path in XSD.glob("*-14-05.xsd"):
        shutil.copy(path, tmp_path)
    xsd = tmp_path / "kontaktregister-export-14-05.xsd"
    data = export(tiny_xml.person())
    assert convert(data, tmp_path / "store", schema=xsd).outcome == "published"
    assert convert(data, tmp_path / "store", schema=xsd).outcome == "unchanged"
    xsd.write_bytes(xsd.read_bytes() + b"<!-- a later edition -->")
    with pytest.raises(GuardError, match="is already there, with another result"):
        convert(data, tmp_path / "store", schema=xsd)


def test_no_column_is_partitioned_by_twice(export: Callable[..., bytes], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot partition by the same column twice"):
        convert(export(tiny_xml.person()), tmp_path, partition_by=["status", "reservasjon", "status"])


def test_a_store_of_csv_takes_none_for_excel_and_the_other_way_round(tmp_path: Path) -> None:
    for kind, other in (("csv", "csv-excel"), ("csv-excel", "csv")):
        made = convert(SAMPLES / "valid.xml", tmp_path / kind, format=kind, workers=0)
        assert verify(made.path).proven
        assert convert(SAMPLES / "valid.xml", tmp_path / kind, format=kind, workers=0).outcome == "unchanged"
        with pytest.raises(UsageError, match=f"have the format {kind}, not {other}"):
            convert(SAMPLES / "valid.xml", tmp_path / kind, format=other, workers=0)


@pytest.mark.parametrize("options", [{"compression": "gzip"}, {"rows_per_file": 1}])
def test_another_result_needs_replace(export: Callable[..., bytes], tmp_path: Path, options: dict[str, Any]) -> None:
    data = export(tiny_xml.person(), tiny_xml.person())
    convert(data, tmp_path)
    before = tree(tmp_path)
    with pytest.raises(GuardError, match="already there, with another result; use --replace"):
        convert(data, tmp_path, **options)
    assert tree(tmp_path) == before
    assert convert(data, tmp_path, replace=True, **options).outcome == "published"
    assert tree(tmp_path) != before
    assert krr_export.verify(tmp_path / "latest").proven


def test_another_source_of_the_same_moment_needs_replace(export: Callable[..., bytes], tmp_path: Path) -> None:
    convert(export(tiny_xml.person()), tmp_path)
    other = export(tiny_xml.person(), tiny_xml.person())
    with pytest.raises(GuardError, match="already there"):
        convert(other, tmp_path)
    convert(other, tmp_path, replace=True)
    assert read_manifest(tmp_path / "latest").counts.written == 2


def test_a_damaged_snapshot_is_not_taken_for_the_same(export: Callable[..., bytes], tmp_path: Path) -> None:
    data = export(tiny_xml.person())
    result = convert(data, tmp_path)
    (result.path / "person" / "part-00000.parquet").unlink()
    with pytest.raises(GuardError, match="already there"):
        convert(data, tmp_path)
    assert convert(data, tmp_path, replace=True).outcome == "published"
    assert krr_export.verify(result.path).proven


def test_a_limit_makes_a_partial_result_that_is_never_latest(export: Callable[..., bytes], tmp_path: Path) -> None:
    data = export(*[tiny_xml.person()] * 9)
    result = convert(data, tmp_path, limit=4)
    assert (result.outcome, result.published, result.exit_code) == ("partial", False, 0)
    assert result.path == tmp_path / ".partial" / NAME
    assert read_manifest(result.path).partial
    assert read_manifest(result.path).counts.written == 4
    assert not (tmp_path / "latest").is_symlink()
    assert list(tmp_path.glob("eksport=*")) == []
    assert convert(data, tmp_path).outcome == "published"
    assert convert(data, tmp_path, limit=4).outcome == "partial"
    assert read_manifest(tmp_path / "latest").counts.written == 9


@pytest.mark.parametrize(
    ("rejects", "allowed", "is_published"),
    [
        (0, 0, True),
        (1, 0, False),
        (2, 2, True),
        (3, 2, False),
        (1, "10%", True),
        (2, "10%", False),
        (2, "20%", True),
        (1, "9.999999999%", False),
        (10, "100%", True),
        (10, "99.999%", False),
    ],
)
def test_max_rejects_is_exact_at_its_edge(
    export: Callable[..., bytes], tmp_path: Path, rejects: int, allowed: int | str, *, is_published: bool
) -> None:
    data = export(*[BAD] * rejects, *[tiny_xml.person()] * (10 - rejects))
    result = convert(data, tmp_path, max_rejects=allowed)
    assert result.published is is_published
    assert result.exit_code == (0 if is_published else 1)
    assert (tmp_path / "latest").is_symlink() is is_published


def test_too_many_rejects_keep_what_explains_them_and_not_the_table(
    export: Callable[..., bytes], tmp_path: Path
) -> None:
    convert(export(tiny_xml.person()), tmp_path)
    before = tree(tmp_path)
    result = convert(export(tiny_xml.person(), BAD), tmp_path)
    assert (result.outcome, result.path) == ("too-many-rejects", tmp_path / ".failed" / NAME)
    kept = tree(result.path)
    assert sorted(kept) == [
        "findings/part-00000.parquet",
        "manifest.json",
        "rejects/part-00000.parquet",
        "report.html",
        "report.json",
    ]
    assert str(result.path) in result.message
    assert "1 of 2 records rejected" in result.message
    assert {name: data for name, data in tree(tmp_path).items() if not name.startswith(".failed/")} == before


def test_what_is_kept_of_a_failure_is_replaced_and_never_an_obstacle(
    export: Callable[..., bytes], tmp_path: Path
) -> None:
    for bad in (1, 2):
        result = convert(export(tiny_xml.person(), *[BAD] * bad), tmp_path)
        assert read_manifest(result.path).counts.rejected == bad
    assert convert(export(tiny_xml.person(), BAD), tmp_path, max_rejects=1).outcome == "published"


def test_an_empty_export_is_published_only_if_that_is_allowed(export: Callable[..., bytes], tmp_path: Path) -> None:
    result = convert(export(), tmp_path)
    assert (result.outcome, result.exit_code, result.path) == ("empty", 1, tmp_path / ".failed" / NAME)
    assert "--allow-empty" in result.message
    result = convert(export(), tmp_path, allow_empty=True)
    assert result.outcome == "published"
    assert sorted(name for name in tree(result.path) if "part" in name) == [
        "findings/part-00000.parquet",
        "person/part-00000.parquet",
        "rejects/part-00000.parquet",
    ]


@pytest.mark.parametrize(
    ("options", "what"),
    [({"format": "csv"}, "format"), ({"partition_by": "status"}, "partitioning"), ({"schema": "16-02"}, "schema")],
)
def test_a_store_keeps_one_kind(
    export: Callable[..., bytes], tmp_path: Path, options: dict[str, Any], what: str
) -> None:
    convert(export(tiny_xml.person()), tmp_path)
    with pytest.raises(UsageError, match=f"the snapshots in this store have the {what}"):
        convert(export(tiny_xml.person()).replace(b"2014-02", b"2015-02"), tmp_path, **options)


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ("personidentifikator", "personal"),
        ("epostadresse", "personal"),
        ("beskrivelse", "personal"),
        ("radnummer", "personal"),
        ("x509_sertifikat", "personal"),
        ("alder", "is not there"),
    ],
)
def test_a_personal_value_never_names_a_directory(
    export: Callable[..., bytes], tmp_path: Path, column: str, why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        convert(export(tiny_xml.person()), tmp_path / "store", partition_by=[column])
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"format": "xml"},
        {"compression": "lz4"},
        {"format": "csv", "compression": "zstd"},
        {"rows_per_file": 0},
        {"max_rejects": "many"},
        {"max_rejects": "101%"},
        {"max_rejects": -1},
        {"limit": 0},
        {"workers": -1},
        {"reader": "sax"},
        {"partition_by": ["status", "status"]},
        {"schema": "15-01"},
    ],
)
def test_options_without_such_a_value_are_refused_before_anything_is_made(
    export: Callable[..., bytes], tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(UsageError):
        convert(export(tiny_xml.person()), tmp_path / "store", **options)
    assert not (tmp_path / "store").exists()


def test_an_unusable_export_leaves_the_store_as_it_was(export: Callable[..., bytes], tmp_path: Path) -> None:
    convert(export(tiny_xml.person()), tmp_path)
    before = tree(tmp_path)
    later = export(*[tiny_xml.person()] * 9).replace(b"2014-02", b"2015-02")
    with pytest.raises(InputError, match="truncated"):
        convert(later[:-90], tmp_path)
    assert tree(tmp_path) == before
    assert list(tmp_path.glob(".staging*")) == []


def broken_exports() -> dict[str, bytes]:
    """Exports with two faults each: the earlier one is the one to be told of."""
    good = [tiny_xml.person()] * 20
    malformed, text = "<Person><a></b></Person>", f"stray{tiny_xml.person()}"
    whole = tiny_xml.export(*good, malformed, *good)
    return {
        "malformed, then truncated": whole[:-40],
        "malformed, then bytes that are not UTF-8": whole[:-60] + b"\xff" + whole[-60:],
        "malformed, then an end tag too many": tiny_xml.export(*good, malformed, *good, "</Person>", *good),
        "malformed, then text after the root": whole + b"text",
        "text between records, then malformed": tiny_xml.export(*good, text, *good, malformed, *good),
        "text between records, then an end tag too many": tiny_xml.export(*good, text, *good, "</Person>", *good),
        "another element, then truncated": tiny_xml.export(*good, "<Persona/>", *good)[:-30],
        "nested too deep, then truncated": tiny_xml.export(*good, "<Person>" + "<a>" * 70 + "</a>" * 70 + "</Person>")[
            :-9
        ],
        "truncated, with rejects before": tiny_xml.export(*[BAD] * 5, *good)[:-77],
    }


@pytest.mark.parametrize("what", broken_exports())
def test_the_first_fault_is_the_one_told_whatever_the_workers_and_blocks(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = broken_exports()[what]
    path = tmp_path / "stream"
    path.write_bytes(data)
    messages = set()
    runs: list[tuple[int, int, Path | bytes]] = [(0, 1 << 22, data), (0, 300, data), (0, 1500, path), (2, 700, path)]
    for workers, size, source in runs:
        cut_into(monkeypatch, size)
        with pytest.raises(InputError) as caught:
            convert(source, tmp_path / "store", workers=workers)
        messages.add(str(caught.value))
    assert len(messages) == 1
    if what.startswith("malformed"):
        assert "line 23: an end tag does not match its start tag" in messages.pop()


def test_of_a_malformed_export_in_a_damaged_gzip_the_transfer_is_blamed(tmp_path: Path) -> None:
    whole = gzip.compress(tiny_xml.export(tiny_xml.person(), "<Person><a></b></Person>"), mtime=0)
    flipped = whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:]
    for data, said in ((whole[:-12], "truncated gzip"), (flipped, "corrupt gzip"), (whole, "not well-formed")):
        with pytest.raises(InputError, match=said):
            convert(data, tmp_path / "store")


def test_replace_mends_what_sizes_do_not_show(tmp_path: Path) -> None:
    first = convert(tiny_xml.export(tiny_xml.person()), tmp_path)
    part = first.path / "person" / "part-00000.parquet"
    damaged = bytearray(part.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    part.write_bytes(damaged)
    assert not verify(tmp_path / "latest").proven
    assert convert(tiny_xml.export(tiny_xml.person()), tmp_path, replace=True).outcome == "published"
    assert verify(tmp_path / "latest").proven
    assert convert(tiny_xml.export(tiny_xml.person()), tmp_path, replace=True).outcome == "unchanged"


def test_publishing_takes_away_what_was_kept_of_an_earlier_refusal(tmp_path: Path) -> None:
    export = tiny_xml.export(tiny_xml.person(), BAD)
    assert convert(export, tmp_path).path.parent.name == ".failed"
    result = convert(export, tmp_path, max_rejects=1)
    assert result.published
    assert list((tmp_path / ".failed").iterdir()) == []


def test_a_snapshot_is_not_taken_for_a_store(tmp_path: Path) -> None:
    snapshot = convert(tiny_xml.export(tiny_xml.person()), tmp_path).path
    with pytest.raises(UsageError, match="is a snapshot, not a store"):
        convert(tiny_xml.export(tiny_xml.person()), snapshot)
    assert verify(snapshot).proven


def test_what_ends_the_program_waits_until_the_snapshot_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = Staging.publish

    def signalled(staging: Staging, manifest: Manifest, name: str, *, replace: bool) -> Path:
        signal.raise_signal(signal.SIGINT)
        path = publish(staging, manifest, name, replace=replace)
        signal.raise_signal(signal.SIGINT)
        return path

    monkeypatch.setattr(Staging, "publish", signalled)
    assert convert(tiny_xml.export(tiny_xml.person()), tmp_path).published
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


PERSONAL = ("03851598730", "90012345", "ola@example.no", "Ola Nordmann")


def test_a_file_is_never_named_after_a_person(tmp_path: Path) -> None:
    mailbox = (
        "<SikkerDigitalPostAdresse><postkasseadresse>0000485509</postkasseadresse>"
        "<postkasseleverandoerAdresse>{}</postkasseleverandoerAdresse></SikkerDigitalPostAdresse>"
    )
    persons = [tiny_xml.person(mailbox.format(value)) for value in (*PERSONAL, "984661185")]
    snapshot = convert(tiny_xml.export(*persons), tmp_path, partition_by=("postkasseleverandoer_adresse",)).path
    assert sorted(path.name for path in (snapshot / "person").iterdir()) == [
        "part-postkasseleverandoer_adresse.984661185-00000.parquet",
        "part-postkasseleverandoer_adresse.other-00000.parquet",
    ]
    told = "".join((snapshot / name).read_text() for name in ("manifest.json", "report.json", "report.html"))
    assert not [value for value in PERSONAL if value in told]
    [finding] = [
        one
        for one in json.loads((snapshot / "report.json").read_text())["findings"]
        if one["code"] == "partition-other"
    ]
    assert (finding["count"], finding["records"], finding["severity"]) == (4, 4, "info")
    assert finding["fields"] == {"SikkerDigitalPostAdresse/postkasseleverandoerAdresse": 4}
    held = pq.read_table(snapshot / "person")["postkasseleverandoer_adresse"].to_pylist()
    assert sorted(held) == sorted((*PERSONAL, "984661185"))


def test_a_store_partitioned_by_directories_is_not_gone_on_with(tmp_path: Path) -> None:
    export = tiny_xml.export(tiny_xml.person("<status>AKTIV</status>"))
    snapshot = convert(export, tmp_path, partition_by="status").path
    manifest = (snapshot / "manifest.json").read_text()
    (snapshot / "manifest.json").write_text(manifest.replace("person/part-status.AKTIV-", "person/status=AKTIV/part-"))
    with pytest.raises(UsageError, match=r"have the partitioning status=…, not status"):
        convert(export, tmp_path, partition_by="status")


def test_nothing_that_quotes_the_export_hangs_on_to_an_error(tmp_path: Path) -> None:
    for data in (
        tiny_xml.export("<Hemmelig><a></Hemmelig>"),
        b"<Hemmelig><a></Hemmelig>",
        tiny_xml.export(tiny_xml.person()).decode().replace("UTF-8", "windows-1252").encode() + b"\x81Hemmelig",
    ):
        with pytest.raises(InputError) as caught:
            convert(data, tmp_path)
        error: BaseException | None = caught.value
        while error is not None:
            assert isinstance(error, InputError)
            error = error.__cause__ or error.__context__


def test_progress_hears_of_the_header_of_every_byte_and_of_every_record(tmp_path: Path) -> None:
    class Heard(krr_export.Progress):
        header = ""
        octets = 0
        records = 0

        def opened(self, export: krr_export.Export) -> None:
            self.header = export.header.eksport_tidspunkt

        def read(self, size: int) -> None:
            self.octets += size

        def passed(self, records: int) -> None:
            self.records += records

    heard = Heard()
    convert(SAMPLES / "valid.xml.gz", tmp_path, progress=heard)
    assert heard.header == "2026-02-26T12:22:25.000+01:00"
    assert (heard.octets, heard.records) == ((SAMPLES / "valid.xml.gz").stat().st_size, 40)


def test_options_may_be_given_as_one_object_and_changed_by_name(export: Callable[..., bytes], tmp_path: Path) -> None:
    options = krr_export.ConvertOptions(workers=0, format="csv", max_rejects=1)
    result = krr_export.convert(io.BytesIO(export(tiny_xml.person(), BAD)), tmp_path, options, compression="gzip")
    assert (result.path / "person" / "part-00000.csv.gz").is_file()


def test_validating_says_the_same_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = krr_export.validate(SAMPLES / "faulty.xml", workers=0)
    result = convert(SAMPLES / "faulty.xml", tmp_path / "store")
    assert result.report is not None
    assert (report.outcome, result.report.outcome) == ("rejects", "too-many-rejects")
    assert (report.counts, report.findings) == (result.report.counts, result.report.findings)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_verify_sees_another_name_a_link_a_pipe_and_a_damaged_manifest(tmp_path: Path) -> None:
    good = convert(tiny_xml.export(tiny_xml.person()), tmp_path / "good").path
    part = "person/part-00000.parquet"

    def differs(name: str, change: Callable[[Path], object], directory: str = NAME) -> str:
        snapshot = tmp_path / name / directory
        shutil.copytree(good, snapshot)
        change(snapshot)
        return " ".join(verify(snapshot).differences)

    assert "is named eksport=20300101T000000Z" in differs("renamed", lambda _: None, "eksport=20300101T000000Z")
    assert "no regular file" in differs("linked", lambda path: move_behind_a_link(path / "manifest.json"))
    assert "not a regular file" in differs("pipe", lambda path: put_a_pipe_at(path / part))
    assert "manifest.json" in differs("damaged", lambda path: (path / "manifest.json").write_text("{}"))
    assert "manifest.json" in differs("gone", lambda path: (path / "manifest.json").unlink())
    assert "_SUCCESS" in differs("ended", lambda path: (path / "_SUCCESS").unlink())
    flipped = differs("flipped", lambda path: flip(path / part, 4))
    assert part in flipped


def put_a_pipe_at(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def move_behind_a_link(path: Path) -> None:
    path.rename(path.parent.parent / path.name)
    path.symlink_to(path.parent.parent / path.name)


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_every_flipped_byte_of_a_footer_is_a_difference_and_no_fault(tmp_path: Path) -> None:
    snapshot = convert(tiny_xml.export(tiny_xml.person()), tmp_path).path
    part = snapshot / "person" / "part-00000.parquet"
    whole = part.read_bytes()
    for at in range(len(whole) - 600, len(whole), 7):
        flip(part, at)
        assert not verify(snapshot).proven
        part.write_bytes(whole)
    assert verify(snapshot).proven


def test_a_uri_and_an_empty_path_are_told_apart_from_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no local path"):
        convert("https://example.no/export.xml", tmp_path / "store")
    with pytest.raises(UsageError, match="empty"):
        convert("", tmp_path / "store")
    assert not (tmp_path / "store").exists()


# A source that changes


class WhenOpened(krr_export.Progress):
    """Does something once the header was read."""

    def __init__(self, do: Callable[[], object]) -> None:
        self._do = do

    def opened(self, export: krr_export.Export) -> None:
        assert export
        self._do()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("keeps_time", [False, True])
@pytest.mark.parametrize("byte", [b"\n", b"<"], ids=["well-formed", "malformed"])
def test_an_export_overwritten_at_the_same_size_is_not_published_nor_called_malformed(
    export: Callable[..., bytes],
    tmp_path: Path,
    workers: int,
    keeps_time: bool,  # noqa: FBT001 - a parameter of the test
    byte: bytes,
) -> None:
    path, store = tmp_path / "export.xml", tmp_path / "store"
    path.write_bytes(export(*[tiny_xml.person()] * 50, between="\n" + " " * 200_000))

    def overwrite() -> None:
        before = path.stat()
        with path.open("r+b") as file:
            for at, written in ((1000, b"\n"), (before.st_size - 100_000, byte)):  # both between two tags
                file.seek(at)
                file.write(written)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + (0 if keeps_time else 10**9)))

    with pytest.raises(InputError, match="changed while it was read"):
        convert(path, store, workers=workers, progress=WhenOpened(overwrite))
    assert not list(store.glob("eksport=*"))


def test_a_file_that_takes_the_path_once_the_export_was_opened_is_not_taken_for_it(
    export: Callable[..., bytes], tmp_path: Path
) -> None:
    path, other, store = tmp_path / "export.xml", tmp_path / "other.xml", tmp_path / "store"
    other.write_bytes(export(tiny_xml.person()))
    convert(other, store)
    path.write_bytes(export(tiny_xml.person(), tiny_xml.person()))
    with pytest.raises(GuardError, match="already there, with another result"):
        convert(path, store, progress=WhenOpened(lambda: other.rename(path)))
