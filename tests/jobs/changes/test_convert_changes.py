"""`convert --changes` writes what changed since the snapshot before: the same as `diff`, and in the report."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from exports import tiny_xml
from lxml import html

from krr_export import convert, diff, verify
from krr_export.errors import InputError
from krr_export.reporting.formats import render_report
from krr_export.reporting.page.rendering import render
from krr_export.synthetic import SampleOptions, write_sample_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import command

    from krr_export.jobs.convert_result import ConvertResult

FIRST, SECOND, THIRD = (f"eksport=201402{day}T112225Z" for day in (26, 27, 28))


def night(day: int, *persons: str) -> bytes:
    """An export of that day."""
    text = tiny_xml.export(*persons).replace(b"2014-02-26T", b"2014-02-%dT" % day)
    return text.replace(b'"1724"', b'"%d"' % (1700 + day))


def person(number: int, mobile: str = "", reserved: str = "NEI") -> str:
    contact = f"<Kontaktinformasjon><Mobiltelefonnummer>{mobile}</Mobiltelefonnummer></Kontaktinformasjon>"
    return tiny_xml.person(
        f"<reservasjon>{reserved}</reservasjon><status>AKTIV</status>{contact if mobile else ''}",
        identifier=f"038515{number:05}",
    )


def persons(count: int) -> list[str]:
    return [person(number, "99999999") for number in range(count)]


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., ConvertResult]:
    def loaded(day: int, records: list[str], **options: Any) -> ConvertResult:  # noqa: ANN401 - those of convert
        export = tmp_path / f"{day}.xml"
        export.write_bytes(night(day, *records))
        return convert(export, tmp_path / "store", **{"changes": True, "guard": False, **options})

    return loaded


def rows(snapshot: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.ParquetDataset(snapshot / "changes").read().to_pylist()
    return found


@pytest.mark.parametrize(
    "options",
    [{}, {"format": "csv"}, {"partition_by": ("status",)}, {"derive": "all"}, {"workers": 0}, {"drop": "status"}],
)
def test_the_table_of_changes_is_that_of_diff(
    load: Callable[..., ConvertResult], tmp_path: Path, options: dict[str, Any]
) -> None:
    everyone = persons(40)
    load(26, everyone, **options)
    changed = [person(0, "99999998"), person(1), person(2, "99999999", "JA"), *everyone[5:], person(50)]
    second = load(27, changed, **options)
    result = diff(tmp_path / "store", output=tmp_path / "changes.parquet")
    assert rows(second.path) == pq.read_table(tmp_path / "changes.parquet").to_pylist()
    assert second.report
    assert second.report.changes == result.summary
    assert (result.summary.new, result.summary.changed, result.summary.gone) == (1, 3, 2)
    assert result.summary.newly_reserved == 1
    assert verify(second.path).proven


def test_the_same_snapshots_give_the_same_bytes_by_any_number_of_workers(tmp_path: Path) -> None:
    for day, seed in ((26, 1), (27, 2)):
        exported = SampleOptions(records=1).exported.replace(day=day)
        options = SampleOptions(records=500, seed=seed, exported=exported, change_number=day)
        write_sample_file(tmp_path / f"{day}.xml", options)
    convert(tmp_path / "26.xml", tmp_path / "0", guard=False)
    shutil.copytree(tmp_path / "0", tmp_path / "2", symlinks=True)
    written = []
    for workers in (0, 2):
        converted = convert(tmp_path / "27.xml", tmp_path / f"{workers}", changes=True, guard=False, workers=workers)
        written.append((converted.path / "changes" / "part-00000.parquet").read_bytes())
    assert written[0] == written[1]


def test_the_first_snapshot_has_an_empty_table(load: Callable[..., ConvertResult]) -> None:
    first = load(26, persons(2))
    assert rows(first.path) == []
    assert first.report
    assert first.report.changes is None
    schema = pq.read_schema(first.path / "changes" / "part-00000.parquet")
    assert schema.names[:4] == ["endring", "personidentifikator", "forekomst", "endrede_kolonner"]
    assert b"fra" not in schema.metadata


def test_a_late_export_is_compared_with_the_one_before_it(load: Callable[..., ConvertResult]) -> None:
    load(26, persons(2))
    load(28, persons(4))
    late = load(27, persons(3))
    assert late.report
    assert late.report.changes
    assert late.report.changes.compared_with == FIRST
    assert [row["endring"] for row in rows(late.path)] == ["ny"]


def test_a_damaged_snapshot_before_is_named_and_nothing_is_published(
    load: Callable[..., ConvertResult], tmp_path: Path
) -> None:
    load(26, persons(2))
    (tmp_path / "store" / FIRST / "person" / "part-00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=f"--changes: {FIRST}/person/part-00000.parquet .* without --changes"):
        load(27, persons(3))
    assert not (tmp_path / "store" / SECOND).exists()
    assert load(27, persons(3), changes=False).published


def test_what_is_not_published_has_no_changes(load: Callable[..., ConvertResult]) -> None:
    load(26, persons(300))
    refused = load(27, persons(20), guard=True)
    assert (refused.outcome, refused.report and refused.report.changes) == ("guard", None)
    assert not (refused.path / "changes").exists()
    partial = load(27, persons(10), limit=5)
    assert (partial.outcome, partial.report and partial.report.changes) == ("partial", None)
    assert not (partial.path / "changes").exists()


def test_a_snapshot_without_changes_gets_them_by_replacing_it(load: Callable[..., ConvertResult]) -> None:
    load(26, persons(2))
    without = load(27, persons(3), changes=False)
    assert not (without.path / "changes").exists()
    assert load(27, persons(3)).outcome == "unchanged"
    replaced = load(27, persons(3), replace=True)
    assert [row["endring"] for row in rows(replaced.path)] == ["ny"]
    assert load(27, persons(3), replace=True).outcome == "unchanged"


def test_every_form_of_the_report_says_what_changed(
    load: Callable[..., ConvertResult], tmp_path: Path, krr: Callable[..., command.Ran]
) -> None:
    load(26, persons(20))
    load(27, [person(0), *persons(21)[1:]], changes=False)
    (tmp_path / "store" / SECOND).rename(tmp_path / "moved")
    ran = krr("convert", tmp_path / "27.xml", tmp_path / "store", "--changes", "--no-guard", "--json")
    changes = ran.result["report"]["changes"]
    assert (changes["compared_with"], changes["new"], changes["changed"], changes["unchanged"]) == (FIRST, 1, 1, 19)
    assert changes["columns"] == {"mobiltelefonnummer": {"added": 0, "changed": 0, "removed": 1, "now": {}}}
    assert f"since {FIRST}: 1 new, 1 changed, 0 deleted, 0 gone, 19 records the same" in ran.err
    report = load(28, persons(21)).report
    assert report
    markdown = render_report(report, "markdown")
    assert "| mobiltelefonnummer | 1 | 0 | 0 |" in markdown.replace("\\", "")
    for lang in ("en", "nb"):
        page = html.fromstring(render(report, lang=lang))
        [section] = page.xpath("//section[@id='changes']")
        assert section.xpath(".//dd[@data-of='changes.changed']/@data-value") == ["1"]
        assert [*section.xpath(".//tbody//td/@data-value")] == ["1", "0", "0"]
