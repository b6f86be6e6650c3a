"""The report's other formats: valid by their schemas, read by others, and holding what the report holds and no more."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import command
import junitparser
import pages
import pytest
from conversions import NAMES, PERSONAL, SAMPLES, content, read_naively, version
from exports import tiny_xml
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from markdown_it import MarkdownIt

import krr_export
from krr_export.errors import UsageError
from krr_export.reporting.formats import FORMATS, SUFFIXES, format_for, render_report
from krr_export.schema.registry import load_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from command import Ran

    Krr = Callable[..., Ran]

Json = dict[str, Any]

STRANGE = 'e|x`p*o_r~t <b>&amp; [a](http://x.no) "1"\\ # @ola :\U0001f600\x07\u2028'
"""A name that means something in every format, and holds what XML cannot write."""

JUNIT_XSD = etree.XMLSchema(
    etree.fromstring(b"""
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="testsuites"><xs:complexType><xs:sequence>
    <xs:element name="testsuite" maxOccurs="unbounded"><xs:complexType>
      <xs:sequence>
        <xs:element name="properties"><xs:complexType><xs:sequence>
          <xs:element name="property" minOccurs="0" maxOccurs="unbounded"><xs:complexType>
            <xs:attribute name="name" type="name" use="required"/>
            <xs:attribute name="value" type="xs:string" use="required"/>
          </xs:complexType></xs:element>
        </xs:sequence></xs:complexType></xs:element>
        <xs:element name="testcase" minOccurs="0" maxOccurs="unbounded"><xs:complexType>
          <xs:choice minOccurs="0">
            <xs:element name="skipped"/><xs:element name="error" type="fault"/><xs:element name="failure" type="fault"/>
          </xs:choice>
          <xs:attribute name="name" type="name" use="required"/>
          <xs:attribute name="classname" type="name" use="required"/>
          <xs:attribute name="time" type="xs:decimal" use="required"/>
        </xs:complexType></xs:element>
        <xs:element name="system-out" type="xs:string"/>
        <xs:element name="system-err" type="xs:string"/>
      </xs:sequence>
      <xs:attribute name="name" type="name" use="required"/>
      <xs:attribute name="package" type="name" use="required"/>
      <xs:attribute name="hostname" type="name" use="required"/>
      <xs:attribute name="id" type="xs:int" use="required"/>
      <xs:attribute name="tests" type="xs:int" use="required"/>
      <xs:attribute name="failures" type="xs:int" use="required"/>
      <xs:attribute name="errors" type="xs:int" use="required"/>
      <xs:attribute name="skipped" type="xs:int"/>
      <xs:attribute name="time" type="xs:decimal" use="required"/>
      <xs:attribute name="timestamp" use="required"><xs:simpleType><xs:restriction base="xs:dateTime">
        <xs:pattern value="[-0-9]{10}T[:0-9]{8}"/>
      </xs:restriction></xs:simpleType></xs:attribute>
    </xs:complexType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
  <xs:complexType name="fault"><xs:simpleContent><xs:extension base="xs:string">
    <xs:attribute name="message" type="xs:string"/><xs:attribute name="type" type="xs:string" use="required"/>
  </xs:extension></xs:simpleContent></xs:complexType>
  <xs:simpleType name="name"><xs:restriction base="xs:string">
    <xs:pattern value="[^\\s]+( [^\\s]+)*"/>
  </xs:restriction></xs:simpleType>
</xs:schema>""")
)
"""What the schema of Apache Ant's reports asks, which is the stricter of the two in use (windyroad/JUnit-Schema)."""


def validated(name: str, **options: Any) -> Json:  # noqa: ANN401 - ConvertOptions checks them
    """The report of a sample's validation, as report.json has it."""
    return krr_export.validate(SAMPLES / name, schema=version(name), workers=0, **options).to_dict()


def rendered(report: Json, name: str) -> str:
    """The same in another format."""
    return render_report(pages.typed(report), name)


