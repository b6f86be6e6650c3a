"""The history: each published snapshot's line is what its export held, and whatever is damaged is said, not hidden."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import command
import pytest
from exports import tiny_xml

import krr_export
from krr_export.errors import InputError, UsageError
from krr_export.jobs.history import history
from krr_export.output import publish
from krr_export.reporting import published_nights
from krr_export.reporting.formats import FORMATS, render_report
from krr_export.reporting.guard_check import check_against_store
from krr_export.reporting.guard_limits import GuardLimits
from krr_export.reporting.history_line import FindingCount, HistoryLine, Trend
from krr_export.reporting.history_text import table
from krr_export.reporting.page.languages.language import LANGUAGES
from krr_export.reporting.page.rendering import render
from krr_export.reporting.report_file import read_report
from krr_export.synthetic import SampleOptions, expected_path, write_sample_file
from krr_export.util import stored_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from command import Ran

    Krr = Callable[..., Ran]

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"
OSLO = timezone(timedelta(hours=1))
FIRST, SECOND, THIRD = (f"eksport=2026030{day}T033000Z" for day in (1, 2, 3))
BAD = tiny_xml.person("<status>X</status>")


def load(store: Path, day: int, *persons: str, change_number: int = 7, **options: Any) -> Path:  # noqa: ANN401 - ConvertOptions checks them
    """Convert an export of these persons, made at half past four in Norway on a day of March 2026."""
    attributes = f'eksportTidspunkt="2026-03-{day:02}T04:30:00+01:00" senesteEndringsNummer="{change_number}"'
    root = f'et:Kontaktregister xmlns:et="{tiny_xml.EXPORT}" xmlns="{tiny_xml.PERSONS}" {attributes}'
    source = io.BytesIO(tiny_xml.export(*persons, root=root))
    return krr_export.convert(source, store, **{"workers": 0, "max_rejects": "100%", "rules": False, **options}).path


def good(count: int) -> list[str]:
    return [tiny_xml.person()] * count


def warned(*times: str) -> str:
    """A record with a timestamp without offset for each kind of contact data."""
    names = ("Mobiltelefonnummer", "Epostadresse")
    values = ("+4712345678", "ola@example.no")
    inner = "".join(
        f'<{name} sistOppdatert="{time}">{value}</{name}>'
        for name, value, time in zip(names, values, times, strict=False)
    )
    return tiny_xml.person(f"<Kontaktinformasjon>{inner}</Kontaktinformasjon>")


AMBIGUOUS, SKIPPED = "2025-10-26T02:30:00", "2025-03-30T02:30:00"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of three nights, loaded out of order."""
    path = tmp_path / "store"
    load(path, 2, *good(9), BAD, change_number=20)
    load(path, 3, *good(4), change_number=30)
    load(path, 1, *good(8), change_number=10)
    return path


# What a line says


def test_a_line_says_what_was_planted_in_the_sample(tmp_path: Path) -> None:
    for day, records, share in ((1, 400, 0.05), (2, 500, 0.2)):
        path = tmp_path / "sample.xml"
        exported = datetime(2026, 3, day, 4, 30, tzinfo=OSLO)
        options = SampleOptions(records, seed=day, fault_share=share, exported=exported, change_number=1000 + day)
        write_sample_file(path, options)
        expected = json.loads(expected_path(path).read_text())
        krr_export.convert(path, tmp_path / "store", workers=0, max_rejects="100%")
        line = history(tmp_path / "store")[-1]
        assert (line.exported_at, line.change_number) == (f"2026-03-0{day}T03:30:00.000000Z", 1000 + day)
        assert (line.records, line.rejects) == (expected["seen"] - expected["rejected"], expected["rejected"])
        assert line.findings is not None
        rejects = {found.code: found.records for found in line.findings if found.severity == "reject"}
        planted = {code: total["records"] for code, total in expected["totals"].items()}
        assert rejects == {code: planted[code] for code in rejects}
        assert {code for code in planted if code not in rejects} <= {found.code for found in line.findings}
        assert line.damage is None


def test_snapshots_come_in_the_order_of_their_exports_however_they_were_loaded(store: Path) -> None:
    lines = history(store)
    assert [line.snapshot for line in lines] == [FIRST, SECOND, THIRD]
    assert [line.change_number for line in lines] == [10, 20, 30]
    assert [line.time for line in lines] == ["20260301T033000Z", "20260302T033000Z", "20260303T033000Z"]


