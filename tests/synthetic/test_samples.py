"""Samples are valid where they say so, faulty where they say so, reproducible, and nobody's data."""

from __future__ import annotations

import argparse
import base64
import gzip
import io
import json
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from krr_export.errors import UsageError
from krr_export.rules.catalogue import CATALOGUE, RULE_NAMES
from krr_export.schema.record_schema import BUILT_IN, RecordSchema
from krr_export.schema.registry import load_schema
from krr_export.synthetic import (
    EXPORTED,
    ExpectedFinding,
    SampleOptions,
    SampleSummary,
    expected_path,
    write_sample,
    write_sample_file,
)
from krr_export.synthetic.faults import JUNK_AFTER_GROUP, Fault, faults_for
from krr_export.synthetic.identifiers import check_digits, identity_numbers
from krr_export.synthetic.rule_violations import RuleViolation, rule_violations

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
NAMESPACE = "{http://begrep.difi.no}"

Options = dict[str, Any]

STYLES: list[Options] = [
    {},
    {"prefix": "ns2"},
    {"prefix": "record"},
    {"indent": False},
    {"comments": True},
    {"indent": False, "comments": True, "prefix": "ns2"},
    {"certificates": 0},
    {"naive_times": True},
]


def make(**options: Any) -> tuple[bytes, list[ExpectedFinding], SampleSummary]:  # noqa: ANN401 - of as many types as there are options
    out = io.BytesIO()
    planted: list[ExpectedFinding] = []
    summary = write_sample(out, SampleOptions(**options), planted.append)
    return out.getvalue(), planted, summary


def records(xml: bytes) -> list[etree._Element]:
    return list(etree.fromstring(xml, etree.XMLParser(remove_comments=True)))


def refused(xml: bytes, schema: RecordSchema) -> set[int]:
    """The numbers of the records that libxml2 refuses."""
    validator = schema.record_validator()
    return {number for number, record in enumerate(records(xml), 1) if not validator.validate(record)}


def to_be_refused(planted: list[ExpectedFinding]) -> set[int]:
    """The numbers of the records that libxml2 should refuse: the XSD refuses one kind more."""
    return {
        entry.record
        for entry in planted
        if CATALOGUE[entry.code].severity == "reject" and entry.fault != JUNK_AFTER_GROUP
    }


def texts(xml: bytes, name: str) -> list[str]:
    return [element.text or "" for element in etree.fromstring(xml).iter(f"{NAMESPACE}{name}")]


# --- the same each time


@pytest.mark.parametrize("options", [*STYLES, {"fault_share": 0.3}, {"old_spellings": True}])
def test_same_options_give_the_same_bytes_and_the_same_list(options: Options) -> None:
    assert make(records=300, **options) == make(records=300, **options)


def test_bytes_do_not_depend_on_the_order_of_hashes(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from krr_export.synthetic import *;"
        "write_sample_file(Path(sys.argv[1]), SampleOptions(records=200, fault_share=0.5, naive_times=True))"
    )
    written = []
    for seed in ("1", "2"):
        path = tmp_path / f"{seed}.xml"
        subprocess.run([sys.executable, "-c", script, path], check=True, env={"PYTHONHASHSEED": seed})
        written.append((path.read_bytes(), expected_path(path).read_bytes()))
    assert written[0] == written[1]


def test_seeds_give_different_persons_and_certificates() -> None:
    first, second = make(records=300)[0], make(records=300, seed=1)[0]
    assert not set(texts(first, "X509Sertifikat")) & set(texts(second, "X509Sertifikat"))
    # Two walks through the same thirteen million numbers may meet.
    assert len(set(texts(first, "personidentifikator")) & set(texts(second, "personidentifikator"))) < 5


def test_faults_leave_the_other_records_as_they_would_be_without() -> None:
    clean, (faulty, planted, _) = make(records=400)[0], make(records=400, fault_share=0.1)
    touched = {entry.record for entry in planted if entry.fault != "no-channel"}
    for number, (before, after) in enumerate(zip(records(clean), records(faulty), strict=True), 1):
        assert (etree.tostring(before) == etree.tostring(after)) == (number not in touched)


