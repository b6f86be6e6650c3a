"""A mirror: a local store that stands for a place in an object store, so that commands work on it as on any other.

It holds what snapshots say of themselves: manifests, reports, ``_SUCCESS``, ``latest`` and what was refused. Every
other file is a hole as large as its object is; `Mirror.copy_table` fills those of a table. What a command publishes,
refuses or deletes in the mirror, `Mirror.write_back` does in the object store, and `Mirror.release` makes holes of it.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from krr_export.domain.store_layout import FAILED, LATEST, MANIFEST, SUCCESS, is_export_name
from krr_export.errors import InputError, PublishedError
from krr_export.input.objects.reading import read_object
from krr_export.output.objects.asking import read_commit_surely, read_proven, read_surely
from krr_export.output.objects.committed import committed_names, read_commit
from krr_export.output.objects.layout import (
    DATA,
    FAILED_OBJECTS,
    LATEST_COMMIT,
    commit_key,
    data_directory,
    failed_directory,
    generations_directory,
    parse_commit,
)
from krr_export.output.objects.publish import advance, prepare, publish
from krr_export.output.store_contents import unpublished_results
from krr_export.util.files import output_errors
from krr_export.util.threads import map_in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from krr_export.input.objects.store import Found, ObjectStore
    from krr_export.output.objects.layout import Commit, PushedFile
    from krr_export.output.objects.publish import Outgoing

_COPIED = {MANIFEST, SUCCESS, "report.json"}
_UNFINISHED = ".showing-"
"""How the name begins of what will be a snapshot once all of it is shown."""
_REQUESTS = 8
"""Snapshots that are looked at at the same time: each takes five short requests, one after the other."""


class Mirror:
    """A mirror of a place in an object store, at first empty.

    Args:
        objects: the place.
        directory: where the mirror is made; it is empty.
    """

    def __init__(self, objects: ObjectStore, directory: Path) -> None:
        self.objects = objects
        self.directory = directory
        self._commits: dict[str, Found] = {}
        """Of the snapshots shown, as they were seen: what is replaced must still be that."""
        self._manifests: dict[str, str] = {}
        """The digests of their manifests."""
        self._damaged: set[str] = set()
        """Of the snapshots shown, those whose commit is damaged."""
        self._deleted: set[str] = set()
        """The snapshots whose commit was deleted here."""
        self._latest_is_damaged = False
        self._failed: dict[str, str] = {}
        """Of the refused exports shown, the digests of their reports."""
        self._filled: dict[str, bool] = {}
        """The snapshots with files that are no holes, in the order in which they came; whether all their files are."""

    def show(self, names: Iterable[str]) -> None:
        """Show snapshots, ``latest`` and what was refused.

        Args:
            names: of the snapshots; one that is shown stays as it is, one that is deleted meanwhile is left out.

        Raises:
            NetworkError: the object store failed.
            OutputError: the mirror cannot be written.
        """
        with output_errors(f"show {self.objects.uri} in {self.directory.parent}"):
            self.directory.mkdir(exist_ok=True)
            missing = [name for name in names if name not in self._manifests]
            for _ in map_in_order(lambda: self._show, missing, _REQUESTS):
                pass
            self._show_latest()
            self._show_failed()

    def files(self, name: str) -> tuple[PushedFile, ...]:
        """Return the files of a snapshot that is shown."""
        return self._commit(name).files

    def copy_table(self, name: str, table: str, files: int | None = None) -> None:
        """Copy the files of a table into a snapshot that is shown. They are as long as listed; one may be damaged.

        Args:
            name: of the snapshot.
            table: such as ``person``.
            files: how many; ``None`` for all.

        Raises:
            InputError: a file is changed or deleted meanwhile.
        """
        if name not in self._commits or self._filled.get(name):
            return  # deleted meanwhile, or all here
        self._filled[name] = False
        commit = self._commit(name)
        directory, digests = data_directory(name, commit.manifest_sha256), commit.digests
        found = sorted(path for path in self.directory.joinpath(name, table).rglob("*") if path.is_file())
        for path in found[:files]:
            key = f"{directory}/{path.relative_to(self.directory / name).as_posix()}"
            self._copy(key, path)
            if _digest(path) != digests.get(key):  # an answer may be wrong once
                self._copy(key, path)

    def write_back(self) -> None:
        """Do in the object store what was done in the mirror: publish, keep what was refused, delete.

        Of what was deleted the commit alone is, so that nobody finds it any more; its files are `leftovers`.

        Raises:
            InputError: the pointer to the newest snapshot was damaged already; nothing was done.
            NetworkError: the object store failed; what was published is whole.
            PublishedError: another result of an export was published meanwhile.
        """
        if self._latest_is_damaged:
            raise InputError(f"{self.objects.uri}/{LATEST_COMMIT} is damaged", "delete it there, and run again")
        for path in sorted(self.directory.glob("eksport=*")):
            if (manifest := _digest(path / MANIFEST)) != self._manifests.get(path.name):
                self._publish(prepare(path, self.objects.uri))
                self._manifests[path.name] = manifest
                self._damaged.discard(path.name)
        if whole := self._manifests.keys() - self._damaged:  # though nothing is new: a run may have died before it
            advance(self.objects, max(whole))
        self._write_failed()
        # The oldest first: what is left behind, the next run finds as it is older than all others.
        for name in sorted(name for name in self._manifests if not (self.directory / name).exists()):
            self.objects.delete([commit_key(name)])
            self._deleted.add(name)
            del self._manifests[name]

    def release(self, keep: int) -> None:
        """Make holes of the files that are in the object store too.

        Args:
            keep: how many snapshots stay as they are: those that were published or copied last.

        Raises:
            OutputError: the mirror cannot be written.
        """
        names = [*self._filled]
        released = names[: max(0, len(names) - keep)]
        with output_errors(f"free room in {self.directory.parent}"):
            refused = unpublished_results(self.directory / FAILED)
            for path in (*(self.directory / name for name in released), *refused):
                for file in _files_to_release(path):
                    _make_hole(file, file.stat().st_size)
        for name in released:
            del self._filled[name]

    def forget(self, names: Iterable[str]) -> None:
        """Take snapshots out of the mirror alone, whether they were shown or made there.

        Raises:
            OutputError: the mirror cannot be written.
        """
        for name in names:
            for known in (self._commits, self._manifests, self._filled):
                known.pop(name, None)
            self._damaged.discard(name)
            if (self.directory / name).exists():
                with output_errors(f"free room in {self.directory.parent}"):
                    shutil.rmtree(self.directory / name)

    def forget_others(self, names: Iterable[str]) -> None:
        """Take out of the mirror what was deleted in the object store meanwhile.

        Args:
            names: of the snapshots that are there.
        """
        self.forget(self._manifests.keys() - {*names})

    def _publish(self, outgoing: Outgoing) -> None:
        try:
            publish(self.objects, outgoing, self._commits.get(outgoing.name))
        except PublishedError:
            if not read_commit(self.objects, outgoing.name).has_same_rows(outgoing.commit):
                raise
        self._filled.pop(outgoing.name, None)
        self._filled[outgoing.name] = True
        # The next that replaces it must have seen this one.
        found = read_commit_surely(self.objects, commit_key(outgoing.name))
        if found is not None and parse_commit(found.body, commit_key(outgoing.name)).has_same_rows(outgoing.commit):
            self._commits[outgoing.name] = found

    def leftovers(self) -> list[str]:
        """Return the exports that have files and no commit any more: this run deleted that, or one that died.

        Newer ones than the oldest commit may be of somebody who is about to commit them.
        """
        left = committed_names(self.objects)
        found = {name for name in self.objects.directories(DATA) if is_export_name(name)} - {*left}
        likely = sorted(name for name in found if name in self._deleted or (left and name < left[0]))
        # A list may be wrong once, and what is deleted is gone.
        return [name for name in likely if read_surely(self.objects, commit_key(name)) is None]

    def delete_files(self, names: Iterable[str]) -> None:
        """Delete the files of exports that have no commit."""
        for name in names:
            self.objects.delete([*self.objects.sizes(generations_directory(name))])

    def _commit(self, name: str) -> Commit:
        return parse_commit(self._commits[name].body, commit_key(name))

    def _show(self, name: str) -> None:
        found = read_commit_surely(self.objects, commit_key(name))
        if found is None:
            return
        path = self.directory / f"{_UNFINISHED}{name}"  # others may look into the mirror
        shutil.rmtree(path, ignore_errors=True)  # of a request that failed
        path.mkdir()
        try:
            commit = parse_commit(found.body, commit_key(name))
        except InputError:  # as a published snapshot whose manifest is damaged: neither counted nor deleted
            (path / SUCCESS).touch()
            self._damaged.add(name)
        else:
            self._show_files(path, commit)
        manifest = _digest(path / MANIFEST)
        path.rename(self.directory / name)
        # Only now: what is known and not there counts as deleted, and a commit that was seen may be replaced.
        self._commits[name], self._manifests[name] = found, manifest

    def _show_files(self, path: Path, commit: Commit) -> None:
        directory = data_directory(commit.eksport, commit.manifest_sha256)
        digests = commit.digests
        for key, size in self._sizes(directory, digests.keys()).items():
            file = _inside(path, key.removeprefix(f"{directory}/"))
            if file is None or not _make_room(file):
                continue
            if file.name in _COPIED and file.parent == path:
                found = read_proven(self.objects, key, digests.get(key, ""))
                file.write_bytes(b"" if found is None else found.body)
            else:
                _make_hole(file, size)
        if _digest(path / MANIFEST) != commit.manifest_sha256:  # not what was committed
            (path / MANIFEST).write_bytes(b"")
            (path / SUCCESS).touch()

    def _sizes(self, directory: str, keys: AbstractSet[str]) -> dict[str, int]:
        """Return the sizes of objects, listed again if some that should be there are not."""
        sizes = self.objects.sizes(directory)
        return sizes if keys <= sizes.keys() else self.objects.sizes(directory)

    def _show_latest(self) -> None:
        found = read_commit_surely(self.objects, LATEST_COMMIT)
        link = self.directory / LATEST
        link.unlink(missing_ok=True)
        self._latest_is_damaged = False
        if found is not None:
            try:
                link.symlink_to(parse_commit(found.body, LATEST_COMMIT).eksport)
            except InputError:
                self._latest_is_damaged = True

    def _show_failed(self) -> None:
        """Show what was refused, but for exports of which it is shown, or was refused here."""
        known = {path.name for path in self.directory.joinpath(FAILED).glob("*")}
        for key in self.objects.sizes(FAILED_OBJECTS):
            name, _, path = key.removeprefix(f"{FAILED_OBJECTS}/").partition("/")
            if name in known or not is_export_name(name) or path not in _COPIED:
                continue
            if (found := read_surely(self.objects, key)) is not None:
                file = self.directory / FAILED / name / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(found.body)
                self._failed[name] = _digest(file.parent / MANIFEST)

    def _copy(self, key: str, file: Path) -> None:
        described = self.objects.describe(key)
        if described is None:
            raise InputError(f"{self.objects.uri}/{key} was deleted meanwhile", "run again")
        with output_errors(f"copy {file.name} to {self.directory.parent}"), file.open("wb") as copy:
            copy.writelines(read_object(self.objects, key, described))

    def _write_failed(self) -> None:
        """Bring what was refused there: the manifest last, so that what is there is whole once it has changed."""
        with output_errors(f"read {self.directory / FAILED}"):
            kept = {path.name: path for path in unpublished_results(self.directory / FAILED)}
            for name, path in kept.items():
                if _digest(path / MANIFEST) != self._failed.get(name):
                    self._replace_failed(name, path)
        for name in self._failed.keys() - kept.keys():
            self.objects.delete([*self.objects.sizes(failed_directory(name))])

    def _replace_failed(self, name: str, path: Path) -> None:
        directory = failed_directory(name)
        self.objects.delete([*self.objects.sizes(directory)])
        files = [file for file in sorted(path.rglob("*")) if file.is_file()]
        for file in sorted(files, key=lambda file: file.name == MANIFEST):
            with file.open("rb") as opened:
                self.objects.write(
                    f"{directory}/{file.relative_to(path).as_posix()}", iter(lambda: opened.read(1 << 20), b"")
                )
        self._failed[name] = _digest(path / MANIFEST)


def _inside(directory: Path, path: str) -> Path | None:
    """Return the file at a path in a directory; ``None`` if it would lie elsewhere."""
    parts = PurePosixPath(path).parts
    safe = bool(parts) and not {"..", "/"} & {*parts} and "\0" not in path
    return directory.joinpath(*parts) if safe else None


def _make_room(file: Path) -> bool:
    """Make a file's directory; return whether there can be such a file: an object can lie below an object."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return not file.exists()
    except (FileExistsError, NotADirectoryError):
        return False
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False
        raise


def _files_to_release(directory: Path) -> Iterator[Path]:
    """Yield the files of a snapshot, or of what was refused, that are holes where it is shown."""
    for file in directory.rglob("*"):
        if file.is_file() and not (file.name in _COPIED and file.parent == directory):
            yield file


def _make_hole(file: Path, size: int) -> None:
    with file.open("wb") as hole:
        hole.truncate(size)


def _digest(file: Path) -> str:
    if not file.exists():
        return hashlib.sha256().hexdigest()
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