def test_the_trend_is_against_the_snapshot_before(store: Path) -> None:
    first, second, third = history(store)
    assert first.trend is None
    assert (first.records, first.rejects, first.reject_percent) == (8, 0, 0.0)
    assert second.trend == Trend(1, 12.5, 10.0)
    assert third.trend is not None
    assert (third.trend.records, third.trend.reject_percent) == (-5, -10.0)
    assert third.trend.percent == pytest.approx(-100 * 5 / 9)


def test_of_nothing_there_is_no_per_cent(tmp_path: Path) -> None:
    load(tmp_path, 1, allow_empty=True)
    load(tmp_path, 2, *good(3))
    first, second = history(tmp_path)
    assert (first.records, first.reject_percent, first.with_findings) == (0, 0.0, (0, 0))
    assert second.trend == Trend(3, None, 0.0)


@pytest.mark.parametrize(
    ("persons", "with_findings"),
    [
        (good(2), (0, 0)),
        ([BAD, BAD, *good(2)], (2, 2)),
        ([warned(AMBIGUOUS), BAD, *good(2)], (2, 2)),
        ([warned(AMBIGUOUS, AMBIGUOUS), *good(2)], (1, 1)),
        ([warned(AMBIGUOUS, SKIPPED), *good(2)], (1, 1)),
        ([warned(AMBIGUOUS), warned(SKIPPED), BAD, *good(2)], (3, 3)),
        ([warned(AMBIGUOUS, SKIPPED)], (1, 1)),
        ([warned("2025-06-01T12:00:00"), *good(2)], (0, 0)),
    ],
)
def test_how_many_records_have_findings_is_exact(
    tmp_path: Path, persons: list[str], with_findings: tuple[int, int]
) -> None:
    load(tmp_path, 1, *persons)
    (line,) = history(tmp_path)
    assert line.with_findings == with_findings


def test_size_and_seconds_are_those_of_the_files_and_of_the_run(store: Path) -> None:
    for line in history(store):
        snapshot = store / line.snapshot
        there = sum(path.stat().st_size for path in snapshot.rglob("*") if path.is_file())
        described = sum((snapshot / name).stat().st_size for name in ("manifest.json", "_SUCCESS"))
        assert line.size == there - described
        assert line.seconds == json.loads((snapshot / "report.json").read_text())["performance"]["seconds"]


def test_a_replaced_snapshot_is_shown_as_it_is_now(store: Path) -> None:
    load(store, 3, *good(6), change_number=30, replace=True)
    assert [line.records for line in history(store)] == [8, 9, 6]


def test_formats_without_parquet_have_a_history_too(tmp_path: Path) -> None:
    load(tmp_path, 1, *good(2), format="csv")
    assert [line.records for line in history(tmp_path)] == [2]


# What is counted


def test_partial_and_staging_are_not_counted(store: Path) -> None:
    before = history(store)
    load(store, 5, *good(5), limit=2)
    assert list((store / ".partial").iterdir())
    shutil.copytree(store / THIRD, store / ".staging-1-abcdef01")
    shutil.copytree(store / THIRD, store / ".staging-2-abcdef01" / "eksport=20260306T033000Z")
    shutil.copytree(store / THIRD, store / "eksport=20260307T033000Z", ignore=shutil.ignore_patterns("_SUCCESS"))
    assert history(store) == before


def test_a_refused_export_has_a_line_with_why_and_no_night_is_compared_with_it(krr: Krr, store: Path) -> None:
    before = history(store)
    load(store, 4, *good(1), BAD, max_rejects="0")
    load(store, 5, *good(12), change_number=50)
    fourth, fifth = history(store)[3:]
    assert history(store)[:3] == before
    why = "1 of 2 records rejected, more than --max-rejects 0 allows"
    assert (fourth.outcome, fourth.refused, fourth.damage) == ("too-many-rejects", why, None)
    assert (fourth.records, fourth.rejects, fourth.size) == (1, 1, None)
    third = before[-1]
    assert fifth.trend is not None
    assert fifth.trend.records == 12 - (third.records or 0)
    assert (fifth.outcome, fifth.refused) == ("published", None)
    shown = krr("history", store)
    assert shown.code == 0
    assert shown.out.splitlines()[5].startswith("20260304T033000Z")
    assert shown.out.splitlines()[5].endswith(f"refused: {why}")
    assert "; 1 refused" in shown.err.splitlines()[-1]
    nights = history(store)
    for limit, shown_lines in ((1, 1), (2, 3), (3, 4), (4, 5), (10, 5)):  # of snapshots, each with what followed it
        assert history(store, limit=limit) == nights[-shown_lines:]


