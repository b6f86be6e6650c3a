"""What a profile tells is of many: a value that few have, or that may be a person's, is in no report."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from conversions import PERSONAL
from exports import certificates, tiny_xml
from profiles import SCHEMA, rows, sample, told
from stdnum.no import orgnr

from krr_export import convert, validate
from krr_export.synthetic import SampleOptions, write_sample_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def persons(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    return sample(tmp_path_factory.mktemp("profile"))


def test_what_fewer_than_twenty_have_is_pooled_and_a_list_has_an_end() -> None:
    nineteen, twenty = ["ola@nineteen.no"] * 19, ["kari@twenty.no"] * 20
    many = [f"kari@domain{number:02}.no" for number in reversed(range(30)) for _ in range(21)]
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
    valid = [number for number in map(str, range(980000000, 980002000)) if orgnr.is_valid(number)][:53]
    report = told(rows(53 * 20, postkasseleverandoer_adresse=[number for number in valid for _ in range(20)]))
    assert [entry["organisation_number"] for entry in report["providers"]] == valid[:50]
    assert report["providers_pooled"] == {"distinct": 3, "records": 60, "exact": True}


def test_a_certificate_is_shown_only_if_it_is_an_organisations_and_many_have_it() -> None:
    organisation = certificates.made(O="Posten AS", CN="Kari Nordmann", serialNumber="984661185")
    hidden = {
        "a person's name": certificates.made(O="Posten AS", CN="Ola", givenName="Ola", surname="Nordmann"),
        "a person's number": certificates.made(O="Posten AS", CN="Ola", serialNumber="9578-4050-103851598"),
        "an e-mail address": certificates.made(O="Posten AS", CN="Ola", emailAddress="ola@example.no"),
        "no organisation": certificates.made(CN="Ola Nordmann"),
        "a person's number for a name": certificates.made(O="Firma 038515 98730"),
        "an e-mail address for a name": certificates.made(O="ola@example.no"),
        "two organisations": certificates.made(
            O="Posten AS", serialNumber="984661185", organizationIdentifier="NTRNO-996460320"
        ),
        "two names of organisations": certificates.made(O="Posten AS", secondO="Kari Nordmann"),
        "a control character": certificates.made(O="Posten\x1b[2J AS"),
        "not a certificate": b"OLA NORDMANN",
    }
    ders = [organisation] * 20 + [der for der in hidden.values() for _ in range(25)]
    ders += [certificates.made(O="e-Boks", serialNumber="996460320")] * 19
    report = told(rows(len(ders), x509_sertifikat=ders))
    [shown] = report["certificates"]
    assert (shown["subject"], shown["organisation_number"], shown["records"]) == ("Posten AS", "984661185", 20)
    assert report["certificates_pooled"] == {"distinct": 11, "records": 25 * 10 + 19, "exact": True}
    written = json.dumps(report)
    assert [word for word in ("Ola", "Nordmann", "Kari", "9578", "ola@", "OLA", "98730") if word in written] == []


def test_a_domain_that_holds_a_number_as_long_as_a_persons_is_pooled() -> None:
    domains = ["03851598730.no", "tel-99.99.99.99.no", "n038_515987_30.example.no", "1234567.no"]
    report = told(rows(80, epostadresse=[f"ola@{domain}" for domain in domains for _ in range(20)]))
    assert report["email_domains"] == [{"domain": "1234567.no", "records": 20}]
    assert report["email_domains_pooled"] == {"distinct": 3, "records": 60, "exact": True}


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
        ("status", {"values", "notifiable"}),
        ("personidentifikator", {"identifier_kinds"}),
        ("epostadresse", {"email_domains", "email_domains_pooled", "notifiable"}),
        ("epostadresse_sist_verifisert", {"contact_age", "notifiable"}),
        ("postkasseadresse", set()),
        ("postkasseleverandoer_adresse", {"providers", "providers_pooled"}),
        ("x509_sertifikat", {"certificates", "certificates_pooled"}),
    ],
)
def test_a_hidden_column_hides_nothing_else(persons: pa.Table, column: str, changed: set[str]) -> None:
    report, open_report = told(*persons.to_batches(), hidden=[column]), told(*persons.to_batches())
    assert {name for name in report if report[name] != open_report[name]} == {"columns", *changed}


def test_no_personal_value_of_an_export_is_in_its_report(tmp_path: Path, persons: pa.Table) -> None:
    path = tmp_path / "export.xml"
    write_sample_file(path, SampleOptions(5000, seed=11))
    report = validate(path, workers=0)
    said = report.to_json() + "\n".join(report.summary(verbose=True))
    values = {value for name in PERSONAL for value in persons[name].unique().to_pylist() if value}
    assert len(values) > 10_000
    local_parts = {address.partition("@")[0] for address in persons["epostadresse"].to_pylist() if address}
    assert [value for value in values | local_parts if value in said] == []


@pytest.mark.parametrize(
    "privacy",
    [
        {"drop": "epostadresse,x509_sertifikat,personidentifikator"},
        {"columns": "status,mobiltelefonnummer,mobiltelefonnummer_sist_oppdatert,mobiltelefonnummer_sist_verifisert"},
        {"pseudonymise": "personidentifikator,epostadresse", "drop": "x509_sertifikat"},
    ],
)
def test_what_is_left_out_or_pseudonymised_does_not_show(tmp_path: Path, privacy: dict[str, Any]) -> None:
    path = tmp_path / "export.xml"
    write_sample_file(path, SampleOptions(500, seed=3))
    if "pseudonymise" in privacy:
        key = tmp_path / "key"
        key.write_bytes(bytes(range(32)))
        key.chmod(0o600)
        privacy = {**privacy, "pseudonym_key": key}
    result = convert(path, tmp_path / "store", workers=0, **privacy)
    profile = json.loads((result.path / "report.json").read_text())["profile"]
    assert profile["identifier_kinds"] == {}
    assert profile["email_domains"] == profile["certificates"] == []
    hidden = {column["name"]: column for column in profile["columns"] if column["empty"] is None}
    assert "epostadresse" in hidden
    assert {column["length"] for column in hidden.values()} == {None}
    assert profile["values"]["status"]["AKTIV"] > 400
    assert profile["contact_age"][0]["column"] == "mobiltelefonnummer"
    assert hidden["epostadresse"]["nulls"] == 500 - profile["channels"]["email"]


def test_a_profile_needs_no_rules_may_be_left_out_and_is_empty_of_no_records(export: Callable[..., bytes]) -> None:
    assert validate(io.BytesIO(export(tiny_xml.person())), workers=0, rules=False).profile is not None
    assert validate(io.BytesIO(export(tiny_xml.person())), workers=0, profile=False).profile is None
    report = validate(io.BytesIO(export()), workers=0, allow_empty=True)
    assert report.profile is not None
    assert report.profile.records == 0
    assert [line for line in report.summary() if line.startswith(("contact", "too old"))] == []
