"""What a run tells a catalogue, judged by OpenLineage's own classes, in a file and by a real server."""

from __future__ import annotations

import copy
import json
import os
import signal
import socket
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attr
import command
import pyarrow.parquet as pq
import pytest
from openlineage.client.generated import (
    base,
    data_quality_metrics_input_dataset,
    dataset_version_dataset,
    error_message_run,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    processing_engine_run,
    schema_dataset,
)
from servers.serving import in_background

from krr_export.input.http.exchange import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = Path(__file__).parents[2] / "samples"
VALID, FAULTY = SAMPLES / "valid.xml", SAMPLES / "faulty.xml"
FACETS: dict[str, type[Any]] = {
    "dataQualityMetrics": data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet,
    "errorMessage": error_message_run.ErrorMessageRunFacet,
    "inputStatistics": input_statistics_input_dataset.InputStatisticsInputDatasetFacet,
    "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    "processing_engine": processing_engine_run.ProcessingEngineRunFacet,
    "schema": schema_dataset.SchemaDatasetFacet,
    "version": dataset_version_dataset.DatasetVersionDatasetFacet,
}


def judged(event: dict[str, Any]) -> dict[str, Any]:
    """The event, if OpenLineage's classes take it: they know each name and ask for what is required."""
    parts = copy.deepcopy(event)
    assert parts.pop("schemaURL") == base.RunEvent._get_schema()  # noqa: SLF001 - there is no public way to it
    run, job = parts.pop("run"), parts.pop("job")
    parts |= {name: [dataset(one) for one in parts.pop(name)] for name in ("inputs", "outputs")}
    parts["eventType"] = base.EventType[parts["eventType"]]
    of = base.Run(runId=run.pop("runId"), facets=facets(run.pop("facets")))
    base.RunEvent(run=of, job=base.Job(**job), **parts)
    assert run == {}
    return event


def dataset(given: dict[str, Any]) -> base.Dataset:
    kind = base.OutputDataset if "outputFacets" in given else base.InputDataset
    parts: dict[str, Any] = {
        name: facets(value) if name.lower().endswith("facets") else value for name, value in given.items()
    }
    return kind(**parts)


def facets(given: dict[str, Any]) -> dict[str, Any]:
    made = {}
    for name, facet in given.items():
        content = dict(facet)
        kind = FACETS[name]
        assert content.pop("_schemaURL").split("#") == kind._get_schema().split("#")  # noqa: SLF001 - see above
        made[name] = kind(producer=content.pop("_producer"), **content)
        for field in content.get("fields", ()):
            schema_dataset.SchemaDatasetFacetFields(**field)
        for column in content.get("columnMetrics", {}).values():
            data_quality_metrics_input_dataset.ColumnMetrics(**column)
        assert {one.name.lstrip("_") for one in attr.fields(kind)} >= content.keys()
    return made


def events(file: Path) -> list[dict[str, Any]]:
    return [judged(json.loads(line)) for line in file.read_text().splitlines()]