def test_exports_that_were_refused_before_the_first_snapshot_are_shown_unless_a_limit_leaves_them_out(
    tmp_path: Path,
) -> None:
    load(tmp_path / "store", 1, BAD, max_rejects="0")
    load(tmp_path / "store", 2, *good(3))
    load(tmp_path / "store", 3, *good(3))
    for limit, count in ((None, 3), (2, 3), (10, 3), (1, 1)):
        assert len(history(tmp_path / "store", limit=limit)) == count


def test_however_many_exports_were_refused_since_damage_and_age_of_the_newest_snapshot_are_told(
    krr: Krr, store: Path
) -> None:
    for day in (4, 5, 6):
        load(store, day, BAD, max_rejects="0")
    said = krr("history", store, "--limit", "1", "--max-age", "1h").err.splitlines()[-1]
    assert "1 snapshot in" in said
    assert "--max-age 1h" in said
    (store / THIRD / "report.json").unlink()
    assert krr("history", store, "--limit", "1").code == 1


def test_a_published_snapshot_that_was_moved_to_the_refused_ones_is_none_of_them(
    krr: Krr, store: Path, tmp_path: Path
) -> None:
    (store / ".failed").mkdir(exist_ok=True)
    (store / SECOND).rename(store / ".failed" / SECOND)
    line = history(store)[1]
    assert line.refused == "its report cannot be read: it is of an export that was not refused"
    assert krr("history", store, "--html", tmp_path / "h.html").code == 0


def test_a_report_of_another_export_than_its_manifest_is_no_report_of_it(store: Path) -> None:
    report = (store / FIRST / "report.json").read_bytes()
    manifest = json.loads((store / SECOND / "manifest.json").read_text())
    for listed in manifest["files"]:
        if listed["path"] == "report.json":
            listed["sha256"], listed["bytes"] = hashlib.sha256(report).hexdigest(), len(report)
    (store / SECOND / "report.json").write_bytes(report)
    (store / SECOND / "manifest.json").write_text(json.dumps(manifest))
    assert history(store)[1].damage == "report.json is that of another export"


