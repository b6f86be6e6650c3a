"""Whatever reads an export, and in whatever blocks: the same data files, byte for byte, and the same report."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from conversions import cut_into
from exports.tiny_xml import contact, export, person

import krr_export
from krr_export.findings.finding import MAX_EXAMPLES
from krr_export.synthetic import SampleOptions, write_sample

if TYPE_CHECKING:
    from pathlib import Path

ALL = 1 << 22
WAYS = [
    *(("iterparse", workers, size) for workers, size in ((1, 20_000), (0, 700))),
    *(("auto", workers, size) for workers, size in ((0, ALL), (0, 700), (0, 5000), (1, 60_000), (2, 20_000))),
]
"""Reader, workers, bytes of a block."""


def sample(**options: Any) -> bytes:  # noqa: ANN401 - SampleOptions checks them
    out = BytesIO()
    write_sample(out, SampleOptions(400, seed=3, **options))
    return out.getvalue()


EXPORTS = {
    "faults in some records": sample(fault_share=0.05),
    "faults in most records, one certificate each": sample(fault_share=0.6, certificates=0),
    "prefixed, naive times": sample(fault_share=0.02, prefix="ns2", naive_times=True, indent=False),
    "the same person again and again": export(*[person(contact("x@y")), person(), "<Person/>", person()] * 60),
    "odd records among usual ones": export(
        *[person(contact()), person(contact("ola&#64;example.no")), "<Person/>", person("<!-- </Person> -->")] * 60
    ),
}


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("name", EXPORTS)
def test_every_way_gives_the_same_files_and_findings(
    name: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "export.xml"
    source.write_bytes(EXPORTS[name])
    expected = None
    for reader, workers, size in [("iterparse", 0, ALL), *(WAYS if form == "parquet" else WAYS[-2:])]:
        cut_into(monkeypatch, size)
        store = tmp_path / f"{reader} {workers} {size}"
        options: dict[str, Any] = {"reader": reader, "workers": workers, "format": form, "max_rejects": "100%"}
        snapshot = krr_export.convert(source, store, **options).path
        report = json.loads((snapshot / "report.json").read_text(encoding="utf-8"))
        assert sum(report["read_by"].values()) == report["counts"]["seen"]
        concerned = [report[key] for key in ("counts", "warned", "rejected_or_warned")]
        found = (data_files(snapshot), report["findings"], concerned)
        expected = expected or found
        assert found == expected, (reader, workers, size)


def data_files(snapshot: Path) -> dict[str, bytes]:
    paths = [
        path
        for table in ("person", "rejects", "findings")
        for path in sorted((snapshot / table).rglob("*"))
        if path.is_file()
    ]
    assert len(paths) >= 3
    return {str(path.relative_to(snapshot)): path.read_bytes() for path in paths}


@pytest.mark.parametrize(("workers", "size"), [(0, ALL), (0, 500), (2, 3000)])
def test_examples_are_the_first_ones_in_order(workers: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    naive = person(contact(attributes='sistOppdatert="2014-02-25T12:08:00" sistVerifisert="2014-02-25T12:08:00"'))
    odd = naive.replace("ola@", "ola&#64;")
    cut_into(monkeypatch, size)
    # A usual record, a rejected one, and by turns a naive one and one that only the reference takes.
    document = export(*[person(), "<Person/>", naive, person(), odd] * 40)
    report = krr_export.validate(BytesIO(document), workers=workers)
    notices = {found.code: found for found in report.findings}
    without_offset, missing = notices["time-without-offset"], notices["element-missing"]
    assert (without_offset.records, without_offset.count, missing.records) == (80, 160, 40)
    assert len(without_offset.examples) == len(missing.examples) == MAX_EXAMPLES
    naive_ones = [ordinal for ordinal in range(1, 201) if ordinal % 5 in {3, 0}]
    assert [example.record for example in without_offset.examples] == [each for each in naive_ones for _ in "12"][:20]
    assert [example.record for example in missing.examples] == list(range(2, 100, 5))
    assert all(document[example.byte_offset :].startswith(b"<Person") for example in without_offset.examples)
    assert all(example.line == example.record + 2 for example in (*without_offset.examples, *missing.examples))