def test_memory_is_flat() -> None:
    script = (
        "import sys, resource; from krr_export.synthetic import *;"
        "write_sample(open('/dev/null', 'wb'), SampleOptions(records=int(sys.argv[1]), fault_share=0.01));"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    small, large = (
        int(subprocess.run([sys.executable, "-c", script, count], check=True, capture_output=True).stdout)
        for count in ("20000", "160000")
    )
    assert large < 1.05 * small


# --- the persons


def independent_remainders(number: str) -> tuple[int, int]:
    digits = [int(digit) for digit in number]
    first = sum(w * d for w, d in zip((3, 7, 6, 1, 8, 9, 4, 5, 2, 1), digits[:10], strict=True)) % 11
    second = sum(w * d for w, d in zip((5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), digits, strict=True)) % 11
    return first, second


@pytest.mark.parametrize("number", ["03851598730", "41819077302"])
def test_check_digits_are_those_of_known_numbers(number: str) -> None:
    assert check_digits(number[:9]) == number[9:]
    assert independent_remainders(number) == (0, 0)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1 << 32), d_numbers=st.booleans())
def test_identity_numbers_are_valid_synthetic_and_distinct(seed: int, *, d_numbers: bool) -> None:
    numbers = list(islice(identity_numbers(Random(seed), d_numbers=d_numbers), 2000))  # noqa: S311 - no secret
    assert len(set(numbers)) == len(numbers)
    for number in numbers:
        assert len(number) == 11
        assert independent_remainders(number) == (0, 0)
        day, month, year, individual = (int(number[at:to]) for at, to in ((0, 2), (2, 4), (4, 6), (6, 9)))
        century = 1900 if individual < 500 else 2000
        birth = date(century + year, month - 80, day - 40 * d_numbers)
        assert 1920 <= birth.year <= 2009


def test_no_identity_number_occurs_twice_in_a_large_export() -> None:
    numbers = list(islice(identity_numbers(Random(3)), 1_000_000))  # noqa: S311 - no secret
    assert len(set(numbers)) == len(numbers)


def test_shares_are_as_published() -> None:
    xml, _, _ = make(records=20_000)
    persons = records(xml)
    with_child = Counter(str(child.tag).removeprefix(NAMESPACE) for person in persons for child in person)
    status = Counter(texts(xml, "status"))
    assert 0.41 < with_child["SikkerDigitalPostAdresse"] / len(persons) < 0.49
    assert with_child["SikkerDigitalPostAdresse"] == with_child["X509Sertifikat"]
    assert status["SLETTET"] / len(persons) == pytest.approx(0.027, abs=0.005)
    assert Counter(texts(xml, "reservasjon"))["JA"] / len(persons) == pytest.approx(0.03, abs=0.005)
    assert status["IKKE_REGISTRERT"] > 0
    d_numbers = sum(number[0] > "3" for number in texts(xml, "personidentifikator"))
    assert d_numbers / len(persons) == pytest.approx(0.04, abs=0.01)


def test_the_deleted_and_the_unregistered_have_nothing_to_be_reached_by() -> None:
    inactive = [person for person in records(make(records=5000)[0]) if person.findtext(f"{NAMESPACE}status") != "AKTIV"]
    assert inactive
    reach = ("Kontaktinformasjon", "SikkerDigitalPostAdresse", "X509Sertifikat")
    assert not [person for person in inactive for name in reach if person.find(f"{NAMESPACE}{name}") is not None]
    assert {person.find(f"{NAMESPACE}reservasjon") is None for person in inactive} == {True, False}


def test_contact_data_is_of_all_ages_and_all_channels() -> None:
    xml, _, _ = make(records=5000)
    exported = datetime.fromisoformat(etree.fromstring(xml).get("eksportTidspunkt", ""))
    channels = Counter(
        tuple(str(child.tag).removeprefix(NAMESPACE)[0] for child in group)
        for group in etree.fromstring(xml).iter(f"{NAMESPACE}Kontaktinformasjon")
    )
    assert set(channels) == {("M",), ("E",), ("M", "E")}
    active = texts(xml, "status").count("AKTIV")
    assert 1 - channels.total() / active == pytest.approx(0.03, abs=0.01)
    ages = []
    for element in etree.fromstring(xml).iter(f"{NAMESPACE}Mobiltelefonnummer", f"{NAMESPACE}Epostadresse"):
        times = [datetime.fromisoformat(str(time)) for time in element.attrib.values()]
        assert times == sorted(times)
        ages += [(exported - max(times)).days for _ in times[:1]]
    assert min(ages) >= 0
    assert 0.1 < sum(age > 550 for age in ages) / len(ages) < 0.4


