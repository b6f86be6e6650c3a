"""The descriptions for dbt and for data catalogues are in the forms that these read, and true of a store."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import command
import duckdb
import jsonschema
import pyarrow as pa
import pytest
import yaml
from jinja2 import Template

import krr_export
from krr_export.changes.columns import changes_table
from krr_export.parsing.rejects import REJECTED
from krr_export.pipeline.findings_table import FINDINGS
from krr_export.schema.dbt import to_dbt
from krr_export.schema.formats import render
from krr_export.schema.odcs import to_odcs
from krr_export.schema.record_schema import Facets, Field, RecordSchema, Table
from krr_export.schema.registry import load_schema
from krr_export.synthetic import SampleOptions, write_sample_file
from krr_export.transform import DeriveOptions, derived_fields

if TYPE_CHECKING:
    from pathlib import Path

OTHERS = (REJECTED, FINDINGS)
HOSTILE = "{{ env_var('HOME') }} {% set a = 1 %} {# gone #} it's: \"so\"\\ # not"


@pytest.fixture(params=["14-05", "16-02"])
def either(request: pytest.FixtureRequest) -> RecordSchema:
    return load_schema(request.param)


def described(form: str, schema: RecordSchema, derive: str = "all") -> Any:  # noqa: ANN401 - as YAML gives it
    derived = derived_fields(schema, DeriveOptions((derive,) if derive else ()))
    return yaml.safe_load(render(schema, form, derived, (*OTHERS, changes_table(schema, derived))))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("described")
    write_sample_file(path / "export.xml", SampleOptions(records=300, seed=1, fault_share=0.05))
    write_sample_file(path / "base.xml", SampleOptions(records=400, seed=2))
    krr_export.convert(path / "base.xml", path / "store", workers=0, derive="all")
    later = (path / "export.xml").read_bytes().replace(b"2026-02-26T", b"2026-02-27T", 1)
    (path / "export.xml").write_bytes(later.replace(b'"41234567"', b'"41234569"', 1))
    result = krr_export.convert(
        path / "export.xml", path / "store", workers=0, max_rejects="50%", derive="all", guard=False, changes=True
    )
    assert result.outcome == "published"
    assert result.report is not None
    assert result.report.changes is not None
    assert result.report.changes.total > 300
    return path / "store"


def rendered(template: str, store: Path) -> str:
    """Render Jinja as dbt does, with the variable that says where the store is."""
    text = Template(template).render(var=lambda name, _: {"krr_store": store}[name])
    return str(text)


def test_dbt_finds_every_column_with_its_description_and_marks(either: RecordSchema) -> None:
    (source,) = described("dbt", either)["sources"]
    tables = {table["name"]: table for table in source["tables"]}
    assert list(tables) == ["person", "rejects", "findings", "changes"]
    columns = {name: [column["name"] for column in table["columns"]] for name, table in tables.items()}
    derived = [field.name for field in derived_fields(either, DeriveOptions(("all",)))]
    assert columns["person"] == [*either.arrow.names, *derived]
    assert columns["rejects"] == REJECTED.arrow.names
    assert columns["findings"] == FINDINGS.arrow.names
    assert columns["changes"][:4] == ["endring", "personidentifikator", "forekomst", "endrede_kolonner"]
    assert sorted(columns["changes"][4:]) == sorted({*columns["person"]} - {"personidentifikator"})
    for table in tables.values():
        assert all(column["description"] for column in table["columns"])
        assert all(column["config"]["meta"].keys() == {"personal", "identifying"} for column in table["columns"])


def test_dbts_tests_hold_of_a_store_and_its_types_are_duckdbs(store: Path) -> None:
    """What dbt would ask, asked of DuckDB."""
    (source,) = described("dbt", load_schema())["sources"]
    location = rendered(source["config"]["meta"]["external_location"], store)
    kinds, broken = set(), []
    for table in source["tables"]:
        rows = duckdb.connect().from_query(f"FROM {location.format(name=table['name'])}")
        types = dict(zip(rows.columns, map(str, rows.types), strict=True))
        for column in table["columns"]:
            name = column["name"]
            assert types[name] == column["data_type"], name
            for test in column.get("data_tests", ()):
                (kind, arguments) = next(iter(test.items())) if isinstance(test, dict) else (test, {})
                kinds.add(kind)
                if rows.filter(wrong(kind, name, arguments, rows)).fetchall():
                    broken.append((name, test))
    assert kinds == {"not_null", "unique", "accepted_values"}
    repeated = ("personidentifikator", {"unique": {"config": {"severity": "warn"}}})
    assert broken == [repeated], "that is one of the faults in the export, and why this test only warns"


def wrong(kind: str, name: str, arguments: dict[str, Any], rows: duckdb.DuckDBPyRelation) -> str:
    """Return the condition of rows that break one of dbt's tests."""
    if kind == "not_null":
        return f"{name} IS NULL"
    if kind == "unique":
        [(is_unique,)] = rows.aggregate(f"count(DISTINCT {name}) = count({name})").fetchall()
        return f"NOT {is_unique}"
    values = ", ".join(f"'{value}'" for value in arguments["arguments"]["values"])
    return f"{name} NOT IN ({values})"


def test_only_record_numbers_must_be_unique_and_identity_numbers_only_should(schema: RecordSchema) -> None:
    (source,) = described("dbt", schema)["sources"]
    unique = [
        (table["name"], column["name"], test)
        for table in source["tables"]
        for column in table["columns"]
        for test in column.get("data_tests", ())
        if "unique" in test
    ]
    assert unique == [
        ("person", "radnummer", "unique"),
        ("person", "personidentifikator", {"unique": {"config": {"severity": "warn"}}}),
        ("rejects", "radnummer", "unique"),
    ]