def converted(store: Path, records: int, day: int = 1, **options: Any) -> Json:  # noqa: ANN401 - as above
    """The report of a conversion, with what the guard says."""
    attributes = f'eksportTidspunkt="2026-03-{day:02}T04:30:00+01:00" senesteEndringsNummer="7"'
    root = f'et:Kontaktregister xmlns:et="{tiny_xml.EXPORT}" xmlns="{tiny_xml.PERSONS}" {attributes}'
    source = io.BytesIO(tiny_xml.export(*[tiny_xml.person()] * records, root=root))
    report = krr_export.convert(source, store, **{"workers": 0, **options}).report
    assert report is not None
    return report.to_dict()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Json]:
    """A report of every outcome, and odd ones."""
    store = tmp_path_factory.mktemp("store")
    strange = validated("faulty.xml")
    strange["source"]["name"] = STRANGE
    return {
        "valid": validated("valid.xml"),
        "rejects": validated("faulty.xml"),
        "rejects within the limit": validated("faulty.xml", max_rejects="100%"),
        "warnings": validated("naive.xml", max_rejects="100%"),
        "published": converted(store, 500),
        "duplicates": converted(store, 2, 9, strict="identifier-duplicate"),
        "guard": converted(store, 200, 2),
        "accepted differences": converted(store, 200, 2, guard=False),
        "partial": converted(store, 500, 3, limit=2),
        "empty": converted(store, 0, 4),
        "strange": strange,
        "gzip": validated("valid.xml.gz"),
        "16-02": validated("16-02.xml", max_rejects="100%"),
    }


