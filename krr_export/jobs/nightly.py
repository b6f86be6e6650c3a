"""The whole night's work: fetch what is new, convert it, prove it, prune the store; one result for all of it.

Every step may be done again without harm, so a night that was cut short is finished by the next run.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from krr_export.errors import DeliveryError, InputError, OutputError
from krr_export.input.delivery.opening import with_keys
from krr_export.input.sftp import Fetched, Login, fetch
from krr_export.input.sftp.inbox import open_inbox
from krr_export.jobs.convert import ConvertResult, convert
from krr_export.jobs.options import ConvertOptions
from krr_export.output.store import open_store
from krr_export.output.verification import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from krr_export.pipeline.progress import Progress


@dataclass(frozen=True)
class NightOptions:
    """What may be chosen for a night.

    Attributes:
        login: how to log in to the server.
        convert: how exports are converted; its ``delivery`` opens them, its ``max_age`` is meant of the newest.
        keep: how many of the newest snapshots stay; ``None`` for all.
        allow_older: whether the newest export may be older than the newest snapshot: an old set, delivered again.
        force: ask the server though it was asked a moment ago.
    """

    login: Login
    convert: ConvertOptions = field(default_factory=ConvertOptions)
    keep: int | None = None
    allow_older: bool = False
    force: bool = False


@dataclass(frozen=True)
class NightResult:
    """What became of a night.

    Attributes:
        fetched: what came from the server.
        converted: what became of each export, the oldest first.
        pruned: the snapshots that were deleted.
        message: the same in one line for people.
    """

    fetched: Fetched
    converted: tuple[ConvertResult, ...]
    pruned: tuple[Path, ...]
    message: str

    @property
    def exit_code(self) -> int:
        """0, or where an export was not published: 1, and 5 where the guard kept it."""
        return max((result.exit_code for result in self.converted), default=0)

    def to_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "fetched": {**asdict(self.fetched), "sets": list(map(str, self.fetched.sets))}
            | {"newest": None if self.fetched.newest is None else str(self.fetched.newest)},
            "converted": [
                {
                    "outcome": result.outcome,
                    "path": str(result.path),
                    "report": None if result.report is None else result.report.to_dict(),
                }
                for result in self.converted
            ],
            "pruned": list(map(str, self.pruned)),
        }


@dataclass(frozen=True)
class NightProgress:
    """Is told how far a night has come; each is entered when its part begins.

    Attributes:
        fetching: gives what `krr_export.input.sftp.fetch` tells, or ``None``.
        loading: gives what ``convert`` tells, or ``None``.
    """

    fetching: Callable[[], AbstractContextManager[Callable[[int, int | None], object] | None]] = nullcontext
    loading: Callable[[], AbstractContextManager[Progress | None]] = nullcontext


def run_night(
    uri: str, inbox: Path, store: Path, options: NightOptions, progress: NightProgress | None = None
) -> NightResult:
    """Fetch, convert, prove and prune.

    Args:
        uri: the directory on the server, ``sftp://USER@HOST[:PORT]/DIR``.
        inbox: where deliveries are kept.
        store: where snapshots are.
        options: what may be chosen.
        progress: is told how far it has come.

    Raises:
        NetworkError: the server.
        InputError: a key or a delivery is unusable; of a delivery, nothing else is at hand until the server may be
            asked again, or its files were just set aside, so that the next run fetches it anew.
        OutputError: the inbox, the store or the machine; or a snapshot that was just published is not proven.
        GuardError: the newest export is older than it may be or than the newest snapshot, or an export was made in the
            future; it is then not loaded.
        UsageError: an option is wrong.
    """
    progress = progress or NightProgress()
    delivery = with_keys(options.convert.delivery)  # before anybody is asked for anything
    options = replace(options, convert=replace(options.convert, delivery=delivery))
    with progress.fetching() as moved:
        fetched = fetch(
            uri,
            inbox,
            login=options.login,
            orgnr=delivery.orgnr,
            force=options.force,
            max_ahead=options.convert.max_ahead,
            progress=moved,
        )
    if fetched.newest is None:  # then the server was not asked: it would have been said that it has none
        raise InputError(f"{fetched.message}; the inbox holds no export", "run again later, or with --force")
    if fetched.unusable is not None:  # whatever else there is, is older
        raise InputError(fetched.message, "run again later, or with --force")
    # The newest one is converted though it was fetched another night, which may have ended before it was.
    exports = fetched.sets if fetched.newest in fetched.sets else (*fetched.sets, fetched.newest)
    with progress.loading() as loaded:
        converted = tuple(
            _converted(export, store, _how(options, is_newest=export == fetched.newest), loaded) for export in exports
        )
    pruned: tuple[Path, ...] = ()
    if options.keep is not None:
        with open_store(store, create=False) as opened:
            pruned = tuple(opened.prune(options.keep))
    said = "; ".join(dict.fromkeys(_describe(result) for result in converted))
    deleted = f"; deleted {len(pruned)} old ones" if pruned else ""
    return NightResult(fetched, converted, pruned, f"{fetched.message}; {said}{deleted}")


def _how(options: NightOptions, *, is_newest: bool) -> ConvertOptions:
    """How an export is converted: what those are that come late, or once more, only the newest can tell."""
    if is_newest:
        return replace(options.convert, allow_older=options.allow_older)
    return replace(options.convert, allow_older=True, max_age=None)


def _converted(export: Path, store: Path, options: ConvertOptions, progress: Progress | None) -> ConvertResult:
    with _setting_aside(export):
        result = convert(export, store, options, progress=progress)
    if result.published and not (found := verify(result.path)).proven:
        raise OutputError(f"{result.path} differs from its manifest: {found.differences[0]}", "is the disk failing?")
    return result


@contextmanager
def _setting_aside(export: Path) -> Iterator[None]:
    """Where a set of the inbox is unusable, get it out of the way of the next fetch, which would not fetch it again."""
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
            f"the next run that asks the server fetches them anew; {_if_no_help(error)}",
        ) from None


def _if_no_help(error: DeliveryError) -> str:
    """What to do where the next transfer brings the same again."""
    signed = error.hint is not None and "signature is right" in error.hint
    return str(error.hint) if signed else "if that is no help, check the keys, ask the sender"


def _describe(result: ConvertResult) -> str:
    return f"{result.message}, proven" if result.outcome == "published" else result.message
