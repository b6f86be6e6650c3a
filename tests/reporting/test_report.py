"""The report: true, complete, the same however the export was read, and without any personal value."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import json_schemas
import pytest
from conversions import NAMES, PERSONAL, SAMPLES, content, cut_into, read_naively, version
from exports import tiny_xml
from jsonschema import Draft202012Validator

import krr_export
from krr_export.findings.finding import MAX_EXAMPLES
from krr_export.output.manifest import read_manifest
from krr_export.reporting.report_file import read_report
from krr_export.rules.catalogue import CATALOGUE, DUPLICATE
from krr_export.schema.registry import load_schema
from krr_export.synthetic.fault_injection import SYNTHETIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DOCS = Path(__file__).parents[2] / "docs"
SCHEMAS = {name: json.loads((DOCS / f"{name}.schema.json").read_text()) for name in json_schemas.DOCUMENTS}
VALIDATOR = Draft202012Validator(SCHEMAS["report"])

Json = dict[str, Any]


def report_of(source: Path | bytes, **options: Any) -> Json:  # noqa: ANN401 - ConvertOptions checks them
    """The report of a validation."""
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    return krr_export.validate(stream, **{"workers": 0, **options}).to_dict()


def sample_report(name: str, **options: Any) -> Json:  # noqa: ANN401 - as above
    return report_of(SAMPLES / name, schema=version(name), **options)


def planted(name: str) -> Json:
    document: Json = json.loads((SAMPLES / f"{name}.expected.json").read_text())
    return document


def totals(report: Json) -> Json:
    return {f["code"]: {"findings": f["count"], "records": f["records"]} for f in report["findings"]}


def objects(schema: Json) -> Iterator[Json]:
    """All descriptions of objects with known keys in a JSON Schema."""
    if "properties" in schema:
        yield schema
        for below in schema["properties"].values():
            yield from objects(below)
    for below in schema.get("$defs", {}).values():
        yield from objects(below)


@pytest.mark.parametrize("document", SCHEMAS)
def test_the_published_schema_is_made_from_the_types_and_leaves_nothing_open_or_unsaid(document: str) -> None:
    assert (DOCS / f"{document}.schema.json").read_text() == json_schemas.json_schema(document), "run make docs"
    Draft202012Validator.check_schema(SCHEMAS[document])
    assert len([*objects(SCHEMAS[document])]) > 5
    for schema in objects(SCHEMAS[document]):
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
        assert [key for key, value in schema["properties"].items() if "description" not in value] == []


def test_the_published_schema_knows_exactly_the_codes_of_the_catalogue() -> None:
    finding = SCHEMAS["report"]["$defs"]["ReportedFinding"]["properties"]
    assert finding["code"]["enum"] == list(CATALOGUE)
    assert set(finding["severity"]["enum"]) == {code.severity for code in CATALOGUE.values()}
    assert finding["examples"]["maxItems"] == MAX_EXAMPLES


@pytest.mark.parametrize("name", NAMES)
def test_the_report_of_a_conversion_is_written_and_fits_the_published_schema(name: str, tmp_path: Path) -> None:
    result = krr_export.convert(SAMPLES / name, tmp_path, workers=0, schema=version(name), max_rejects="100%")
    assert result.report is not None
    VALIDATOR.validate(result.report.to_dict())
    assert json.loads((result.path / "report.json").read_text()) == result.report.to_dict()
    assert read_report(result.path) == result.report
    manifest = json.loads((result.path / "manifest.json").read_text())
    Draft202012Validator(SCHEMAS["manifest"]).validate(manifest)
    assert read_manifest(result.path).to_dict() == manifest
    assert result.report.outcome == "published"


@pytest.mark.parametrize(
    ("persons", "options", "outcome"),
    [
        ([tiny_xml.person()] * 3, {}, "published"),
        ([tiny_xml.person()] * 3, {"limit": 2}, "partial"),
        ([tiny_xml.person(), "<Person/>"], {}, "too-many-rejects"),
        ([], {}, "empty"),
        ([], {"allow_empty": True}, "published"),
    ],
)
def test_every_outcome_has_a_report_that_fits(
    export: Callable[..., bytes], tmp_path: Path, persons: list[str], options: Json, outcome: str
) -> None:
    result = krr_export.convert(io.BytesIO(export(*persons)), tmp_path, workers=0, **options)
    document = json.loads((result.path / "report.json").read_text())
    VALIDATOR.validate(document)
    assert (document["outcome"], result.outcome) == (outcome, outcome)


@pytest.mark.parametrize(
    ("persons", "outcome"), [([tiny_xml.person()], "valid"), (["<Person/>"], "rejects"), ([], "empty")]
)
def test_the_outcomes_of_validate_fit_too(export: Callable[..., bytes], persons: list[str], outcome: str) -> None:
    document = report_of(export(*persons))
    VALIDATOR.validate(document)
    assert document["outcome"] == outcome


def test_keys_without_anything_to_say_are_null_or_empty(export: Callable[..., bytes]) -> None:
    document = report_of(export(*[tiny_xml.person()] * 500), limit=1, rules=False)
    VALIDATOR.validate(document)
    assert document["findings"] == []
    assert document["limits"] == {"max_rejects": "0", "allow_empty": False, "limit": 1, "strict": []}
    assert document["counts"] == {"seen": 1, "written": 1, "rejected": 0}


@pytest.mark.parametrize("name", NAMES)
def test_counts_are_those_that_were_planted(name: str) -> None:
    report, expected = sample_report(name), planted(name)
    seen, rejected = expected["seen"], expected["rejected"]
    assert report["counts"] == {"seen": seen, "written": seen - rejected, "rejected": rejected}
    assert sum(report["read_by"].values()) == seen
    found = totals(report)
    if name == "old-spellings.xml":  # validators pass over what follows an element that they do not know
        assert {code: total["records"] for code, total in found.items()} == {
            code: total["records"] for code, total in expected["totals"].items()
        }
        assert all(total["findings"] <= expected["totals"][code]["findings"] for code, total in found.items())
    else:
        assert found == expected["totals"]


@pytest.mark.parametrize("name", ["faulty.xml", "naive.xml"])
def test_examples_are_the_first_that_were_planted_in_their_order(name: str) -> None:
    expected: dict[str, list[tuple[int, str | None]]] = {}
    for finding in planted(name)["findings"]:
        if finding["code"] != DUPLICATE:  # where they are is not remembered
            expected.setdefault(finding["code"], []).append((finding["record"], finding["field"]))
    found = {
        finding["code"]: [(example["record"], example["field"]) for example in finding["examples"]]
        for finding in sample_report(name)["findings"]
        if finding["code"] not in {DUPLICATE, SYNTHETIC}  # what is found of every record is not listed of each
    }
    assert found == {code: places[:MAX_EXAMPLES] for code, places in expected.items()}


@pytest.mark.parametrize("name", NAMES)
def test_fields_divide_the_count(name: str) -> None:
    for finding in sample_report(name)["findings"]:
        assert sum(finding["fields"].values()) == finding["count"]
        assert {example["field"] or "" for example in finding["examples"]} <= set(finding["fields"])


@pytest.mark.parametrize("name", ["faulty.xml", "naive.xml", "old-spellings.xml"])
@pytest.mark.parametrize("size", [700, 5000, 1 << 22])
def test_examples_point_exactly_at_their_record(name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_into(monkeypatch, size)
    places = {record.number: record for record in read_naively(content(SAMPLES / name), load_schema(version(name)))}
    examples = [example for finding in sample_report(name)["findings"] for example in finding["examples"]]
    assert len(examples) >= 20
    for example in examples:
        place = places[example["record"]]
        assert (example["byte_offset"], example["line"]) == (place.offset, place.line)


@pytest.mark.parametrize("code", ["value-not-in-list", "time-without-offset"])
def test_totals_are_true_beyond_the_examples_shown(export: Callable[..., bytes], code: str) -> None:
    faulty = {
        "value-not-in-list": tiny_xml.person("<status>X</status>"),
        "time-without-offset": tiny_xml.person(
            tiny_xml.contact(attributes='sistOppdatert="2014-02-25T13:08:00" sistVerifisert="2014-02-25T13:08:00"')
        ),
    }[code]
    each = 2 if code == "time-without-offset" else 1
    report = report_of(export(*[tiny_xml.person(), faulty] * 33), max_rejects=33, rules=False)
    [finding] = report["findings"]
    assert (finding["code"], finding["count"], finding["records"]) == (code, 33 * each, 33)
    assert len(finding["examples"]) == 20
    assert [example["record"] for example in finding["examples"]] == [2 * (i // each) + 2 for i in range(20)]


def test_offsets_count_in_utf8_where_the_document_was_transcoded(export: Callable[..., bytes]) -> None:
    persons = [tiny_xml.person("<beskrivelse>æøå</beskrivelse>"), "<Person/>"]
    report = report_of(export(*persons, encoding="UTF-16"))
    VALIDATOR.validate(report)
    utf8 = export(*persons, encoding="UTF-16").decode("UTF-16").encode()
    assert report["source"]["offsets_count_in_utf8"] is True
    finding = report["findings"][0]
    assert finding["examples"][0]["byte_offset"] == utf8.index(b"<Person/>")


@pytest.mark.parametrize("name", ["faulty.xml", "naive.xml"])
def test_the_report_does_not_depend_on_workers_or_blocks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reports = []
    for workers, size in [(0, 1 << 22), (0, 700), (1, 9000), (2, 3000)]:
        cut_into(monkeypatch, size)
        report = sample_report(name, workers=workers)
        # When, how fast; and which reader took a record may depend on its neighbours.
        for key in ("created", "performance", "read_by"):
            del report[key]
        reports.append(report)
    assert reports[1:] == [reports[0]] * 3


@pytest.mark.parametrize("name", NAMES)
def test_no_personal_value_is_in_the_report_or_its_summary(name: str) -> None:
    report = krr_export.validate(SAMPLES / name, schema=version(name), workers=0)
    said = report.to_json() + "\n".join(report.summary())
    records = read_naively(content(SAMPLES / name), load_schema(version(name)))
    values = {str(record.values[column] or "") for record in records for column in PERSONAL}
    telling = [value for value in values if len(value) > 4]  # a planted value that is too short is in any number
    assert len(telling) > 20
    assert [value for value in telling if value in said] == []


def test_what_the_sender_made_up_is_not_repeated(export: Callable[..., bytes]) -> None:
    secret = "Kari03851598730"  # noqa: S105 - stands for a personal value
    persons = [
        tiny_xml.person(f"<{secret}/>"),
        tiny_xml.person(f'<status {secret}="{secret}">AKTIV</status>'),
        tiny_xml.person(f"<status>{secret}</status>"),
        f"<Person>{secret}</Person>",
        tiny_xml.person(tiny_xml.contact(attributes=f'sistOppdatert="{secret}"')),
        f'<x:Person xmlns:x="{tiny_xml.PERSONS}" xmlns="{secret}"><personidentifikator/></x:Person>',
    ]
    report = krr_export.validate(io.BytesIO(export(*persons)), workers=0)
    assert report.counts.rejected == len(persons)
    assert "03851598730" not in report.to_json() + "\n".join(report.summary())


def test_the_summary_says_what_happened_in_a_few_lines() -> None:
    lines = list(krr_export.validate(SAMPLES / "faulty.xml", workers=0).summary())
    assert lines[0].startswith("export    faulty.xml: 0.1 MB, UTF-8, schema 14-05")
    assert lines[1] == "made      2026-02-26T12:22:25.000+01:00, change number 41234567"
    assert lines[2] == "records   94 seen, 42 accepted, 52 rejected"
    assert lines[3].startswith("reject    element-unexpected:            8 in  8 records; ")
    assert lines[-4].startswith("contact   90.5 % with mobile, 88.1 % with e-mail, 4.8 % with neither; ")
    assert lines[-3] == "reachable 8 may be notified, 19.0 %"
    assert lines[-2] == (
        "outdated  86.8 % of mobiltelefonnummer, 86.5 % of epostadresse:"
        " neither updated nor verified in the last 18 months"
    )
    assert len(lines) == 3 + len(planted("faulty.xml")["totals"]) + 4
    # In a log, the time stands behind the first word of each.
    assert all(re.fullmatch(r"\S+ +", line[:10]) for line in lines)


def test_the_queries_of_the_documentation_run(tmp_path: Path) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    blocks = re.findall(r"```sh\n(.*?)```", (DOCS / "reference/report.md").read_text(), re.DOTALL)
    assert len(blocks) >= 5
    shutil.copy(SAMPLES / "faulty.xml", tmp_path / "export.xml")
    report = krr_export.validate(tmp_path / "export.xml", workers=0, max_rejects="100%")
    (tmp_path / "report.json").write_text(report.to_json().replace('"valid"', '"published"').replace("52", "0"))
    outputs = [
        subprocess.run(["bash", "-ec", block], cwd=tmp_path, capture_output=True, check=True).stdout for block in blocks
    ]
    assert all(outputs)
    assert outputs[-1].startswith(b'["')
