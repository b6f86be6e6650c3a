"""The night, the fetch, pages of changes and pruning as plain functions: options by name, paths as text or `Path`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from krr_export.errors import UsageError
from krr_export.input import sftp
from krr_export.input.objects.address import is_object_uri
from krr_export.jobs.backfill.backfill import BackfillOptions, run_backfill
from krr_export.jobs.backfill.cluster.connection import connect
from krr_export.jobs.backfill.cluster.runner import Cluster
from krr_export.jobs.backfill.processes import ThisMachine
from krr_export.jobs.changes.apply import apply as apply_to_newest
from krr_export.jobs.changes.apply_from_zero import apply_from_zero
from krr_export.jobs.changes.apply_options import ApplyOptions
from krr_export.jobs.changes.pages_moment import moment_of_pages
from krr_export.jobs.keywords import ConvertKeywords, LoadKeywords, ShapeKeywords, changed
from krr_export.jobs.nightly import NightOptions, NightProgress, NightResult, run_night
from krr_export.jobs.nightly_steps import prune_place
from krr_export.jobs.options import DEFAULTS
from krr_export.pipeline.progress import Progress
from krr_export.util.fields import Secret, StrPath, check_types, refuse_wrong_options
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from krr_export.jobs.backfill.result import BackfilledExport, BackfillResult
    from krr_export.jobs.convert_result import ConvertResult
    from krr_export.util.fields import Names


class LoginKeywords(TypedDict, total=False):
    """How to log in to the SFTP server."""

    identity: StrPath | None
    identity_passphrase: Secret
    known_hosts: StrPath | None


class RunKeywords(ConvertKeywords, LoginKeywords, total=False):
    """The options of ``run`` by name: its own, and those of ``convert`` and of the login."""

    keep: int | None
    force: bool


class FetchKeywords(LoginKeywords, total=False):
    """The options of ``fetch`` by name: its own, and those of the login."""

    orgnr: str | None
    everything: bool
    since: date | None
    force: bool
    max_ahead: timedelta | str


class BackfillKeywords(ConvertKeywords, total=False):
    """The options of ``backfill`` by name: its own, and those of ``convert``."""

    processes: int | None
    skip_bad: bool
    cluster: str | None


class ApplyKeywords(LoadKeywords, total=False):
    """The options of ``apply`` by name, but for the moment."""

    carried: Names | None
    rest_inclusive: bool
    schema: str | Path | None
    from_zero: bool


@refuse_wrong_options(RunKeywords.__annotations__, uri=str, inbox=StrPath, store=StrPath)
def run(
    uri: str,
    inbox: StrPath,
    store: StrPath,
    *,
    progress: NightProgress | None = None,
    **keywords: Unpack[RunKeywords],
) -> NightResult:
    """Fetch what is new, convert it, prove it, and prune the store: the whole night.

    >>> night = krr_export.run(
    ...     "sftp://krr@sftp.example.no/out", "inbox", "store", identity="id_ed25519", known_hosts="known_hosts",
    ...     private_key="receiver.pem", publisher_cert="publisher.pem", keep=30, max_rejects="1%",
    ... )
    >>> night.exit_code, [result.outcome for result in night.converted]
    (0, ['published'])

    Args:
        uri: the directory on the server, ``sftp://USER@HOST[:PORT]/DIR``.
        inbox: the directory of fetched deliveries, encrypted as they came.
        store: the directory of snapshots, or the URI of a place in an object store.
        progress: receives the progress.
        keywords: ``keep``: how many of the newest snapshots stay, ``None`` for all; ``force``: ask the server even if
            it was asked in the last 20 minutes; ``identity``, ``identity_passphrase`` and ``known_hosts`` of the login;
            and the options of ``convert``, of which ``allow_older`` is false here unless it is given.

    Raises:
        NetworkError: the server failed.
        InputError: a key or a delivery is unusable.
        OutputError: the inbox, the store or the machine failed.
        GuardError: the newest export is too old, older than the newest snapshot, or from the future.
        UsageError: an option is wrong.
    """
    given: dict[str, Any] = dict(keywords)
    login = _pop_login(given)
    own = {name: given.pop(name) for name in ("keep", "force", "allow_older") if name in given}
    options = NightOptions(login, changed(DEFAULTS, given), **own)
    place = store if isinstance(store, str) and is_object_uri(store) else local_path(store)
    return run_night(uri, local_path(inbox), place, options, progress)


@refuse_wrong_options(BackfillKeywords.__annotations__, sources=StrPath | Iterable, store=StrPath)
def backfill(
    sources: StrPath | Iterable[StrPath],
    store: StrPath,
    *,
    progress: Progress | None = None,
    on_done: Callable[[BackfilledExport], object] = lambda _: None,
    **keywords: Unpack[BackfillKeywords],
) -> BackfillResult:
    """Convert many exports beside each other, and publish them in the order of their time.

    The store becomes what it would have become by ``convert``, night by night. What it holds already is not converted
    again, so a backfill that was cut short is completed by the next one.

    >>> result = krr_export.backfill(["export.xml.gz", "next.xml.gz"], "store", max_rejects="1%")
    >>> [export.outcome for export in result.exports]
    ['published', 'published']

    Args:
        sources: files; deliveries, by one file of a set or several; or directories of deliveries, all sets of which
            are meant. Each may be the URI of an object, or of a directory of objects, as text.
        store: the directory of snapshots, created if missing; or the URI of a place in an object store.
        progress: receives the progress of all, one call at a time, but not always from the thread that calls.
        on_done: called with each export when it is done.
        keywords: ``processes``: how many exports are converted at a time, by default half as many as there are
            processors; ``skip_bad``: go on after an export that cannot be published; ``cluster``: the address of a Dask
            scheduler, ``tcp://HOST:PORT`` or ``tls://HOST:PORT``, whose workers convert, by default as many at a time
            as they have threads; and the options of ``convert``, of which ``workers`` is by default an equal share of
            the processors, ``max_age`` applies to the newest export, and ``limit`` cannot be given.

    Raises:
        InputError: a key is unusable.
        NetworkError: an object store cannot be reached, or denies access; or the cluster does not answer.
        OutputError: the store cannot be opened, or another run holds it.
        UsageError: an option is wrong, or a source is no file.
    """
    given: dict[str, Any] = dict(keywords)
    own: dict[str, Any] = {name: given.pop(name) for name in ("processes", "skip_bad", "cluster") if name in given}
    check_types({"processes": int | None, "skip_bad": bool, "cluster": str | None}, own)
    if own.get("processes") is not None and own["processes"] < 1:
        raise UsageError("--processes must be at least 1")
    address = own.pop("cluster", None)
    if address is not None and is_object_uri(str(store)):
        raise UsageError("--cluster needs a store in a directory that all machines see", "push it afterwards")
    options = changed(DEFAULTS, given)
    with ExitStack() as stack:
        machines = ThisMachine() if address is None else Cluster(stack.enter_context(connect(address)))
        return run_backfill(
            [sources] if isinstance(sources, (str, os.PathLike)) else sources,
            store,
            BackfillOptions(options, machines=machines, **own),
            progress or Progress(),
            on_done,
        )


@refuse_wrong_options(FetchKeywords.__annotations__, uri=str, inbox=StrPath)
def fetch(
    uri: str,
    inbox: StrPath,
    *,
    progress: Callable[[int, int | None], object] | None = None,
    **keywords: Unpack[FetchKeywords],
) -> sftp.Fetched:
    """Fetch the newest delivery over SFTP, unless it is in the inbox already.

    >>> fetched = krr_export.fetch(
    ...     "sftp://krr@sftp.example.no/out", "inbox", identity="id_ed25519", known_hosts="known_hosts"
    ... )
    >>> result = krr_export.convert(
    ...     fetched.newest, "store", private_key="receiver.pem", publisher_cert="publisher.pem", max_rejects="1%"
    ... )
    >>> result.outcome
    'published'

    Args:
        uri: the directory on the server, ``sftp://USER@HOST[:PORT]/DIR``; ``/~/DIR`` is below the user's home.
        inbox: a local directory; made if it is missing.
        progress: called with the bytes received and the total.
        keywords: ``orgnr``: the organisation whose key is fetched, by default every key of a set is; ``everything``:
            fetch all complete sets; ``since``: those from this day on; ``force``: ask the server even if it was asked
            in the last 20 minutes; ``max_ahead``: a set whose name is further in the future counts only if there is no
            other; ``identity``, ``identity_passphrase`` and ``known_hosts`` of the login, by default the SSH agent and
            files of ``~/.ssh``.

    Raises:
        UsageError: an option or the URI is wrong.
        NetworkError: host, host key, login or transfer failed.
        InputError: neither the server nor the inbox has a complete set.
        OutputError: the inbox cannot be written, or another fetch is at work there.
    """
    given: dict[str, Any] = dict(keywords)
    return sftp.fetch(uri, local_path(inbox), login=_pop_login(given), progress=progress, **given)


@refuse_wrong_options(store=StrPath, keep=int)
def prune(store: StrPath, *, keep: int) -> tuple[Path, ...]:
    """Delete all but the newest snapshots of a store, and return what was deleted.

    >>> krr_export.prune("store", keep=30)
    ()

    Args:
        store: the directory of snapshots, or the URI of a place in an object store.
        keep: how many of the newest stay. What ``.failed`` and ``.partial`` keep goes too where it is older than the
            oldest that stays, or not among as many of the newest there.

    Raises:
        InputError: there is no store.
        NetworkError: the object store cannot be reached, or denies access.
        OutputError: one cannot be deleted, or another run holds the store.
        UsageError: ``keep`` is no number from 1 on.

    Returns:
        Their paths; of an object store, their names alone.
    """
    deleted = prune_place(store, keep).deleted
    return tuple(Path(Path(one).name if is_object_uri(str(store)) else one) for one in deleted)


@refuse_wrong_options(ApplyKeywords.__annotations__, store=StrPath, pages=StrPath | Iterable)
def apply(
    store: StrPath,
    pages: StrPath | Iterable[StrPath],
    *,
    as_of: datetime | str | None = None,
    progress: Progress | None = None,
    **keywords: Unpack[ApplyKeywords],
) -> ConvertResult:
    """Apply pages of the change feed to the newest snapshot of a store, and publish the result as the next one.

    >>> result = krr_export.apply("store", "pages", as_of="2026-02-27T04:00:00+01:00", max_rejects=5)
    >>> result.outcome
    'published'

    Args:
        store: the directory of snapshots.
        pages: a file of pages, or a directory of them; or several.
        as_of: the moment of the new snapshot: when the last page was made. As text: ISO 8601. ``None``: as
            ``fetch-changes`` left it in the directory of pages.
        progress: receives the progress.
        keywords: ``carried``: the groups of fields that the pages were asked for, ``None`` if that is not known;
            ``rest_inclusive``: whether pages of REST begin with the number that was asked for; ``schema``: the XSD of
            the store's records, if it is not a built-in one; ``from_zero``: the pages are all there are from the
            first change on, to make a full snapshot of; limits, guard, ``changes``, ``mode``, ``lang`` and
            ``pseudonym_key``, as of ``convert``; with ``from_zero`` also format, columns and the like, which otherwise
            are those of the snapshot.

    Raises:
        GuardError: the result differs too much, or the pages are of another time or series.
        InputError: there is no snapshot, or a page is missing or unusable.
        OutputError: the store or the machine failed; nothing was published.
        UsageError: an option is wrong, or changes cannot be applied to the store.
    """
    directory = local_path(store)
    given: dict[str, Any] = dict(keywords)
    from_zero = given.pop("from_zero", False)
    own = {name: given.pop(name) for name in ("carried", "rest_inclusive", "schema") if name in given}
    if shape := [name for name in ShapeKeywords.__annotations__ if name in given and not from_zero]:
        raise UsageError(f"{shape[0]} is as in the snapshot that pages are applied to", "leave it out")
    files = [pages] if isinstance(pages, (str, os.PathLike)) else [*pages]
    options = ApplyOptions(
        as_of=moment_of_pages(files) if as_of is None else as_of,
        pseudonym_key=given.get("pseudonym_key") if from_zero else given.pop("pseudonym_key", None),
        load=changed(DEFAULTS, given),
        **own,
    )
    return (apply_from_zero if from_zero else apply_to_newest)(directory, files, options, progress=progress)


def _pop_login(keywords: dict[str, Any]) -> sftp.Login:
    return sftp.Login(
        keywords.pop("identity", None), keywords.pop("identity_passphrase", None), keywords.pop("known_hosts", None)
    )
