"""Publishing of snapshots in an object store: files, then the commit, then the pointers to the newest.

An object store renames nothing. So the files of a snapshot go where nobody looks for them; a snapshot appears by one
small object that is written only if it is not there; `LATEST_COMMIT` follows by compare-and-swap. A push that dies
leaves what it had done up to there, and the next one goes on from it.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.domain.store_layout import MANIFEST, SUCCESS, success_text
from krr_export.errors import BusyError, InputError, NetworkError, PublishedError, UsageError
from krr_export.output.manifest import Manifest
from krr_export.output.objects.asking import read_commit_surely, read_surely
from krr_export.output.objects.committed import committed_names
from krr_export.output.objects.layout import (
    LATEST_COMMIT,
    LATEST_LIST,
    Commit,
    all_files,
    commit_key,
    data_directory,
    make_commit,
    parse_commit,
)
from krr_export.util.stored_json import read_stored_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from krr_export.input.objects.store import Found, ObjectStore
    from krr_export.util.files import PartFile

_CHUNK = 1 << 20
_ROUNDS = 50
"""Of writing what others write at the same time: each round, one of them succeeds."""


@dataclass(frozen=True)
class Outgoing:
    """A snapshot of a local store, ready to be pushed.

    Attributes:
        path: its directory.
        files: all its files, manifest.json and _SUCCESS included.
        commit: what is to be committed of it.
    """

    path: Path
    files: tuple[PartFile, ...]
    commit: Commit

    @property
    def name(self) -> str:
        """``eksport=…``."""
        return self.commit.eksport

    @property
    def bytes(self) -> int:
        """The size of its files together."""
        return sum(file.bytes for file in self.files)


def prepare(snapshot: Path, uri: str) -> Outgoing:
    """Read what a snapshot says it holds.

    Args:
        snapshot: its directory.
        uri: of the place that it is to be pushed to.

    Raises:
        InputError: it is damaged.
    """
    try:
        content, success = read_stored_file(snapshot / MANIFEST), read_stored_file(snapshot / SUCCESS)
    except OSError:
        raise _damaged(snapshot, MANIFEST) from None
    manifest = Manifest.from_json(content)
    if success != success_text(content).encode() or manifest.export_name != snapshot.name:
        raise _damaged(snapshot, MANIFEST)
    files = all_files(manifest, content)
    return Outgoing(snapshot, files, make_commit(uri, snapshot.name, content, files))


def _damaged(snapshot: Path, name: str) -> InputError:
    return InputError(f"{snapshot.name}/{name} is not as it was published", f"see krr-export verify {snapshot}")


def publish(store: ObjectStore, snapshot: Outgoing, before: Found | None) -> None:
    """Upload a snapshot and commit it.

    Args:
        store: the place.
        snapshot: what to push.
        before: the commit that is there and is to be replaced.

    Raises:
        InputError: the snapshot is damaged.
        NetworkError: the store failed, or does not give back what it was given.
        PublishedError: another result of the export was committed meanwhile.
        UsageError: the store takes no conditions.
    """
    for file in snapshot.files:
        _upload(store, snapshot, file)
    _check_conditions(store, snapshot)
    key, body = commit_key(snapshot.name), snapshot.commit.body
    done = store.create(key, body) if before is None else store.replace(key, body, before)
    there = None if done else read_commit_surely(store, key)  # ours too, if the answer to a first try was lost
    if not done and (there is None or parse_commit(there.body, key).manifest_sha256 != snapshot.commit.manifest_sha256):
        raise published_otherwise(store.uri, snapshot.name, "meanwhile ")


def published_otherwise(uri: str, name: str, when: str = "") -> PublishedError:
    """Return the error for a snapshot of which another result is committed."""
    return PublishedError(
        f"{name} was {when}pushed to {uri} already, with another result",
        "give --replace if the one in this store is right",
    )


def _upload(store: ObjectStore, snapshot: Outgoing, file: PartFile) -> None:
    key = f"{data_directory(snapshot.name, snapshot.commit.manifest_sha256)}/{file.path}"
    if holds(store, key, file.bytes, file.sha256) is None:
        return  # an earlier push got as far
    store.write(key, _proven(snapshot.path, file))
    if holds(store, key, file.bytes, file.sha256) is not None:
        raise NetworkError(f"{store.uri} does not give back {file.path} as it was written", "run again")


def holds(store: ObjectStore, key: str, size: int, sha256: str) -> str | None:
    """Read an object back; return how it differs from what it should be, in a few words, or ``None``."""
    digest, read = hashlib.sha256(), 0
    try:
        for chunk in store.chunks(key):
            digest.update(chunk)
            read += len(chunk)
    except FileNotFoundError:
        return "missing"
    if read != size:
        return f"{read} bytes, listed with {size}"
    return None if digest.hexdigest() == sha256 else "its SHA-256 is not the one listed"


def _proven(snapshot: Path, file: PartFile) -> Iterator[bytes]:
    """Yield the bytes of a file.

    Raises:
        InputError: at the end, so that the upload is given up: they are not those that the manifest lists.
    """
    digest, path = hashlib.sha256(), snapshot / file.path
    try:
        if path.is_symlink() or not path.is_file():  # opening a pipe would wait for a writer
            raise _damaged(snapshot, file.path)
        with path.open("rb") as opened:
            while chunk := opened.read(_CHUNK):
                digest.update(chunk)
                yield chunk
    except OSError:
        raise _damaged(snapshot, file.path) from None
    if digest.hexdigest() != file.sha256:
        raise _damaged(snapshot, file.path)


def _check_conditions(store: ObjectStore, snapshot: Outgoing) -> None:
    """Prove that the store refuses to write what is there: an old one may take the condition, and pass it over.

    What is written, should it be, is what is there.
    """
    directory = data_directory(snapshot.name, snapshot.commit.manifest_sha256)
    success = f"{snapshot.commit.manifest_sha256}  {MANIFEST}\n".encode()
    if store.create(f"{directory}/{SUCCESS}", success):
        raise UsageError(
            f"{store.uri} writes over what is there though told not to: two pushes could undo each other",
            "choose an object store with conditional writes (If-None-Match)",
        )


def advance(store: ObjectStore, name: str) -> bool:
    """Let the pointers follow the commit of a snapshot, if none newer is there; return whether any changed.

    Raises:
        BusyError: others go on writing them.
        InputError: what is there is damaged.
        NetworkError: the store failed.
    """
    moved = _settle(store, LATEST_COMMIT, read_commit_surely, lambda current: _newest(store, name, current))
    return _settle(store, LATEST_LIST, read_surely, lambda _: _list_of_latest(store)) or moved


def _newest(store: ObjectStore, name: str, current: bytes | None) -> bytes:
    for newer in _newer(store, name, current):
        if (body := _whole_commit(store, newer)) is not None:
            return body
    # Read after the pointer: whoever replaces it then moves the pointer, too.
    committed = read_commit_surely(store, commit_key(name))
    if committed is None:
        raise InputError(f"{store.uri}/{commit_key(name)} was deleted meanwhile", "run again")
    parse_commit(committed.body, commit_key(name))  # what is damaged is not pointed to
    return committed.body


def _newer(store: ObjectStore, name: str, current: bytes | None) -> Iterator[str]:
    """Yield what may be newer: what is pointed to, and all if that was deleted, is damaged or never was there."""
    pointed = None if current is None else parse_commit(current, LATEST_COMMIT).eksport
    if pointed is not None:
        if pointed <= name:
            return
        yield pointed
    yield from (other for other in reversed(committed_names(store)) if other > name)


def _whole_commit(store: ObjectStore, name: str) -> bytes | None:
    if (found := read_commit_surely(store, commit_key(name))) is not None:
        with suppress(InputError):
            parse_commit(found.body, commit_key(name))
            return found.body
    return None


def _list_of_latest(store: ObjectStore) -> bytes:
    latest = read_commit_surely(store, LATEST_COMMIT)
    if latest is None:
        raise InputError(f"{store.uri}/{LATEST_COMMIT} was deleted meanwhile", "run again")
    return parse_commit(latest.body, LATEST_COMMIT).list_body


def _settle(
    store: ObjectStore,
    key: str,
    read: Callable[[ObjectStore, str], Found | None],
    wanted: Callable[[bytes | None], bytes],
) -> bool:
    """Write what an object should be, from what it is, until nobody was faster; return whether it changed."""
    for _ in range(_ROUNDS):
        found = read(store, key)
        body = wanted(None if found is None else found.body)
        if found is not None and found.body == body:
            return False
        if store.create(key, body) if found is None else store.replace(key, body, found):
            return True
    raise BusyError(f"others write {store.uri}/{key} at the same time", "run again when they are done")