def test_phone_and_mail_reach_nobody_and_come_in_the_forms_that_occur() -> None:
    xml, _, _ = make(records=3000)
    phones = texts(xml, "Mobiltelefonnummer")
    assert {phone.removeprefix("+47")[:2] for phone in phones} == {"42", "43", "44"}
    assert {len(phone) for phone in phones} == {8, 11}
    domains = {mail.partition("@")[2] for mail in texts(xml, "Epostadresse")}
    assert len(domains) > 3
    assert all(name.startswith("example.") or name.endswith((".example", ".test")) for name in domains)


@pytest.mark.parametrize(("certificates", "distinct"), [(1, 1), (6, 6), (0, None)])
def test_certificates_are_real_and_of_the_mailbox_provider(certificates: int, distinct: int | None) -> None:
    xml, _, _ = make(records=300, certificates=certificates)
    persons = [person for person in records(xml) if person.find(f"{NAMESPACE}X509Sertifikat") is not None]
    texts_of = {person.findtext(f"{NAMESPACE}X509Sertifikat", "") for person in persons}
    assert len(texts_of) == (distinct or len(persons))
    for person in persons:
        text = person.findtext(f"{NAMESPACE}X509Sertifikat", "")
        certificate = x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
        certificate.public_key()
        assert 1650 <= len(text) <= 1710
        [number] = certificate.subject.get_attributes_for_oid(x509.NameOID.SERIAL_NUMBER)
        assert number.value == person.findtext(f"*/{NAMESPACE}postkasseleverandoerAdresse")


def test_sizes_are_those_of_the_real_export() -> None:
    xml, _, _ = make(records=5000)
    plain: list[int] = []
    mailbox: list[int] = []
    for person in records(xml):
        size = len(etree.tostring(person)) - len(' xmlns="http://begrep.difi.no" xmlns:et="" xmlns:ds=""')
        (plain if person.find(f"{NAMESPACE}X509Sertifikat") is None else mailbox).append(size)
    difference = sum(mailbox) / len(mailbox) - sum(plain) / len(plain)
    assert difference == pytest.approx(1900, rel=0.05)


# --- valid or not, as it says


@pytest.mark.parametrize("version", BUILT_IN)
@pytest.mark.parametrize("options", STYLES)
def test_without_faults_every_record_is_valid(version: str, options: Options) -> None:
    schema = load_schema(version)
    xml, planted, summary = make(records=300, schema=schema, **options)
    assert refused(xml, schema) == set()
    naive = {"time-without-offset"} if "naive_times" in options else set()
    assert {entry.code for entry in planted} == {"active-without-channel"} | naive
    assert (summary.records, summary.octets, summary.rejected) == (300, len(xml), 0)
    assert schema.root_validator().validate(etree.fromstring(xml))


@pytest.mark.parametrize("version", BUILT_IN)
@pytest.mark.parametrize("options", STYLES)
def test_every_fault_is_where_the_list_says_and_nowhere_else(version: str, options: Options) -> None:
    schema = load_schema(version)
    kinds = every_kind(schema)
    xml, planted, summary = make(records=4 * len(kinds), schema=schema, fault_share=0.5, **options)
    assert refused(xml, schema) == to_be_refused(planted)
    listed = {(entry.fault, entry.code, entry.field) for entry in planted}
    assert {(kind.name, code, kind.field) for kind in kinds for code in kind.codes} <= listed
    assert summary.rejected == len({e.record for e in planted if CATALOGUE[e.code].severity == "reject"})
    totals = {code: total.findings for code, total in summary.totals.items()}
    assert totals.pop("identifier-synthetic") <= summary.records - summary.rejected
    assert totals == Counter(entry.code for entry in planted)


def every_kind(schema: RecordSchema) -> list[Fault | RuleViolation]:
    """What the XSD or the rules may say of records of this schema."""
    rng = Random(0)  # noqa: S311 - no secret
    return [*faults_for(schema), *rule_violations(schema, rng, EXPORTED, earlier=lambda number: number)]