def test_dbt_reads_freshness_from_the_newest_export(store: Path) -> None:
    (source,) = described("dbt", load_schema())["sources"]
    query = rendered(source["config"]["loaded_at_query"], store)
    (newest,) = duckdb.connect().execute(query).fetchone() or ()
    assert f"{newest:%Y%m%dT%H%M%SZ}" == (store / "latest").readlink().name.removeprefix("eksport=")
    assert source["config"]["freshness"]["warn_after"] == {"count": 36, "period": "hour"}


def table_of_a_hostile_xsd() -> Table:
    words = Field("ord", pa.dictionary(pa.int8(), pa.string()), HOSTILE, facets=Facets(enumeration=(HOSTILE, "x")))
    return Table("person", HOSTILE, (words,))


def test_dbt_renders_nothing_that_a_foreign_xsd_says() -> None:
    (source,) = yaml.safe_load(to_dbt([table_of_a_hostile_xsd()], "all"))["sources"]
    (table,) = source["tables"]
    (column,) = table["columns"]
    assert [Template(text).render() for text in (table["description"], column["description"])] == [HOSTILE] * 2
    assert column["data_tests"] == ["not_null"], "dbt would read what follows a quote in a value as SQL"


def test_dbt_renders_no_value_that_a_foreign_xsd_lists() -> None:
    listed = HOSTILE.translate({ord(sign): None for sign in "'\\"})
    words = Field("ord", pa.dictionary(pa.int8(), pa.string()), "A word.", facets=Facets(enumeration=(listed, "x")))
    (source,) = yaml.safe_load(to_dbt([Table("person", "Persons.", (words,))], "all"))["sources"]
    (_, test) = source["tables"][0]["columns"][0]["data_tests"]
    values = test["accepted_values"]["arguments"]["values"]
    assert [Template(text).render() for text in values] == [listed, "x"]


def contract_schema() -> dict[str, Any]:
    """Return the JSON schema of data contracts of version 3.1, as their project publishes it."""
    document: dict[str, Any] = json.loads(
        files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    )
    assert "v3.1.0" in document["properties"]["apiVersion"]["enum"]
    return document


@pytest.mark.parametrize("derive", ["", "all"])
def test_the_contract_is_one_by_the_published_schema(either: RecordSchema, derive: str) -> None:
    validator = jsonschema.Draft201909Validator(contract_schema())
    contract = described("odcs", either, derive)
    assert [error.message for error in validator.iter_errors(contract)] == []
    foreign = yaml.safe_load(to_odcs([table_of_a_hostile_xsd()], HOSTILE, HOSTILE))
    assert [error.message for error in validator.iter_errors(foreign)] == []
    contract["schema"][0]["properties"][0]["colour"] = "blue"
    assert not validator.is_valid(contract), "it is strict about columns"


def test_a_contract_of_every_type_that_a_column_may_have_is_valid() -> None:
    from krr_export.schema.loader import _ARROW_TYPES  # noqa: PLC0415 - the list of what may occur

    fields = [Field(f"c{i}", kind, "One.") for i, kind in enumerate(_ARROW_TYPES.values())]
    contract = yaml.safe_load(to_odcs([Table("person", "All.", tuple(fields))], "all", "1"))
    jsonschema.Draft201909Validator(contract_schema()).validate(contract)


def test_the_contract_says_of_each_column_what_the_schema_says(schema: RecordSchema) -> None:
    person, rejects, findings, changes = described("odcs", schema)["schema"]
    columns = {column["name"]: column for column in person["properties"]}
    assert columns["radnummer"]["primaryKey"]
    assert columns["radnummer"]["classification"] == "no personal data"
    email = columns["epostadresse"]
    assert email["classification"] == "identifying personal data"
    assert email["logicalTypeOptions"] == {"minLength": 3, "maxLength": 50}
    assert email["transformSourceObjects"] == ["Kontaktinformasjon/Epostadresse"]
    assert email["description"] == next(f.documentation for f in schema.fields if f.name == "epostadresse")
    assert columns["epostadresse_sist_oppdatert"]["logicalType"] == "timestamp"
    assert columns["x509_sertifikat"]["logicalTypeOptions"] == {"format": "binary"}
    (values,) = columns["status"]["quality"]
    assert values["arguments"] == {"validValues": ["AKTIV", "SLETTET", "IKKE_REGISTRERT"]}
    (codes,) = (column for column in rejects["properties"] if column["name"] == "codes")
    assert (codes["logicalType"], codes["items"]["logicalType"]) == ("array", "string")
    assert [column["required"] for column in findings["properties"]] == [True] * 4
    change, person_changed, *_ = changes["properties"]
    assert change["quality"][0]["arguments"] == {"validValues": ["ny", "endret", "slettet", "borte"]}
    assert person_changed["classification"] == "identifying personal data"


def test_the_command_describes_changes_where_it_is_asked_to() -> None:
    def tables(*options: str) -> list[str]:
        ran = command.call("schema", "--format", "dbt", *options)
        assert ran.code == 0, ran.err
        return [table["name"] for table in yaml.safe_load(ran.out)["sources"][0]["tables"]]

    assert tables() == ["person", "rejects", "findings"]
    assert tables("--changes") == ["person", "rejects", "findings", "changes"]
    ran = command.call("schema", "--format", "sql-duckdb", "--changes")
    assert (ran.code, ran.last) == (2, "--changes is for descriptions of all tables; give --format dbt or odcs")
