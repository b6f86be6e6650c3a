"""The profile in a report counts what DuckDB counts in the published Parquet."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from exports import certificates
from profiles import EXPORTED, SCHEMA, Json, rows, told

from krr_export import convert, load_schema
from krr_export.parsing.batch_view import BatchView
from krr_export.profiling.profiler import Profiler
from krr_export.profiling.summarize import summarize
from krr_export.synthetic import SampleOptions, write_sample_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

OSLO = ZoneInfo("Europe/Oslo")
TEXTS = [field.name for field in SCHEMA.fields if field.arrow_type == pa.string()]
ENUMERATED = {field.name: field.facets.enumeration for field in SCHEMA.fields if field.facets.enumeration}
CHANNELS = ("mobiltelefonnummer", "epostadresse")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published sample, with some rejects."""
    path = tmp_path_factory.mktemp("profile") / "export.xml"
    write_sample_file(path, SampleOptions(5000, seed=12, fault_share=0.01))
    return convert(path, path.parent / "store", workers=0, max_rejects="5%").path


def profile_in(snapshot: Path) -> Json:
    profile: Json = json.loads((snapshot / "report.json").read_text())["profile"]
    return profile


def asked(snapshot: Path, expressions: str, where: str = "true") -> tuple[Any, ...]:
    """What DuckDB finds in all rows of a snapshot together."""
    with duckdb.connect() as connection:
        rows = connection.read_parquet(f"{snapshot}/person/*.parquet").filter(where)
        [found] = rows.aggregate(expressions).fetchall()
        return tuple(found)


def values(snapshot: Path, expression: str) -> Counter[Any]:
    """How often each value of an expression is there, as DuckDB finds it; nulls are not counted."""
    with duckdb.connect() as connection:
        rows = connection.read_parquet(f"{snapshot}/person/*.parquet")
        found = rows.project(f"{expression} AS value").filter("value NOT NULL").fetchall()
        return Counter(value for (value,) in found)


def most(counts: Counter[Any]) -> list[tuple[Any, int]]:
    """Those counted, the most frequent first."""
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))


def enough(counts: Counter[Any]) -> Counter[Any]:
    """Those that enough records have to be told."""
    return Counter({value: count for value, count in counts.items() if count >= 20})


def pooled(counts: Counter[Any]) -> Json:
    """What is told of the others."""
    others = counts - enough(counts)
    return {"distinct": len(others), "records": others.total(), "exact": True}


def test_nulls_lengths_and_empty_values_are_those_of_the_data(snapshot: Path) -> None:
    columns = {column["name"]: column for column in profile_in(snapshot)["columns"]}
    assert list(columns) == SCHEMA.arrow.names[1:]
    for name, column in columns.items():
        (nulls,) = asked(snapshot, f"count(*) - count({name})")
        assert column["nulls"] == nulls
        if name in TEXTS or name == "x509_sertifikat":
            length = f"{'length' if name in TEXTS else 'octet_length'}({name})"
            found = asked(snapshot, f"min({length}), max({length}), round(avg({length}), 2)")
            assert tuple(column["length"].values()) == found
        else:
            assert column["length"] is None
        assert column["empty"] == 0


def test_lengths_are_of_characters_and_an_empty_value_is_not_a_null() -> None:
    report = told(rows(4, beskrivelse=["", "Død", None, "𝔇ø"]), rows(1), rows(2, beskrivelse=["", "Selvvalgt"]))
    [column] = [column for column in report["columns"] if column["name"] == "beskrivelse"]
    assert column == {"name": "beskrivelse", "nulls": 2, "empty": 2, "length": {"min": 0, "max": 9, "mean": 2.8}}


def test_listed_values_are_counted_each_also_those_that_nobody_has(snapshot: Path) -> None:
    found = profile_in(snapshot)["values"]
    assert {name: tuple(counts) for name, counts in found.items()} == ENUMERATED
    for name, counts in found.items():
        assert {value: count for value, count in counts.items() if count} == values(snapshot, f"{name}::VARCHAR")
    assert told(rows(1))["values"]["status"] == {"AKTIV": 0, "SLETTET": 0, "IKKE_REGISTRERT": 0}


