"""The layout of pushed snapshots: the keys of objects, and the document that commits a snapshot."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from krr_export.domain.store_layout import MANIFEST, SUCCESS, is_export_name, success_text
from krr_export.errors import InputError, UsageError
from krr_export.input.objects.address import parse_address
from krr_export.util.files import PartFile
from krr_export.util.stored_json import Count, Document, Sha256, Stored, decode_document

if TYPE_CHECKING:
    from krr_export.output.manifest import Manifest

LATEST_COMMIT = "latest.json"
"""The commit of the newest snapshot, byte for byte."""
LATEST_LIST = "latest/manifest.txt"
"""The URIs of its part files of persons, one a line."""

COMMITS = "eksport"
"""The directory of commits."""
DATA = "data"
"""The directory of snapshots' files."""
FAILED_OBJECTS = "failed"
"""The directory of what was refused: reports and rejects, a directory for each export."""

_GENERATION_DIGITS = 12


class PushedFile(Stored, frozen=True):
    """A file of a pushed snapshot.

    Attributes:
        uri: where it lies.
        table: the table that it is a part of, such as ``person``; null for the reports and the like.
        rows: rows of the table in it.
        bytes: its size.
        sha256: the digest of its bytes.
    """

    uri: str
    table: str | None
    rows: Count
    bytes: Count
    sha256: Sha256


class Commit(Document, frozen=True, kw_only=True, tag_field="commit_version", tag=1):
    """A pushed snapshot: what readers are to read of it.

    Attributes:
        eksport: its name, ``eksport=…``.
        generation: the first digits of ``manifest_sha256``, which name its directory.
        manifest_sha256: the digest of its manifest.json.
        files: all its files, by path; manifest.json and _SUCCESS are last.
    """

    eksport: str
    generation: str
    manifest_sha256: Sha256
    files: tuple[PushedFile, ...]

    def __post_init__(self) -> None:
        if not is_export_name(self.eksport) or self.generation != generation(self.manifest_sha256):
            raise ValueError("no commit of a snapshot")
        self._check_files()

    def _check_files(self) -> None:
        """Refuse files that are not of this snapshot: whoever writes to the place must not choose what is read."""
        directory = f"/{data_directory(self.eksport, self.manifest_sha256)}/"
        places, paths = set[str](), set[str]()
        for file in self.files:
            place, _, path = file.uri.partition(directory)
            PartFile(path, file.rows, file.bytes, file.sha256)  # refuses a path that leads elsewhere
            places.add(place)
            paths.add(path)
            if file.table != _table(path):
                raise ValueError("a file of another table")
        if len(paths) < len(self.files) or len(places) > 1 or not all(map(_is_place, places)):
            raise ValueError("a file twice, or of another place")

    def parts(self, table: str) -> dict[str, PushedFile]:
        """Return the files of a table by their keys."""
        return {key: file for key, file in self._by_key().items() if file.table == table}

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file by its key."""
        return {key: file.sha256 for key, file in self._by_key().items()}

    def _by_key(self) -> dict[str, PushedFile]:
        """Files by their keys; the bucket may have another name in a URI than here."""
        directory = data_directory(self.eksport, self.manifest_sha256)
        return {f"{directory}{file.uri.partition(directory)[2]}": file for file in self.files}

    def has_same_rows(self, other: Commit) -> bool:
        """Return whether another result of the export has the same rows; manifests and reports differ in times."""
        return self._rows() == other._rows()

    def _rows(self) -> list[tuple[str, str]]:
        """Digests of the parts of tables; ``changes`` says which manifest it goes with, and so goes with the time."""
        return [(file.table, file.sha256) for file in self.files if file.table and file.table != "changes"]

    @property
    def body(self) -> bytes:
        """The bytes of its object."""
        return self.to_json().encode()

    @property
    def list_body(self) -> bytes:
        """The bytes of `LATEST_LIST`, if it is the newest."""
        return "".join(f"{file.uri}\n" for file in self.files if file.table == "person").encode()


def parse_commit(body: bytes, key: str) -> Commit:
    """Parse a commit.

    Raises:
        InputError: it is damaged, or none, or that of another snapshot than the key says.
    """
    commit = decode_document(Commit, body, key)
    if key.startswith(f"{COMMITS}/") and key != commit_key(commit.eksport):
        raise InputError(f"{key} is that of another export", "delete it there, and push that export again")
    return commit


def generation(manifest_sha256: str) -> str:
    """Return the generation of the snapshot with a manifest of this digest."""
    return manifest_sha256[:_GENERATION_DIGITS]


def commit_key(name: str) -> str:
    """Return the key of the commit of the snapshot ``eksport=…``."""
    return f"{COMMITS}/{name}.json"


def data_directory(name: str, manifest_sha256: str) -> str:
    """Return the directory of a snapshot's files: no other snapshot, and no other result of it, shares it."""
    return f"{generations_directory(name)}/{generation(manifest_sha256)}"


def generations_directory(name: str) -> str:
    """Return the directory of all results of an export."""
    return f"{DATA}/{name}"


def failed_directory(name: str) -> str:
    """Return the directory of what is kept of an export that was refused."""
    return f"{FAILED_OBJECTS}/{name}"


def make_commit(uri: str, name: str, manifest: bytes, files: tuple[PartFile, ...]) -> Commit:
    """Return the commit of a snapshot.

    Args:
        uri: of the place that it is pushed to.
        name: ``eksport=…``.
        manifest: the bytes of its manifest.json.
        files: all its files.

    Raises:
        InputError: one is listed twice.
    """
    digest = hashlib.sha256(manifest).hexdigest()
    base = f"{uri}/{data_directory(name, digest)}"
    pushed = tuple(
        PushedFile(f"{base}/{file.path}", _table(file.path), file.rows, file.bytes, file.sha256) for file in files
    )
    try:
        return Commit(eksport=name, generation=generation(digest), manifest_sha256=digest, files=pushed)
    except ValueError:
        raise InputError(f"{name}/{MANIFEST} lists a file twice", "convert that export again") from None


def all_files(manifest: Manifest, content: bytes) -> tuple[PartFile, ...]:
    """Return all files of a snapshot: those that its manifest lists, the manifest and ``_SUCCESS``.

    Args:
        manifest: its manifest.
        content: the bytes of that.
    """
    return (*manifest.files, _stored(MANIFEST, content), _stored(SUCCESS, success_text(content).encode()))


def _stored(name: str, content: bytes) -> PartFile:
    return PartFile(name, 0, len(content), hashlib.sha256(content).hexdigest())


def _is_place(uri: str) -> bool:
    try:
        address = parse_address(uri)
    except UsageError:
        return False
    return address.uri == uri and address.snapshot is None


def _table(path: str) -> str | None:
    table, slash, _ = path.partition("/")
    return table if slash else None