def test_a_refused_export_that_may_not_be_looked_at_is_no_reason_to_be_silent(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(store, 4, BAD, max_rejects="0")
    may = Path.is_file

    def may_not(path: Path) -> bool:
        if ".failed" in path.parts:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return may(path)

    monkeypatch.setattr(Path, "is_file", may_not)
    assert history(store)[-1].refused == "its report cannot be read: Permission denied"


def test_where_refused_exports_may_not_be_listed_the_history_is_refused(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(store, 4, BAD, max_rejects="0")
    may = os.scandir

    def may_not(path: str | Path) -> Any:  # noqa: ANN401 - what os.scandir returns
        if Path(path).name == ".failed":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return may(path)

    monkeypatch.setattr(os, "scandir", may_not)
    for look in (history, krr_export.check):
        with pytest.raises(InputError, match="cannot be read: Permission denied"):
            look(store)


def test_that_the_newest_export_was_refused_stands_in_the_last_line(krr: Krr, store: Path) -> None:
    load(store, 4, BAD, max_rejects="0")
    assert "so was the newest export, 20260304T033000Z: 1 of 1 records" in krr("history", store).err.splitlines()[-1]
    said = krr("history", store, "--limit", "1").err.splitlines()[-1]
    assert said.startswith(f"krr-export: 1 snapshot in {store}, the newest 20260303T033000Z")
    assert "so was the newest export" in said
    load(store, 4, BAD, max_rejects="1", guard=False)  # accepted after all
    assert [line.refused for line in history(store)] == [None] * 4


def test_a_refused_export_whose_report_cannot_be_read_says_so(krr: Krr, store: Path) -> None:
    load(store, 4, BAD, max_rejects="0")
    (store / ".failed/eksport=20260304T033000Z/report.json").write_text("{}")
    line = history(store)[-1]
    assert (line.records, line.outcome) == (None, None)
    assert "its report cannot be read" in (line.refused or "")
    assert krr("history", store).code == 0


def test_without_a_snapshot_the_refused_export_is_named(krr: Krr, tmp_path: Path) -> None:
    load(tmp_path / "store", 4, BAD, max_rejects="0")
    ran = krr("history", tmp_path / "store")
    assert ran.code == 3
    assert "the export 20260304T033000Z was refused: 1 of 1 records rejected" in ran.err


@pytest.mark.parametrize(("age", "old"), [("1h", True), ("99999d", False)])
def test_the_last_line_says_that_the_newest_export_is_old(krr: Krr, store: Path, age: str, *, old: bool) -> None:
    ran = krr("history", store, "--max-age", age)
    assert ran.code == 0
    assert (f"--max-age {age}" in ran.err) is old


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_a_limit_leaves_the_newest_with_the_same_trends(store: Path, limit: int) -> None:
    assert history(store, limit=limit) == history(store)[-limit:]


def test_the_path_may_be_text(store: Path) -> None:
    assert krr_export.history(str(store)) == history(store)


# What is damaged


def damage_report(snapshot: Path) -> None:
    path = snapshot / "report.json"
    path.write_bytes(path.read_bytes().replace(b'"rejected": 1', b'"rejected": 2'))


def cut_report(snapshot: Path) -> None:
    path = snapshot / "report.json"
    path.write_bytes(path.read_bytes()[:100])


def lose_report(snapshot: Path) -> None:
    (snapshot / "report.json").unlink()


def pipe_for_report(snapshot: Path) -> None:
    lose_report(snapshot)
    os.mkfifo(snapshot / "report.json")


def swell_report(snapshot: Path) -> None:
    os.truncate(snapshot / "report.json", 1 << 40)


REPORTS: dict[Callable[[Path], None], str] = {
    damage_report: "report.json is damaged",
    cut_report: "report.json is damaged",
    lose_report: "report.json is missing",
    pipe_for_report: "report.json is missing",
    swell_report: "report.json cannot be read",
}


@pytest.mark.parametrize("harm", REPORTS)
def test_without_its_report_a_line_says_so_and_what_the_manifest_knows(
    store: Path, harm: Callable[[Path], None]
) -> None:
    first, whole, third = history(store)
    harm(store / SECOND)
    damaged = history(store)[1]
    assert (damaged.damage, damaged.findings, damaged.seconds, damaged.with_findings) == (
        REPORTS[harm],
        None,
        None,
        None,
    )
    assert (damaged.records, damaged.rejects, damaged.size, damaged.trend) == (9, 1, whole.size, whole.trend)
    assert history(store) == (first, damaged, third)


def test_a_record_that_a_strict_rule_rejects_has_its_other_warnings_too(tmp_path: Path) -> None:
    source = io.BytesIO(tiny_xml.export(tiny_xml.person(tiny_xml.contact("x@y"), identifier="0385159873X")))
    result = krr_export.convert(source, tmp_path, workers=0, strict="email-syntax", max_rejects="100%")
    assert result.report is not None
    found = {finding.code: (finding.severity, finding.records) for finding in result.report.findings}
    assert found == {"email-syntax": ("reject", 1), "identifier-not-digits": ("warning", 1)}
    (line,) = history(tmp_path)
    assert line.with_findings == (1, 1)


def test_duplicates_that_strict_forbids_reject_no_record(tmp_path: Path) -> None:
    wrong = tiny_xml.person(identifier="0385159873X")
    source = io.BytesIO(tiny_xml.export(wrong, BAD))
    krr_export.convert(source, tmp_path, workers=0, strict="identifier-duplicate", max_rejects="100%")
    (line,) = history(tmp_path)
    assert line.with_findings == (2, 2), "a reject, and another record with a warning"


@pytest.fixture
def first_version(tmp_path: Path) -> Path:
    """Manifest and report of a sample, as the first version wrote them: without profile, guard and more."""
    snapshot = tmp_path / "store" / "eksport=20260226T112225Z"
    shutil.copytree(Path(__file__).parent / "first_version", snapshot)
    (snapshot / "_SUCCESS").touch()
    return snapshot


def test_a_snapshot_of_the_first_version_is_still_read(first_version: Path) -> None:
    report = read_report(first_version)
    assert (report.counts.seen, report.profile, report.guard, report.limits.strict) == (62, None, None, ())
    assert report.findings[0].examples[0].masked is None
    (line,) = history(first_version.parent)
    assert (line.damage, line.records, line.rejects, line.with_findings) == (None, 10, 52, (53, 56))
    for lang in LANGUAGES:
        assert "<h1" in render(report, (line,), lang=lang)
    for form in FORMATS:
        assert render_report(report, form)


def test_the_guard_compares_with_it(first_version: Path) -> None:
    report = read_report(first_version)
    found = check_against_store(
        first_version.parent, "eksport=20260227T112225Z", report, GuardLimits.from_options(), accepted=False
    )
    assert (found.guard.compared_with, found.tripped) == (first_version.name, False)
    assert found.guard.skipped == "without a profile on both sides, shares of values and of nulls are not compared"


def lose_manifest(snapshot: Path) -> None:
    (snapshot / "manifest.json").unlink()


def cut_manifest(snapshot: Path) -> None:
    path = snapshot / "manifest.json"
    path.write_bytes(path.read_bytes()[:100])


def rewritten_manifest(snapshot: Path, **changes: Any) -> None:  # noqa: ANN401 - any JSON
    path = snapshot / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


NOT_OURS = "manifest.json is damaged or not of this tool"
HEADER = {"eksport_tidspunkt_utc": "2026-03-02T03:30:00.000000Z", "seneste_endringsnummer": 20}


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lose_manifest, "manifest.json is missing"),
        (cut_manifest, NOT_OURS),
        (partial(rewritten_manifest, manifest_version=2), "manifest.json is of another version"),
        (partial(rewritten_manifest, header={}), NOT_OURS),
        (partial(rewritten_manifest, header=HEADER | {"seneste_endringsnummer": "20"}), NOT_OURS),
        (partial(rewritten_manifest, header=HEADER | {"seneste_endringsnummer": True}), NOT_OURS),
        (
            partial(rewritten_manifest, header=HEADER | {"eksport_tidspunkt_utc": "2026-03-02T03:30:00<script>"}),
            NOT_OURS,
        ),
        (partial(rewritten_manifest, header=HEADER | {"seneste_endringsnummer": 2**63}), NOT_OURS),
        (partial(rewritten_manifest, counts={"seen": 9, "written": -1, "rejected": 10}), NOT_OURS),
        (partial(rewritten_manifest, counts={"seen": 9, "written": 10**400, "rejected": 0}), NOT_OURS),
        (lambda snapshot: os.truncate(snapshot / "manifest.json", 1 << 40), "manifest.json cannot be read"),
    ],
)
def test_without_its_manifest_a_line_says_so_and_nothing_is_compared_with_it(
    store: Path, harm: Callable[[Path], None], said: str
) -> None:
    first, _, third = history(store)
    harm(store / SECOND)
    assert history(store)[0] == first
    assert history(store)[1] == HistoryLine(SECOND, damage=said)
    after = history(store)[2]
    assert (after.records, after.findings, after.trend) == (third.records, third.findings, None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"report_version": 2}, "report.json is of another version"),
        ({"findings": {}}, "report.json is damaged or not of this tool"),
        ({"findings": [{"code": "value-type"}]}, "report.json is damaged or not of this tool"),
        (
            {"findings": [{"code": "value-type", "severity": "grave", "records": 1}]},
            "report.json is damaged or not of this tool",
        ),
        (
            {"findings": [{"code": "value-type", "severity": "reject", "records": "1"}]},
            "report.json is damaged or not of this tool",
        ),
        ({"performance": {"seconds": None}}, "report.json is damaged or not of this tool"),
        ({"performance": {"seconds": True}}, "report.json is damaged or not of this tool"),
        ({"performance": []}, "report.json is damaged or not of this tool"),
        ({"performance": {"seconds": 10**400}}, "report.json is damaged or not of this tool"),
        ({"performance": {"seconds": float("nan")}}, "report.json is damaged or not of this tool"),
        ({"counts": {"seen": "9", "written": 9, "rejected": 0}}, "report.json is damaged or not of this tool"),
        ({"counts": {"seen": -1, "written": 9, "rejected": 0}}, "report.json is damaged or not of this tool"),
        ({"header": {"seneste_endringsnummer": "20"}}, "report.json is damaged or not of this tool"),
    ],
)
def test_a_report_that_is_listed_and_yet_no_report_of_ours_is_not_believed(
    store: Path, changes: dict[str, Any], said: str
) -> None:
    path = store / SECOND / "report.json"
    forged = json.dumps({**json.loads(path.read_text()), **changes}).encode()
    manifest = json.loads((store / SECOND / "manifest.json").read_text())
    for part in manifest["files"]:
        if part["path"] == "report.json":
            part |= {"bytes": len(forged), "sha256": hashlib.sha256(forged).hexdigest()}
    path.write_bytes(forged)
    rewritten_manifest(store / SECOND, **manifest)
    assert history(store)[1].damage == said