def test_kinds_of_identity_number_are_told_by_day_and_month(snapshot: Path) -> None:
    kinds = profile_in(snapshot)["identifier_kinds"]
    patterns = {"syntetisk": "[0-3]", "syntetisk-d-nummer": "[4-7]"}
    for kind, first in patterns.items():
        (count,) = asked(snapshot, "count(*)", f"regexp_matches(personidentifikator, '^{first}[0-9](8|9)[0-9]{{8}}$')")
        undated = "personidentifikator LIKE '32%'"
        assert kinds[kind] == count - asked(snapshot, "count(*)", undated if first == "[0-3]" else "false")[0]
    assert sum(kinds.values()) == profile_in(snapshot)["records"]


def test_ways_to_reach_a_person_are_counted(snapshot: Path) -> None:
    mobile, email = (f"{name} NOT NULL" for name in CHANNELS)
    conditions = {
        "mobile": mobile,
        "email": email,
        "both": f"{mobile} AND {email}",
        "neither": f"NOT ({mobile} OR {email})",
        "mailbox": "postkasseadresse NOT NULL",
        "certificate": "x509_sertifikat NOT NULL",
    }
    query = ", ".join(f"count(*) FILTER ({condition})" for condition in conditions.values())
    found = asked(snapshot, query)
    assert profile_in(snapshot)["channels"] == dict(zip(conditions, found, strict=True))


def ages(instants: Iterable[int]) -> dict[str, int]:
    """How many of the instants, in microseconds since 1970, lie so many months before the export; edges by pandas."""
    wall = pd.Timestamp(EXPORTED.astimezone(OSLO).replace(tzinfo=None))
    edges = [(wall - pd.DateOffset(months=months)).tz_localize(OSLO) for months in range(120, -1, -1)]
    micros = [edge.value // 1000 for edge in edges]
    names = ["120+", *(str(months) for months in range(119, -1, -1)), "future"]
    return dict(Counter(names[bisect_left(micros, instant)] for instant in instants))


@pytest.mark.parametrize("column", CHANNELS)
def test_ages_of_contact_data_are_whole_calendar_months(snapshot: Path, column: str) -> None:
    [found] = [entry for entry in profile_in(snapshot)["contact_age"] if entry["column"] == column]
    times = {
        "updated": f"{column}_sist_oppdatert",
        "verified": f"{column}_sist_verifisert",
        "newest": f"greatest({column}_sist_oppdatert, {column}_sist_verifisert)",
    }
    for name, expression in times.items():
        assert found[name] == ages(values(snapshot, f"epoch_us({expression})").elements())
    newest = times["newest"]
    old = f"{newest} IS NULL OR epoch_us({newest}) < epoch_us(TIMESTAMPTZ '2024-08-26 12:22:25+02')"
    counts = f"count(*), count(*) FILTER ({newest} IS NULL), count(*) FILTER ({old})"
    assert (found["records"], found["undated"], found["older_than_18_months"]) == asked(
        snapshot, counts, f"{column} NOT NULL"
    )


def test_who_may_be_notified_is_counted_as_the_derived_column_has_it(tmp_path: Path) -> None:
    path = tmp_path / "export.xml"
    write_sample_file(path, SampleOptions(3000, seed=13))
    derived = convert(path, tmp_path / "store", workers=0, derive="varslingsstatus").path
    profile = profile_in(derived)
    assert (profile["notifiable"],) == asked(derived, "count(*)", "varslingsstatus = 'KAN_VARSLES'")
    assert 0 < profile["notifiable"] < profile["records"]
    hidden = convert(path, tmp_path / "hidden", workers=0, drop="epostadresse_sist_verifisert").path
    assert profile_in(hidden)["notifiable"] is None


def test_the_newer_of_two_times_decides() -> None:
    old, new, later = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), EXPORTED + timedelta(1))
    batch = rows(
        5,
        epostadresse=["a@b.no"] * 4 + [None],
        epostadresse_sist_oppdatert=[old, new, None, later, None],
        epostadresse_sist_verifisert=[new, old, None, None, None],
    )
    [_, found] = told(batch)["contact_age"]
    assert found == {
        "column": "epostadresse",
        "records": 4,
        "undated": 1,
        "older_than_18_months": 1,
        "updated": {"future": 1, "0": 1, "73": 1},
        "verified": {"0": 1, "73": 1},
        "newest": {"future": 1, "0": 2},
    }


