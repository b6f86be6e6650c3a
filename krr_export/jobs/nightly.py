"""The nightly run: fetch new deliveries, convert and verify them, prune the store; one result for all of it.

Every step is idempotent, so the next run completes an interrupted one.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from krr_export.errors import DeliveryError, InputError, OutputError
from krr_export.input.delivery.opening import with_keys
from krr_export.input.sftp import Fetched, Login, fetch
from krr_export.input.sftp.inbox import open_inbox
from krr_export.jobs.convert import convert
from krr_export.jobs.nightly_steps import check_keep, describe_night, prove, prune_place
from krr_export.jobs.options import ConvertOptions
from krr_export.util.formatting import short_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from krr_export.jobs.convert_result import ConvertResult
    from krr_export.pipeline.progress import Progress


@dataclass(frozen=True)
class NightOptions:
    """Options of a nightly run.

    Attributes:
        login: how to log in to the server.
        convert: how exports are converted; its ``delivery`` opens them, its ``max_age`` applies to the newest one.
        keep: the number of newest snapshots to keep; ``None`` for all.
        allow_older: whether the newest export may be older than the newest snapshot: an old set, delivered again.
        force: contact the server even if it was contacted a moment ago.
    """

    login: Login
    convert: ConvertOptions = field(default_factory=ConvertOptions)
    keep: int | None = None
    allow_older: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        check_keep(self.keep)


@dataclass(frozen=True)
class NightResult:
    """The result of a nightly run.

    Attributes:
        fetched: the result of the fetch.
        converted: the result of each conversion, the oldest export first.
        pruned: the paths, or URIs, of the deleted snapshots.
        message: the result in one line for people.
    """

    fetched: Fetched
    converted: tuple[ConvertResult, ...]
    pruned: tuple[str, ...]
    message: str

    def __repr__(self) -> str:
        outcomes = [result.outcome for result in self.converted]
        return short_repr(self, fetched=len(self.fetched.sets), converted=outcomes, pruned=len(self.pruned))

    @property
    def exit_code(self) -> int:
        """The command's exit code: 0; if an export was not published, 5 for the guard and otherwise 1."""
        return max((result.exit_code for result in self.converted), default=0)

    @property
    def reason(self) -> str | None:
        """Why an export was not published, in a word of `errors.REASONS`; ``None`` if nothing failed."""
        return next((result.reason for result in self.converted if result.exit_code == self.exit_code), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return {
            "fetched": {**asdict(self.fetched), "sets": list(map(str, self.fetched.sets))}
            | {"newest": None if self.fetched.newest is None else str(self.fetched.newest)},
            "converted": [result.to_dict() for result in self.converted],
            "pruned": list(self.pruned),
        }


@dataclass(frozen=True)
class NightProgress:
    """Receivers of a nightly run's progress; each context is entered when its part begins.

    Attributes:
        fetching: gives the callback for `krr_export.input.sftp.fetch`, or ``None``.
        loading: gives the progress for ``convert``, or ``None``.
    """

    fetching: Callable[[], AbstractContextManager[Callable[[int, int | None], object] | None]] = nullcontext
    loading: Callable[[], AbstractContextManager[Progress | None]] = nullcontext


def run_night(
    uri: str, inbox: Path, store: Path | str, options: NightOptions, progress: NightProgress | None = None
) -> NightResult:
    """Fetch, convert, verify and prune.

    Args:
        uri: the directory on the server, ``sftp://USER@HOST[:PORT]/DIR``.
        inbox: the directory of fetched deliveries.
        store: the directory of snapshots, or the URI of a place in an object store.
        options: of the run.
        progress: receives the progress of the run.

    Raises:
        NetworkError: the server failed.
        InputError: a key or a delivery is unusable. For a delivery: no other one is available until the server may be
            contacted again; or its files were just set aside, and the next run fetches it again.
        OutputError: the inbox, the store or the machine failed; or a snapshot just published differs from its manifest.
        GuardError: the newest export is older than allowed or than the newest snapshot, or an export was made in the
            future; it is then not loaded.
        UsageError: an option is wrong.
    """
    progress = progress or NightProgress()
    delivery = with_keys(options.convert.delivery)  # before the server is contacted
    options = replace(options, convert=replace(options.convert, delivery=delivery))
    with progress.fetching() as fetch_progress:
        fetched = fetch(
            uri,
            inbox,
            login=options.login,
            orgnr=delivery.orgnr,
            force=options.force,
            max_ahead=options.convert.max_ahead,
            progress=fetch_progress,
        )
    if fetched.newest is None:  # the server was not contacted: otherwise fetch would have raised
        raise InputError(f"{fetched.message}; the inbox holds no export", "run again later, or with --force")
    if fetched.unusable is not None:  # all other exports are older
        raise InputError(fetched.message, "run again later, or with --force")
    # The newest one is converted even if an earlier run fetched it: that run may have ended before converting it.
    exports = fetched.sets if fetched.newest in fetched.sets else (*fetched.sets, fetched.newest)
    with progress.loading() as convert_progress:
        converted = tuple(
            _convert_and_verify(
                export, store, _convert_options(options, is_newest=export == fetched.newest), convert_progress
            )
            for export in exports
        )
    pruned = () if options.keep is None else prune_place(store, options.keep).deleted
    return NightResult(fetched, converted, pruned, describe_night(fetched.message, converted, pruned))


def _convert_options(options: NightOptions, *, is_newest: bool) -> ConvertOptions:
    """Return the options for one export: the checks of age and order apply to the newest alone."""
    if is_newest:
        return replace(options.convert, allow_older=options.allow_older)
    return replace(options.convert, allow_older=True, max_age=None)


def _convert_and_verify(
    export: Path, store: Path | str, options: ConvertOptions, progress: Progress | None
) -> ConvertResult:
    with _set_aside_on_failure(export):
        result = convert(export, store, options, progress=progress)
    if result.uri is None:  # what goes to an object store is read back before it is published
        prove(result)
    return result


@contextmanager
def _set_aside_on_failure(export: Path) -> Iterator[None]:
    """Set an unusable set of the inbox aside: otherwise the next run would not fetch it again."""
    try:
        yield
    except DeliveryError as error:
        try:
            with open_inbox(export.parent) as inbox:
                inbox.set_aside(export.name)
        except OutputError as failed:
            raise DeliveryError(f"{error.message}; {failed.message}", "delete the set's files, and run again") from None
        raise DeliveryError(
            f"{error.message}; the set's files are set aside, as .{export.name}.bad",
            f"the next run that asks the server fetches them anew; {_retry_hint(error)}",
        ) from None


def _retry_hint(error: DeliveryError) -> str:
    """Return the hint for when the next transfer delivers the same files again."""
    is_signed = error.hint is not None and "signature is right" in error.hint
    return str(error.hint) if is_signed else "if that is no help, check the keys, ask the sender"
