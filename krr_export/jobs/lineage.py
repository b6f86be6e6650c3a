"""Hand on what a run was, as events of OpenLineage: to a file, or to a service."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from krr_export.errors import KrrExportError
from krr_export.input.http.exchange import Limits, Request, TransientError, post, trusted
from krr_export.output.outputs import append_line, write_error
from krr_export.output.snapshot_table import PERSON, open_snapshot_table
from krr_export.reporting.lineage import Ended, LineageRun, Published, file_dataset, server_dataset

if TYPE_CHECKING:
    from collections.abc import Iterable

    from krr_export.input.http.address import ServiceAddress
    from krr_export.reporting.report import Report

_SUCCESS = range(200, 300)
_LIMITS = Limits(silence=5.0, whole=10.0, size=1 << 20)
"""A run does not wait longer for somebody who only wants to know of it."""


class Lineage:
    """What a catalogue is told of one run of a command.

    Args:
        receiver: a file, or a service.
        command: its name.
        store: that it publishes into.
        servers: that it reads from, as URIs.
        paths: of files and directories that it reads.
    """

    def __init__(
        self,
        receiver: Path | ServiceAddress,
        command: str,
        store: Path,
        servers: Iterable[str],
        paths: Iterable[Path],
    ) -> None:
        self._receiver = receiver
        self._run = LineageRun(command, store, (*filter(None, map(server_dataset, servers)), *map(file_dataset, paths)))

    def tell_start(self) -> str | None:
        """Tell that the run began; return why that was not possible."""
        return self._hand_on(self._run.started())

    def tell_end(self, code: int, message: str, report: Report | None) -> str | None:
        """Tell what came of the run; return why that was not possible.

        Args:
            code: its exit code.
            message: its last line.
            report: of the export that it read to its end, if it did.
        """
        return self._hand_on(self._run.ended(Ended(code, message, report, published(self._run.store, report))))

    def _hand_on(self, event: dict[str, Any]) -> str | None:
        body = json.dumps(event).encode()
        return _append(self._receiver, body) if isinstance(self._receiver, Path) else _post(self._receiver, body)


def published(store: Path, report: Report | None) -> Published | None:
    """Return what a run published into its store; ``None`` if nothing."""
    if report is None or report.outcome != "published":
        return None
    with suppress(KrrExportError, OSError):  # the run has said what is wrong; if nothing, it is deleted already
        table = open_snapshot_table(store / report.header.export_name)
        parts = [part for part in table.manifest.files if part.path.startswith(f"{PERSON}/")]
        return Published(table.name, table.schema, sum(part.bytes for part in parts), len(parts))
    return None


def _append(file: Path, line: bytes) -> str | None:
    try:
        append_line(file, line)
    except OSError as error:
        return str(write_error(f"the lineage {file}", error))
    except KrrExportError as error:
        return f"the lineage was not handed on: {error.message}"
    return None


def _post(address: ServiceAddress, body: bytes) -> str | None:
    request = Request("", body, {"Content-Type": "application/json"})
    try:
        answer = post(address, request, trusted(None), _LIMITS)
    except TransientError as error:
        return f"the lineage was not handed on: {error.what}"
    except KrrExportError as error:
        return f"the lineage was not handed on: {error.message}"
    if answer.status not in _SUCCESS:
        return f"the lineage was not handed on: {address.server} answers with {answer.status}"
    return None
