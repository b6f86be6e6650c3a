"""Backfill: exports are converted beside each other, and published one after the other in the order of their time.

The guard, what changed and `latest` need the snapshot before. So the store is what it would have become night by night.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from krr_export.errors import UsageError
from krr_export.input.delivery.opening import with_keys
from krr_export.jobs.backfill.processes import ThisMachine
from krr_export.jobs.backfill.publishing import Publisher
from krr_export.jobs.backfill.result import BackfilledExport, BackfillResult
from krr_export.jobs.backfill.shared_progress import SharedProgress
from krr_export.jobs.backfill.sources import find_exports
from krr_export.output.store import name_store_in_errors, open_store
from krr_export.output.store_place import open_place

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from krr_export.input.delivery.opening import DeliveryOptions
    from krr_export.jobs.backfill.sources import Found
    from krr_export.jobs.backfill.task import Machines
    from krr_export.jobs.options import ConvertOptions
    from krr_export.output.store_place import StorePlace
    from krr_export.pipeline.progress import Progress
    from krr_export.util.fields import StrPath


_MOST_OPENED = 32
"""Exports that are opened at once for their time, here, however many machines convert: each may be copied for it."""


@dataclass(frozen=True)
class BackfillOptions:
    """Options of a backfill.

    Attributes:
        convert: how exports are converted; its ``max_age`` applies to the newest one.
        processes: how many at a time; ``None`` for as many as the machines have room for.
        skip_bad: whether to go on after an export that cannot be published.
        machines: that convert.
    """

    convert: ConvertOptions
    processes: int | None = None
    skip_bad: bool = False
    machines: Machines = field(default_factory=ThisMachine)


def run_backfill(
    sources: Iterable[StrPath],
    store: StrPath,
    backfill: BackfillOptions,
    progress: Progress,
    on_done: Callable[[BackfilledExport], object],
) -> BackfillResult:
    """Convert many exports, and publish them in the order of their time; see `krr_export.backfill`."""
    with open_place(store) as place:
        return _backfill_place(sources, place, backfill, progress, on_done)


def _backfill_place(
    sources: Iterable[StrPath],
    place: StorePlace,
    backfill: BackfillOptions,
    progress: Progress,
    on_done: Callable[[BackfilledExport], object],
) -> BackfillResult:
    options, skip_bad = backfill.convert, backfill.skip_bad
    if options.limit is not None:
        raise UsageError("--limit gives partial results, and a backfill publishes", "leave it out")
    place.show_newest(1)
    place.write_back()  # what is wrong there is said before hours of work; and a run that died left latest behind
    progress = SharedProgress(progress)
    room = backfill.machines.room if backfill.processes is None else backfill.processes
    portable, keyed = _with_keys(options.delivery)
    found, unread = find_exports(sources, replace(options, delivery=keyed), min(room, _MOST_OPENED), progress)
    if not found and not unread:
        raise UsageError("there is no export to convert", "name files, or directories of deliveries")
    done = [BackfilledExport.failed(one.source, None, one.failure) for one in unread]
    for export in done:
        on_done(export)
    if skip_bad or not done:
        backfill = replace(backfill, convert=replace(options, delivery=portable), processes=room)
        with closing(_converted(found, place, backfill, progress)) as converted:
            for export in converted:
                done.append(export)
                on_done(export)
                if export.exit_code and (export.stops or not skip_bad):
                    break
    left = found[len(done) - len(unread) :]
    return BackfillResult((*done, *(BackfilledExport.left(one.source, one.name) for one in left)))


def _with_keys(delivery: DeliveryOptions) -> tuple[DeliveryOptions, DeliveryOptions]:
    """Return options of deliveries for other processes, and for this one: there is one prompt for a passphrase."""
    asked: list[bytes | None] = [None]

    def ask() -> bytes | None:
        asked.append(delivery.passphrase())
        return asked[-1]

    keyed = replace(delivery, passphrase=ask)
    if delivery.private_key is not None:
        keyed = with_keys(keyed)
    return replace(delivery, passphrase=asked[-1], keys=None), keyed


def _converted(
    found: Sequence[Found], place: StorePlace, backfill: BackfillOptions, progress: Progress
) -> Generator[BackfilledExport, None, None]:
    """Yield what became of each export, in order."""
    if not found:
        return
    options, machines = backfill.convert, backfill.machines
    room = min(backfill.processes or machines.room, len(found))
    options = replace(options, workers=machines.workers(room) if options.workers is None else options.workers)
    progress.planned(len(found), sum(one.size for one in found))
    directory = place.directory
    with (
        name_store_in_errors(directory),
        open_store(directory, file_mode=options.mode) as store,
        machines.runners(store, options, room, progress) as new_runner,
    ):
        publisher = Publisher(store, place, options, found[-1], progress)
        for several in _without_repeats(found):
            with closing(publisher.publish(several, new_runner())) as published:
                yield from published


def _without_repeats(found: Sequence[Found]) -> Iterator[Sequence[Found]]:
    """Cut the exports so that no part has two of one time: what becomes of the second depends on the first."""
    first = 0
    for index in range(1, len(found)):
        if found[index].name == found[index - 1].name:
            yield found[first:index]
            first = index
    yield found[first:]
