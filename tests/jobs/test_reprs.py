"""What a notebook or a traceback shows of results is one line, without personal values; of reports it is the page."""

from __future__ import annotations

import copy
import re
from html import unescape
from pathlib import Path

import pytest
from exports import tiny_xml

import krr_export

SAMPLES = Path(__file__).parents[2] / "samples"
VALUES = re.compile(r"\d{11}|@|\+47")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "export.xml"
    source.write_bytes(tiny_xml.export(tiny_xml.person(), tiny_xml.person(), tiny_xml.person("<status>X</status>")))
    return source


def test_results_are_one_short_line(source: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    result = krr_export.convert(source, store, workers=0, max_rejects=1)
    report, again = krr_export.validate(source, workers=0), krr_export.convert(source, store, workers=0, max_rejects=1)
    assert repr(result) == f"ConvertResult(outcome='published', path='{result.path}', {counted(result.report)})"
    assert repr(again) == f"ConvertResult(outcome='unchanged', path='{result.path}')"
    assert repr(report) == (
        f"Report(outcome='rejects', made='{report.header.eksport_tidspunkt_utc}', {counted(report)})"
    )
    assert f"records=2, rejects=1, findings={len(report.findings)}" in repr(report)
    name = result.path.name
    verified, checked = krr_export.verify(str(result.path)), krr_export.check(str(store))
    assert repr(verified) == f"Verification(snapshot='{result.path}', proven=True, differences=0)"
    assert repr(checked) == f"CheckResult(store='{store}', snapshot='{name}', good=True, faults=[])"
    compared = krr_export.diff(result.path, result.path)
    assert repr(compared).startswith(f"DiffResult(old='{name}', new='{name}', found='")
    inspected, viewed = krr_export.inspect(source), krr_export.views(store)
    assert repr(inspected) == "Inspection(source='export.xml', schema='14-05', judged=3, accepted=2)"
    assert repr(viewed).startswith("ViewsResult(names=('person', ")
    with krr_export.open_export(source, workers=0) as export:
        assert repr(export) == f"<Export export.xml of {export.header.eksport_tidspunkt}, 14-05, not read yet>"
        export.to_pandas()
        assert repr(export).endswith(", 14-05, read>")
        shown = map(repr, (result, again, report, verified, checked, compared, inspected, viewed, export))
        assert [line for line in shown if "\n" in line or len(line.replace(str(tmp_path), "")) > 200] == []


def test_options_show_what_is_given_and_no_passphrase() -> None:
    options = krr_export.ConvertOptions(
        columns="status", delivery=krr_export.DeliveryOptions("key", passphrase=lambda: b"")
    )
    assert repr(options) == "ConvertOptions(columns=('status',), delivery=DeliveryOptions(private_key='key'))"
    assert repr(krr_export.ConvertOptions()) == "ConvertOptions()"
    assert copy.deepcopy(options) == options
    assert repr(krr_export.load_schema()) == "<RecordSchema 14-05, 13 columns>"


def test_lines_of_the_history_are_short(source: Path, tmp_path: Path) -> None:
    krr_export.convert(source, tmp_path / "store", workers=0, max_rejects=1)
    (line,) = krr_export.history(str(tmp_path / "store"))
    assert repr(line) == f"HistoryLine(snapshot='{line.snapshot}', outcome='published', records=2, rejects=1)"


def counted(report: krr_export.Report | None) -> str:
    assert report is not None
    return f"records={report.counts.written}, rejects={report.counts.rejected}, findings={len(report.findings)}"


def test_a_notebook_shows_the_page_in_a_frame_that_runs_nothing(source: Path, tmp_path: Path) -> None:
    result = krr_export.convert(source, tmp_path / "store", workers=0, max_rejects=1, lang="nb")
    shown = result._repr_html_()
    assert shown is not None
    assert page_in(shown) == (result.path / "report.html").read_text(), "the very page of the snapshot"
    again = krr_export.convert(source, tmp_path / "store", workers=0, max_rejects=1)
    assert again.report is None
    assert page_in(again._repr_html_() or "") == page_in(shown)
    (result.path / "report.html").unlink()
    assert again._repr_html_() is None
    report = krr_export.validate(source, workers=0)
    for html in (report._repr_html_(), result._repr_html_() or ""):
        assert page_in(html).startswith("<!doctype html>")
        assert not VALUES.search(re.sub(r"<style>.*?</style>", "", page_in(html), flags=re.DOTALL))


def page_in(html: str) -> str:
    found = re.fullmatch(r'<iframe sandbox title="[^"]*" style="[^"]*" srcdoc="([^"]*)"></iframe>', html)
    assert found, html[:200]
    return unescape(found[1])