def test_a_faulty_record_has_one_fault() -> None:
    _, planted, _ = make(records=500, fault_share=0.5)
    kinds: dict[int, set[tuple[str, str | None]]] = {}
    for entry in planted:
        kinds.setdefault(entry.record, set()).add((entry.fault, entry.field))
    assert {len(kind) for kind in kinds.values()} == {1}


def test_faults_are_as_many_as_asked_and_spread_evenly() -> None:
    _, planted, _ = make(records=20_000, fault_share=0.02)
    numbers = {entry.record for entry in planted if entry.fault != "no-channel"}
    assert len(numbers) == pytest.approx(400, rel=0.2)
    assert sum(number > 10_000 for number in numbers) == pytest.approx(200, rel=0.25)


def test_every_code_that_a_sender_can_cause_has_a_fault() -> None:
    planted = {code for fault in every_kind(load_schema()) for code in fault.codes}
    # No attribute is required, nothing has another facet or is a date; record-invalid is for what nobody foresaw; and
    # whether a value may name a file is asked only where files are partitioned.
    missing = {"attribute-missing", "value-facet", "record-invalid", "date-offset-dropped", "partition-other"}
    assert set(CATALOGUE) - planted == missing | {"identifier-synthetic", "active-without-channel"}
    # Those two need no fault.
    assert set(make(records=100)[2].totals) == {"identifier-synthetic", "active-without-channel"}


@pytest.mark.parametrize("prefix", ["default", "ns2", "record"])
def test_old_spellings_are_refused_and_listed(prefix: str) -> None:
    schema = load_schema()
    xml, planted, _ = make(records=300, old_spellings=True, prefix=prefix)
    assert refused(xml, schema) == to_be_refused(planted)
    assert {entry.code for entry in planted} == {"old-element-name", "database-null", "active-without-channel"}
    assert b"<ds:X509Certificate>" in xml


# --- other schemas

ADDED = """<xs:element name="{}" minOccurs="{}"><xs:simpleType><xs:restriction base="xs:{}">{}</xs:restriction>
</xs:simpleType></xs:element>"""


def custom_schema(directory: Path, added: str) -> RecordSchema:
    """14-05 with more elements at the end of Person."""
    source = (ROOT / "xsd" / "oppslagstjeneste-metadata-14-05.xsd").read_text(encoding="utf-8")
    head, end, tail = source.partition("    </xs:sequence>\n  </xs:complexType>")
    path = directory / "custom.xsd"
    path.write_text(f"{head}{added}{end}{tail}", encoding="utf-8")
    return load_schema(path)


def test_a_schema_with_added_elements_needs_no_code(tmp_path: Path) -> None:
    added = [
        ADDED.format("Tekst", 1, "string", '<xs:minLength value="3"/><xs:maxLength value="7"/>'),
        ADDED.format("Valg", 0, "string", '<xs:enumeration value="A &amp; B"/><xs:enumeration value="C"/>'),
        *(
            f'<xs:element name="{base.capitalize()}" type="xs:{base}" minOccurs="0"/>'
            for base in ("date", "int", "boolean", "decimal", "dateTime", "hexBinary", "token", "anyURI", "double")
        ),
    ]
    schema = custom_schema(tmp_path, "".join(added))
    for share in (0.0, 0.6):
        xml, planted, _ = make(records=400, schema=schema, fault_share=share)
        assert refused(xml, schema) == to_be_refused(planted)
        present = Counter(str(child.tag).removeprefix(NAMESPACE) for person in records(xml) for child in person)
        assert present["Tekst"] >= 390
        assert 200 < present["Int"] < 400
    assert {"date-offset-dropped", "time-out-of-range"} <= {entry.code for entry in planted}


def test_a_schema_that_lacks_columns_passes_over_them(tmp_path: Path) -> None:
    path = tmp_path / "short.xsd"
    path.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://begrep.difi.no">'
        '<xs:element name="Person"><xs:complexType><xs:sequence>'
        '<xs:element name="personidentifikator" type="xs:string"/>'
        '<xs:element name="kilde"><xs:complexType><xs:simpleContent><xs:extension base="xs:string">'
        '<xs:attribute name="nr" type="xs:int" use="required"/></xs:extension></xs:simpleContent></xs:complexType>'
        "</xs:element></xs:sequence></xs:complexType></xs:element></xs:schema>",
        encoding="utf-8",
    )
    schema = load_schema(path)
    for style in ("default", "ns2", "record"):
        xml, planted, _ = make(records=100, schema=schema, fault_share=0.5, prefix=style)
        assert refused(xml, schema) == to_be_refused(planted)
        assert "attribute-missing" in {entry.code for entry in planted}


