"""The table findings says, row by row, what the report counts; the judge is DuckDB, over the files alone."""

from __future__ import annotations

import shutil
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet as pq
import pytest
from conversions import cut_into
from exports.tiny_xml import contact, export, person
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html
from register import UPDATED, Register, State

import krr_export
from krr_export.errors import GuardError
from krr_export.findings.codes import PARTITION_OTHER
from krr_export.jobs.changes.apply import apply
from krr_export.jobs.changes.apply_from_zero import apply_from_zero
from krr_export.jobs.changes.apply_options import ApplyOptions
from krr_export.jobs.history import history
from krr_export.jobs.options import ConvertOptions
from krr_export.output.manifest import read_manifest
from krr_export.output.verification import verify
from krr_export.pipeline.findings_table import FINDINGS_SCHEMA
from krr_export.synthetic import SampleOptions, write_sample

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.jobs.convert_result import ConvertResult
    from krr_export.reporting.report import Report

AMBIGUOUS = 'sistOppdatert="2013-10-27T02:30:00" sistVerifisert="2013-10-27T02:30:00.1234567"'
RECORDS = [
    person(),
    person(identifier="41819077302"),
    person(identifier="03851598731"),
    person(identifier="0385159873X"),
    person(contact("x@y")),
    person(contact("x@y", AMBIGUOUS)),
    person(contact("ola&#64;example.no", 'sistOppdatert="1999-01-01T24:00:00"')),
    person(contact(attributes='sistOppdatert="2999-01-01T00:00:00Z"'), "<status>SLETTET</status>"),
    "<Person/>",
]
KEY = ["radnummer", "code", "field"]


def loaded(store: Path, document: bytes, **options: Any) -> ConvertResult:  # noqa: ANN401 - those of convert
    return krr_export.convert(BytesIO(document), store, **{"max_rejects": "100%", "workers": 0, **options})


def sample(**options: Any) -> bytes:  # noqa: ANN401 - SampleOptions checks them
    out = BytesIO()
    write_sample(out, SampleOptions(400, seed=5, **options))
    return out.getvalue()


@cache
def database() -> duckdb.DuckDBPyConnection:
    """A database for all questions: one takes longer to open than to ask."""
    return duckdb.connect()


def asked(snapshot: Path, query: str) -> list[Any]:
    """What DuckDB says of the tables of a snapshot."""
    for table in ("person", "rejects", "findings"):
        files = f"SELECT * FROM read_parquet('{snapshot}/{table}/*.parquet')"  # noqa: S608 - a directory of this test
        database().execute(f"CREATE OR REPLACE VIEW {table} AS {files}")
    return database().execute(query).fetchall()


def check(snapshot: Path, report: Report) -> None:
    """Compare a snapshot's tables with its report."""
    counted = {
        (one.code, one.severity, field): count
        for one in report.findings
        if one.severity != "reject" and one.code != PARTITION_OTHER
        for field, count in one.fields.items()
    }
    by_field = asked(snapshot, "SELECT code, severity, field, count(*) FROM findings GROUP BY ALL")
    assert {(code, severity, field): count for code, severity, field, count in by_field} == counted
    records = asked(snapshot, "SELECT code, count(DISTINCT radnummer) FROM findings GROUP BY ALL")
    rejects = asked(
        snapshot, "SELECT code, count(DISTINCT radnummer) FROM (SELECT radnummer, unnest(codes) AS code FROM rejects)"
        " GROUP BY ALL"
    )  # fmt: skip
    assert dict([*records, *rejects]) == {
        one.code: one.records for one in report.findings if one.code != PARTITION_OTHER
    }
    [numbers] = asked(
        snapshot,
        "WITH warned AS (SELECT DISTINCT radnummer FROM findings WHERE severity = 'warning')"
        " SELECT (SELECT count(*) FROM warned),"
        " (SELECT count(*) FROM (SELECT radnummer FROM warned UNION SELECT radnummer FROM rejects))",
    )
    assert numbers == (report.warned, report.rejected_or_warned)


def check_order(snapshot: Path) -> None:
    table = pq.read_table(snapshot / "findings")
    assert table.schema.equals(FINDINGS_SCHEMA)
    rows = table.select(KEY).to_pylist()
    keys = [(row["code"] == "identifier-duplicate", *(row[name] for name in KEY)) for row in rows]
    assert keys == sorted(keys), "those that are known only at the end come last"
    assert len({*keys}) == len(keys), "once each"


