"""Verification of a pushed snapshot: every object that its commit lists, read back, and what points to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from krr_export.domain.store_layout import MANIFEST
from krr_export.errors import InputError
from krr_export.input.objects.address import parse_address
from krr_export.input.objects.store import open_objects
from krr_export.output.manifest import Manifest
from krr_export.output.objects.asking import read_commit_surely, read_proven, read_surely
from krr_export.output.objects.committed import read_commit
from krr_export.output.objects.layout import (
    LATEST_COMMIT,
    LATEST_LIST,
    all_files,
    commit_key,
    data_directory,
    make_commit,
)
from krr_export.output.objects.publish import holds
from krr_export.output.verification import count_differences
from krr_export.util.fields import refuse_wrong_options
from krr_export.util.formatting import short_repr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.input.objects.store import ObjectStore
    from krr_export.output.objects.layout import Commit
    from krr_export.util.files import PartFile

_TABLES = ("person", "rejects")


@dataclass(frozen=True)
class PushedVerification:
    """The result of ``verify_pushed``.

    Attributes:
        uri: the snapshot itself, ``…/eksport=…``, even if that of all was given.
        manifest: ``None`` if it is missing or damaged, which is a difference.
        differences: one line of text each; empty if the snapshot is proven.
    """

    uri: str
    manifest: Manifest | None
    differences: tuple[str, ...]

    chain: ClassVar[tuple[str, ...]] = ()
    """As of a snapshot of a local store; the ones that it was made from are not looked at."""

    def __repr__(self) -> str:
        return short_repr(self, uri=self.uri, proven=self.proven, differences=len(self.differences))

    @property
    def proven(self) -> bool:
        """True if all of it is there as it was pushed."""
        return not self.differences


@refuse_wrong_options(uri=str)
def verify_pushed(uri: str) -> PushedVerification:
    """Verify a snapshot in an object store: each object's size and SHA-256, read back, and that all lists agree.

    >>> pushed = krr_export.push("store", "s3://bucket/krr")
    >>> krr_export.verify_pushed("s3://bucket/krr").proven
    True

    Args:
        uri: where snapshots were pushed to, for the newest; or ``…/eksport=…``.

    Raises:
        InputError: there is no snapshot.
        NetworkError: the object store cannot be reached, or denies access.
        UsageError: the URI is wrong, or has a secret in it; the package obstore is missing.
    """
    address = parse_address(uri)
    return verify_objects(open_objects(address), address.snapshot)


def verify_objects(store: ObjectStore, name: str | None) -> PushedVerification:
    """Verify a snapshot in an object store.

    Args:
        store: the place.
        name: ``eksport=…``; ``None`` for the newest.
    """
    commit = read_commit(store, name)
    manifest, differences = _verify(store, commit)
    if name is None:
        differences = (*_pointer_differences(store, commit), *differences)
    return PushedVerification(f"{store.uri}/{name or commit.eksport}", manifest, differences)


def _pointer_differences(store: ObjectStore, commit: Commit) -> Iterator[str]:
    committed = read_commit_surely(store, commit_key(commit.eksport))
    listed = read_surely(store, LATEST_LIST, lambda body: body == commit.list_body)
    if committed is None or committed.body != commit.body:
        yield f"{LATEST_COMMIT}: not the same as {commit_key(commit.eksport)}"
    if listed is None or listed.body != commit.list_body:
        yield f"{LATEST_LIST}: not the files of {LATEST_COMMIT}"


def _verify(store: ObjectStore, commit: Commit) -> tuple[Manifest | None, tuple[str, ...]]:
    directory = data_directory(commit.eksport, commit.manifest_sha256)
    content = read_proven(store, f"{directory}/{MANIFEST}", commit.manifest_sha256)
    if content is None or hashlib.sha256(content.body).hexdigest() != commit.manifest_sha256:
        return None, (f"{MANIFEST}: missing, or not the one that was committed",)
    try:
        manifest = Manifest.from_json(content.body)
        files = all_files(manifest, content.body)
        listed = make_commit(store.uri, commit.eksport, content.body, files)
    except InputError as error:
        return None, (error.message,)
    return manifest, (
        *_listing_differences(store, commit, listed, manifest.export_name),
        *(line for file in files for line in _object_differences(store, directory, file)),
        *count_differences(_listed_rows(manifest), manifest.counts),
    )


def _listing_differences(store: ObjectStore, commit: Commit, expected: Commit, export_name: str) -> Iterator[str]:
    if export_name != commit.eksport:
        yield f"{MANIFEST}: it is that of another export"
    if commit != expected:
        yield f"{commit_key(commit.eksport)}: it does not list the files of {MANIFEST} at {store.uri}"
    directory = data_directory(commit.eksport, commit.manifest_sha256)
    listed = {file.uri.removeprefix(f"{store.uri}/") for file in expected.files}
    for key in sorted(store.sizes(directory)):
        if key not in listed:
            yield f"{key.removeprefix(f'{directory}/')}: not listed"


def _object_differences(store: ObjectStore, directory: str, file: PartFile) -> Iterator[str]:
    is_proven = holds(store, f"{directory}/{file.path}", file.bytes, file.sha256) is None
    difference = None if is_proven else holds(store, f"{directory}/{file.path}", file.bytes, file.sha256)
    if difference is not None:  # twice: an answer may be wrong once
        yield f"{file.path}: {difference}"


def _listed_rows(manifest: Manifest) -> dict[str, int]:
    rows = dict.fromkeys(_TABLES, 0)
    for part in manifest.files:
        table = part.path.partition("/")[0]
        if table in rows:
            rows[table] += part.rows
    return rows
