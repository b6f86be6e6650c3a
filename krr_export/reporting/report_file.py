"""Reading of the report of a snapshot, or of an unpublished result, verified against its manifest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from krr_export.domain.store_layout import MANIFEST
from krr_export.errors import InputError
from krr_export.output.manifest import read_manifest
from krr_export.reporting.report import REPORT_JSON, Report
from krr_export.util.stored_json import decode_document, read_stored_file

if TYPE_CHECKING:
    from pathlib import Path

    from krr_export.output.manifest import Manifest


def read_report(snapshot: Path) -> Report:
    """Read the report of a published snapshot, verified against its manifest.

    Raises:
        InputError: the manifest or the report is missing, damaged, of another export or of another version.
    """
    return read_listed_report(snapshot, read_own_manifest(snapshot))


def read_own_manifest(snapshot: Path) -> Manifest:
    """Read the manifest of a snapshot.

    Raises:
        InputError: it is missing, damaged, of another export or of another version.
    """
    if not (snapshot / MANIFEST).is_file():
        raise InputError(f"{MANIFEST} is missing")
    manifest = read_manifest(snapshot)
    # Under another name its numbers would be mistaken for those of another night.
    if snapshot.name != manifest.export_name:
        raise InputError(f"{MANIFEST} is that of another export")
    return manifest


def read_listed_report(snapshot: Path, manifest: Manifest) -> Report:
    """Read the report that a manifest lists.

    Raises:
        InputError: it is missing, damaged or of another version.
    """
    path = snapshot / REPORT_JSON
    if not path.is_file():
        raise InputError(f"{REPORT_JSON} is missing")
    try:
        content = read_stored_file(path)
    except OSError:
        raise InputError(f"{REPORT_JSON} cannot be read") from None
    digests = {part.sha256 for part in manifest.files if part.path == REPORT_JSON}
    if hashlib.sha256(content).hexdigest() not in digests:
        raise InputError(f"{REPORT_JSON} is damaged")
    report = decode_document(Report, content, REPORT_JSON)
    if report.header.export_name != manifest.export_name:
        raise InputError(f"{REPORT_JSON} is that of another export")
    return report
