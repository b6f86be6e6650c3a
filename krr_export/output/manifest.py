"""The manifest: the source of a snapshot, its content, and size and digest of each file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from krr_export.domain.store_layout import FAILED, MANIFEST, export_name
from krr_export.errors import InputError
from krr_export.input.delivery.provenance import Provenance
from krr_export.util.files import PartFile
from krr_export.util.formatting import parse_utc
from krr_export.util.paths import local_path
from krr_export.util.stored_json import (
    Count,
    Document,
    Int64,
    PositiveInt,
    Sha256,
    Stored,
    UtcTime,
    decode_document,
    read_stored_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SNAPSHOT_HINT = "give a directory eksport=… of a store, or its link latest"
"""The hint if a snapshot's path is wrong."""


class Counts(Stored, frozen=True):
    """Numbers of records: each record seen is either written or rejected.

    Attributes:
        seen: records read: written and rejected together.
        written: accepted records. Of validate, which writes nothing: those that convert would write.
        rejected: records that the XSD rejects, or a rule that --strict names.
    """

    seen: Count
    written: Count
    rejected: Count


class SourceFile(Stored, frozen=True):
    """The export as it was delivered.

    Attributes:
        name: of the file, without directories, and never a URI with a user or a query.
        size: bytes, before decompression.
        sha256: of the bytes as delivered; null if only a part of it was read (--limit).
        delivery: the origin of an encrypted delivery; null for any other source.
    """

    name: str
    size: Count
    sha256: Sha256 | None
    delivery: Provenance | None = None


class ExportHeader(Stored, frozen=True):
    """What the export says of itself.

    Attributes:
        eksport_tidspunkt: when the export was made, as written: xs:dateTime.
        eksport_tidspunkt_utc: the same in UTC; without an offset it was taken as Norwegian wall time.
        seneste_endringsnummer: the register's last change number in the export; later changes begin at the next one.
    """

    eksport_tidspunkt: str
    eksport_tidspunkt_utc: UtcTime
    seneste_endringsnummer: Int64

    def __post_init__(self) -> None:
        parse_utc(self.eksport_tidspunkt_utc)

    @property
    def export_name(self) -> str:
        """The name of the snapshot's directory, ``eksport=…``."""
        return export_name(parse_utc(self.eksport_tidspunkt_utc))


class SchemaVersion(Stored, frozen=True):
    """The record schema that the export was read with.

    Attributes:
        name: 14-05, 16-02, or the stem of an XSD file's name.
        sha256: over the schema documents, imports included.
    """

    name: str
    sha256: Sha256


class SnapshotOptions(Stored, frozen=True, kw_only=True):
    """The options of the run. They hold no secret, and no user information of a URI.

    Attributes:
        columns: the columns of the table person; null for all.
        pseudonymised: the columns with pseudonyms in place of values.
        pseudonym_key_fingerprint: identifies the key of the pseudonyms; null if there are none.
        derive: the derived columns.
        as_of: the moment at which persons are judged, in UTC; null for that of the export.
        strict: the rules whose breach rejects a record.
        format: the format of the table person.
        compression: of the files of the table person; null for none.
        partition_by: the columns whose values decide which part files a row belongs to.
        rows_per_file: the most rows in a part file.
        max_rejects: --max-rejects: a number, or a percentage.
        allow_empty: --allow-empty.
        limit: --limit; null for none.
        findings: whether there is a table of findings.
        rules: whether the register's own rules were asked for.
    """

    # Snapshots of the first versions lack the options that have a default.
    columns: tuple[str, ...] | None = None
    pseudonymised: tuple[str, ...] = ()
    pseudonym_key_fingerprint: str | None = None
    derive: tuple[str, ...] = ()
    as_of: UtcTime | None = None
    strict: tuple[str, ...] = ()
    format: str
    compression: str | None
    partition_by: tuple[str, ...]
    rows_per_file: PositiveInt
    max_rejects: str
    allow_empty: bool
    limit: PositiveInt | None
    findings: bool = False
    rules: bool = True

    def give_same_output(self, other: SnapshotOptions) -> bool:
        """Return whether the same source and schema give the same files with the other options."""
        return self._output() == other._output()

    def _output(self) -> SnapshotOptions:
        rules = self.rules or not self.findings  # without findings, the report alone tells of them
        return msgspec.structs.replace(self, max_rejects="", allow_empty=False, limit=None, rules=rules)


class AppliedPage(Stored, frozen=True):
    """A page of the change feed that was applied.

    Attributes:
        name: of the file, without directories.
        sha256: of its bytes, uncompressed.
        first: fraEndringsNummer: the number that was asked for.
        last: tilEndringsNummer: the last change in it.
    """

    name: str
    sha256: Sha256
    first: Int64
    last: Int64