def test_a_file_of_exactly_the_limit_s_size_is_read_and_none_larger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_json, "MAX_BYTES", 100)
    path = tmp_path / "report.json"
    path.write_bytes(b"x" * 100)
    assert stored_json.read_stored_file(path) == b"x" * 100
    path.write_bytes(b"x" * 101)
    with pytest.raises(OSError, match="File too large"):
        stored_json.read_stored_file(path)


def test_a_snapshot_that_is_pruned_meanwhile_has_no_line(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = history(store)
    read = published_nights._read_line  # noqa: SLF001 - the moment at which a run may interfere

    def pruned_on_the_way(snapshot: Path) -> HistoryLine:
        if snapshot.name == FIRST and snapshot.exists():
            publish.retire(snapshot, store)
        return read(snapshot)

    monkeypatch.setattr(published_nights, "_read_line", pruned_on_the_way)
    assert [line.snapshot for line in history(store)] == [line.snapshot for line in lines[1:]]


def test_a_snapshot_that_is_replaced_meanwhile_is_never_a_mixture(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once = iter([True])

    def replaced_on_the_way(report: Path) -> bytes:
        if report.parent.name == SECOND and next(once, False):
            load(store, 2, *good(3), BAD, BAD, change_number=20, replace=True)
        return stored_json.read_stored_file(report)

    monkeypatch.setattr("krr_export.reporting.report_file.read_stored_file", replaced_on_the_way)
    line = history(store)[1]
    assert (line.records, line.rejects, line.with_findings, line.damage) == (3, 2, (2, 2), None)


# What there is no history of


@pytest.mark.parametrize("made", ["nothing", "file", "directory", "failed only", "partial only"])
def test_where_there_is_no_snapshot_one_line_says_so(krr: Krr, tmp_path: Path, made: str) -> None:
    path = tmp_path / "store"
    match made:
        case "file":
            path.write_text("no store")
        case "directory":
            path.mkdir()
        case "failed only":
            load(path, 1, BAD, max_rejects="0")
        case "partial only":
            load(path, 1, *good(3), limit=1)
    for ran in (krr("history", path), krr("history", path, "--json")):
        assert (ran.code, len(ran.lines)) == (3, 1)
        kind = "store at" if made in {"nothing", "file"} else "snapshot in"
        assert ran.last.startswith(f"there is no {kind} {path}; ")
    assert ran.result["exit_code"] == 3


def test_a_snapshot_is_not_taken_for_a_store(krr: Krr, store: Path) -> None:
    for path in (store / "latest", store / FIRST):
        ran = krr("history", path)
        assert (ran.code, ran.out, len(ran.lines)) == (2, "", 1)
        assert ran.last == f"{path} is a snapshot, not a store; give the directory that holds it"


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_is_at_least_one(krr: Krr, store: Path, limit: int) -> None:
    with pytest.raises(UsageError, match="--limit must be at least 1"):
        history(store, limit=limit)
    assert krr("history", store, "--limit", str(limit)).code == 2
    assert krr("history", "").code == 2, "a variable that was not set is not the current directory"


@pytest.mark.parametrize("closed", ["", FIRST])
def test_what_may_not_be_read_is_said_in_one_line(store: Path, monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    # As root, which tests may be, no permission is missing: the system's refusal is played.
    listed, is_file = os.scandir, Path.is_file

    def refused(path: Path) -> Iterator[os.DirEntry[str]]:
        if path == store and not closed:
            raise PermissionError(13, "Permission denied")
        return listed(path)

    def hidden(path: Path) -> bool:
        if closed and path.parent == store / closed:
            raise PermissionError(13, "Permission denied")
        return is_file(path)

    monkeypatch.setattr(os, "scandir", refused)
    monkeypatch.setattr(Path, "is_file", hidden)
    with pytest.raises(InputError, match=f"^the store {re.escape(str(store))} cannot be read: Permission denied$"):
        history(store)


# The command


def test_the_table_has_a_line_for_each_snapshot_and_the_last_line_sums_up(krr: Krr, store: Path) -> None:
    ran = krr("history", store)
    assert ran.code == 0
    _, heads, *rows = ran.out.splitlines()
    assert heads.split()[:3] == ["export", "(UTC)", "number"]
    assert [row.split()[:-2] for row in rows] == [
        ["20260301T033000Z", "10", "8", "0", "0"],
        ["20260302T033000Z", "20", "9", "+1", "+12.5", "1", "+10.00", "1"],
        ["20260303T033000Z", "30", "4", "-5", "-55.6", "0", "-10.00", "0"],
    ]
    assert ran.lines == [f"krr-export: 3 snapshots in {store}, the newest 20260303T033000Z: 4 records, 0 rejected"]
    assert len(krr("history", store, "--limit", "2").out.splitlines()) == 4
    assert krr("history", store, "-q").out == ran.out


def test_verbose_adds_the_findings_by_code(krr: Krr, store: Path) -> None:
    ran = krr("history", store, "-v")
    assert ran.lines[:3] == [
        "found     20260301T033000Z: nothing",
        "found     20260302T033000Z: value-not-in-list in 1",
        "found     20260303T033000Z: nothing",
    ]


USUAL = (
    HistoryLine("eksport=20260224T030000Z", "", 41_234_101, 4_597_655, 12, (), 612_300_000, 60.9),
    HistoryLine(
        *("eksport=20260225T030000Z", "", 41_235_877, 4_600_000, 15),
        (FindingCount("value-type", "reject", 15), FindingCount("time-skipped", "warning", 2)),
        *(613_400_000, 61.2, Trend(2345, 100 * 2345 / 4_597_655, 0.0001)),
    ),
    HistoryLine(
        *("eksport=20260226T030000Z", "", 41_237_020, 4_600_812, 902, (FindingCount("value-type", "reject", 902),)),
        *(613_600_000, 62.4, Trend(812, 100 * 812 / 4_600_000, 0.0193)),
    ),
)


def test_a_table_of_usual_numbers_is_as_the_documents_show_it_and_fits_80_columns() -> None:
    lines = list(table(USUAL))
    assert "\n".join(["```text", *lines, "```"]) in (DOCS / "reference/store.md").read_text()
    (width,) = {len(line) for line in lines[1:]}  # aligned to the right
    assert width <= 80


@pytest.mark.parametrize(
    ("size", "seconds", "shown"),
    [
        (0, 0.0, "0.0 0.0"),
        (9_949_999, 9.949, "9.9 9.9"),
        (9_960_000, 9.96, "10 10"),
        (1_234_567_890, 600.4, "1235 600"),
    ],
)
def test_small_sizes_and_times_have_a_decimal(size: int, seconds: float, shown: str) -> None:
    *_, row = table([HistoryLine(FIRST, "", 7, 1, 0, (), size, seconds)])
    assert row.replace(" 235", "235").split()[-2:] == shown.split()


def test_what_is_shown_as_no_change_has_no_minus() -> None:
    *_, row = table([HistoryLine(FIRST, "", 7, 1, 0, (), 0, 0.0, Trend(-1, -0.00002, -0.0007))])
    assert "-0.0" not in row
    assert row.split()[4:7] == ["+0.0", "0", "+0.00"]


def test_numbers_beyond_the_usual_only_make_the_table_wider() -> None:
    huge = HistoryLine(FIRST, "", 10**9, 10**8, 10**7, (), 10**13, 10**5, Trend(-(10**8), -99.9, 100.0))
    lines = list(table([*USUAL, huge]))
    assert lines[-1].split("  ")[-3:] == ["10 000 000", "10 000 000", "100 000"]
    assert len({len(line) for line in lines[1:]}) == 1


def test_what_an_old_report_does_not_know_exactly_is_shown_as_a_range(krr: Krr, first_version: Path) -> None:
    assert krr("history", first_version.parent).out.splitlines()[-1].split()[-3] == "53-56"


@pytest.mark.parametrize("harm", [*REPORTS, lose_manifest, cut_manifest])
def test_damage_is_shown_in_its_line_and_ends_in_exit_code_1(
    krr: Krr, store: Path, harm: Callable[[Path], None]
) -> None:
    whole = krr("history", store).out.splitlines()
    harm(store / SECOND)
    ran = krr("history", store)
    rows = ran.out.splitlines()
    said = history(store)[1].damage
    assert said is not None
    assert (ran.code, rows[2].split(), rows[3].endswith(f"  {said}")) == (1, whole[2].split(), True)
    assert rows[3].startswith("20260302T033000Z ")
    assert rows[4].split()[0] == "20260303T033000Z"
    [last] = ran.lines
    done = f"krr-export: damaged: 1 of 3 snapshots; {store}/{SECOND}: {said}; convert that export again with --replace"
    if "manifest.json" in said:  # nothing tells how it was made
        done += "; or, if pages of changes made it, delete its directory, and fetch and apply them again"
    assert last == done
    assert json.loads(krr("history", store, "--json").out)[1]["damage"] == said
    assert krr("history", store, "--limit", "1").code == 0, "what is not shown is not asked about"


@pytest.mark.parametrize("harm", [cut_report, lose_manifest])
def test_what_the_last_line_advises_mends_it(krr: Krr, store: Path, harm: Callable[[Path], None]) -> None:
    harm(store / SECOND)
    assert krr("history", store).code == 1
    load(store, 2, *good(9), BAD, change_number=20, replace=True)
    assert krr("history", store).code == 0
    assert history(store)[1].trend == Trend(1, 12.5, 10.0)


def test_json_is_one_line_with_the_documented_keys(krr: Krr, store: Path) -> None:
    ran = krr("history", store, "--json")
    assert (ran.code, ran.out.count("\n")) == (0, 1)
    lines = json.loads(ran.out)
    section = (DOCS / "reference/store.md").read_text().split("\n## History\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    documented = [key for cell in cells for key in re.findall(r"`(\w+)`", cell)]
    assert [list(line) for line in lines] == [documented] * 3
    assert {key: value for key, value in lines[1].items() if key not in {"bytes", "seconds", "reach"}} == {
        "snapshot": SECOND,
        "eksport_tidspunkt_utc": "2026-03-02T03:30:00.000000Z",
        "seneste_endringsnummer": 20,
        "records": 9,
        "rejects": 1,
        "rejects_percent": 10.0,
        "with_findings_at_least": 1,
        "with_findings_at_most": 1,
        "findings": {"value-not-in-list": 1},
        "records_change": 1,
        "records_change_percent": 12.5,
        "rejects_percent_change": 10.0,
        "damage": None,
        "outcome": "published",
        "refused": None,
    }
    assert lines[1]["reach"]["records"] == 9
    assert all(f"`{key}`" in section for key in lines[1]["reach"])
    assert (lines[0]["records_change"], lines[0]["rejects_percent_change"]) == (None, None)
    lose_manifest(store / FIRST)
    known = {key for key, value in json.loads(krr("history", store, "--json").out)[0].items() if value is not None}
    assert known == {"snapshot", "damage", "outcome"}


def test_names_of_directories_cannot_forge_lines_or_colours(krr: Krr, store: Path) -> None:
    shutil.copytree(store / THIRD, store / "eksport=2027\x1b[2J\n20270101T000000Z \udce6")
    ran = krr("history", store)
    assert (ran.code, len(ran.out.splitlines()), "\x1b" in ran.out + ran.err) == (0, 5, False)
    assert [line.partition(" ")[0] for line in ran.lines] == ["WARNING", "krr-export:"], "named, in one line"
    assert len(json.loads(krr("history", store, "--json").out)) == 3


def test_what_is_no_snapshot_has_no_line_and_is_named_once(krr: Krr, store: Path) -> None:
    lines = history(store)
    for name in (f"{THIRD}-kopi", "eksport=20270101T000000Z"):
        shutil.copytree(store / THIRD, store / name)
    assert history(store) == lines
    assert history(store, limit=1) == lines[-1:]
    ran = krr("history", store)
    assert (ran.code, len(ran.lines)) == (0, 2)
    assert f"{THIRD}-kopi (it is not named like an export)" in ran.lines[0]
    assert "eksport=20270101T000000Z (manifest.json is that of another export)" in ran.lines[0]
    assert "move it out of the store" in ran.lines[0]


def test_no_personal_value_is_shown(krr: Krr, tmp_path: Path) -> None:
    secret = tiny_xml.person("<reservasjon>hemmelig</reservasjon>", tiny_xml.contact("hemmelig@example.no"))
    load(tmp_path, 1, secret, tiny_xml.person(tiny_xml.contact("hemmelig@example.no")))
    for ran in (krr("history", tmp_path, "-v"), krr("history", tmp_path, "--json")):
        assert ran.code == 0
        assert not re.search(f"hemmelig|{tiny_xml.IDENTIFIER}", ran.out + ran.err)


def test_no_data_file_is_needed_and_nothing_is_written(store: Path) -> None:
    whole = history(store)
    for name in ("person", "rejects"):
        for snapshot in store.glob("eksport=*"):
            shutil.rmtree(snapshot / name)
    before = command.contents(store)
    assert history(store) == whole
    assert command.contents(store) == before


def test_neither_arrow_nor_lxml_nor_jinja_is_loaded(store: Path) -> None:
    script = (
        "import sys; from krr_export.cli.main import main; code = main(['history', sys.argv[1]]);"
        "sys.exit(code or len({'pyarrow', 'lxml', 'xmlschema', 'pandas', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(store)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)


def test_help_has_an_example_and_says_what_every_option_does(krr: Krr) -> None:
    ran = krr("history", "--help")
    assert (ran.code, ran.err) == (0, "")
    assert "Example:\n    krr-export history " in ran.out
    summary = re.search(r"^  history +(.+)$", krr("--help").out, re.MULTILINE)
    assert summary
    assert f"\n  {summary[1]}\n" in ran.out
    for option in ("--limit N", "--json", "--quiet", "--verbose", "--config FILE.toml"):
        assert re.search(rf"{option} +[A-Z]", ran.out), option