def test_a_value_that_cannot_be_made_is_left_out_or_refused(tmp_path: Path) -> None:
    pattern = '<xs:pattern value="[A-Z]{3}"/>'
    schema = custom_schema(tmp_path, ADDED.format("Kode", 0, "string", pattern))
    xml, _, _ = make(records=50, schema=schema)
    assert refused(xml, schema) == set()
    assert b"Kode" not in xml
    with pytest.raises(UsageError, match="Kode"):
        make(records=1, schema=custom_schema(tmp_path, ADDED.format("Kode", 1, "string", pattern)))


@pytest.mark.parametrize(
    "options",
    [{"records": -1}, {"certificates": -1}, {"fault_share": 1.5}, {"exported": datetime(2014, 12, 31, tzinfo=UTC)}],
)
def test_options_out_of_range_are_refused(options: Options) -> None:
    with pytest.raises(UsageError):
        make(**({"records": 1} | options))


# --- the committed samples


def commands() -> list[list[str]]:
    lines = (SAMPLES / "README.md").read_text(encoding="utf-8").splitlines()
    return [shlex.split(line)[2:] for line in lines if line.startswith("krr-export sample ")]


def options_of(arguments: list[str]) -> tuple[Path, SampleOptions]:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--records", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--schema", type=load_schema, default="14-05")
    parser.add_argument("--faults", dest="fault_share", type=lambda text: int(text.rstrip("%")) / 100, default=0.0)
    parser.add_argument("--prefix", default="default")
    parser.add_argument("--naive-times", action="store_true")
    parser.add_argument("--old-spellings", action="store_true")
    options = vars(parser.parse_args(arguments))
    return options.pop("out"), SampleOptions(**options)


@pytest.mark.parametrize("arguments", commands(), ids=lambda arguments: Path(arguments[0]).name)
def test_the_command_in_the_readme_gives_the_committed_sample(arguments: list[str], tmp_path: Path) -> None:
    path, options = options_of(arguments)
    committed, again = SAMPLES / path.name, tmp_path / path.name
    write_sample_file(again, options)
    plain = gzip.decompress if path.suffix == ".gz" else bytes
    assert plain(again.read_bytes()) == plain(committed.read_bytes())
    assert expected_path(again).read_bytes() == expected_path(committed).read_bytes()
    assert committed.stat().st_size <= 100_000


@pytest.mark.parametrize("arguments", commands(), ids=lambda arguments: Path(arguments[0]).name)
def test_libxml2_agrees_with_the_committed_list(arguments: list[str]) -> None:
    path, options = options_of(arguments)
    raw = (SAMPLES / path.name).read_bytes()
    xml = gzip.decompress(raw) if path.suffix == ".gz" else raw
    expected = json.loads(expected_path(SAMPLES / path.name).read_text(encoding="utf-8"))
    planted = [ExpectedFinding(**entry) for entry in expected["findings"]]
    assert refused(xml, options.schema) == to_be_refused(planted)
    assert expected["seen"] == len(records(xml))


@pytest.mark.skipif(shutil.which("xmllint") is None, reason="xmllint is not installed")
@pytest.mark.parametrize("name", ["valid", "prefixed", "naive", "16-02", "faulty"])
def test_xmllint_agrees_about_whole_files(name: str) -> None:
    schema = load_schema("16-02" if name == "16-02" else "14-05")
    command = ["xmllint", "--noout", "--schema", schema.root_xsd, str(SAMPLES / f"{name}.xml")]
    assert (subprocess.run(command, capture_output=True, check=False).returncode == 0) == (name != "faulty")


def test_faulty_xml_holds_every_kind_of_fault() -> None:
    expected = json.loads(expected_path(SAMPLES / "faulty.xml").read_text(encoding="utf-8"))
    listed = {(entry["fault"], entry["field"]) for entry in expected["findings"]}
    assert listed == {(fault.name, fault.field) for fault in every_kind(load_schema())}
    assert len({entry["record"] for entry in expected["findings"]}) < expected["seen"]
    assert set(RULE_NAMES) - {"active-without-channel"} <= set(expected["totals"])
