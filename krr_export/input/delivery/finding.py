"""Finds a delivery: which files belong to the set that a path means, and which newer sets were passed over."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from krr_export.errors import InputError, UsageError
from krr_export.input.delivery.names import LATEST, PartName, SetNames, eligible, parse_part, sets_in
from krr_export.input.delivery.provenance import PassedOver
from krr_export.input.delivery.regular import file_name, readable


@dataclass(frozen=True)
class FoundSet:
    """The files of one set that are needed.

    Attributes:
        data: the encrypted export.
        signature: over it; ``None`` where none is to be verified.
        key: the wrapped key.
        orgnr: whose key that is.
        newer: sets that are newer by their names, but are incomplete or named for the future; the newest first. Where
            it was ours to choose one.
    """

    data: Path
    signature: Path | None
    key: Path
    orgnr: str
    newer: tuple[PassedOver, ...] = ()


@dataclass(frozen=True)
class _Wanted:
    """What makes a set complete for us."""

    orgnr: str | None
    signed: bool

    def missing(self, names: SetNames) -> list[str]:
        return [name for name in names.missing(self.orgnr) if self.signed or not name.endswith(".sig")]


def is_delivery(path: Path) -> bool:
    """Whether a path is, by its name, one file of a set, or is a directory that holds any."""
    if parse_part(path.name) is not None:
        return True
    try:
        return path.is_dir() and any(parse_part(file.name) is not None for file in path.iterdir())
    except OSError:
        return False


def delivery_at(path: Path) -> Path | None:
    """The path of a delivery; where a link of another name leads to one, that; ``None`` where there is none."""
    if is_delivery(path):
        return path
    target = Path(os.path.realpath(path)) if path.is_symlink() else path  # a loop of links raises in Path.resolve
    return target if is_delivery(target) else None


def check_is_delivery(path: Path | None) -> None:
    """Refuse what is not a delivery, since it is not signed: whoever gives keys relies on that.

    Args:
        path: ``None`` for a stream.

    Raises:
        InputError: it is none.
    """
    if path is None:
        raise InputError("a delivery is read twice, and a stream cannot be", "give the path of a file of the set")
    if path.exists() and delivery_at(path) is None:
        raise InputError(
            "it is not named as a file of a delivery, so its signature cannot be verified",
            "give the set under its own names; or, for an export that is not signed, leave the keys out",
        )


def find_set(path: Path, orgnr: str | None, *, signed: bool, latest_stamp: str) -> FoundSet:
    """The set that is meant: of a file, its own; of a directory, the newest that is complete and not from the future.

    Args:
        path: any file of a set, or a directory.
        orgnr: whose key is needed; ``None`` for that of the file, or the only one.
        signed: whether a signature is needed.
        latest_stamp: what is named for a later time is from the future (`freshness.AgeLimits.latest_stamp`).

    Raises:
        InputError: there is none, or a file of it is missing.
        UsageError: it has keys for several organisations, and none was named.
    """
    part = None if path.is_dir() else parse_part(path.name)
    wanted = _Wanted(orgnr or (part.orgnr if part else None), signed)
    sets = _sets(path if part is None else path.parent)
    directory, names = (path, _newest(sets, wanted, latest_stamp)) if part is None else (path.parent, _own(sets, part))
    if names.stamp == LATEST:
        directory, names = _followed(directory, names, wanted)
    return _chosen(directory, names, wanted, _newer(sets, names, wanted) if part is None else ())


def data_name(data: Path) -> str:
    """How to call the data file: LATEST says nothing of which it was, so the file that it links to."""
    part = parse_part(data.name)
    is_latest = part is not None and part.stamp == LATEST
    return file_name(Path(os.path.realpath(data)) if is_latest else data)


def _sets(directory: Path) -> list[SetNames]:
    with readable(file_name(directory)):
        return sets_in([file.name for file in directory.iterdir()])


def _newest(sets: list[SetNames], wanted: _Wanted, latest_stamp: str) -> SetNames:
    """The newest complete set; else the one to complain about."""
    if not sets:
        raise InputError("no file of a delivery is there", "give a file of one, or the directory where they are")
    stamped = [names for names in sets if names.stamp != LATEST]
    complete = [names for names in sets if not wanted.missing(names)]
    return (eligible(complete, latest_stamp) or stamped or sets)[-1]


def _newer(sets: list[SetNames], chosen: SetNames, wanted: _Wanted) -> tuple[PassedOver, ...]:
    """The sets that may be newer than the chosen one, the newest first: were they of any use, they had been chosen."""
    return tuple(
        PassedOver(names.stamp, wanted.missing(names))
        for names in reversed(sets)
        if names.stamp != LATEST and (chosen.stamp == LATEST or names.stamp > chosen.stamp)
    )


def _own(sets: list[SetNames], part: PartName) -> SetNames:
    """The set that a file belongs to: with this very file, where others go by nearly the same name."""
    names = next((names for names in sets if part.name in names.all()), None)
    if names is None:
        raise InputError("no such file", "check the path")
    return names


def _followed(directory: Path, names: SetNames, wanted: _Wanted) -> tuple[Path, SetNames]:
    """The set that LATEST links to, if it is there whole: so that no link moves on while its fellows are read."""
    target = Path(os.path.realpath(directory / names.all()[0]))
    part = parse_part(target.name)
    if part is not None and part.stamp != LATEST and target.exists():
        own = _own(_sets(target.parent), part)
        if not wanted.missing(own):
            return target.parent, own
    return directory, names


def _chosen(directory: Path, names: SetNames, wanted: _Wanted, newer: tuple[PassedOver, ...]) -> FoundSet:
    missing = wanted.missing(names)
    if missing or names.data is None:
        raise InputError(
            f"the delivery is incomplete: there is no {' and no '.join(missing)}", "transfer what is missing"
        )
    if wanted.orgnr is None and len(names.keys) > 1:
        raise UsageError(f"{names.data} has keys for several organisations: {', '.join(names.keys)}", "give --orgnr")
    orgnr = wanted.orgnr or next(iter(names.keys))
    signature = directory / names.signature if names.signature is not None and wanted.signed else None
    return FoundSet(directory / names.data, signature, directory / names.keys[orgnr], orgnr, newer)