def test_a_published_export_is_told_from_its_beginning_to_its_table(tmp_path: Path) -> None:
    file, store = tmp_path / "lineage.jsonl", tmp_path / "store"
    ran = command.call("convert", VALID, store, "--openlineage", file, "--json")
    assert (ran.code, ran.result["warnings"]) == (0, [])
    began, ended = events(file)
    assert (began["eventType"], ended["eventType"]) == ("START", "COMPLETE")
    assert began["run"]["runId"] == ended["run"]["runId"] == str(UUID(began["run"]["runId"]))
    assert began["job"] == ended["job"] == {"namespace": "krr-export", "name": f"convert {store}"}
    [read], [written] = ended["inputs"], ended["outputs"]
    assert (read["namespace"], read["name"]) == ("file", str(VALID))
    assert read["inputFacets"]["inputStatistics"]["rowCount"] == 40
    assert read["inputFacets"]["inputStatistics"]["size"] == VALID.stat().st_size
    nulls = {column["name"]: column["nulls"] for column in ran.result["report"]["profile"]["columns"]}
    told = read["inputFacets"]["dataQualityMetrics"]["columnMetrics"]
    assert {name: column["nullCount"] for name, column in told.items()} == nulls
    assert (written["namespace"], written["name"]) == ("file", str(store))
    parts = [*(store / "latest/person").rglob("*.parquet")]
    statistics = written["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["fileCount"]) == (40, len(parts))
    assert statistics["size"] == sum(part.stat().st_size for part in parts)
    assert written["facets"]["version"]["datasetVersion"] == (store / "latest").resolve().name
    fields = {field["name"]: field for field in written["facets"]["schema"]["fields"]}
    assert fields["personidentifikator"]["type"] == "string"
    assert all(field["description"] for field in fields.values())


def test_the_columns_that_are_left_out_are_not_told(tmp_path: Path) -> None:
    file = tmp_path / "lineage.jsonl"
    command.call("convert", VALID, tmp_path / "store", "--columns", "status", "--format", "csv", "--openlineage", file)
    [written] = events(file)[1]["outputs"]
    assert [field["name"] for field in written["facets"]["schema"]["fields"]] == ["radnummer", "status"]


def test_no_event_holds_a_value(tmp_path: Path) -> None:
    file = tmp_path / "lineage.jsonl"
    command.call("convert", VALID, tmp_path / "store", "--openlineage", file)
    command.call("convert", FAULTY, tmp_path / "other", "--openlineage", file)
    assert len(events(file)) == 4
    assert file.stat().st_mode & 0o777 == 0o600
    rows = pq.read_table(tmp_path / "store/latest/person", columns=["personidentifikator", "epostadresse"])
    values = {value for column in rows.columns for value in column.to_pylist() if value}
    assert len(values) > 40
    assert [value for value in values if value in file.read_text()] == []


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["convert", FAULTY, "store"], 1, "not published"),
        (["convert", "nowhere.xml", "store"], 3, "nowhere.xml"),
        (["apply", "store", "nowhere", "--as-of", "2026-02-27T04:00:00+01:00"], 3, "nowhere"),
        (["run", "sftp://krr:geheim@127.0.0.1:1/out", "inbox", "store", "--keep", "3"], 2, ""),
    ],
    ids=["rejects", "input", "apply", "run"],
)
def test_so_is_what_failed_without_the_user_of_a_uri(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str | Path], code: int, word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    command.call("convert", VALID, "store")
    ran = command.call(*arguments, "--openlineage", "lineage.jsonl")
    assert ran.code == code, ran.err
    began, ended = events(Path("lineage.jsonl"))
    assert (began["eventType"], ended["eventType"]) == ("START", "FAIL")
    message = ended["run"]["facets"]["errorMessage"]["message"]
    assert message == ran.last
    assert word in message
    if arguments[0] == "run":
        assert (ended["inputs"][0]["namespace"], ended["inputs"][0]["name"]) == ("sftp://127.0.0.1:1", "/out")
    assert "geheim" not in Path("lineage.jsonl").read_text()


def test_a_run_that_is_stopped_is_told_as_such(tmp_path: Path) -> None:
    file = tmp_path / "lineage.jsonl"
    os.mkfifo(tmp_path / "pipe")
    with (
        command.heeding(signal.SIGTERM),
        command.started("convert", tmp_path / "pipe", tmp_path / "store", "--openlineage", file) as process,
    ):
        command.wait_until(file.exists)
        command.wait_until(lambda: bool(file.read_text()))
        process.send_signal(signal.SIGTERM)
        assert process.wait(command.HANG) == 143
    assert [event["eventType"] for event in events(file)] == ["START", "ABORT"]


