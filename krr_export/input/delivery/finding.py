"""Search for a delivery: which files belong to the set that a path means, and which newer sets were passed over."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from krr_export.errors import InputError, UsageError
from krr_export.input.delivery.names import LATEST, PartName, SetNames, eligible, group_sets, parse_part
from krr_export.input.delivery.provenance import PassedOver
from krr_export.input.delivery.regular import file_name, read_errors


@dataclass(frozen=True)
class FoundSet:
    """The files of one set that are needed.

    Attributes:
        data: the encrypted export.
        signature: over the data; ``None`` if none is verified.
        key: the wrapped key.
        orgnr: the organisation that the key is for.
        newer: sets that are newer by their names, but are incomplete or named for the future; the newest first. Empty
            if the caller named the set.
    """

    data: Path
    signature: Path | None
    key: Path
    orgnr: str
    newer: tuple[PassedOver, ...] = ()


@dataclass(frozen=True)
class _Requirements:
    """What a complete set must have."""

    orgnr: str | None
    signed: bool

    def missing(self, names: SetNames) -> list[str]:
        return [name for name in names.missing(self.orgnr) if self.signed or not name.endswith(".sig")]


@dataclass(frozen=True)
class DeliveryPath:
    """The path of a delivery: one file of a set, or a directory of sets.

    Attributes:
        directory: of the sets.
        part: the file that was named; ``None`` for the directory.
        names: of the files in the directory, if they are known already: it need not exist yet.
    """

    directory: Path
    part: PartName | None = None
    names: tuple[str, ...] | None = None

    @classmethod
    def at(cls, path: Path) -> DeliveryPath | None:
        """Return the delivery at a path, or at the target of a link; ``None`` if there is none."""
        found = cls._named(path)
        if found is None and _is_link(path):
            found = cls._named(Path(os.path.realpath(path)))  # a loop of links raises in Path.resolve
        return found

    @classmethod
    def _named(cls, path: Path) -> DeliveryPath | None:
        part = parse_part(path.name)
        if not _is_directory(path):
            return cls(path.parent, part) if part else None
        found = cls(path)
        return found if part or found.has_sets() else None

    def has_sets(self) -> bool:
        """Return whether the directory can be listed, and has any file of a set."""
        with suppress(InputError):
            return bool(self.sets)
        return False

    @cached_property
    def sets(self) -> list[SetNames]:
        """The sets in the directory, complete or not; the oldest first. The directory is listed once.

        Raises:
            InputError: the directory cannot be listed.
        """
        if self.names is not None:
            return group_sets(self.names)
        with read_errors(file_name(self.directory)):
            return group_sets([file.name for file in self.directory.iterdir()])

    def find_set(self, orgnr: str | None, *, signed: bool, latest_stamp: str) -> FoundSet:
        """Return the set of the file; of a directory, the newest set that is complete and not from the future.

        Args:
            orgnr: the organisation whose key is needed; ``None`` for the one in the file's name, or the only one.
            signed: whether a signature is needed.
            latest_stamp: a set named for a later time is from the future (`freshness.AgeLimits.latest_stamp`).

        Raises:
            InputError: there is none, or a file of it is missing.
            UsageError: it has keys for several organisations, and ``orgnr`` is ``None``.
        """
        required = _Requirements(orgnr or (self.part.orgnr if self.part else None), signed)
        chosen = _set_containing(self.sets, self.part) if self.part else _newest(self.sets, required, latest_stamp)
        directory, names = self.directory, chosen
        if names.stamp == LATEST:
            directory, names = _resolve_latest(directory, names, required)
        newer = () if self.part else _newer_sets(self.sets, names, required)
        return _found_set(directory, names, required, newer)


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:  # a directory that may not be searched
        return False


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long for the file system
        return False


def data_name(data: Path) -> str:
    """Return the name of the data file; of a link named LATEST, that of its target, which says which set it is."""
    part = parse_part(data.name)
    is_latest = part is not None and part.stamp == LATEST
    return file_name(Path(os.path.realpath(data)) if is_latest else data)


def _newest(sets: list[SetNames], required: _Requirements, latest_stamp: str) -> SetNames:
    """Return the newest complete set; if there is none, the one that the error message names."""
    if not sets:
        raise InputError("no file of a delivery is there", "give a file of one, or the directory where they are")
    stamped = [names for names in sets if names.stamp != LATEST]
    complete = [names for names in sets if not required.missing(names)]
    return (eligible(complete, latest_stamp) or stamped or sets)[-1]


def _newer_sets(sets: list[SetNames], chosen: SetNames, required: _Requirements) -> tuple[PassedOver, ...]:
    """Return the sets that may be newer than the chosen one, the newest first. None of them was usable."""
    return tuple(
        PassedOver(names.stamp, tuple(required.missing(names)))
        for names in reversed(sets)
        if names.stamp != LATEST and (chosen.stamp == LATEST or names.stamp > chosen.stamp)
    )


def _set_containing(sets: list[SetNames], part: PartName) -> SetNames:
    """Return the set that contains exactly this file: others may have nearly the same name."""
    names = next((names for names in sets if part.name in names.all()), None)
    if names is None:
        raise InputError("no such file", "check the path")
    return names


def _resolve_latest(directory: Path, names: SetNames, required: _Requirements) -> tuple[Path, SetNames]:
    """Return the set that LATEST links to, if it is complete: the links may be moved while the set is read."""
    target = Path(os.path.realpath(directory / names.all()[0]))
    part = parse_part(target.name)
    if part is not None and part.stamp != LATEST and target.exists():
        own = _set_containing(DeliveryPath(target.parent).sets, part)
        if not required.missing(own):
            return target.parent, own
    return directory, names


def _found_set(directory: Path, names: SetNames, required: _Requirements, newer: tuple[PassedOver, ...]) -> FoundSet:
    missing = required.missing(names)
    if missing or names.data is None:
        raise InputError(
            f"the delivery is incomplete: there is no {' and no '.join(missing)}", "transfer what is missing"
        )
    if required.orgnr is None and len(names.keys) > 1:
        raise UsageError(f"{names.data} has keys for several organisations: {', '.join(names.keys)}", "give --orgnr")
    orgnr = required.orgnr or next(iter(names.keys))
    signature = directory / names.signature if names.signature is not None and required.signed else None
    return FoundSet(directory / names.data, signature, directory / names.keys[orgnr], orgnr, newer)
