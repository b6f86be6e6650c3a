"""The exports of a backfill, in the order of their time."""

from __future__ import annotations

import stat
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from krr_export.errors import InputError, UsageError
from krr_export.input.delivery.finding import DeliveryPath
from krr_export.input.delivery.names import LATEST
from krr_export.input.objects.address import is_object_uri, parse_object_address
from krr_export.input.objects.reading import find_delivery
from krr_export.input.objects.store import open_objects
from krr_export.input.open_source import STDIN
from krr_export.jobs.backfill.failure import Failure
from krr_export.pipeline.export import open_with
from krr_export.schema.registry import load_schema
from krr_export.util.paths import local_path, real_path
from krr_export.util.threads import map_in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from krr_export.jobs.options import ConvertOptions
    from krr_export.pipeline.progress import Progress
    from krr_export.util.fields import StrPath


Location: TypeAlias = Path | str
"""Where an export lies: a local path, or the URI of an object."""


@dataclass(frozen=True)
class Found:
    """An export whose time is known.

    Attributes:
        source: where it lies.
        name: of its snapshot.
        exported_at: when it was made.
        size: bytes as delivered.
    """

    source: Location
    name: str
    exported_at: datetime
    size: int


@dataclass(frozen=True)
class Unread:
    """A source whose time cannot be known: it has no place in the order."""

    source: Location
    failure: Failure


def find_exports(
    sources: Iterable[StrPath], options: ConvertOptions, threads: int, progress: Progress
) -> tuple[list[Found], list[Unread]]:
    """Return the exports in the order of their time, and what is none, by name.

    Exports of the same time are in the order of their paths. A source that is given twice counts once.

    Args:
        sources: files; files of deliveries, one of a set or all; or directories of deliveries, all sets of which count.
            Each may lie in an object store.
        options: how exports are opened.
        threads: how many are opened at once: the signature of a delivery is verified before anything in it is read.
        progress: receives how many were opened.

    Raises:
        NetworkError: an object store cannot be reached, or denies access.
        UsageError: a source is no file, or a key for a delivery was not given.
    """
    schema = load_schema(options.schema)

    def look(source: Location) -> Found | Unread:
        try:
            with open_with(source, schema, options.read) as export:
                header, size = export.header, export.source.size or 0
                return Found(source, header.export_name, header.exported_at, size)
        except InputError as error:
            return Unread(source, Failure.of(error))

    files, looked = _distinct(sources, threads), []
    with closing(map_in_order(lambda: look, files, threads)) as results:
        for one in results:
            looked.append(one)
            progress.dated(len(looked), len(files))
    found = [one for one in looked if isinstance(one, Found)]
    unread = [one for one in looked if isinstance(one, Unread)]
    found.sort(key=lambda one: (one.exported_at, str(one.source)))
    return found, unread


def _distinct(sources: Iterable[StrPath], threads: int) -> list[Location]:
    """Return what is to be opened, one for each file of data, sorted.

    Of several files of one set, a key counts: it may say for which organisation.
    """
    given: dict[Location, list[tuple[bool, str, Location]]] = {}
    with closing(map_in_order(lambda: _files, sources, threads)) as results:
        for data, file in chain.from_iterable(results):
            same = real_path(data) if isinstance(data, Path) else data
            given.setdefault(same, []).append((file == data, str(file), file))
    return sorted((min(files)[2] for files in given.values()), key=str)


def _files(source: StrPath) -> list[tuple[Location, Location]]:
    """Return of each export of a source the file of data, and the file by which it is opened."""
    if isinstance(source, str) and is_object_uri(source):
        return [*_objects(source)]
    path = local_path(source)
    delivery = DeliveryPath.at(path)
    if delivery is not None:
        return [(delivery.directory / data, delivery.directory / file) for data, file in _names(delivery)]
    if str(path) == STDIN or is_pipe(path):
        raise UsageError(f"{path} is no file, and a backfill reads each source twice", "give a file")
    return [(path, path)]


def _objects(uri: str) -> Iterator[tuple[str, str]]:
    """Yield what `_files` returns of an object, or of what would be a directory of objects."""
    bucket, key = parse_object_address(uri)
    place = f"{bucket.uri}/{key}"
    try:
        delivery = find_delivery(open_objects(bucket), key, Path())
    except InputError:
        delivery = None  # opening it says so, too
    if delivery is None:
        yield place, place
        return
    directory = place.rpartition("/")[0] if delivery.part else place.rstrip("/")
    for data, file in _names(delivery):
        yield f"{directory}/{data}", f"{directory}/{file}"


def _names(delivery: DeliveryPath) -> Iterator[tuple[str, str]]:
    """Yield of each export that a delivery means the name of the data, and of the file by which it is opened."""
    part = delivery.part
    if part is None:
        for names in delivery.sets:
            if names.stamp != LATEST:
                data = names.all()[0]
                yield data, data
        return
    data = next((names.all()[0] for names in delivery.sets if part.name in names.all()), part.name)
    yield data, part.name if part.kind == "key" else data


def is_pipe(source: Location) -> bool:
    """Return whether something lies there that is neither a file nor a directory: opening it may wait for ever."""
    if isinstance(source, str):
        return False
    try:
        mode = source.stat().st_mode
    except OSError:
        return False  # opening it raises the right error
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
