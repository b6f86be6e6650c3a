"""The manifest: the source of a snapshot, its content, and size and digest of each file."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from krr_export.domain.store_layout import MANIFEST, export_name
from krr_export.errors import InputError
from krr_export.util.files import PartFile
from krr_export.util.formatting import parse_utc
from krr_export.util.kept_json import check_count, check_type, parse_json, read_stored_file

if TYPE_CHECKING:
    from pathlib import Path

SNAPSHOT_HINT = "give a directory eksport=… of a store, or its link latest"
"""The hint if a snapshot's path is wrong."""
VERSION = 1

NOTHING_APPLIED: dict[str, Any] = {"columns": None, "pseudonymised": [], "pseudonym_key_fingerprint": None}
"""The options of a manifest if nothing was left out or replaced; manifests of the first snapshots lack them."""


def _library_versions() -> dict[str, str]:
    from importlib.metadata import version  # noqa: PLC0415 - slow to load, and needed only to write a manifest

    return {name: version(name) for name in ("lxml", "pyarrow")}


@dataclass(frozen=True)
class Counts:
    """Numbers of records in the export: each record seen is either written or rejected."""

    seen: int
    written: int
    rejected: int


@dataclass(frozen=True)
class SourceFile:
    """The export as it was delivered."""

    name: str
    """Without directories, and never a URI with a user or a query."""
    size: int
    """Bytes, before decompression."""
    sha256: str | None
    """``None`` if only a part of it was read (``--limit``)."""
    delivery: dict[str, Any] | None = None
    """For an encrypted delivery: the recipient's organisation, the form of the signature, and the publisher's key."""


@dataclass(frozen=True)
class SchemaVersion:
    """The record schema that the export was read with."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The content of ``manifest.json``: all about a snapshot that is known without opening its files."""

    source: SourceFile
    header: dict[str, Any]
    """The export's own statements, such as ``eksportTidspunkt``."""
    schema: SchemaVersion
    tool_version: str
    options: dict[str, Any]
    """The options that affect the output; no secret, no user information of a URI."""
    counts: Counts
    files: tuple[PartFile, ...]
    created: str
    """ISO 8601 in UTC."""
    partial: bool = False
    """Whether only a part of the export was requested (``--limit``)."""
    libraries: dict[str, str] = field(default_factory=_library_versions)
    """Versions of the libraries that the data files' bytes and the verdicts depend on."""

    @property
    def export_name(self) -> str | None:
        """The name of the snapshot's directory, ``eksport=…``; ``None`` if the manifest lacks the export's time."""
        try:
            return export_name(parse_utc(check_type(str, self.header.get("eksport_tidspunkt_utc"))))
        except (TypeError, ValueError):
            return None

    def to_json(self) -> str:
        """Return the manifest as indented JSON, files sorted by path, ended by a line feed."""
        files = sorted(self.files, key=lambda part: part.path)
        document = {"manifest_version": VERSION, **asdict(self), "files": [asdict(part) for part in files]}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Manifest:
        """Parse a manifest written by ``to_json``.

        Raises:
            InputError: The text is not such a manifest, or it lists a file outside the snapshot.
        """
        try:
            return _decode_manifest(check_type(dict, parse_json(text)))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f"{MANIFEST} is damaged or not of this tool") from error


def missing_snapshot(path: Path) -> InputError:
    """Return the error for a path without a snapshot, be it missing, a file or another directory."""
    return InputError(f"there is no snapshot at {path}", SNAPSHOT_HINT)


def read_manifest(snapshot: Path) -> Manifest:
    """Read the manifest of the snapshot at that path.

    Raises:
        InputError: There is no snapshot, or its manifest cannot be read.
    """
    try:
        return Manifest.from_json(read_stored_file(snapshot / MANIFEST))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise missing_snapshot(snapshot) from error
    except OSError as error:
        raise InputError(f"{MANIFEST} cannot be read", error.strerror) from error


def _decode_manifest(document: dict[str, Any]) -> Manifest:
    if document["manifest_version"] != VERSION:
        raise InputError(f"{MANIFEST} is of another version", "use the version of krr-export that wrote it")
    schema, counts = document["schema"], document["counts"]
    return Manifest(
        source=_decode_source(document["source"]),
        header=check_type(dict, document["header"]),
        schema=SchemaVersion(check_type(str, schema["name"]), _decode_sha256(schema["sha256"])),
        tool_version=check_type(str, document["tool_version"]),
        options=check_type(dict, document["options"]),
        counts=Counts(*(check_count(counts[key]) for key in ("seen", "written", "rejected"))),
        files=tuple(_decode_part_file(part) for part in check_type(list, document["files"])),
        created=check_type(str, document["created"]),
        partial=check_type(bool, document["partial"]),
        # Manifests of the first snapshots lack them.
        libraries={
            check_type(str, name): check_type(str, value)
            for name, value in check_type(dict, document.get("libraries", {})).items()
        },
    )


def _decode_source(source: dict[str, Any]) -> SourceFile:
    sha256 = None if source["sha256"] is None else _decode_sha256(source["sha256"])
    delivery = source.get("delivery")  # manifests of the first snapshots lack it
    decoded = None if delivery is None else check_type(dict, delivery)
    return SourceFile(check_type(str, source["name"]), check_type(int, source["size"]), sha256, decoded)


def _decode_part_file(part: dict[str, Any]) -> PartFile:
    path = PurePosixPath(check_type(str, part["path"]))
    if path.is_absolute() or not path.parts or ".." in path.parts or str(path) != part["path"]:
        raise ValueError("a path that leads out of the snapshot")
    return PartFile(str(path), check_count(part["rows"]), check_count(part["bytes"]), _decode_sha256(part["sha256"]))


def _decode_sha256(value: object) -> str:
    text = check_type(str, value)
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise ValueError("not a SHA-256")
    return text
