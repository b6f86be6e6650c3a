"""What is derived is the same however it was read, and is chosen, said and hidden like any other column."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import derivations
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot
from conversions import SAMPLES, cut_into
from exports import tiny_xml
from sink_rows import duck

import krr_export
from krr_export.errors import GuardError, UsageError
from krr_export.output.manifest import read_manifest
from krr_export.schema.formats import FORMATS, render
from krr_export.schema.record_schema import RecordSchema
from krr_export.schema.registry import load_schema
from krr_export.synthetic import SampleOptions, write_sample
from krr_export.transform import NAMES, DeriveOptions, build_derivation, derived_fields
from krr_export.transform.catalogue import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import command

pytestmark = pytest.mark.slow

DOCUMENT = Path(__file__).parents[2] / "docs/reference/derived.md"
VALID = SAMPLES / "valid.xml"


def convert(source: bytes | Path, store: Path, **options: Any) -> krr_export.ConvertResult:  # noqa: ANN401 - ConvertOptions checks them
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    return krr_export.convert(stream, store, **{"workers": 0, "max_rejects": "100%", "guard": False, **options})


def persons(snapshot: Path) -> pa.Table:
    return pq.ParquetDataset(snapshot / "person").read()


def sample(**options: Any) -> bytes:  # noqa: ANN401 - SampleOptions checks them
    out = io.BytesIO()
    write_sample(out, SampleOptions(400, seed=3, **options))
    return out.getvalue()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "pseudonym.key"
    path.write_bytes(b"a secret of the tests, long enough to be one")
    path.chmod(0o600)
    return path


def test_all_columns_come_after_those_of_the_schema_and_are_what_is_said_of_them(tmp_path: Path) -> None:
    table = persons(convert(VALID, tmp_path, derive="all").path)
    schema = load_schema()
    assert table.column_names == [*schema.arrow.names, *NAMES]
    for field in derived_fields(schema, DeriveOptions(("all",))):
        assert table.schema.field(field.name).equals(
            pa.field(field.name, field.arrow_type, nullable=not field.required)
        )
    columns = table.drop_columns([*NAMES])
    assert columns.equals(persons(convert(VALID, tmp_path / "plain").path))


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("options", [{"fault_share": 0.05}, {"naive_times": True, "certificates": 0}])
def test_every_way_to_read_gives_the_same_files(
    form: str, options: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "export.xml"
    source.write_bytes(sample(**options))
    found = []
    for reader, workers, size in [
        ("iterparse", 0, 1 << 22),
        ("auto", 0, 700),
        ("auto", 2, 20_000),
        ("iterparse", 1, 9_000),
    ]:
        cut_into(monkeypatch, size)
        store = tmp_path / f"{reader} {workers}"
        snapshot = convert(source, store, derive=["all"], format=form, reader=reader, workers=workers).path
        found.append([part.read_bytes() for part in sorted((snapshot / "person").iterdir())])
    assert all(files == found[0] for files in found)


def test_csv_says_what_parquet_says(tmp_path: Path) -> None:
    parquet = persons(convert(VALID, tmp_path / "parquet", derive="all").path)
    csv = convert(VALID, tmp_path / "csv", derive="all", format="csv").path
    query = f"SELECT * FROM read_csv('{csv}/person/*.csv', all_varchar = true, allow_quoted_nulls = false)"  # noqa: S608 - the test's own path
    read = duck(query)
    for name in NAMES:
        column = parquet[name]
        if pa.types.is_timestamp(column.type):
            expected = [time and f"{time:%Y-%m-%dT%H:%M:%S.%fZ}" for time in column.to_pylist()]
        else:
            expected = column.to_pylist()
        assert read[name].to_pylist() == expected


def test_a_library_user_gets_them_too() -> None:
    with krr_export.open_export(VALID, workers=0, derive="varslingsstatus,identifikatortype") as export:
        table = export.reader().read_all()
    assert table.column_names[-2:] == ["varslingsstatus", "identifikatortype"]
    assert {*table["identifikatortype"].to_pylist()} <= {"syntetisk", "syntetisk-d-nummer"}


@pytest.mark.parametrize("version", ["14-05", "16-02"])
def test_the_registers_own_status_keeps_its_name(version: str, tmp_path: Path) -> None:
    source = VALID if version == "14-05" else SAMPLES / "16-02.xml"
    table = persons(convert(source, tmp_path, derive="varslingsstatus", schema=version).path)
    derived = "varslingsstatus" if version == "14-05" else "varslingsstatus_avledet"
    assert table.column_names == [*load_schema(version).arrow.names, derived]
    assert {*table[derived].to_pylist()} == {"KAN_VARSLES", "KAN_IKKE_VARSLES"}


def test_what_a_schema_does_not_allow_is_refused_by_name_and_passed_over_by_all() -> None:
    whole = load_schema()
    fields = tuple(field for field in whole.fields if field.name not in {"status", "x509_sertifikat"})
    schema = RecordSchema(**{**vars_of(whole), "name": "other", "fields": fields})
    derived = [field.name for field in derived_fields(schema, DeriveOptions(("all",)))]
    assert derived == [name for name in NAMES if name != "varslingsstatus" and not name.startswith("x509")]
    with pytest.raises(UsageError, match=r"varslingsstatus cannot be derived.*no fit column status"):
        build_derivation(schema, derivations.EXPORTED, DeriveOptions(("varslingsstatus",)))


def vars_of(schema: RecordSchema) -> dict[str, Any]:
    return {name: getattr(schema, name) for name in schema.__dataclass_fields__}


@pytest.mark.parametrize(
    ("derive", "as_of", "said"),
    [
        ("alder", None, "names what cannot be derived: alder"),
        ("all,", None, "empty name"),
        ("identifikatortype", "2026-01-01T00:00:00Z", "--as-of changes nothing"),
        ((), "2026-01-01T00:00:00Z", "--as-of changes nothing"),
        ("all", "yesterday", "--as-of yesterday is not a time"),
        ("all", "2026-01-01", "has no time of day"),
        ("all", "2026-10-25T02:30:00", "occurs twice or never"),
        ("all", "2026-03-29T02:30:00", "occurs twice or never"),
        ("all", "9999-12-31T23:59:59-12:00", "is not a time"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_read(
    derive: str, as_of: str | None, said: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        krr_export.ConvertOptions(derive=derive, as_of=as_of)


def test_a_moment_without_offset_is_norwegian() -> None:
    moments = (
        "2026-07-01T12:00:00",
        "2026-07-01T10:00:00Z",
        datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2))),
    )
    assert {DeriveOptions(("all",), moment).moment for moment in moments} == {datetime(2026, 7, 1, 10, tzinfo=UTC)}


def test_the_manifest_and_each_file_say_what_was_derived_and_when_it_was_judged(tmp_path: Path) -> None:
    snapshot = convert(VALID, tmp_path / "one", derive=["identifikatortype", "varslingsstatus"]).path
    options = read_manifest(snapshot).options
    assert (options.derive, options.as_of) == (("varslingsstatus", "identifikatortype"), None)
    exported = json.loads((snapshot / "report.json").read_text())["header"]["eksport_tidspunkt_utc"]
    assert persons(snapshot).schema.metadata[b"derived_as_of"].decode() == exported
    later = convert(VALID, tmp_path / "two", derive="varslingsstatus", as_of="2030-01-01T00:00:00Z").path
    assert read_manifest(later).options.as_of == "2030-01-01T00:00:00.000000Z"
    assert persons(later).schema.metadata[b"derived_as_of"] == b"2030-01-01T00:00:00.000000Z"
    assert {*persons(later)["varslingsstatus"].to_pylist()} == {"KAN_IKKE_VARSLES"}
    assert (
        b"derived_as_of"
        not in persons(convert(VALID, tmp_path / "three", derive="identifikatortype").path).schema.metadata
    )


def test_the_same_again_is_nothing_to_do_and_another_moment_is_another_result(tmp_path: Path) -> None:
    convert(VALID, tmp_path, derive="all")
    assert convert(VALID, tmp_path, derive=[*reversed(NAMES)]).outcome == "unchanged"
    with pytest.raises(GuardError, match="--replace"):
        convert(VALID, tmp_path, derive="all", as_of="2030-01-01T00:00:00Z")
    assert convert(VALID, tmp_path, derive="all", as_of="2030-01-01T00:00:00Z", replace=True).outcome == "published"


def test_a_snapshot_from_before_there_were_derived_columns_has_none(tmp_path: Path) -> None:
    snapshot = convert(VALID, tmp_path).path
    path = snapshot / "manifest.json"
    manifest = json.loads(path.read_text())
    assert (manifest["options"].pop("derive"), manifest["options"].pop("as_of")) == ([], None)
    path.write_text(json.dumps(manifest))
    assert convert(VALID, tmp_path).outcome == "unchanged"
    with pytest.raises(UsageError, match="derived columns none, not identifikatortype"):
        convert(VALID, tmp_path, derive="identifikatortype")


def test_a_store_keeps_one_choice_of_derived_columns(tmp_path: Path) -> None:
    convert(VALID, tmp_path, derive="varslingsstatus")
    later = tiny_xml.export(tiny_xml.person()).replace(b"2014-02-26", b"2015-02-26")
    for other in ({}, {"derive": "all"}):
        with pytest.raises(UsageError, match="derived columns varslingsstatus, not") as caught:
            convert(later, tmp_path, **other)
        assert caught.value.exit_code == 2
    assert convert(later, tmp_path, derive="varslingsstatus", as_of="2015-03-01T12:00:00Z").published


def test_they_are_left_out_kept_and_pseudonymised_by_name(key: Path, tmp_path: Path) -> None:
    chosen = "varslingsstatus,mobiltelefonnummer_e164"
    table = persons(
        convert(VALID, tmp_path / "columns", derive=chosen, columns=f"status,{chosen}", pseudonym_key=key,
                pseudonymise="mobiltelefonnummer_e164").path
    )  # fmt: skip
    assert table.column_names == ["radnummer", "status", "varslingsstatus", "mobiltelefonnummer_e164"]
    numbers = table["mobiltelefonnummer_e164"].drop_null().to_pylist()
    assert numbers
    assert all(re.fullmatch("[0-9a-f]{64}", number) for number in numbers)
    # What a derived column is made from need not be kept.
    everything = persons(convert(VALID, tmp_path / "all", derive="all").path)
    dropped = [
        "personidentifikator",
        "status",
        "mobiltelefonnummer",
        "mobiltelefonnummer_e164",
        "epostadresse",
        "x509_sertifikat",
        "identifikatortype",
    ]
    table = persons(convert(VALID, tmp_path / "drop", derive="all", drop=dropped).path)
    assert table.equals(everything.drop_columns(dropped))


@pytest.mark.parametrize(
    ("source", "derived"),
    [
        ("mobiltelefonnummer", "mobiltelefonnummer_e164"),
        ("postkasseleverandoer_adresse", "postkasseleverandoer_navn"),
    ],
)
def test_all_shows_nothing_that_was_dropped_and_a_name_does(source: str, derived: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{source} is dropped, but --derive all would show it as {derived}"):
        convert(VALID, tmp_path, derive="all", drop=source)
    assert not [*tmp_path.glob("*/")]
    assert derived in persons(convert(VALID, tmp_path / "named", derive=derived, drop=source).path).column_names


def test_what_is_derived_and_dropped_was_derived_for_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="varslingsstatus is derived and left out"):
        convert(VALID, tmp_path, derive="varslingsstatus", drop="varslingsstatus")


@pytest.mark.parametrize(
    ("source", "derived"),
    [("mobiltelefonnummer", "mobiltelefonnummer_e164"), ("postkasseleverandoer_adresse", "postkasseleverandoer_navn")],
)
def test_no_derived_column_shows_what_a_pseudonym_hides(source: str, derived: str, key: Path, tmp_path: Path) -> None:
    hide = {"pseudonymise": source, "pseudonym_key": key}
    for derive in (derived, "all"):
        with pytest.raises(UsageError, match=f"{source} is pseudonymised, but {derived} would show") as caught:
            convert(VALID, tmp_path, derive=derive, **hide)
        assert f"--drop {derived}" in (caught.value.hint or "")
    assert not [*tmp_path.glob("*/")]
    table = persons(convert(VALID, tmp_path / "store", derive="all", drop=derived, **hide).path)
    assert derived not in table.column_names


def test_the_derived_number_may_be_pseudonymised_together_with_the_number(key: Path, tmp_path: Path) -> None:
    both = "mobiltelefonnummer,mobiltelefonnummer_e164"
    plain = persons(convert(VALID, tmp_path / "plain", derive="mobiltelefonnummer_e164").path)
    snapshot = convert(
        VALID, tmp_path / "store", derive="mobiltelefonnummer_e164", pseudonymise=both, pseudonym_key=key
    ).path
    everything = b"".join(path.read_bytes() for path in (snapshot / "person").iterdir())
    number = plain["mobiltelefonnummer_e164"].drop_null()[0].as_py()
    assert number.encode() not in everything
    assert number not in map(str, persons(snapshot)["mobiltelefonnummer_e164"].to_pylist())


def test_what_is_derived_for_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="varslingsstatus is derived and left out"):
        convert(VALID, tmp_path / "store", derive="varslingsstatus", columns="status")
    table = persons(convert(VALID, tmp_path / "store", derive="all", columns="status,varslingsstatus").path)
    assert table.column_names == ["radnummer", "status", "varslingsstatus"]


@pytest.mark.parametrize("column", ["varslingsstatus", "identifikatortype", "postkasseleverandoer_navn"])
def test_columns_of_few_values_may_be_directories(column: str, tmp_path: Path) -> None:
    snapshot = convert(VALID, tmp_path / "parts", derive="all", partition_by=[column]).path
    query = f"SELECT * FROM read_parquet('{snapshot}/person/**/*.parquet', hive_partitioning = true) ORDER BY radnummer"  # noqa: S608 - the test's own path
    read = duck(query)
    expected = persons(convert(VALID, tmp_path / "plain", derive="all").path)
    assert read[column].to_pylist() == expected[column].to_pylist()


@pytest.mark.parametrize("column", ["mobiltelefonnummer_e164", "x509_sertifikat_sha256", "epostadresse_utloeper"])
def test_other_derived_columns_may_not(column: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"cannot partition by {column}: the column may hold"):
        convert(VALID, tmp_path, derive="all", partition_by=column)
    with pytest.raises(UsageError, match="cannot partition by varslingsstatus: the column is not there"):
        convert(VALID, tmp_path, partition_by="varslingsstatus")


def test_no_footer_says_anything_of_a_number(tmp_path: Path) -> None:
    (path,) = (convert(VALID, tmp_path, derive="all").path / "person").iterdir()
    group = pq.read_metadata(path).row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    with_statistics = {name for name in NAMES if columns[name].is_stats_set and columns[name].statistics.has_min_max}
    assert with_statistics == {*NAMES} - {"mobiltelefonnummer_e164", "x509_sertifikat_sha256"}


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("version", ["14-05", "16-02"])
def test_the_schema_shows_them_in_every_format(format_: str, version: str) -> None:
    schema = load_schema(version)
    derived = derived_fields(schema, DeriveOptions(("all",)))
    text = render(schema, format_, derived)
    assert [field.name for field in derived if field.name not in text] == []
    if format_.startswith("sql-"):
        (table, *_) = sqlglot.parse(text, read=format_.removeprefix("sql-").replace("sqlserver", "tsql"))
        assert len([*table.find_all(sqlglot.expressions.ColumnDef)]) == len(schema.arrow) + len(derived)  # type: ignore[union-attr] # None would fail here
    if format_ == "table":
        assert max(map(len, text.splitlines())) <= 100


def test_what_is_written_loads_into_the_table_that_the_schema_gives(tmp_path: Path) -> None:
    convert(VALID, tmp_path, derive="all")
    with duckdb.connect() as database:
        database.execute(render(load_schema(), "sql-duckdb", derived_fields(load_schema(), DeriveOptions(("all",)))))
        parts = tmp_path / "latest/person/*.parquet"
        database.execute(f"INSERT INTO person BY NAME SELECT * FROM read_parquet('{parts}')")  # noqa: S608 - the test's own path
        loaded = database.execute("SELECT count(*), count(DISTINCT identifikatortype) FROM person").fetchone()
    assert loaded is not None
    assert loaded[0] == len(persons(tmp_path / "latest"))


def test_the_commands_take_the_options(krr: Callable[..., command.Ran], tmp_path: Path) -> None:
    ran = krr("convert", VALID, tmp_path, "--derive", "varslingsstatus", "--derive", "identifikatortype", "--as-of",
              "2026-01-01T00:00:00Z", "--workers", "0")  # fmt: skip
    assert ran.code == 0
    assert persons(tmp_path / "latest").column_names[-2:] == ["varslingsstatus", "identifikatortype"]
    ran = krr("schema", "--derive", "all", "--format", "json")
    assert [column["name"] for column in json.loads(ran.out)["columns"]][-len(NAMES) :] == [*NAMES]
    assert f"{len(NAMES)} of them derived" in ran.last
    ran = krr("schema", "--derive", "alder")
    assert ran.code == 2
    assert "alder" in ran.last


def test_validation_needs_no_derived_columns() -> None:
    assert krr_export.validate(VALID, derive="all", workers=0).outcome == "valid"


def test_each_column_is_documented_with_its_type_and_what_it_is_made_from() -> None:
    found = re.findall(r"^\| `(\w+)` \| (.+ \| .+ \| .+) \|$", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    rows = dict(found)
    assert list(rows) == [*NAMES]
    for name, derived in CATALOGUE.items():
        kind = (
            f"dictionary of {', '.join(f'`{value}`' for value in derived.values)}"
            if derived.values
            else str(derived.arrow_type)
        )
        assert kind.replace("timestamp[us, tz=UTC]", "timestamp[us, UTC]") in rows[name]
        assert all(f"`{need}`" in rows[name] or "_sist_" in need for need in derived.needs)


def test_the_documented_query_finds_those_who_may_be_notified_now(tmp_path: Path) -> None:
    (query,) = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)
    now = datetime.now(UTC)
    written = convert(VALID, tmp_path / "store", derive="all", as_of=now)
    ((found,),) = duck(query.replace("derived-all/latest", str(written.path))).to_pydict().values()
    assert found == persons(written.path)["varslingsstatus"].to_pylist().count("KAN_VARSLES") > 0


def test_the_moment_of_the_export_is_the_default(tmp_path: Path) -> None:
    attributes = 'sistOppdatert="2012-08-26T12:22:25+02:00"'
    usable, expired = (
        tiny_xml.person(f"<status>AKTIV</status>{tiny_xml.contact(attributes=a)}")
        for a in (attributes, attributes.replace(":25+", ":24+"))
    )
    table = persons(
        convert(tiny_xml.export(usable, expired), tmp_path, derive="varslingsstatus,epostadresse_utloeper").path
    )
    assert table["varslingsstatus"].to_pylist() == ["KAN_VARSLES", "KAN_IKKE_VARSLES"]
    assert table["epostadresse_utloeper"][0].as_py() == datetime(2014, 2, 26, 11, 22, 25, tzinfo=UTC)