CASES = (
    "valid", "rejects", "rejects within the limit", "warnings", "published", "duplicates", "guard",
    "accepted differences", "partial", "empty", "strange", "gzip", "16-02",
)  # fmt: skip
ACCEPTED = {
    "valid", "rejects within the limit", "warnings", "published", "accepted differences", "partial", "gzip", "16-02",
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_every_report_is_text_that_ends_in_one_line_feed(
    name: str, case: str, reports: dict[str, Json]
) -> None:
    text = rendered(reports[case], name)
    assert text.encode()
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert rendered(json.loads(json.dumps(reports[case])), name) == text, "from report.json as it lies"


def test_json_is_the_report_itself(reports: dict[str, Json]) -> None:
    assert json.loads(rendered(reports["rejects"], "json")) == reports["rejects"]


def test_text_is_the_summary_of_the_run_and_commands_no_terminal(reports: dict[str, Json]) -> None:
    assert rendered(reports["guard"], "text").splitlines() == [*pages.typed(reports["guard"]).summary()]
    strange = reports["strange"] | {"source": reports["strange"]["source"] | {"name": "\x1b]0;gone\x07\u202e.xml"}}
    text = rendered(strange, "text")
    assert "]0;gone" in text
    assert all(line.isprintable() for line in text.splitlines())


def test_on_a_terminal_report_prints_text_and_into_a_pipe_the_page(krr: Krr, tmp_path: Path) -> None:
    krr_export.convert(SAMPLES / "valid.xml", tmp_path / "store", workers=0)
    program = [sys.executable, "-m", "krr_export", "report", str(tmp_path / "store" / "latest")]
    leader, follower = pty.openpty()
    ran = subprocess.run(program, stdout=follower, stderr=subprocess.PIPE, check=False, timeout=command.HANG)
    os.close(follower)
    assert ran.returncode == 0
    assert os.read(leader, 1 << 16).startswith(b"export    valid.xml: ")
    os.close(leader)
    assert krr("report", tmp_path / "store" / "latest").out.startswith("<!doctype html>")


# JUnit


def suite(report: Json) -> etree._Element:
    document = etree.fromstring(rendered(report, "junit").encode())
    JUNIT_XSD.assertValid(document)
    (only,) = document
    return only


@pytest.mark.parametrize("case", CASES)
def test_junit_is_valid_and_fails_exactly_where_the_export_was_not_accepted(
    case: str, reports: dict[str, Json]
) -> None:
    written = suite(reports[case])
    failures = written.findall("testcase/failure")
    assert (written.get("tests"), written.get("failures")) == (
        str(len(written.findall("testcase"))),
        str(len(failures)),
    )
    assert bool(failures) is (case not in ACCEPTED)


@pytest.mark.parametrize("case", CASES)
def test_junit_is_read_by_junitparser_with_a_test_for_each_finding_and_difference(
    case: str, reports: dict[str, Json]
) -> None:
    (read,) = junitparser.JUnitXml.fromstring(rendered(reports[case], "junit").encode())
    tests = {(test.classname, test.name): test for test in read}
    findings = {name for group, name in tests if group == "krr-export.findings"}
    assert findings == {finding["code"] for finding in reports[case]["findings"]}
    differences = (reports[case]["guard"] or {"differences": []})["differences"]
    assert len([group for group, _ in tests if group == "krr-export.guard"]) == len(differences)
    assert len(tests) == 1 + len(findings) + len(differences)
    properties = {item.get("name"): item.get("value") for item in suite(reports[case]).iterfind("properties/property")}
    assert properties["rejected"] == str(reports[case]["counts"]["rejected"])
    assert properties["seneste_endringsnummer"] == str(reports[case]["header"]["seneste_endringsnummer"])


def test_a_reason_for_refusing_fails_with_its_places_and_what_to_do(reports: dict[str, Json]) -> None:
    report = reports["rejects"]
    for finding in report["findings"]:
        (test,) = (case for case in suite(report).findall("testcase") if case.get("name") == finding["code"])
        failure = test.find("failure")
        assert (failure is not None) is (finding["severity"] == "reject")
        if failure is not None:
            assert finding["fix"] in (failure.text or "")
            lines = re.findall(r"^faulty\.xml:(\d+): record", failure.text or "", re.MULTILINE)
            assert lines == [str(example["line"]) for example in finding["examples"]]


def test_one_record_is_one_record_in_words(tmp_path: Path) -> None:
    report = converted(tmp_path, 1)
    for name in ("junit", "markdown"):
        text = rendered(report, name)
        assert "1 record" in text, name
        assert "1 records" not in text, name


def test_what_did_not_fail_is_told_all_the_same(reports: dict[str, Json]) -> None:
    said = suite(reports["rejects within the limit"]).findtext("system-out") or ""
    for finding in reports["rejects within the limit"]["findings"]:
        assert f"{finding['code']}\n{finding['severity']}: {finding['text']}" in said


def test_duplicates_that_are_not_allowed_are_the_one_reason(reports: dict[str, Json]) -> None:
    assert reports["duplicates"]["outcome"] == "duplicates"
    failed = [case.get("name") for case in suite(reports["duplicates"]).findall("testcase") if len(case)]
    assert failed == ["accepted", "identifier-duplicate"]


# Markdown


def tables(text: str) -> Iterator[list[list[str]]]:
    """The tables as a parser of GitHub's Markdown reads them: rows of cells, as text."""
    rows: list[list[str]] = []
    tokens = MarkdownIt("gfm-like").parse(text)
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "table_open":
            rows = []
        elif token.type == "tr_open":
            rows.append([])
        elif token.type in {"td_open", "th_open"}:
            assert following is not None
            kinds = {child.type for child in following.children or []}
            assert kinds <= {"text", "text_special"}, "a cell holds text and no markup"
            rows[-1].append("".join(child.content for child in following.children or []))
        elif token.type == "table_close":
            yield rows


@pytest.mark.parametrize("case", CASES)
def test_markdown_has_well_formed_tables_that_hold_the_report(case: str, reports: dict[str, Json]) -> None:
    report = reports[case]
    found = [*tables(rendered(report, "markdown"))]
    for rows in found:
        assert {len(row) for row in rows} == {len(rows[0])}
    facts = dict(found[0])
    assert facts["records seen"].replace(" ", "") == str(report["counts"]["seen"])
    assert facts["change number"] == str(report["header"]["seneste_endringsnummer"])
    by_head = {tuple(rows[0]): rows[1:] for rows in found[1:]}
    findings = by_head.pop(("severity", "code", "records", "findings", "it means", "what to do"), [])
    assert [(row[0], row[1], row[4], row[5]) for row in findings] == [
        (finding["severity"], finding["code"], finding["text"], finding["fix"]) for finding in report["findings"]
    ]
    assert [int(row[3].replace(" ", "")) for row in findings] == [f["count"] for f in report["findings"]]
    differences = by_head.pop(("differs by more than it may", "to accept it"), [])
    guard = report["guard"] or {"differences": []}
    assert differences == [[difference["text"], difference["accept"]] for difference in guard["differences"]]
    examples = by_head.pop(("code", "where", "what"), [])
    assert len(examples) == sum(min(3, len(finding["examples"])) for finding in report["findings"])
    assert by_head == {}


def test_markdown_shows_a_strange_name_as_it_is(reports: dict[str, Json]) -> None:
    text = rendered(reports["strange"], "markdown")
    html = MarkdownIt("gfm-like").render(text)
    shown = re.sub(r"[\x07\u2028]", " ", STRANGE).rstrip()
    for markup, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        shown = shown.replace(markup, written)
    assert f"<h2>❌ {shown}</h2>" in html
    assert set(re.findall(r"<(\w+)", html)) == {"h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td"}


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=40))
def test_any_text_in_markdown_is_that_text(name: str) -> None:
    report = pages.report()
    report["source"]["name"] = name
    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    heading = markdown.parse(rendered(report, "markdown"))[1]
    assert {child.type for child in heading.children or []} <= {"text", "text_special"}
    assert "".join(child.content for child in heading.children or []) == f"✅ {name}"


