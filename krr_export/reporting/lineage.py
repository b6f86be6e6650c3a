"""A run as events of OpenLineage: what it reads, what it publishes into, and what came of it.

Paths are absolute, and of a URI nothing but host, port and path is told. No event holds a value of a record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from krr_export.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from krr_export.reporting.report import Report

_SPEC = "https://openlineage.io/spec"
_PRODUCER = f"urn:krr-export:{__version__}"
_STOPPED = frozenset({129, 130, 143})
"""Exit codes of a run that somebody stopped."""


@dataclass(frozen=True)
class Dataset:
    """What a run reads or writes, by OpenLineage's naming of files.

    Attributes:
        namespace: ``file``, or scheme, host and port of a server.
        name: the absolute path.
    """

    namespace: str
    name: str


def file_dataset(path: Path) -> Dataset:
    """Return the dataset of a local path."""
    return Dataset("file", str(Path.cwd() / path))


def server_dataset(uri: str) -> Dataset | None:
    """Return the dataset of a URI, without its user and query; ``None`` if it is none."""
    try:
        parts = urlsplit(uri)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    host = parts.hostname or ""
    name = f"[{host}]" if ":" in host else host
    return Dataset(f"{parts.scheme}://{name}{port}", parts.path or "/") if host else None


@dataclass(frozen=True)
class Published:
    """What a run published last.

    Attributes:
        snapshot: the name of its directory.
        schema: of the table person.
        size: bytes of the table's files.
        files: their number.
    """

    snapshot: str
    schema: pa.Schema
    size: int
    files: int


@dataclass(frozen=True)
class Ended:
    """What is known of a run at its end.

    Attributes:
        exit_code: of the command.
        message: the last line.
        report: of the last export that it read to its end; ``None`` if there is none.
        published: ``None`` if nothing was.
    """

    exit_code: int
    message: str
    report: Report | None
    published: Published | None


@dataclass(frozen=True)
class LineageRun:
    """A run of a command; the same for all of its events.

    Attributes:
        command: its name.
        store: that it publishes into.
        inputs: what it reads.
        identity: a random UUID.
    """

    command: str
    store: Path
    inputs: Sequence[Dataset]
    identity: str = field(default_factory=lambda: str(uuid4()))

    def started(self) -> dict[str, Any]:
        """Return the event of the run's beginning."""
        return self._event("START", {}, {}, {}, {})

    def ended(self, ended: Ended) -> dict[str, Any]:
        """Return the event of the run's end: COMPLETE, FAIL, or ABORT if somebody stopped it."""
        kind = "COMPLETE" if ended.exit_code == 0 else "ABORT" if ended.exit_code in _STOPPED else "FAIL"
        run = {}
        if ended.exit_code:
            said = {"message": ended.message, "programmingLanguage": "Python"}
            run["errorMessage"] = _facet("1-0-1", "ErrorMessageRunFacet", said)
        facets, statistics = _output_facets(ended.published, ended.report)
        return self._event(kind, run, _input_facets(ended.report), facets, statistics)

    def _event(
        self,
        kind: str,
        run: dict[str, Any],
        inputs: dict[str, Any],
        facets: dict[str, Any],
        outputs: dict[str, Any],
    ) -> dict[str, Any]:
        store = file_dataset(self.store)
        engine = {"version": __version__, "name": "krr-export"}
        return {
            "eventType": kind,
            "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "run": {
                "runId": self.identity,
                "facets": {"processing_engine": _facet("1-1-1", "ProcessingEngineRunFacet", engine), **run},
            },
            "job": {"namespace": "krr-export", "name": f"{self.command} {store.name}"},
            "inputs": [{"namespace": read.namespace, "name": read.name, "inputFacets": inputs} for read in self.inputs],
            "outputs": [{"namespace": store.namespace, "name": store.name, "facets": facets, "outputFacets": outputs}],
            "producer": _PRODUCER,
            "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        }


def _input_facets(report: Report | None) -> dict[str, Any]:
    if report is None:
        return {}
    read = {"rowCount": report.counts.seen, "size": report.performance.bytes_read}
    facets = {"inputStatistics": _facet("1-0-0", "InputStatisticsInputDatasetFacet", read)}
    if (profile := report.profile) is not None:  # which is of the accepted records alone
        columns = {column.name: {"nullCount": column.nulls} for column in profile.columns}
        metrics = {"rowCount": profile.records, "columnMetrics": columns}
        facets["dataQualityMetrics"] = _facet("1-0-3", "DataQualityMetricsInputDatasetFacet", metrics)
    return facets


def _output_facets(published: Published | None, report: Report | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the facets of the store, and of what was written into it."""
    if published is None or report is None:
        return {}, {}
    facets = {
        "schema": _facet("1-2-0", "SchemaDatasetFacet", {"fields": [_column(column) for column in published.schema]}),
        "version": _facet("1-0-1", "DatasetVersionDatasetFacet", {"datasetVersion": published.snapshot}),
    }
    written = {"rowCount": report.counts.written, "size": published.size, "fileCount": published.files}
    return facets, {"outputStatistics": _facet("1-0-2", "OutputStatisticsOutputDatasetFacet", written)}


def _column(column: pa.Field) -> dict[str, str]:
    said = (column.metadata or {}).get(b"description", b"").decode()
    return {"name": column.name, "type": str(column.type), **({"description": said} if said else {})}


def _facet(version: str, name: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"_producer": _PRODUCER, "_schemaURL": f"{_SPEC}/facets/{version}/{name}.json#/$defs/{name}", **content}
