"""Verification of a snapshot's files against its manifest."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from krr_export.domain.store_layout import MANIFEST, SUCCESS, is_export_name, success_text
from krr_export.errors import InputError, OutputError
from krr_export.output.manifest import Manifest, find_snapshot, read_manifest
from krr_export.util.fields import StrPath, refuse_wrong_options
from krr_export.util.formatting import number, short_repr
from krr_export.util.paths import local_path
from krr_export.util.stored_json import read_stored_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from io import BufferedIOBase
    from pathlib import Path

    from krr_export.output.manifest import Counts
    from krr_export.util.files import PartFile

_CHUNK = 1 << 20
_UNREADABLE = (OSError, EOFError, ValueError, pa.ArrowException, zlib.error)
"""All that Arrow and gzip raise for files that are damaged or cannot be read."""


@dataclass(frozen=True)
class Verification:
    """The result of ``verify``."""

    snapshot: Path
    """The snapshot itself, even if ``latest`` was given."""
    manifest: Manifest | None
    """``None`` if it is missing or damaged, which is a difference."""
    differences: tuple[str, ...]
    """One line of text each; empty if the snapshot is proven."""
    chain: tuple[str, ...] = ()
    """The snapshots that it was made from by pages of changes, one line of text each; these are no differences."""

    def __repr__(self) -> str:
        return short_repr(self, snapshot=self.snapshot, proven=self.proven, differences=len(self.differences))

    @property
    def proven(self) -> bool:
        """True if the snapshot matches its manifest."""
        return not self.differences


@refuse_wrong_options(snapshot=StrPath)
def verify(snapshot: StrPath) -> Verification:
    """Verify a published snapshot against its manifest: every file's size, SHA-256 and rows, and the counts.

    >>> krr_export.verify("store/latest").proven
    True

    Args:
        snapshot: its directory, or a link to it such as ``latest``.

    Raises:
        InputError: there is no snapshot at the path.
        UsageError: it is not a local path.
    """
    root = find_snapshot(local_path(snapshot))
    try:
        manifest = read_manifest(root)
    except InputError:
        if not (root / SUCCESS).exists():
            raise
        return Verification(root, None, (f"{MANIFEST}: missing or damaged",))
    differences = (
        *_success_differences(root),
        *_name_differences(root, manifest),
        *_listing_differences(root, manifest),
        *(line for part in manifest.files for line in _file_differences(root / part.path, part)),
        *row_differences(root, manifest),
    )
    return Verification(root, manifest, differences, tuple(_chain(root.parent, manifest)))


def size_differences(snapshot: Path, manifest: Manifest) -> tuple[str, ...]:
    """Return a line for each file that is missing or of another size than listed; no part file is opened.

    Args:
        snapshot: its directory.
        manifest: its manifest.

    Raises:
        OSError: access is denied.
    """
    sizes = (line for part in manifest.files for line in _size_differences(snapshot / part.path, part))
    return (*_success_differences(snapshot), *sizes)


def _chain(store: Path, manifest: Manifest) -> Iterator[str]:
    """Yield a line for each snapshot that this one was made from, as far as they are there."""
    while manifest.applied is not None and (parent := manifest.applied.parent) is not None:
        applied = f"{manifest.export_name}: change {number(manifest.header.seneste_endringsnummer)}, made from {parent}"
        if not is_export_name(parent):  # a manifest that was tampered with names no other path
            yield f"{manifest.export_name}: made from what is no snapshot"
            return
        try:
            content = read_stored_file(store / parent / MANIFEST)
            before = Manifest.from_json(content)
        except (OSError, InputError):
            yield f"{applied}, which is not there any more"
            return
        if hashlib.sha256(content).hexdigest() != manifest.applied.parent_manifest_sha256:
            yield f"{applied}, which was replaced since"
            return
        yield f"{applied}, which is that very one"
        manifest = before


def prove(root: Path, manifest: Manifest) -> None:
    """Read the footers again and check that every record is accounted for: *seen = written + rejected*.

    Raises:
        OutputError: the files disagree with the counts.
    """
    differences = list(row_differences(root, manifest))
    if differences:
        raise OutputError(
            f"the files written do not hold what was counted: {'; '.join(differences)}",
            "nothing was published; check the disk and run again",
        )


def row_differences(root: Path, manifest: Manifest) -> Iterator[str]:
    """Yield a line for each disagreement between rows in the files and counts in the manifest."""
    totals = dict.fromkeys(("person", "rejects", "findings", "changes"), 0)
    for part in manifest.files:
        table = part.path.partition("/")[0]
        if table not in totals:
            continue
        try:
            rows = count_rows(root / part.path)
        except _UNREADABLE:
            yield f"{part.path}: its rows cannot be counted"
            continue
        totals[table] += rows
        if rows != part.rows:
            yield f"{part.path}: {rows} rows, listed with {part.rows}"
    yield from count_differences(totals, manifest.counts)


def count_differences(rows: Mapping[str, int], counts: Counts) -> Iterator[str]:
    """Yield a line for each disagreement between the rows of tables and the counts of records.

    Args:
        rows: of the tables person and rejects.
        counts: as the manifest has them.
    """
    if rows["person"] != counts.written:
        yield f"person: {rows['person']} rows, but {counts.written} records were written"
    if rows["rejects"] != counts.rejected:
        yield f"rejects: {rows['rejects']} rows, but {counts.rejected} records were rejected"
    if counts.seen != counts.written + counts.rejected:
        yield f"{counts.seen} records were seen, but {counts.written} written and {counts.rejected} rejected"


def count_rows(path: Path) -> int:
    """Return the rows of a part file: from the footer of Parquet, by counting the records of CSV.

    Raises:
        OSError, EOFError, ValueError, pyarrow.ArrowException, zlib.error: it cannot be read in the format of its name.
    """
    if not path.is_file():  # opening a pipe would wait for a writer
        raise FileNotFoundError
    if path.suffix == ".parquet":
        with path.open("rb") as footer:  # Arrow opens no path that is not UTF-8
            return int(pq.read_metadata(footer).num_rows)
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return _count_csv_records(_chunks(file)) - 1  # the header


def _count_csv_records(chunks: Iterable[bytes]) -> int:
    """Count line feeds outside quotes. A doubled quote leaves the quotes and enters them again: no special case."""
    records, quoted = 0, False
    for chunk in chunks:
        pieces = chunk.split(b'"')
        records += sum(piece.count(b"\n") for piece in pieces[quoted::2])
        quoted ^= len(pieces) % 2 == 0
    return records


def _chunks(file: BufferedIOBase) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _success_differences(root: Path) -> Iterator[str]:
    for name in (SUCCESS, MANIFEST):
        if (root / name).is_symlink() or not (root / name).is_file():
            yield f"{name}: missing or no regular file; this was never published, or was tampered with"
            return
    if (root / SUCCESS).read_bytes() != success_text((root / MANIFEST).read_bytes()).encode():
        yield f"{MANIFEST}: not the one that was published"


def _name_differences(root: Path, manifest: Manifest) -> Iterator[str]:
    """Check that the directory's name is the export's time: otherwise it would be taken for another night's export."""
    if root.name != manifest.export_name:
        yield f"the directory is named {root.name}, but the export is {manifest.export_name}"


def _listing_differences(root: Path, manifest: Manifest) -> Iterator[str]:
    listed = {part.path for part in manifest.files} | {MANIFEST, SUCCESS}
    for directory, directories, files in os.walk(root):
        links = [name for name in directories if (root / directory / name).is_symlink()]
        for name in sorted([*files, *links]):
            path = (root / directory / name).relative_to(root).as_posix()
            if path not in listed:
                yield f"{path}: not listed"


def _file_differences(path: Path, part: PartFile) -> Iterator[str]:
    yield from _size_differences(path, part)
    if not path.is_file() or path.is_symlink():
        return
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for chunk in _chunks(file):
                digest.update(chunk)
    except OSError as error:
        yield f"{part.path}: cannot be read: {error.strerror}"
        return
    if digest.hexdigest() != part.sha256:
        yield f"{part.path}: its SHA-256 is not the one listed"


def _size_differences(path: Path, part: PartFile) -> Iterator[str]:
    if not os.path.lexists(path):
        yield f"{part.path}: missing"
    elif path.is_symlink() or not path.is_file():
        yield f"{part.path}: not a regular file"
    elif (size := path.stat().st_size) != part.bytes:
        yield f"{part.path}: {size} bytes, listed with {part.bytes}"
