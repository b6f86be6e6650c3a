"""The rules in a run: planted faults are found, each and only those; --strict refuses; no value is repeated."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import documents
import pyarrow.parquet as pq
import pytest
from conversions import SAMPLES, cut_into
from exports import tiny_xml
from hypothesis import given, settings
from hypothesis import strategies as st

import krr_export
from krr_export.cli.main import main
from krr_export.errors import UsageError
from krr_export.findings.finding import MAX_EXAMPLES
from krr_export.pipeline.read_options import READERS
from krr_export.rules.catalogue import CATALOGUE, DUPLICATE, RULE_NAMES, RULES
from krr_export.schema.record_schema import BUILT_IN
from krr_export.schema.registry import load_schema
from krr_export.synthetic import ExpectedFinding, SampleOptions, write_sample
from krr_export.synthetic.fault_injection import SYNTHETIC

if TYPE_CHECKING:
    from collections.abc import Callable

    from krr_export.synthetic import SampleSummary

pytestmark = pytest.mark.slow

Json = dict[str, Any]

DOCUMENTATION = (Path(__file__).parents[2] / "docs/reference/rules.md").read_text(encoding="utf-8")
FAULTY = SAMPLES / "faulty.xml"


class Sample(NamedTuple):
    """A synthetic export, and what is to be found in it."""

    xml: bytes
    planted: list[ExpectedFinding]
    summary: SampleSummary


def sample(**options: Any) -> Sample:  # noqa: ANN401 - SampleOptions checks them
    out, planted = io.BytesIO(), list[ExpectedFinding]()
    summary = write_sample(out, SampleOptions(**options), planted.append)
    return Sample(out.getvalue(), planted, summary)


def report_of(source: bytes | Path, **options: Any) -> Json:  # noqa: ANN401 - ConvertOptions checks them
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    return krr_export.validate(stream, **{"workers": 0, "max_rejects": "100%", **options}).to_dict()


def by_code(report: Json) -> dict[str, Json]:
    return {finding["code"]: finding for finding in report["findings"]}


# --- each rule is documented, and planted


def test_every_rule_has_its_place_in_the_catalogue_the_documentation_and_the_sample() -> None:
    planted = set[str]()
    for name in ("faulty.xml", "valid.xml"):
        planted |= json.loads((SAMPLES / f"{name}.expected.json").read_text())["totals"].keys()
    columns = {field.name for name in BUILT_IN for field in load_schema(name).fields}
    for rule in RULES:
        assert CATALOGUE[rule.name] is rule.code
        assert rule.code.severity in {"warning", "info"}
        assert f"`{rule.name}`" in DOCUMENTATION
        assert rule.name in planted
        assert set(rule.columns) <= columns
        assert rule.source
    assert len(set(RULE_NAMES)) == len(RULES)


def test_the_documentation_has_of_each_rule_what_the_program_judges_by() -> None:
    rows = [line.strip("| ").split(" | ") for line in DOCUMENTATION.splitlines() if line.startswith("| `")]
    documented = {row[0].strip("`"): row[1:] for row in rows}
    assert list(documented) == list(RULE_NAMES)
    for rule in RULES:
        severity, means, fix, source, reads = documented[rule.name]
        assert (severity, means, fix, source) == (rule.code.severity, rule.code.text, rule.code.fix, rule.source)
        assert re.findall("`([a-z0-9_]+)`", reads) == list(rule.columns)


@pytest.mark.parametrize("stale", ["| warning |", "identifier-date", "`mobiltelefonnummer`", "RFC 5280"])
def test_documentation_that_no_longer_says_what_the_rules_are_is_seen(stale: str) -> None:
    assert documents.remade(DOCUMENTATION) == DOCUMENTATION, "run: make docs"
    changed = DOCUMENTATION.replace(stale, "| something else |", 1)
    assert changed != DOCUMENTATION
    assert documents.remade(changed) == DOCUMENTATION


@pytest.mark.parametrize("version", BUILT_IN)
def test_a_sample_with_faults_that_anyone_makes_breaks_every_rule(version: str, tmp_path: Path) -> None:
    made = tmp_path / "export.xml"
    assert main(["sample", str(made), "--records", "300", "--faults", "40%", "--schema", version, "-q"]) == 0
    expected = json.loads((tmp_path / "export.xml.expected.json").read_text())
    assert {name for name in RULE_NAMES if expected["totals"].get(name, {"records": 0})["records"] < 1} == set()
    faults = {entry["code"] for entry in expected["findings"]}
    assert set(RULE_NAMES) - faults == {SYNTHETIC}, "of every person, so it is counted and not listed"


def test_the_catalogue_begins_with_the_gravest() -> None:
    severities = [code.severity for code in CATALOGUE.values()]
    assert severities == sorted(severities, key=["reject", "warning", "info"].index)


# --- each and only those


@pytest.mark.parametrize("version", BUILT_IN)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "changes", [{}, {"prefix": "ns2", "naive_times": True}, {"indent": False, "comments": True}, {"certificates": 0}]
)
def test_planted_faults_are_found_each_and_only_those(
    version: str, reader: str, changes: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into(monkeypatch, 50_000)
    xml, planted, summary = sample(records=900, seed=4, schema=load_schema(version), fault_share=0.4, **changes)
    found = by_code(report_of(xml, schema=version, reader=reader))
    assert {code: (one["count"], one["records"]) for code, one in found.items()} == {
        code: (total.findings, total.records) for code, total in summary.totals.items()
    }
    expected: dict[str, list[tuple[int, str | None]]] = {}
    for entry in planted:
        expected.setdefault(entry.code, []).append((entry.record, entry.field))
    for code in set(RULE_NAMES) - {DUPLICATE, SYNTHETIC}:
        shown = [(example["record"], example["field"]) for example in found[code]["examples"]]
        assert shown == expected[code][:MAX_EXAMPLES]
        assert found[code]["fields"] == Counter(field for _, field in expected[code])


def test_without_faults_nothing_is_found_but_what_is_true() -> None:
    for certificates in (6, 700):
        found = by_code(report_of(sample(records=4000, certificates=certificates).xml))
        assert set(found) == {"identifier-synthetic", "active-without-channel"}
        assert found["identifier-synthetic"]["records"] == 4000


def test_without_rules_nothing_is_judged_and_the_profile_stays() -> None:
    report = report_of(FAULTY, rules=False)
    assert not set(by_code(report)) & set(RULE_NAMES)
    assert report["profile"]["records"] == 42


def test_an_export_that_is_only_read_is_not_judged_unless_asked() -> None:
    with krr_export.open_export(FAULTY, workers=0) as export:
        codes = {notice.code for result in export.results() for notice in result.notices}
    assert codes
    assert not codes & set(RULE_NAMES)


# --- examples are masked


@settings(deadline=None)
@given(
    values=st.fixed_dictionaries(
        {
            "identifier": st.text("0123456789X", min_size=11, max_size=11),
            "mobile": st.text("0123456789+- _abc", min_size=8, max_size=20),
            "email": st.text("abcdefgh@.()", min_size=9, max_size=30),
            "address": st.text("0123456789abc#.", min_size=9, max_size=30),
            "provider": st.text("0123456789", min_size=9, max_size=9),
        }
    )
)
def test_nothing_of_a_value_is_in_what_is_said(values: dict[str, str]) -> None:
    person = (
        f"<Person><personidentifikator>{values['identifier']}</personidentifikator><status>SLETTET</status>"
        f"<Kontaktinformasjon><Mobiltelefonnummer>{values['mobile']}</Mobiltelefonnummer>"
        f"<Epostadresse>{values['email']}</Epostadresse></Kontaktinformasjon>"
        f"<SikkerDigitalPostAdresse><postkasseadresse>{values['address']}</postkasseadresse>"
        f"<postkasseleverandoerAdresse>{values['provider']}</postkasseleverandoerAdresse></SikkerDigitalPostAdresse>"
        "</Person>"
    )
    report = krr_export.validate(
        io.BytesIO(tiny_xml.export(person)), workers=0, strict=tuple(RULE_NAMES), max_rejects=1
    )
    assert report.counts.rejected == 1
    said = [json.dumps(finding, ensure_ascii=False) for finding in report.to_dict()["findings"]]
    said += list(report.summary(verbose=True))
    assert [value for value in values.values() if any(value in line for line in said)] == []


def test_the_detail_of_an_example_is_a_kind_and_a_length() -> None:
    found = by_code(report_of(SAMPLES / "valid.xml")) | by_code(report_of(FAULTY))
    details = {code: found[code]["examples"][0]["detail"] for code in RULE_NAMES if code != DUPLICATE}
    assert details["identifier-check-digits"] == "11 characters, digits"
    assert details["email-syntax"] == "17 characters, mixed"
    assert details["time-after-export"] == "a time"
    assert details["certificate-unreadable"] == "16 octets"
    assert details["active-without-channel"] == "5 characters, letters"
    kinds = r"\d+ characters, (digits|letters|letters and digits|mixed)|\d+ octets|a time"
    assert [detail for detail in details.values() if not re.fullmatch(kinds, detail)] == []


# --- strict


def test_strict_refuses_what_breaks_the_rule_with_its_bytes_and_its_reason(tmp_path: Path) -> None:
    strict = ("email-syntax", "inactive-with-contact", "certificate-expired")
    result = krr_export.convert(FAULTY, tmp_path, workers=0, max_rejects="100%", strict=strict)
    assert result.report is not None
    report = result.report.to_dict()
    expected = json.loads((SAMPLES / "faulty.xml.expected.json").read_text())
    refused = {entry["record"]: entry for entry in expected["findings"] if entry["code"] in strict}
    assert len(refused) == 3
    assert report["counts"]["rejected"] == expected["rejected"] + 3
    assert report["limits"]["strict"] == sorted(strict)
    rejects = pq.read_table(result.path / "rejects").to_pylist()
    assert [row["radnummer"] for row in rejects] == sorted(row["radnummer"] for row in rejects)
    raw = FAULTY.read_bytes()
    for row in rejects:
        if (entry := refused.pop(row["radnummer"], None)) is None:
            assert not set(row["codes"]) & set(RULE_NAMES)
            continue
        assert row["codes"] == [entry["code"]]
        [message] = row["messages"]
        assert message.startswith(f"{entry['field']}: ")
        assert raw[row["byte_offset"] :].startswith(row["record"])
        assert row["record"].startswith(b"<Person>")
        assert row["record"].endswith(b"</Person>")
        assert raw[: row["byte_offset"]].count(b"\n") + 1 == row["line"]
    assert refused == {}
    accepted = set(pq.read_table(result.path / "person")["radnummer"].to_pylist())
    assert accepted.isdisjoint(row["radnummer"] for row in rejects)
    assert len(accepted) + len(rejects) == expected["seen"]


def test_findings_of_strict_rules_are_rejects_and_come_first() -> None:
    report = report_of(FAULTY, strict="email-syntax", max_rejects="100%")
    severities = {finding["code"]: finding["severity"] for finding in report["findings"]}
    assert severities["email-syntax"] == "reject"
    assert severities["mobile-pattern"] == "warning"
    order = [["reject", "warning", "info"].index(severity) for severity in severities.values()]
    assert order == sorted(order)


def test_a_record_that_breaks_several_strict_rules_is_refused_once_for_all_of_them(tmp_path: Path) -> None:
    person = tiny_xml.person(tiny_xml.contact("x@y"), identifier="0385159873X")
    strict = ("identifier-not-digits,email-syntax",)
    result = krr_export.convert(io.BytesIO(tiny_xml.export(person)), tmp_path, strict=strict, workers=0)
    assert (result.outcome, result.exit_code) == ("too-many-rejects", 1)
    assert "most often identifier-not-digits (1)" in result.message
    [row] = pq.read_table(result.path / "rejects").to_pylist()
    assert row["codes"] == ["identifier-not-digits", "email-syntax"]
    assert row["record"] == person.encode()


def test_the_reason_that_most_records_are_refused_for_is_told_though_it_is_not_the_first(tmp_path: Path) -> None:
    times = 'sistOppdatert="x" sistVerifisert="x"'
    people = [
        tiny_xml.person(tiny_xml.contact("x@y", attributes=times)),
        *(tiny_xml.person(tiny_xml.contact("x@y"), identifier=number) for number in ("0385159873X", "41819077302")),
    ]
    result = krr_export.convert(
        io.BytesIO(tiny_xml.export(*people)), tmp_path, strict=["identifier-not-digits,email-syntax"], workers=0
    )
    assert result.report is not None
    found = {finding.code: (finding.count, finding.records) for finding in result.report.findings}
    assert {"value-type": (2, 1), "email-syntax": (2, 2)}.items() <= found.items()
    assert list(found).index("email-syntax") == 2
    assert "most often email-syntax (2): " in result.message


@pytest.mark.parametrize("strict", [("identifier-synthetic",), ("mobile-pattern", "verified-before-updated")])
def test_strict_gives_the_same_by_all_readers_workers_and_blocks(
    strict: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "export.xml"
    source.write_bytes(sample(records=400, seed=9, fault_share=0.3).xml)
    seen = []
    for number, (reader, workers, size) in enumerate(
        [("auto", 0, 1 << 22), ("iterparse", 0, 20_000), ("auto", 0, 3000), ("auto", 2, 20_000), ("iterparse", 1, 9000)]
    ):
        cut_into(monkeypatch, size)
        store = tmp_path / str(number)
        options: Json = {"reader": reader, "workers": workers, "strict": strict, "max_rejects": "100%"}
        result = krr_export.convert(source, store, **options)
        assert result.report is not None
        report = result.report.to_dict()
        assert report["counts"]["rejected"] > 60
        data = [path.read_bytes() for path in sorted(result.path.glob("*/*.parquet"))]
        seen.append((data, report["findings"], report["profile"], report["counts"]))
    assert all(other == seen[0] for other in seen[1:])


def test_the_profile_is_of_the_records_that_are_still_accepted() -> None:
    report = report_of(FAULTY, strict="mobile-pattern")
    assert report["profile"]["records"] == report["counts"]["written"]


def test_duplicates_are_counted_across_blocks_and_refuse_the_export_where_asked(
    export: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into(monkeypatch, 300)
    document = export(*[tiny_xml.person()] * 5, tiny_xml.person(identifier="41819077302"), "<Person/>")
    finding = by_code(report_of(document))[DUPLICATE]
    assert (finding["severity"], finding["count"], finding["records"], finding["examples"]) == ("warning", 4, 4, [])
    assert finding["fields"] == {"personidentifikator": 4}
    report = report_of(document, strict=DUPLICATE)
    assert (report["outcome"], by_code(report)[DUPLICATE]["severity"]) == ("duplicates", "warning"), (
        "no record is refused"
    )
    result = krr_export.convert(io.BytesIO(document), tmp_path, workers=0, strict=[DUPLICATE], max_rejects=1)
    assert (result.outcome, result.exit_code, result.published) == ("duplicates", 1, False)
    assert result.path.parent == tmp_path / ".failed"
    assert "4 records with an identity number that came before" in result.message
    assert not (tmp_path / "latest").exists()
    unique = export(tiny_xml.person(), tiny_xml.person(identifier="41819077302"))
    assert krr_export.convert(io.BytesIO(unique), tmp_path, workers=0, strict=[DUPLICATE]).published


def test_what_a_strict_rule_refuses_is_no_duplicate() -> None:
    document = tiny_xml.export(
        tiny_xml.person(tiny_xml.contact("x@y")), tiny_xml.person(), tiny_xml.person(tiny_xml.contact("x@y"))
    )
    assert by_code(report_of(document))[DUPLICATE]["records"] == 2
    found = by_code(report_of(document, strict=("email-syntax", DUPLICATE)))
    assert found["email-syntax"]["records"] == 2
    assert DUPLICATE not in found


def test_strict_is_part_of_what_makes_the_result(tmp_path: Path) -> None:
    def outcome(**options: Any) -> str:  # noqa: ANN401 - ConvertOptions checks them
        return krr_export.convert(SAMPLES / "valid.xml", tmp_path, workers=0, **options).outcome

    assert [outcome(), outcome()] == ["published", "unchanged"]
    with pytest.raises(krr_export.GuardError, match="already"):
        outcome(rules=False)  # other findings
    with pytest.raises(krr_export.GuardError, match="already"):
        outcome(strict="email-syntax")
    assert outcome(strict="email-syntax", replace=True) == "published"
    assert outcome(strict=["email-syntax"]) == "unchanged"


def test_the_command_line_knows_strict_and_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = str(tmp_path / "store")
    assert main(["convert", str(FAULTY), store, "--max-rejects", "53", "--strict", "email-syntax", "-q"]) == 0
    assert main(["validate", str(SAMPLES / "valid.xml"), "--strict", f"{SYNTHETIC},email-syntax"]) == 1
    said = capsys.readouterr().err
    assert re.search(r"^reject    \S+ identifier-synthetic: +40 in +40 records", said, re.MULTILINE), said
    assert main(["validate", str(SAMPLES / "valid.xml"), "--no-rules"]) == 0
    assert SYNTHETIC not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"strict": "email"}, "--strict email: there is no such rule"),
        ({"strict": "value-length"}, "--strict value-length: there is no such rule"),
        ({"strict": "email-syntax,"}, "--strict has an empty name"),
        ({"strict": "email-syntax", "rules": False}, "--strict asks for rules, and --no-rules for none"),
    ],
)
def test_strict_names_rules_that_there_are(options: Json, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        report_of(FAULTY, **options)


def test_columns_of_other_types_than_the_register_s_are_no_fault(tmp_path: Path) -> None:
    leaf = '<xs:element name="{}" type="xs:{}" minOccurs="0"/>'
    names = (
        "Status",
        "Mobiltelefonnummer",
        "Epostadresse",
        "Postkasseadresse",
        "PostkasseleverandoerAdresse",
        "X509Sertifikat",
    )
    types = ("string", "int", "date", "boolean", "double", "string")
    elements = "".join(leaf.format(*pair) for pair in zip(names, types, strict=True))
    path = tmp_path / "own.xsd"
    path.write_text(
        f"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{tiny_xml.PERSONS}"
        elementFormDefault="qualified"><xs:element name="Person"><xs:complexType><xs:sequence>
        <xs:element name="Personidentifikator" type="xs:long"/>{elements}
        </xs:sequence></xs:complexType></xs:element></xs:schema>"""
    )
    values = ("SLETTET", "42000000", "2020-01-01", "true", "1.5", "tekst")
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in zip(names, values, strict=True))
    person = f"<Person><Personidentifikator>3851598730</Personidentifikator>{inner}</Person>"
    export = tiny_xml.export(person, person, person.replace("42000000", "42000001"))
    for reader in ("auto", "iterparse"):
        found = by_code(report_of(export, schema=path, reader=reader, strict="inactive-with-mailbox"))
        assert set(found) == {"inactive-with-contact", "inactive-with-mailbox", "inactive-with-certificate"}
        assert {one["records"] for one in found.values()} == {3}
        assert {example["detail"] for example in found["inactive-with-contact"]["examples"]} == {"a value"}


# --- krr-export rules


def test_the_rules_are_shown_as_a_table_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules"]) == 0
    shown = capsys.readouterr()
    words = " ".join(shown.out.split())
    for rule in RULES:
        assert f"{rule.code.severity} {rule.name} {rule.code.text} to do: {rule.code.fix}" in words
        assert f"source: {rule.source} reads: {', '.join(rule.columns)}" in words
    assert shown.err.splitlines()[-1].startswith(f"krr-export: {len(RULES)} rules: ")
    assert main(["rules", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["code"] for entry in listed] == list(RULE_NAMES)
    assert {tuple(entry) for entry in listed} == {
        ("code", "severity", "text", "fix", "source", "columns", "strict_refuses")
    }
    assert [entry["code"] for entry in listed if entry["strict_refuses"] == "export"] == [DUPLICATE]
    assert "strict: refuses the whole export" in words.partition(f" {DUPLICATE} ")[2].partition(" info ")[0]