class Service(HTTPServer):
    """Takes events, and answers with a status."""

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = status
        self.got: list[tuple[str, dict[str, Any]]] = []

    @contextmanager
    def at_work(self) -> Iterator[Service]:
        """Serve while it is asked."""
        with in_background(self):
            yield self


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/json"
        self.server.got.append((self.path, json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("path", "asked"), [("", "/api/v1/lineage"), ("/any/where", "/any/where")])
def test_a_service_is_told_both(tmp_path: Path, path: str, asked: str) -> None:
    with Service(201).at_work() as service:
        url = f"http://127.0.0.1:{service.server_port}{path}"
        ran = command.call("convert", VALID, tmp_path / "store", "--openlineage", url, "--json")
    assert (ran.code, ran.result["warnings"]) == (0, [])
    assert [where for where, _ in service.got] == [asked, asked]
    assert [judged(event)["eventType"] for _, event in service.got] == ["START", "COMPLETE"]


def test_a_service_that_refuses_or_is_not_there_changes_nothing_but_a_warning(tmp_path: Path) -> None:
    with Service(503).at_work() as service:
        url = f"http://127.0.0.1:{service.server_port}"
        ran = command.call("convert", VALID, tmp_path / "store", "--openlineage", url, "--json")
    said = f"the lineage was not handed on: 127.0.0.1:{service.server_port} answers with 503"
    assert (ran.code, ran.result["outcome"], ran.result["warnings"]) == (0, "published", [said, said])
    ran = command.call("convert", FAULTY, tmp_path / "other", "--openlineage", url, "--json")
    assert (ran.code, len(ran.result["warnings"])) == (1, 2)
    assert "refuses connections" in ran.result["warnings"][0]
    assert ran.last.startswith("not published")


def test_one_that_is_silent_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("krr_export.jobs.lineage._LIMITS", Limits(silence=0.1, whole=0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        ran = command.call("convert", VALID, tmp_path / "store", "--openlineage", url, "--json")
    assert (ran.code, len(ran.result["warnings"])) == (0, 2)


@pytest.mark.parametrize("kind", ["directory", "nowhere", "loop", "read-only"])
def test_a_file_that_cannot_be_written_changes_nothing_but_a_warning(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "lineage"
    if kind == "directory":
        file.mkdir()
    elif kind == "nowhere":
        file /= "lineage.jsonl"
    elif kind == "loop":
        file.symlink_to(file)
    else:
        file = Path("/proc/version")
    ran = command.call("convert", VALID, tmp_path / "store", "--openlineage", file, "--json", "-q")
    assert (ran.code, ran.result["outcome"], len(ran.result["warnings"])) == (0, "published", 2)
    assert len(ran.err.splitlines()) == 1
    assert ran.result["warnings"][0].startswith(f"cannot write the lineage {file}: ")


def test_a_fault_in_telling_is_no_fault_of_a_run_that_has_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("krr_export.jobs.lineage.published", lambda *_: 1 // 0)
    ran = command.call("convert", VALID, tmp_path / "store", "--openlineage", tmp_path / "lineage.jsonl", "--json")
    assert (ran.code, ran.result["outcome"]) == (0, "published")
    assert ran.result["warnings"] == ["the lineage was not handed on: ZeroDivisionError"]


@pytest.mark.parametrize("url", ["https://krr:geheim@host/x", "http://host/?key=geheim", "https://", "http:/host/x"])
def test_a_url_with_a_secret_or_without_a_host_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    ran = command.call("convert", VALID, tmp_path / "store", "--openlineage", url)
    assert ran.code == 2
    assert "--openlineage is not the address of a service" in ran.last
    assert "geheim" not in ran.err
    assert not (tmp_path / "store").exists()


def test_an_export_is_not_appended_to(tmp_path: Path) -> None:
    export = tmp_path / "export.xml"
    export.write_bytes(VALID.read_bytes())
    ran = command.call("convert", export, tmp_path / "store", "--openlineage", export)
    assert (ran.code, "same file" in ran.last) == (2, True)
    assert export.read_bytes() == VALID.read_bytes()