def test_providers_and_domains_are_those_of_the_data(snapshot: Path) -> None:
    report = profile_in(snapshot)
    found = [(entry["organisation_number"], entry["records"]) for entry in report["providers"]]
    counts = values(snapshot, "postkasseleverandoer_adresse")
    assert found == most(enough(counts))
    assert {entry["name"] for entry in report["providers"]} == {"Digipost", "e-Boks"}
    domains = values(snapshot, "lower(regexp_extract(epostadresse, '[^@]*$'))")
    assert [tuple(entry.values()) for entry in report["email_domains"]] == most(enough(domains))
    assert report["providers_pooled"] == pooled(counts)
    assert report["email_domains_pooled"] == pooled(domains)


def test_a_domain_is_what_follows_the_last_at_in_lower_case() -> None:
    addresses = [
        *["Ola@EXAMPLE.no"] * 7, *['"a@b.no"@example.NO'] * 8, None, *["@example.no"] * 5,
        *["kari@BLÅBÆR.no"] * 30, *["nobody"] * 40,
        *["x@"] * 40, *["03851598730@03851598730"] * 40, *["a@mailto:ola@nordmann"] * 40, *["ola@nordmann.no"] * 19,
    ]  # fmt: skip
    report = told(rows(len(addresses), epostadresse=addresses))
    assert [tuple(entry.values()) for entry in report["email_domains"]] == [("blåbær.no", 30), ("example.no", 20)]
    # Without a domain (twice empty), digits alone, a single name, and one that too few have.
    assert report["email_domains_pooled"] == {"distinct": 4, "records": 179, "exact": True}


def test_certificates_are_counted_and_read(snapshot: Path) -> None:
    report = profile_in(snapshot)
    counts = values(snapshot, "sha256(x509_sertifikat)")
    found = most(enough(counts))
    assert [(entry["sha256"], entry["records"]) for entry in report["certificates"]] == found
    assert len(found) == 6
    ders = {hashlib.sha256(der).hexdigest(): der for der in values(snapshot, "x509_sertifikat")}
    for entry in report["certificates"]:
        name, number, expires = certificates.by_openssl(ders[entry["sha256"]])
        assert (entry["subject"], entry["organisation_number"], entry["expires"]) == (name, number, expires)
    assert report["certificates_pooled"] == pooled(counts)


def test_columns_that_the_schema_does_not_have_are_passed_over(tmp_path: Path) -> None:
    xsd = tmp_path / "small.xsd"
    xsd.write_text(
        """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://begrep.difi.no"
        elementFormDefault="qualified"><xs:element name="Person"><xs:complexType><xs:sequence>
        <xs:element name="navn" type="xs:string"/><xs:element name="epostadresse" type="xs:int" minOccurs="0"/>
        <xs:element name="vekt" type="xs:double" minOccurs="0"/><xs:element name="foto" type="xs:hexBinary"/>
        </xs:sequence></xs:complexType></xs:element></xs:schema>"""
    )
    schema = load_schema(xsd)
    batch = pa.RecordBatch.from_pylist(
        [{"radnummer": 1, "navn": "Ola", "epostadresse": 7, "foto": b"12"}], schema=schema.arrow
    )
    report = summarize(Profiler(schema, EXPORTED).profile_batch(BatchView(batch))).to_dict()
    assert report["columns"] == [
        {"name": "navn", "nulls": 0, "empty": 0, "length": {"min": 3, "max": 3, "mean": 3.0}},
        {"name": "epostadresse", "nulls": 0, "empty": 0, "length": None},
        {"name": "vekt", "nulls": 1, "empty": 0, "length": None},
        {"name": "foto", "nulls": 0, "empty": 0, "length": {"min": 2, "max": 2, "mean": 2.0}},
    ]
    assert report["values"] == {}
    assert report["email_domains"] == report["providers"] == report["certificates"] == []
    assert report["channels"] == {
        "mobile": 0, "email": 1, "both": 0, "neither": 0, "mailbox": 0, "certificate": 0,
    }  # fmt: skip
