"""The profile counts what DuckDB counts in the data, however it was divided, and tells of nobody."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import certificates
import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krr_export import load_schema, open_export
from krr_export.profile import Profile, Profiler, distinct
from krr_export.sample import SampleOptions, write_sample_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

OSLO = ZoneInfo("Europe/Oslo")
EXPORTED = datetime(2026, 2, 26, 11, 22, 25, tzinfo=UTC)
SCHEMA = load_schema("14-05")
TEXTS = [field.name for field in SCHEMA.fields if field.arrow_type == pa.string()]
ENUMERATED = {field.name: field.facets.enumeration for field in SCHEMA.fields if field.facets.enumeration}
CHANNELS = ("mobiltelefonnummer", "epostadresse")

Json = dict[str, Any]


@pytest.fixture(scope="module")
def persons(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """Sample records, dictionaries and all, as they come from the readers."""
    path = tmp_path_factory.mktemp("profile") / "export.xml"
    write_sample_file(path, SampleOptions(5000, seed=11))
    return read(path)


def read(path: Path) -> pa.Table:
    with open_export(path, workers=0) as export:
        return pa.Table.from_batches([result.batch for result in export.results()]).combine_chunks()


def rows(count: int, schema: pa.Schema | None = None, **columns: Iterable[object]) -> pa.RecordBatch:
    """So many rows that have these columns, and nothing else but an identity number."""
    schema = schema or SCHEMA.arrow
    values: dict[str, Iterable[object]] = {"radnummer": range(1, count + 1)}
    values |= {"personidentifikator": ["03851598730"] * count} | columns
    arrays = [pa.array(values.get(field.name, [None] * count), field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def profiled(*batches: pa.RecordBatch) -> Profile:
    profiler = Profiler(SCHEMA, EXPORTED)
    together = profiler.nothing()
    for batch in batches:
        together.add(profiler.of(batch))
    return together


def told(*batches: pa.RecordBatch, hidden: Iterable[str] = ()) -> Json:
    return profiled(*batches).to_dict(set(hidden))


def asked(persons: pa.Table, expressions: str, where: str = "true") -> tuple[Any, ...]:
    """What DuckDB finds in all rows together."""
    with duckdb.connect() as connection:
        [found] = connection.from_arrow(persons).filter(where).aggregate(expressions).fetchall()
        return tuple(found)


def values(persons: pa.Table, expression: str) -> Counter[Any]:
    """How often each value of an expression is there, as DuckDB finds it; nulls are not counted."""
    with duckdb.connect() as connection:
        found = connection.from_arrow(persons).project(f"{expression} AS value").filter("value NOT NULL").fetchall()
        return Counter(value for (value,) in found)


def most(counts: Counter[Any]) -> list[tuple[Any, int]]:
    """Those counted, the most frequent first."""
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))


def pieces(table: pa.Table, cuts: Iterable[int]) -> list[pa.RecordBatch]:
    edges = [0, *sorted(cuts), table.num_rows]
    parts = [table.slice(start, end - start) for start, end in pairwise(edges)]
    return [part.combine_chunks().to_batches()[0] for part in parts if part.num_rows]


def test_nulls_lengths_and_empty_values_are_those_of_the_data(persons: pa.Table) -> None:
    columns = {column["name"]: column for column in told(*persons.to_batches())["columns"]}
    assert list(columns) == SCHEMA.arrow.names[1:]
    for name, column in columns.items():
        (nulls,) = asked(persons, f"count(*) - count({name})")
        assert column["nulls"] == nulls
        if name in TEXTS or name == "x509_sertifikat":
            length = f"{'length' if name in TEXTS else 'octet_length'}({name})"
            found = asked(persons, f"min({length}), max({length}), round(avg({length}), 2)")
            assert tuple(column["length"].values()) == found
        else:
            assert column["length"] is None
        assert column["empty"] == 0


def test_lengths_are_of_characters_and_an_empty_value_is_not_a_null() -> None:
    report = told(rows(4, beskrivelse=["", "Død", None, "𝔇ø"]), rows(1), rows(2, beskrivelse=["", "Selvvalgt"]))
    [column] = [column for column in report["columns"] if column["name"] == "beskrivelse"]
    assert column == {"name": "beskrivelse", "nulls": 2, "empty": 2, "length": {"min": 0, "max": 9, "mean": 2.8}}


def test_listed_values_are_counted_each_also_those_that_nobody_has(persons: pa.Table) -> None:
    found = told(*persons.to_batches())["values"]
    assert {name: tuple(counts) for name, counts in found.items()} == ENUMERATED
    for name, counts in found.items():
        assert {value: count for value, count in counts.items() if count} == values(persons, f"{name}::VARCHAR")
    assert told(rows(1))["values"]["status"] == {"AKTIV": 0, "SLETTET": 0, "IKKE_REGISTRERT": 0}


def test_kinds_of_identity_number_are_told_by_day_and_month(persons: pa.Table) -> None:
    kinds = told(*persons.to_batches())["identifier_kinds"]
    (d_numbers,) = asked(persons, "count(*)", "personidentifikator[1]::INT >= 4")
    assert {kind: count for kind, count in kinds.items() if count} == {
        "syntetisk": len(persons) - d_numbers,
        "syntetisk-d-nummer": d_numbers,
    }


def test_ways_to_reach_a_person_are_counted(persons: pa.Table) -> None:
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
    found = asked(persons, query)
    assert told(*persons.to_batches())["channels"] == dict(zip(conditions, found, strict=True))


def ages(instants: Iterable[int]) -> dict[str, int]:
    """How many of the instants, in microseconds since 1970, lie so many months before the export; edges by pandas."""
    wall = pd.Timestamp(EXPORTED.astimezone(OSLO).replace(tzinfo=None))
    edges = [(wall - pd.DateOffset(months=months)).tz_localize(OSLO) for months in range(120, -1, -1)]
    micros = [edge.value // 1000 for edge in edges]
    names = ["120+", *(str(months) for months in range(119, -1, -1)), "future"]
    return dict(Counter(names[bisect_left(micros, instant)] for instant in instants))


@pytest.mark.parametrize("column", CHANNELS)
def test_ages_of_contact_data_are_whole_calendar_months(persons: pa.Table, column: str) -> None:
    [found] = [entry for entry in told(*persons.to_batches())["contact_age"] if entry["column"] == column]
    times = {
        "updated": f"{column}_sist_oppdatert",
        "verified": f"{column}_sist_verifisert",
        "newest": f"greatest({column}_sist_oppdatert, {column}_sist_verifisert)",
    }
    for name, expression in times.items():
        assert found[name] == ages(values(persons, f"epoch_us({expression})").elements())
    newest = times["newest"]
    old = f"{newest} IS NULL OR epoch_us({newest}) < epoch_us(TIMESTAMPTZ '2024-08-26 12:22:25+02')"
    counts = f"count(*), count(*) FILTER ({newest} IS NULL), count(*) FILTER ({old})"
    assert (found["records"], found["undated"], found["older_than_18_months"]) == asked(
        persons, counts, f"{column} NOT NULL"
    )


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


def test_providers_and_domains_are_those_of_the_data(persons: pa.Table) -> None:
    report = told(*persons.to_batches())
    found = [(entry["organisation_number"], entry["records"]) for entry in report["providers"]]
    assert found == most(values(persons, "postkasseleverandoer_adresse"))
    assert {entry["name"] for entry in report["providers"]} == {"Digipost", "e-Boks"}
    domains = values(persons, "lower(regexp_extract(epostadresse, '[^@]*$'))")
    assert [tuple(entry.values()) for entry in report["email_domains"]] == most(domains)
    assert report["providers_pooled"] == report["email_domains_pooled"] == {"distinct": 0, "records": 0, "exact": True}


def test_a_domain_is_what_follows_the_last_at_in_lower_case() -> None:
    addresses = [
        *["Ola@EXAMPLE.no"] * 12, *['"a@b.no"@example.NO'] * 8, None, *["kari@BLÅBÆR.no"] * 30, *["nobody"] * 40,
        *["x@"] * 40, *["03851598730@03851598730"] * 40, *["a@mailto:ola@nordmann"] * 40, *["ola@nordmann.no"] * 19,
    ]  # fmt: skip
    report = told(rows(len(addresses), epostadresse=addresses))
    assert [tuple(entry.values()) for entry in report["email_domains"]] == [("blåbær.no", 30), ("example.no", 20)]
    # Without a domain (twice empty), digits alone, a single name, and one that too few have.
    assert report["email_domains_pooled"] == {"distinct": 4, "records": 179, "exact": True}


def test_what_fewer_than_twenty_have_is_pooled_and_a_list_has_an_end() -> None:
    nineteen, twenty = ["ola@nineteen.no"] * 19, ["kari@twenty.no"] * 20
    many = [f"kari@domain{number:02}.no" for number in range(30) for _ in range(21)]
    addresses = nineteen + twenty + many
    report = told(rows(len(addresses), epostadresse=addresses))
    assert [entry["domain"] for entry in report["email_domains"]] == [f"domain{number:02}.no" for number in range(25)]
    assert report["email_domains_pooled"] == {"distinct": 7, "records": 19 + 20 + 5 * 21, "exact": True}
    numbers = ["984661185"] * 20 + ["996460320"] * 19 + ["984661186"] * 50 + ["03851598730"] * 50 + ["991825827"] * 20
    report = told(rows(len(numbers), postkasseleverandoer_adresse=numbers))
    assert report["providers"] == [
        {"organisation_number": "984661185", "name": "Digipost", "records": 20},
        {"organisation_number": "991825827", "name": None, "records": 20},
    ]
    assert report["providers_pooled"] == {"distinct": 3, "records": 119, "exact": True}


def test_certificates_are_counted_and_read(persons: pa.Table) -> None:
    report = told(*persons.to_batches())
    found = most(values(persons, "sha256(x509_sertifikat)"))
    assert [(entry["sha256"], entry["records"]) for entry in report["certificates"]] == found
    assert len(found) == 6
    ders = {hashlib.sha256(der).hexdigest(): der for der in persons["x509_sertifikat"].unique().to_pylist() if der}
    for entry in report["certificates"]:
        name, number, expires = certificates.by_openssl(ders[entry["sha256"]])
        assert (entry["subject"], entry["organisation_number"], entry["expires"]) == (name, number, expires)
    assert report["certificates_pooled"] == {"distinct": 0, "records": 0, "exact": True}


def test_a_certificate_is_shown_only_if_it_is_an_organisations_and_many_have_it() -> None:
    organisation = certificates.made(O="Posten AS", CN="Kari Nordmann", serialNumber="984661185")
    hidden = {
        "a person's name": certificates.made(O="Posten AS", CN="Ola", givenName="Ola", surname="Nordmann"),
        "a person's number": certificates.made(O="Posten AS", CN="Ola", serialNumber="9578-4050-103851598"),
        "an e-mail address": certificates.made(O="Posten AS", CN="Ola", emailAddress="ola@example.no"),
        "no organisation": certificates.made(CN="Ola Nordmann"),
        "two organisations": certificates.made(
            O="Posten AS", serialNumber="984661185", organizationIdentifier="NTRNO-996460320"
        ),
        "not a certificate": b"OLA NORDMANN",
    }
    ders = [organisation] * 20 + [der for der in hidden.values() for _ in range(25)]
    ders += [certificates.made(O="e-Boks", serialNumber="996460320")] * 19
    report = told(rows(len(ders), x509_sertifikat=ders))
    [shown] = report["certificates"]
    assert (shown["subject"], shown["organisation_number"], shown["records"]) == ("Posten AS", "984661185", 20)
    assert report["certificates_pooled"] == {"distinct": 7, "records": 25 * 6 + 19, "exact": True}
    written = json.dumps(report)
    assert [word for word in ("Ola", "Nordmann", "Kari", "9578", "ola@", "OLA") if word in written] == []


@pytest.mark.parametrize(
    ("subject", "number"),
    [
        ({"O": "Posten AS"}, None),
        ({"O": "Posten AS", "serialNumber": "984661186"}, None),  # its check digit is wrong
        ({"O": "Posten AS", "organizationIdentifier": "NTRNO-984661185"}, "984661185"),
        ({"O": "Posten AS", "serialNumber": "984661185", "organizationIdentifier": "NTRNO-984661185"}, "984661185"),
    ],
)
def test_an_organisation_is_known_by_its_number_where_it_has_one(subject: dict[str, str], number: str | None) -> None:
    [shown] = told(rows(20, x509_sertifikat=[certificates.made(**subject)] * 20))["certificates"]
    assert (shown["subject"], shown["organisation_number"]) == ("Posten AS", number)


@given(st.lists(st.integers(0, 5000), max_size=40))
def test_however_the_export_is_divided_the_profile_is_the_same(persons: pa.Table, cuts: list[int]) -> None:
    assert told(*pieces(persons, cuts)) == told(*persons.to_batches())


@given(
    st.lists(st.integers(0, 400), max_size=30),
    st.lists(st.integers(0, 60).map(lambda number: number**2 % 41), min_size=400, max_size=400),
)
def test_beyond_what_is_counted_one_by_one_it_is_the_same_too(cuts: list[int], drawn: list[int]) -> None:
    ders = [certificates.made(O=f"Provider {number}") if number % 4 else b"%d" % number for number in range(41)]
    batch = rows(
        400,
        epostadresse=[f"ola@domain{number}.no" for number in drawn],
        postkasseleverandoer_adresse=[f"{984661185 + number}" for number in drawn],
        x509_sertifikat=[ders[number] for number in drawn],
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(distinct, "MOST_VALUES", 12)
        patched.setattr("krr_export.profile.certificates.MOST_KEPT", 5)
        whole = told(*pieces(pa.Table.from_batches([batch]), range(1, 400, 7)))
        assert told(*pieces(pa.Table.from_batches([batch]), cuts or [200])) == whole
    first = list(dict.fromkeys(drawn))[:12]
    records = {number: drawn.count(number) for number in first}
    shown = {f"domain{number}.no": count for number, count in records.items() if count >= 20}
    assert {entry["domain"]: entry["records"] for entry in whole["email_domains"]} == shown
    assert whole["email_domains_pooled"]["exact"] is (len(set(drawn)) <= 12)
    assert whole["email_domains_pooled"]["records"] == 400 - sum(shown.values())


@given(st.integers(1, 4999), st.integers(1, 4999), st.integers(1, 4999))
def test_profiles_add_up_in_any_grouping(persons: pa.Table, one: int, two: int, three: int) -> None:
    profiler = Profiler(SCHEMA, EXPORTED)
    first, *others = (profiler.of(piece) for piece in pieces(persons, {one, two, three}))
    from_left = first
    for other in others:
        from_left = from_left + other
    from_right = others[-1]
    for other in [*others[-2::-1], first]:
        from_right = other + from_right
    assert from_left.to_dict() == from_right.to_dict() == told(*persons.to_batches())
    assert first.records == pieces(persons, {one, two, three})[0].num_rows  # it is what it was


def test_a_hundred_thousand_values_are_counted_one_by_one_and_no_more() -> None:
    def batch(start: int) -> pa.RecordBatch:
        return rows(30_000, epostadresse=[f"ola@domain{number}.no" for number in range(start, start + 30_000)])

    profile = profiled(*(batch(start) for start in (0, 30_000, 60_000, 70_000)))
    assert profile.to_dict()["email_domains_pooled"] == {"distinct": 100_000, "records": 120_000, "exact": True}
    profile.add(profiled(batch(90_000)))
    assert profile.to_dict()["email_domains_pooled"] == {"distinct": 100_000, "records": 150_000, "exact": False}
    assert len(profile.domains.records) == 100_000


def test_no_more_certificates_are_kept_than_could_be_shown() -> None:
    def batch(start: int) -> pa.RecordBatch:
        numbers = range(start, start + 80)
        return rows(160, x509_sertifikat=[b"certificate %d" % number for number in numbers for _ in range(2)])

    profile = profiled(*(batch(start) for start in (0, 40, 120)))
    assert len(profile.certificates.kept) == 50
    # Those on most records: 40 of them came twice.
    assert {b"certificate %d" % number for number in range(40, 80)} <= set(profile.certificates.kept.values())


def test_profiles_of_different_schemas_are_not_added() -> None:
    other = load_schema("16-02")
    with pytest.raises(ValueError, match="different schemas"):
        profiled(rows(1)).add(Profiler(other, EXPORTED).of(rows(1, other.arrow)))


def test_of_hidden_columns_nothing_but_nulls_is_told(persons: pa.Table) -> None:
    everything = set(SCHEMA.arrow.names)
    report, open_report = told(*persons.to_batches(), hidden=everything), told(*persons.to_batches())
    expected = [
        {"name": column["name"], "nulls": column["nulls"], "empty": None, "length": None}
        for column in open_report["columns"]
    ]
    assert report["columns"] == expected
    assert report["channels"] == open_report["channels"]
    empty: tuple[Any, ...] = ({}, [])
    names = ("values", "identifier_kinds", "contact_age", "providers", "email_domains", "certificates")
    assert all(report[name] in empty for name in names)
    for name in ("providers", "email_domains", "certificates"):
        shown = sum(entry["records"] for entry in open_report[name])
        assert report[f"{name}_pooled"] == {"distinct": None, "records": shown, "exact": False}


@pytest.mark.parametrize(
    ("column", "changed"),
    [
        ("status", {"values"}),
        ("personidentifikator", {"identifier_kinds"}),
        ("epostadresse", {"email_domains", "email_domains_pooled"}),
        ("epostadresse_sist_verifisert", {"contact_age"}),
        ("postkasseadresse", set()),
        ("postkasseleverandoer_adresse", {"providers", "providers_pooled"}),
        ("x509_sertifikat", {"certificates", "certificates_pooled"}),
    ],
)
def test_a_hidden_column_hides_nothing_else(persons: pa.Table, column: str, changed: set[str]) -> None:
    report, open_report = told(*persons.to_batches(), hidden=[column]), told(*persons.to_batches())
    assert {name for name in report if report[name] != open_report[name]} == {"columns", *changed}


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
    report = Profiler(schema, EXPORTED).of(batch).to_dict()
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
