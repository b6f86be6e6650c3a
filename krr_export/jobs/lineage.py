"""Hand on what a run was, as events of OpenLineage: to a file, or to a service."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from krr_export.errors import KrrExportError
from krr_export.input.http.address import ServiceAddress, parse_service_address
from krr_export.input.http.exchange import Limits, Request, TransientError, post, trusted
from krr_export.output.outputs import append_line, write_error
from krr_export.output.snapshot_table import PERSON, open_snapshot_table
from krr_export.reporting.lineage import Dataset, Ended, LineageRun, Published, file_dataset, server_dataset

if TYPE_CHECKING:
    from krr_export.reporting.report import Report

__all__ = ["Ended", "LineageRun", "hand_on", "inputs_of", "parse_receiver", "published"]

_ENDPOINT = "/api/v1/lineage"
"""Where services take events, unless the URL has a path."""
_LIMITS = Limits(silence=5.0, whole=10.0, size=1 << 20)
"""A run does not wait longer for somebody who only wants to know of it."""


def parse_receiver(option: str, url: str) -> ServiceAddress:
    """Return where events are posted.

    Raises:
        UsageError: it is no such URL, or has a user, a password or a query.
    """
    address = parse_service_address(option, url, needs_tls=False, example=f"https://lineage.example.no{_ENDPOINT}")
    path = urlsplit(url).path
    return replace(address, path=_ENDPOINT if path in {"", "/"} else path)


def inputs_of(names: tuple[str, ...], paths: tuple[Path, ...]) -> tuple[Dataset, ...]:
    """Return the datasets that a command reads.

    Args:
        names: of servers, as URIs.
        paths: of files and directories.
    """
    servers = (server_dataset(name) for name in names)
    return (*(server for server in servers if server is not None), *map(file_dataset, paths))


def published(store: Path, report: Report | None) -> Published | None:
    """Return what a run published into its store; ``None`` if nothing."""
    if report is None or report.outcome != "published":
        return None
    with suppress(KrrExportError, OSError):  # the run has said what is wrong; if nothing, it is deleted already
        table = open_snapshot_table(store / report.header.export_name)
        parts = [part for part in table.manifest.files if part.path.startswith(f"{PERSON}/")]
        return Published(table.name, table.schema, sum(part.bytes for part in parts), len(parts))
    return None


def hand_on(receiver: Path | ServiceAddress, event: dict[str, Any]) -> str | None:
    """Append an event to a file, or post it to a service; return why that was not possible."""
    body = json.dumps(event).encode()
    if isinstance(receiver, Path):
        return _append(receiver, body)
    return _post(receiver, body)


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
    if answer.status // 100 != 2:  # noqa: PLR2004 - all of success
        return f"the lineage was not handed on: {address.server} answers with {answer.status}"
    return None
