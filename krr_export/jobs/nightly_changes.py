"""The nightly run of a local copy: fetch what changed, apply it, prove and prune; one result for all of it.

Every step is idempotent, so the next run completes an interrupted one.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from krr_export.errors import InputError
from krr_export.input.http.directory import open_pages_directory
from krr_export.jobs.changes.apply import apply
from krr_export.jobs.changes.apply_options import ApplyOptions
from krr_export.jobs.changes.fetch_changes import ChangesResult, FetchChangesOptions, fetch_changes
from krr_export.jobs.nightly_steps import check_keep, describe_night, prove, prune
from krr_export.jobs.options import ConvertOptions
from krr_export.output.manifest import repair_hint
from krr_export.output.store_contents import entries
from krr_export.output.verification import size_differences
from krr_export.util.files import output_errors
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from krr_export.jobs.convert_result import ConvertResult
    from krr_export.pipeline.progress import Progress


@dataclass(frozen=True)
class ChangesNightOptions:
    """Options of a nightly run of changes.

    Attributes:
        fetch: who asks which register. It is always asked, as a night asks once: ``force`` has no effect.
        schema: the XSD of the store's records, if it is not a built-in one.
        load: limits, guard, changes, mode and language, as of ``convert``; and the key of the store's pseudonyms.
        keep: the number of newest snapshots to keep; ``None`` for all.
    """

    fetch: FetchChangesOptions
    schema: str | None = None
    load: ConvertOptions = field(default_factory=ConvertOptions)
    keep: int | None = None

    def __post_init__(self) -> None:
        check_keep(self.keep)


@dataclass(frozen=True)
class ChangesNightResult:
    """The result of a nightly run of changes.

    Attributes:
        fetched: the result of the fetch.
        applied: the result of applying the pages; ``None`` if nothing was new.
        removed_pages: how many pages were deleted, as the proven snapshot has what they hold.
        pruned: the paths of the deleted snapshots.
        message: the result in one line for people.
    """

    fetched: ChangesResult
    applied: ConvertResult | None
    removed_pages: int
    pruned: tuple[str, ...]
    message: str

    @property
    def exit_code(self) -> int:
        """The command's exit code: 0; if nothing was published, 5 for the guard and otherwise 1."""
        return 0 if self.applied is None else self.applied.exit_code

    @property
    def reason(self) -> str | None:
        """Why nothing was published, in a word of `errors.REASONS`; ``None`` if nothing failed."""
        return None if self.applied is None else self.applied.reason

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON, without the message."""
        fetched = asdict(self.fetched)
        return {
            "fetched": {name: fetched[name] for name in ("pages", "change_number", "moment", "carried")},
            "applied": None if self.applied is None else self.applied.to_dict(),
            "removed_pages": self.removed_pages,
            "pruned": list(self.pruned),
        }


@dataclass(frozen=True)
class ChangesNightProgress:
    """Receivers of a nightly run's progress; each context is entered when its part begins.

    Attributes:
        fetching: gives the callback for `fetch_changes`, or ``None``.
        loading: gives the progress for `apply`, or ``None``.
    """

    fetching: Callable[[], AbstractContextManager[Callable[[int, int], object] | None]] = nullcontext
    loading: Callable[[], AbstractContextManager[Progress | None]] = nullcontext


def run_changes_night(
    pages: str | os.PathLike[str],
    store: str | os.PathLike[str],
    options: ChangesNightOptions,
    progress: ChangesNightProgress | None = None,
) -> ChangesNightResult:
    """Fetch the changes after the newest snapshot, apply them, prove the result, and delete what is no longer needed.

    Pages are deleted once a proven snapshot has what they hold: they are personal data. A refused night keeps them, and
    the next one applies them with those that follow.

    Args:
        pages: the directory of fetched pages.
        store: the directory of snapshots; there is one in it.
        options: of the run.
        progress: receives the progress of the run.

    Raises:
        KrrExportError: as of `fetch_changes`, `apply` and `prove`.
    """
    pages, store = local_path(pages), local_path(store)
    _check_newest(store)
    progress = progress or ChangesNightProgress()
    with progress.fetching() as fetch_progress:
        fetched = fetch_changes(store, pages, replace(options.fetch, force=True), progress=fetch_progress)
    applied, removed = None, 0
    if fetched.command is not None and fetched.moment is not None and fetched.change_number is not None:
        with progress.loading() as apply_progress:
            applied = apply(store, [pages], _apply_options(options, fetched), progress=apply_progress)
        prove(applied)
        if applied.published:
            with open_pages_directory(pages) as opened:
                removed = opened.remove_until(fetched.change_number)
    pruned = tuple(map(str, prune(store, options.keep)))
    message = describe_night(fetched.message, [] if applied is None else [applied], pruned)
    if applied is not None and not applied.published:
        message += f"; the pages stay in {pages}: where the register has corrected one, delete it, and run again"
    return ChangesNightResult(fetched, applied, removed, pruned, message)


def _check_newest(store: Path) -> None:
    """Refuse a newest snapshot that is not whole: changes cannot be applied to it, and nothing new would hide it.

    Raises:
        InputError: files of it are missing, or of another size than listed.
    """
    newest = next((entry for entry in entries(store) if entry.published), None) if store.is_dir() else None
    if newest is None or newest.manifest is None:
        return  # the fetch says so
    with output_errors(f"read the store {store}"):
        differences = size_differences(newest.path, newest.manifest)
    if differences:
        raise InputError(f"{newest.path} is damaged: {differences[0]}", repair_hint(newest.manifest))


def _apply_options(options: ChangesNightOptions, fetched: ChangesResult) -> ApplyOptions:
    return ApplyOptions(
        as_of=str(fetched.moment),
        carried=fetched.carried,
        schema=options.schema,
        pseudonym_key=options.load.pseudonym_key,
        load=options.load,
    )