def test_markdown_is_read_by_people_too(reports: dict[str, Json]) -> None:
    text = rendered(reports["rejects"], "markdown")
    assert "refused: 52 of 94 records rejected, more than --max-rejects 0 allows" in text
    assert "faulty.xml:25" in text
    assert f"| export made | {reports['rejects']['header']['eksport_tidspunkt']} |" in text
    linked = pages.report(source={**pages.report()["source"], "name": "www.x.no http://x.no @ola #12 $x$ :tada:"})
    assert r"www\.x.no http\://x.no \@ola \#12 \$x\$ \:tada:" in rendered(linked, "markdown")


@pytest.mark.parametrize(("case", "mark"), [("valid", "✅"), ("guard", "❌"), ("empty", "❌"), ("published", "✅")])
def test_markdown_begins_with_the_outcome(case: str, mark: str, reports: dict[str, Json]) -> None:
    first, _, outcome = rendered(reports[case], "markdown").splitlines()[:3]
    assert first.startswith(f"## {mark} ")
    assert outcome.startswith("refused" if mark == "❌" else reports[case]["outcome"])


# In all


@pytest.mark.parametrize("sample", NAMES)
@pytest.mark.parametrize("name", FORMATS)
def test_no_personal_value_is_in_any_format(name: str, sample: str) -> None:
    text = rendered(validated(sample), name)
    records = read_naively(content(SAMPLES / sample), load_schema(version(sample)))
    values = {str(record.values[column] or "") for record in records for column in PERSONAL}
    telling = [value for value in values if len(value) > 4]  # a planted value that is too short is in any number
    assert len(telling) > 20
    assert [value for value in telling if value in text] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.json", "json"), ("a.XML", "junit"), ("a.md", "markdown"),
        ("a.pdf", None), ("a", None), ("", None),
    ],
)  # fmt: skip
def test_a_file_name_says_its_format(name: str, expected: str | None) -> None:
    assert format_for(name) == expected
    assert set(SUFFIXES.values()) <= {*FORMATS, "html"}


def test_another_format_is_refused(reports: dict[str, Json]) -> None:
    with pytest.raises(UsageError, match="no report format pdf"):
        rendered(reports["valid"], "pdf")


# By command


@pytest.mark.parametrize(
    ("file", "asked", "begins"),
    [
        ("report.xml", (), "<?xml"),
        ("report.md", (), "## ❌"),
        ("report.json", (), "{\n  \"report_version\""),
        ("report.json", ("--report-format", "markdown"), "## ❌"),
        ("report", ("--report-format", "junit"), "<?xml"),
        ("-", ("--report-format", "markdown"), "## ❌"),
        ("-", (), "{\n  \"report_version\""),
    ],
)  # fmt: skip
def test_validate_writes_the_format_that_is_asked_for(
    krr: Krr, tmp_path: Path, file: str, asked: tuple[str, ...], begins: str
) -> None:
    path = file if file == "-" else str(tmp_path / file)
    ran = krr("validate", SAMPLES / "faulty.xml", "--workers", "0", "--report", path, *asked)
    assert ran.code == 1
    assert (ran.out if file == "-" else (tmp_path / file).read_text()).startswith(begins)


@pytest.mark.parametrize(
    "arguments",
    [("--report", "report.pdf"), ("--report", "report"), ("--report-format", "junit"), ("--report-format", "pdf")],
)
def test_a_format_that_nothing_names_is_wrong_usage(krr: Krr, arguments: tuple[str, ...]) -> None:
    assert krr("validate", SAMPLES / "valid.xml", *arguments).code == 2