@pytest.mark.parametrize("fault_share", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("naive_times", [False, True])
def test_rows_by_code_are_what_the_report_counts(fault_share: float, tmp_path: Path, *, naive_times: bool) -> None:
    result = loaded(tmp_path, sample(fault_share=fault_share, naive_times=naive_times))
    assert result.report is not None
    check(result.path, result.report)
    check_order(result.path)
    if fault_share:
        assert len({code for (code,) in asked(result.path, "SELECT DISTINCT code FROM findings")}) > 10


@settings(deadline=None)
@given(
    records=st.lists(st.sampled_from(RECORDS), min_size=1, max_size=25),
    reader=st.sampled_from(["auto", "iterparse"]),
    workers=st.sampled_from([0, 2]),
    strict=st.sets(st.sampled_from(["email-syntax", "identifier-check-digits", "identifier-not-digits"])),
)
def test_every_document_has_the_rows_that_its_report_counts(
    records: list[str], reader: str, workers: int, strict: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        cut_into(patch, 500)
        result = loaded(
            store, export(*records), reader=reader, workers=workers, strict=tuple(strict), guard=False, profile=False
        )
    assert result.report is not None
    check(result.path, result.report)
    check_order(result.path)
    (line,) = history(store)
    assert line.with_findings == (result.report.rejected_or_warned,) * 2
    shutil.rmtree(store)


def test_a_later_occurrence_of_an_identity_number_is_named(tmp_path: Path) -> None:
    one, other = person(identifier="41819077302"), person()
    result = loaded(tmp_path, export(one, other, other, "<Person/>", one, other, person(identifier="00000000000")))
    found = asked(result.path, "SELECT radnummer FROM findings WHERE code = 'identifier-duplicate'")
    again = asked(
        result.path,
        "SELECT radnummer FROM person"
        " QUALIFY row_number() OVER (PARTITION BY personidentifikator ORDER BY radnummer) > 1 ORDER BY radnummer",
    )
    assert found == again == [(3,), (5,), (6,)]


def test_no_value_is_in_the_table(tmp_path: Path) -> None:
    result = loaded(tmp_path, export(person(contact("x@y"), identifier="0385159873X")), compression="none")
    [content] = [path.read_bytes() for path in (result.path / "findings").iterdir()]
    assert pq.read_table(result.path / "findings").num_rows
    assert b"x@y" not in content
    assert b"0385159873" not in content


def test_there_is_a_file_with_all_columns_even_without_findings(tmp_path: Path) -> None:
    result = loaded(tmp_path, export(), allow_empty=True)
    [part] = (result.path / "findings").iterdir()
    assert (part.name, pq.read_table(part).num_rows) == ("part-00000.parquet", 0)
    assert pq.read_schema(part).names == ["radnummer", "code", "severity", "field"]


def test_they_are_left_out_if_nobody_wants_them_and_counted_all_the_same(tmp_path: Path) -> None:
    document = sample(fault_share=0.3)
    without, wanted = (loaded(tmp_path / name, document, findings=name == "with") for name in ("without", "with"))
    assert not (without.path / "findings").exists()
    assert without.report is not None
    assert wanted.report is not None
    assert (without.report.warned, without.report.rejected_or_warned) == (
        wanted.report.warned,
        wanted.report.rejected_or_warned,
    )
    assert without.report.warned
    assert verify(without.path).proven
    assert (read_manifest(without.path).options.findings, read_manifest(wanted.path).options.findings) == (False, True)


def test_another_choice_is_another_result(tmp_path: Path) -> None:
    document = export(person(contact("x@y")))
    first = loaded(tmp_path, document)
    assert loaded(tmp_path, document).outcome == "unchanged"
    for other in ({"findings": False}, {"rules": False}):
        with pytest.raises(GuardError, match="another result"):
            loaded(tmp_path, document, **other)
    assert loaded(tmp_path, document, findings=False, replace=True).outcome == "published"
    assert not (first.path / "findings").exists()
    assert loaded(tmp_path, document, findings=False, rules=False).outcome == "unchanged", "no file would differ"


def test_a_file_of_them_that_was_changed_or_lost_is_no_proven_snapshot(tmp_path: Path) -> None:
    result = loaded(tmp_path, export(person(contact("x@y"))))
    assert verify(result.path).proven
    [part] = (result.path / "findings").iterdir()
    pq.write_table(pq.read_table(part).slice(0, 1), part)
    assert any("listed with" in line for line in verify(result.path).differences)
    part.unlink()
    assert f"findings/{part.name}: missing" in verify(result.path).differences


def test_a_partial_and_a_refused_result_have_them_too(tmp_path: Path) -> None:
    document = export(person(contact("x@y")), "<Person/>", person(contact("x@y")), person())
    partial = loaded(tmp_path, document, limit=3)
    refused = loaded(tmp_path, document, max_rejects=0)
    assert (partial.outcome, refused.outcome) == ("partial", "too-many-rejects")
    for result in (partial, refused):
        rows = pq.read_table(result.path / "findings").to_pylist()
        assert [row["radnummer"] for row in rows if row["code"] == "email-syntax"] == [1, 3]
    assert not (refused.path / "person").exists()


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"drop": ("epostadresse",)}, {"identifier-check-digits", "time-ambiguous"}),
        ({"drop": ("personidentifikator",)}, {"email-syntax", "active-without-channel", "time-ambiguous"}),
        (
            {"drop": ("epostadresse_sist_oppdatert",)},
            {"email-syntax", "identifier-check-digits", "active-without-channel"},
        ),
    ],
)
def test_what_rules_find_in_columns_that_are_left_out_is_left_out(
    options: dict[str, Any], left: set[str], tmp_path: Path
) -> None:
    wrong = person(contact("x@y", 'sistOppdatert="2013-10-27T02:30:00"'), identifier="03851598731")
    silent = person("<status>AKTIV</status>", identifier="41819077302")
    whole = loaded(tmp_path / "whole", export(wrong, silent))
    every = {code for (code,) in asked(whole.path, "SELECT DISTINCT code FROM findings")}
    result = loaded(tmp_path / "less", export(wrong, silent), **options)
    found = {code for (code,) in asked(result.path, "SELECT DISTINCT code FROM findings")}
    assert found < every
    assert found - {"time-without-offset", "identifier-synthetic"} == left


