"""Each column of each file says what it is and whether it is personal data; nothing else depends on that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from exports import tiny_xml
from sink_rows import PARQUET, SCHEMA, table, write

from krr_export import convert, diff, load_schema, verify
from krr_export.schema.record_schema import Field

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def add_night(directory: Path, night: int, status: str, **options: Any) -> Path:  # noqa: ANN401 - those of convert
    """Convert an export with one person and one reject; return the snapshot."""
    text = tiny_xml.export(tiny_xml.person(f"<status>{status}</status>"), "<Person/>")
    text = text.replace(b"2014-02-26T", b"2014-02-%dT" % (26 + night)).replace(b'"1724"', b'"%d"' % (1724 + night))
    (directory / f"{night}.xml").write_bytes(text)
    done = convert(directory / f"{night}.xml", directory / "store", guard=False, max_rejects="100%", **options)
    assert done.outcome == "published"
    return directory / "store" / f"eksport=201402{26 + night}T112225Z"


def fields_of(snapshot: Path, name: str) -> dict[str, dict[str, str]]:
    schema = pq.read_schema(snapshot / name / "part-00000.parquet")
    return {
        field.name: {key.decode(): text.decode() for key, text in (field.metadata or {}).items()} for field in schema
    }


def test_every_column_of_every_file_has_a_description_and_marks(tmp_path: Path) -> None:
    add_night(tmp_path, 0, "AKTIV", changes=True, derive="all")
    snapshot = add_night(tmp_path, 1, "SLETTET", changes=True, derive="all")
    for name in ("person", "rejects", "findings", "changes"):
        for column, metadata in fields_of(snapshot, name).items():
            assert metadata.keys() == {"description", "personal", "identifying"}, column
            assert len(metadata["description"]) > 20
            assert metadata["description"].endswith((".", "no).", "own.")), column
            assert {metadata["personal"], metadata["identifying"]} <= {"true", "false"}
            assert (metadata["identifying"], metadata["personal"]) != ("true", "false"), column


def test_the_marks_are_true_of_what_the_columns_hold(tmp_path: Path) -> None:
    add_night(tmp_path, 0, "AKTIV", changes=True, derive="all")
    snapshot = add_night(tmp_path, 1, "SLETTET", changes=True, derive="all")
    columns = {name: fields_of(snapshot, name) for name in ("person", "rejects", "findings", "changes")}
    impersonal = {name: [c for c, m in of.items() if m["personal"] == "false"] for name, of in columns.items()}
    assert impersonal == {
        "person": ["radnummer"],
        "rejects": ["radnummer", "line", "byte_offset"],
        "findings": ["radnummer"],
        "changes": ["forekomst", "radnummer"],
    }
    identifying = {name: [c for c, m in of.items() if m["identifying"] == "true"] for name, of in columns.items()}
    persons = [
        *("personidentifikator", "beskrivelse", "mobiltelefonnummer", "epostadresse", "postkasseadresse"),
        *("x509_sertifikat", "mobiltelefonnummer_e164", "x509_sertifikat_sha256"),
    ]
    assert identifying == {"person": persons, "rejects": ["record"], "findings": [], "changes": persons}


def test_descriptions_of_persons_are_those_of_the_xsd(tmp_path: Path) -> None:
    found = fields_of(add_night(tmp_path, 0, "AKTIV"), "person")
    expected = {field.name: field.documentation for field in load_schema("14-05").fields}
    assert {name: metadata["description"] for name, metadata in found.items() if name in expected} == expected


def test_a_pseudonymised_column_says_so(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    options = {"pseudonymise": ("personidentifikator",), "pseudonym_key": key}
    found = fields_of(add_night(tmp_path, 0, "AKTIV", **options), "person")
    marked = {name: metadata.get("pseudonymised") for name, metadata in found.items()}
    assert marked == {name: "true" if name == "personidentifikator" else None for name in found}
    assert found["personidentifikator"]["personal"] == "true"


def test_pages_of_data_do_not_depend_on_descriptions(tmp_path: Path) -> None:
    rows = table(300)
    described = pa.schema([field.with_metadata({"description": "ny " * 50}) for field in SCHEMA], SCHEMA.metadata)
    [plain] = write(tmp_path, rows, PARQUET)
    [other] = write(tmp_path / "described", rows, PARQUET, described)
    first, second = (tmp_path / plain.path).read_bytes(), (tmp_path / "described" / other.path).read_bytes()
    assert first != second, "the footer tells"
    footer = int.from_bytes(first[-8:-4], "little") + 8
    assert first[:-footer] == second[: len(first) - footer]


def test_readers_find_the_same_table(tmp_path: Path) -> None:
    path = add_night(tmp_path, 0, "AKTIV") / "person" / "part-00000.parquet"
    columns = load_schema("14-05").arrow.names
    assert pd.read_parquet(path).columns.tolist() == columns
    assert (
        duckdb.connect().execute(f"FROM read_parquet('{path}', hive_partitioning = false)").df().columns.tolist()
        == columns
    )
    assert pq.read_table(path, partitioning=None).schema.equals(load_schema("14-05").arrow)


def test_a_store_from_before_there_were_descriptions_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(vars(load_schema("14-05")), "arrow", raising=False)  # it is cached
    with monkeypatch.context() as before:
        bare = property(lambda self: pa.field(self.name, self.arrow_type, nullable=not self.required))
        before.setattr(Field, "arrow", bare)
        old = add_night(tmp_path, 0, "AKTIV")
    vars(load_schema("14-05")).pop("arrow", None)
    assert fields_of(old, "person")["status"] == {}
    new = add_night(tmp_path, 1, "SLETTET", changes=True)
    assert fields_of(new, "person")["status"]["personal"] == "true"
    assert [difference for snapshot in (old, new) for difference in verify(snapshot).differences] == []
    assert diff(old, new).summary.total == 1
    everything = duckdb.connect().read_parquet(f"{tmp_path}/store/eksport=*/person/*.parquet", union_by_name=True)
    assert sorted(everything.to_arrow_table()["status"].to_pylist()) == ["AKTIV", "SLETTET"]