class Applied(Stored, frozen=True, kw_only=True):
    """How a snapshot was made from another one by pages of the change feed.

    Attributes:
        parent: the snapshot that the pages were applied to: the name of its directory; null if they are all pages from
            the first change on.
        parent_manifest_sha256: the digest of its manifest; null without a parent.
        parent_change_number: the last change number in it; 0 without a parent.
        pages: the pages, in order.
        persons: persons in the pages, each once, that the XSD accepts.
        new: those that the parent does not have.
        deleted: those that are deleted; null without a parent.
        removed: rows of the parent that went, since an earlier row is of the same person.
        repeated: persons of which a page had several states; the last one was taken.
        skipped_pages: pages that the parent already covered.
        unused_values: values in the pages for which the table has no column.
        stale: groups of columns that pages did not carry: rows may be out of date since the change number.
    """

    parent: str | None
    parent_manifest_sha256: Sha256 | None
    parent_change_number: Int64
    pages: tuple[AppliedPage, ...]
    persons: Count
    new: Count
    deleted: Count | None
    removed: Count = 0
    repeated: Count = 0
    skipped_pages: Count = 0
    unused_values: Count = 0
    stale: dict[str, Int64] = msgspec.field(default_factory=dict)


class Manifest(Document, frozen=True, kw_only=True, tag_field="manifest_version", tag=1):
    """The content of manifest.json: all about a snapshot that is known without opening its files.

    Attributes:
        source: the export as it was delivered.
        header: what the export says of itself.
        schema: the record schema that the export was read with.
        tool_version: of krr-export.
        options: the options of the run.
        counts: records.
        files: all files of the snapshot but the manifest and _SUCCESS, by path.
        created: when the manifest was made, in UTC.
        partial: whether only a part of the export was requested (--limit).
        libraries: versions of the libraries that the data files' bytes and the verdicts depend on.
        applied: how it was made from pages of the change feed; null if it was made from an export.
    """

    source: SourceFile
    header: ExportHeader
    schema: SchemaVersion
    tool_version: str
    options: SnapshotOptions
    counts: Counts
    files: tuple[PartFile, ...]
    created: UtcTime
    partial: bool
    libraries: dict[str, str] = msgspec.field(default_factory=dict)
    applied: Applied | None = None

    @property
    def export_name(self) -> str:
        """The name of the snapshot's directory, ``eksport=…``."""
        return self.header.export_name

    def with_files(self, more: Iterable[PartFile]) -> Manifest:
        """Return the manifest with more files."""
        files = sorted((*self.files, *more), key=lambda part: part.path)
        return msgspec.structs.replace(self, files=tuple(files))

    @classmethod
    def from_json(cls, text: str | bytes) -> Manifest:
        """Parse a manifest written by ``to_json``.

        Raises:
            InputError: the text is not such a manifest, or it lists a file outside the snapshot.
        """
        return decode_document(cls, text, MANIFEST)


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries, for a manifest."""
    from importlib.metadata import version  # noqa: PLC0415 - slow to load, and needed only to write a manifest

    return {name: version(name) for name in ("lxml", "pyarrow")}


def missing_snapshot(path: Path) -> InputError:
    """Return the error for a path without a snapshot, be it missing, a file or another directory."""
    return InputError(f"there is no snapshot at {path}", SNAPSHOT_HINT)


def repair_hint(manifest: Manifest | None) -> str:
    """Return what to do about a snapshot that differs from its manifest; ``None``: it has none that can be read."""
    again = "convert that export again with --replace"
    if manifest is None:
        return f"{again}; or, if pages of changes made it, delete its directory, and fetch and apply them again"
    if manifest.applied is None:
        with_changes = any(part.path.startswith("changes/") for part in manifest.files)
        return f"{again}{' --changes' if with_changes else ''}"
    if manifest.applied.parent is None:
        return "delete its directory, and make it anew: fetch-changes --from-zero, then apply --from-zero"
    return f"delete its directory; then fetch and apply the changes after {manifest.applied.parent} again"


def find_snapshot(path: Path) -> Path:
    """Return the directory of a published snapshot, without links.

    Args:
        path: its directory, or a link to it such as ``latest``.

    Raises:
        InputError: there is none, or it was not published.
        UsageError: it is not a local path.
    """
    try:
        root = local_path(path).resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise missing_snapshot(path) from error
    if root.parent.name == FAILED:
        raise InputError(f"{path} was not published", "it explains why an export was refused: see its report.json")
    return root


def read_manifest(snapshot: Path) -> Manifest:
    """Read the manifest of the snapshot at that path.

    Raises:
        InputError: there is no snapshot, or its manifest cannot be read.
    """
    try:
        return Manifest.from_json(read_stored_file(snapshot / MANIFEST))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise missing_snapshot(snapshot) from error
    except OSError as error:
        raise InputError(f"{MANIFEST} cannot be read", error.strerror) from error