FEW = [f"{day:02}851598730" for day in range(1, 7)]
CHANGES = Register(
    [
        *(State(number, email="x@y") for number in FEW[:4]),
        State(FEW[1], email="a@example.no"),
        State(FEW[2]).deleted,
        State(FEW[4], email="new@y", mailbox="ola#1234"),
        State(FEW[5]),
        State(FEW[0], email="x@z"),
    ]
)
"""Four persons with wrong addresses; one gets a right one, one is deleted, two are new, one stays wrong."""
IN_PERSON = "SELECT personidentifikator, code, field FROM person JOIN findings USING (radnummer) ORDER BY ALL"
NAIVE = UPDATED.removesuffix("+01:00")


def pages(directory: Path, first: int) -> Path:
    """The pages from a change on, with times that have no offset."""
    directory.mkdir()
    for name, content in CHANGES.pages(first, 9, 2, "14-05"):
        (directory / name).write_bytes(content.replace(UPDATED.encode(), NAIVE.encode()))
    return directory


def test_apply_judges_the_whole_result_and_says_what_it_found_in_the_pages(tmp_path: Path) -> None:
    options: dict[str, Any] = {"guard": False, "profile": False}
    base = loaded(tmp_path / "store", CHANGES.export(4, 26), **options)
    assert not asked(base.path, "SELECT * FROM findings WHERE code = 'time-without-offset'")
    load = ConvertOptions(guard=False, profile=False)
    result = apply(tmp_path / "store", [pages(tmp_path / "pages", 4)], ApplyOptions("2014-02-27T12:00:00Z", load=load))
    assert result.report is not None
    check(result.path, result.report)
    whole = loaded(tmp_path / "whole", CHANGES.export(9, 27).replace(UPDATED.encode(), NAIVE.encode()), **options)
    expected = asked(whole.path, IN_PERSON)
    unchanged = FEW[3]
    assert (unchanged, "time-without-offset", "Kontaktinformasjon/Epostadresse/@sistOppdatert") in expected
    assert asked(result.path, IN_PERSON) == [
        row for row in expected if row[:2] != (unchanged, "time-without-offset")
    ], "of what did not change, the snapshot knows no more how its times were written"
    assert verify(result.path).proven


def test_of_all_pages_it_is_what_a_full_export_has(tmp_path: Path) -> None:
    load = ConvertOptions(guard=False, profile=False)
    asked_for = ApplyOptions("2014-02-27T12:00:00Z", load=load)
    result = apply_from_zero(tmp_path / "store", [pages(tmp_path / "pages", 0)], asked_for)
    assert result.report is not None
    check(result.path, result.report)
    whole = loaded(tmp_path / "whole", CHANGES.export(9, 27).replace(UPDATED.encode(), NAIVE.encode()))
    assert asked(result.path, IN_PERSON) == asked(whole.path, IN_PERSON)


def test_apply_leaves_them_out_where_the_snapshot_does(tmp_path: Path) -> None:
    loaded(tmp_path / "store", CHANGES.export(4, 26), guard=False, findings=False)
    load = ConvertOptions(guard=False, profile=False)
    result = apply(tmp_path / "store", [pages(tmp_path / "pages", 4)], ApplyOptions("2014-02-27T12:00:00Z", load=load))
    assert result.outcome == "published"
    assert not (result.path / "findings").exists()


def test_the_query_on_the_page_lists_the_records_that_the_finding_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = loaded(tmp_path / "store", sample(fault_share=0.2), strict=["email-syntax"])
    assert result.report is not None
    monkeypatch.chdir(result.path)
    page = html.fromstring((result.path / "report.html").read_bytes())
    for finding in result.report.findings:
        [query] = page.xpath(f"//article[@id='code-{finding.code}']//p[@class='query']/code/text()")
        rows = duckdb.connect().execute(str(query)).fetchall()
        assert len({row[0] for row in rows}) == finding.records
