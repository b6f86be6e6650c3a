"""What a run writes for Prometheus, judged by Prometheus' own parser."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import command
import pyarrow.parquet as pq
import pytest
from prometheus_client.parser import text_string_to_metric_families

from krr_export.reporting.metrics import RunMetrics
from krr_export.version import __version__

SAMPLES = Path(__file__).parents[2] / "samples"
VALID, FAULTY = SAMPLES / "valid.xml", SAMPLES / "faulty.xml"
MADE = datetime(2026, 2, 26, 11, 22, 25, tzinfo=UTC).timestamp()
"""When the export of the samples was made."""


def samples(file: Path) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The metrics of a file by name and labels; those that each has are left out."""
    found = {}
    for family in text_string_to_metric_families(file.read_text()):
        assert (family.type, family.documentation[-1:]) == ("gauge", "."), family.name
        for sample in family.samples:
            assert sample.labels.pop("run") == file.stem
            assert sample.labels.pop("command")
            key = sample.name.removeprefix("krr_export_"), frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def plain(file: Path) -> dict[str, float]:
    """The metrics that have no labels of their own."""
    return {name: value for (name, labels), value in samples(file).items() if not labels}


def outcome(file: Path) -> str:
    [labels] = [dict(labels) for name, labels in samples(file) if name == "run_info"]
    assert labels.pop("version") == __version__
    return labels["outcome"]


def test_a_published_export_is_told_in_full(tmp_path: Path) -> None:
    file, before = tmp_path / "krr.prom", time.time()
    ran = command.call(
        "convert", FAULTY, tmp_path / "store", "--max-rejects", "100%", "--metrics", file, "--json"
    )  # fmt: skip
    report, found = ran.result["report"], samples(file)
    assert outcome(file) == "published"
    told = plain(file)
    assert (told["success"], told["exit_code"]) == (1, 0)
    assert before <= told["last_run_timestamp_seconds"] <= time.time()
    assert 0 < told["run_duration_seconds"] < time.time() - before + 0.001
    assert told["read_bytes"] == FAULTY.stat().st_size
    assert told["peak_memory_bytes"] == report["performance"]["peak_memory_bytes"]
    assert told["newest_export_timestamp_seconds"] == int(told["export_timestamp_seconds"])
    for state, count in report["counts"].items():
        assert found["records", frozenset({("state", state)})] == count
    assert found["records", frozenset({("state", "rejected")})] > 0
    expected = {(one["code"], one["severity"]): one["records"] for one in report["findings"]}
    assert expected == {
        (dict(labels)["code"], dict(labels)["severity"]): value
        for (name, labels), value in found.items()
        if name == "finding_records"
    }


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["convert", VALID, "store"], 0, "unchanged"),
        (["convert", FAULTY, "store"], 1, "too-many-rejects"),
        (["convert", VALID, "store", "--max-age", "1h"], 5, "age"),
        (["convert", "nowhere.xml", "store"], 3, "input"),
        (["convert", VALID, "store", "--partition-by", "epostadresse"], 2, "usage"),
        (["apply", "store", "nowhere", "--as-of", "2026-02-27T04:00:00+01:00"], 3, "input"),
        (["run", "sftp://krr@127.0.0.1:1/out", "inbox", "store", "--keep", "3"], 2, "usage"),
    ],
    ids=lambda value: " ".join(map(str, value)).replace(str(SAMPLES), "samples") if isinstance(value, list) else "",
)
def test_so_is_what_failed_and_what_the_store_has_none_the_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str | Path], code: int, word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command.call("convert", VALID, "store").code == 0
    file = Path("krr.prom")
    file.write_text("of the night before\n")
    ran = command.call(*arguments, "--metrics", file, "-q")
    assert ran.code == code, ran.err
    told = plain(file)
    assert (outcome(file), told["exit_code"], told["success"]) == (word, code, int(code == 0))
    assert told["newest_export_timestamp_seconds"] == MADE


def test_without_a_store_there_is_no_newest_export(tmp_path: Path) -> None:
    file = tmp_path / "krr.prom"
    assert command.call("validate", VALID, "--metrics", file).code == 0
    told = plain(file)
    assert outcome(file) == "valid"
    assert told["export_timestamp_seconds"] == MADE
    assert "newest_export_timestamp_seconds" not in told
    assert command.call("convert", "nowhere.xml", tmp_path / "none", "--metrics", file).code == 3
    assert plain(file).keys() == {"success", "exit_code", "last_run_timestamp_seconds", "run_duration_seconds"}


@pytest.mark.parametrize("name", ["krr.txt", "store/latest/krr.prom", "no/such/krr.prom"])
def test_nothing_else_is_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("export.xml").write_bytes(VALID.read_bytes())
    command.call("convert", "export.xml", "store")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    ran = command.call("convert", "export.xml", "other", "--metrics", name)
    assert (ran.code, name in ran.last) == (4 if name.startswith("no") else 2, True)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_an_export_that_is_called_as_the_metrics_are_is_not_written_over(tmp_path: Path) -> None:
    export = tmp_path / "export.prom"
    export.write_bytes(VALID.read_bytes())
    ran = command.call("convert", export, tmp_path / "store", "--metrics", export)
    assert (ran.code, "same file" in ran.last) == (2, True)
    assert export.read_bytes() == VALID.read_bytes()


def test_a_run_that_cannot_write_them_says_so_and_what_it_did(tmp_path: Path) -> None:
    file = tmp_path / "krr.prom"
    file.mkdir()
    ran = command.call("convert", VALID, tmp_path / "store", "--metrics", file, "--json")
    assert (ran.code, ran.result["exit_code"], ran.result["reason"]) == (4, 4, "output")
    assert ran.last.startswith("published 40 records")
    assert "; but cannot write the metrics" in ran.last
    assert pq.read_table(tmp_path / "store/latest/person").num_rows == 40


def test_the_collector_may_read_them_and_finds_nothing_half_written(tmp_path: Path) -> None:
    file = tmp_path / "krr.prom"
    umask = os.umask(0o022)
    try:
        command.call("validate", VALID, "--metrics", file)
    finally:
        os.umask(umask)
    assert file.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [file]
    assert str(tmp_path) not in file.read_text()
    assert "valid.xml" not in file.read_text()


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "å{}=,"])
def test_any_name_of_a_run_comes_back_as_it_was(name: str) -> None:
    metrics = RunMetrics("convert", name, 0, "published", datetime.now(UTC), 1.5)
    [family, *_] = text_string_to_metric_families(metrics.render())
    assert family.samples[0].labels == {"command": "convert", "run": name}
