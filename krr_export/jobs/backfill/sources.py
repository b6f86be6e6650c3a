"""The exports of a backfill, in the order of their time."""

from __future__ import annotations

import stat
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.errors import InputError, UsageError
from krr_export.input.delivery.finding import DeliveryPath
from krr_export.input.delivery.names import LATEST
from krr_export.input.open_source import STDIN
from krr_export.jobs.backfill.failure import Failure
from krr_export.pipeline.export import open_with
from krr_export.schema.registry import load_schema
from krr_export.util.paths import local_path, real_path
from krr_export.util.threads import map_in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from krr_export.jobs.options import ConvertOptions
    from krr_export.pipeline.progress import Progress
    from krr_export.util.fields import StrPath


@dataclass(frozen=True)
class Found:
    """An export whose time is known.

    Attributes:
        source: its path.
        name: of its snapshot.
        exported_at: when it was made.
        size: bytes as delivered.
    """

    source: Path
    name: str
    exported_at: datetime
    size: int


@dataclass(frozen=True)
class Unread:
    """A source whose time cannot be known: it has no place in the order."""

    source: Path
    failure: Failure


def find_exports(
    sources: Iterable[StrPath], options: ConvertOptions, threads: int, progress: Progress
) -> tuple[list[Found], list[Unread]]:
    """Return the exports in the order of their time, and what is none, by name.

    Exports of the same time are in the order of their paths. A source that is given twice counts once.

    Args:
        sources: files; files of deliveries, one of a set or all; or directories of deliveries, all sets of which count.
        options: how exports are opened.
        threads: how many are opened at once: the signature of a delivery is verified before anything in it is read.
        progress: receives how many were opened.

    Raises:
        UsageError: a source is no file, or a key for a delivery was not given.
    """
    schema = load_schema(options.schema)

    def look(source: Path) -> Found | Unread:
        try:
            with open_with(source, schema, options.read) as export:
                header, size = export.header, export.source.size or 0
                return Found(source, header.export_name, header.exported_at, size)
        except InputError as error:
            return Unread(source, Failure.of(error))

    files, looked = _distinct(sources), []
    with closing(map_in_order(lambda: look, files, threads)) as results:
        for one in results:
            looked.append(one)
            progress.dated(len(looked), len(files))
    found = [one for one in looked if isinstance(one, Found)]
    unread = [one for one in looked if isinstance(one, Unread)]
    found.sort(key=lambda one: (one.exported_at, str(one.source)))
    return found, unread


def _distinct(sources: Iterable[StrPath]) -> list[Path]:
    """Return the paths to open, one for each file of data, sorted.

    Of several files of one set, a key counts: it may say for which organisation.
    """
    given: dict[Path, list[tuple[bool, Path]]] = {}
    for source in sources:
        for data, path in _files(source):
            given.setdefault(real_path(data), []).append((path == data, path))
    return sorted(min(paths)[1] for paths in given.values())


def _files(source: StrPath) -> Iterator[tuple[Path, Path]]:
    """Yield the file of data of each export of a source, and the path by which it is opened."""
    path = local_path(source)
    delivery = DeliveryPath.at(path)
    if delivery is not None:
        yield from _deliveries(delivery, path)
        return
    if str(path) == STDIN or is_pipe(path):
        raise UsageError(f"{path} is no file, and a backfill reads each source twice", "give a file")
    yield path, path


def _deliveries(delivery: DeliveryPath, path: Path) -> Iterator[tuple[Path, Path]]:
    if delivery.part is None:
        for names in delivery.sets:
            if names.stamp != LATEST:
                data = delivery.directory / names.all()[0]
                yield data, data
        return
    part = delivery.part
    data = next((delivery.directory / names.all()[0] for names in delivery.sets if part.name in names.all()), path)
    yield data, path if part.kind == "key" else data


def is_pipe(path: Path) -> bool:
    """Return whether something lies there that is neither a file nor a directory: opening it may wait for ever."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False  # opening it raises the right error
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
