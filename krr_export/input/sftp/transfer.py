"""What is fetched: which sets are complete and wanted, and that each arrives whole, once, its data last."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from krr_export.errors import InputError
from krr_export.input.delivery.names import (
    LATEST,
    PartName,
    SetNames,
    check_orgnr,
    eligible,
    parse_part,
    passed_over,
    sets_in,
)
from krr_export.input.delivery.regular import SMALL_BYTES
from krr_export.input.freshness import MAX_AHEAD, AgeLimits
from krr_export.input.sftp.address import Address, read_address
from krr_export.input.sftp.inbox import INTERVAL, Inbox, open_inbox
from krr_export.input.sftp.remote import Login, Remote, RemoteFile, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date, timedelta
    from pathlib import Path


@dataclass(frozen=True)
class Fetched:
    """What a fetch did.

    Attributes:
        sets: the data files that were fetched now, the oldest first; signature and keys lie beside each.
        newest: the data file of the newest complete set, whether it was fetched now or before: of those that the server
            has, if it was asked and that one is in the inbox, else of the inbox's. What the server has withdrawn may
            have been wrong.
        newest_stamp: its time from its name, ``YYYYMMDDThhmm[ss]``; ``LATEST`` where its name says no more.
        skipped: why nothing was asked of the server; ``None`` where it was asked.
        unusable: where it was not asked, the name of the data file that was set aside as unusable since it last was:
            then ``newest`` may be an older set than the server has.
        message: what happened, in one line for people.
    """

    sets: tuple[Path, ...]
    newest: Path | None
    newest_stamp: str | None
    skipped: str | None
    unusable: str | None
    message: str


def fetch(  # noqa: PLR0913 - each is a choice of the user's
    uri: str,
    inbox: Path,
    *,
    login: Login,
    orgnr: str | None = None,
    everything: bool = False,
    since: date | None = None,
    force: bool = False,
    max_ahead: timedelta | str = MAX_AHEAD,
    progress: Callable[[int, int | None], object] | None = None,
) -> Fetched:
    """Fetch complete sets over SFTP that are not in the inbox yet; by default the newest only.

    A file arrives as ``.NAME.part`` and is renamed when all of its set are there, the data last: a set whose data
    file is in the inbox is complete. Whatever stops a fetch, the next one goes on where it stopped.

    Args:
        uri: ``sftp://USER@HOST[:PORT]/DIR``; ``/~/DIR`` is below the user's home.
        inbox: a local directory; made if it is missing.
        login: how to log in.
        orgnr: the organisation whose key is fetched; by default every key of a set is.
        everything: fetch all complete sets.
        since: fetch all complete sets from this day on, by the time in their names.
        force: ask even if the server gave everything less than 20 minutes ago.
        max_ahead: a set whose name is further in the future counts only where there is no other.
        progress: told how many bytes of how many are here; starts above zero where a fetch goes on.

    Raises:
        UsageError: The URI, the organisation's number, ``max_ahead`` or the login's files cannot be used.
        NetworkError: Host, host key, login or transfer failed, or a set is still being written.
        InputError: Neither the server nor the inbox has a complete set.
        OutputError: The inbox cannot be written, or another fetch is at work there.
    """
    address = read_address(uri)
    check_orgnr(orgnr)
    choice = _Choice(orgnr, AgeLimits.of(max_ahead=max_ahead).latest_stamp())
    source = f"sftp://{address.shown}"
    with open_inbox(inbox) as opened:
        passed = opened.seconds_since(source)
        if not force and passed is not None and passed < INTERVAL:
            return _skipped(opened, address, choice, passed)
        with connect(address, login) as remote:
            asked = time.time()
            files = remote.files()
            opened.drop_stale(source, set(files))
            sorted_out = _sort_out(files, choice)
            wanted = _wanted(sorted_out.complete, files, everything=everything, since=since)
            sets = [_files_of(names, files, orgnr) for names in wanted]
            fetched = _fetch_sets(opened, remote, sets, source, progress)
        result = _result(opened, address, choice, fetched, sorted_out)
        opened.remember(source, asked)
    return result


@dataclass(frozen=True)
class _Choice:
    """Which sets will do: with a key for this organisation, and not named for a later time."""

    orgnr: str | None
    latest_stamp: str


@dataclass(frozen=True)
class _SortedOut:
    """What the server has.

    Attributes:
        complete: sets that can be fetched, the oldest first.
        lacks: why each of those cannot that are not complete, the newest first.
        ahead: the times in the names of those that are from the future, the newest first.
    """

    complete: list[SetNames]
    lacks: list[str]
    ahead: list[str]

    @property
    def passed_over(self) -> str:
        """The end of a message about it."""
        return passed_over(self.lacks, self.ahead)


def _sort_out(files: dict[str, RemoteFile], choice: _Choice) -> _SortedOut:
    """Tell the sets that can be fetched from the others."""
    orgnr = choice.orgnr
    sets = [(names, _without_large(names, files)) for names in sets_in(files)]
    complete = [usable for _, usable in sets if not usable.missing(orgnr)]
    timed = [names for names in complete if names.stamp != LATEST]
    lacks = [
        _lack(names, usable, orgnr)
        for names, usable in reversed(sets)
        if usable.missing(orgnr) and (names.stamp != LATEST or not timed)
    ]
    chosen = eligible(complete, choice.latest_stamp)
    ahead = [names.stamp for names in reversed(timed) if names not in chosen]
    return _SortedOut(chosen, lacks, ahead)


def _without_large(names: SetNames, files: dict[str, RemoteFile]) -> SetNames:
    """The set without signatures and keys that are none: whoever opens it would refuse files of their size."""

    def fits(name: str) -> bool:
        return files[name].size <= SMALL_BYTES

    signature = names.signature if names.signature is not None and fits(names.signature) else None
    return replace(names, signature=signature, keys={orgnr: key for orgnr, key in names.keys.items() if fits(key)})


def _lack(names: SetNames, usable: SetNames, orgnr: str | None) -> str:
    """Why a set is of no use."""
    large = [name for name in names.all() if name not in usable.all()]
    lacks = [f"{name} missing" for name in names.missing(orgnr)] + [f"{name} too large" for name in large]
    return " and ".join(lacks)


def _wanted(
    complete: list[SetNames], files: dict[str, RemoteFile], *, everything: bool, since: date | None
) -> list[SetNames]:
    if since is not None:
        return [names for names in complete if _day(names, files) >= f"{since:%Y%m%d}"]
    return complete if everything else complete[-1:]


def _day(names: SetNames, files: dict[str, RemoteFile]) -> str:
    if names.stamp == LATEST:
        return f"{datetime.fromtimestamp(files[names.data or ''].mtime, UTC):%Y%m%d}"
    return names.stamp[:8]


def _files_of(names: SetNames, files: dict[str, RemoteFile], orgnr: str | None) -> list[RemoteFile]:
    """The files of a complete set in the order in which they appear here: the data last."""
    keys = [names.keys[orgnr]] if orgnr is not None else sorted(names.keys.values())
    return [files[name] for name in (names.signature, *keys, names.data) if name is not None]


def _fetch_sets(
    inbox: Inbox,
    remote: Remote,
    sets: Sequence[list[RemoteFile]],
    source: str,
    progress: Callable[[int, int | None], object] | None,
) -> list[RemoteFile]:
    """Fetch what is not there yet; gives the data files of the sets of which anything was fetched."""
    missing = [inbox.lacks(files) for files in sets]
    total = sum(file.size for files in missing for file in files)
    done = sum(inbox.received(file, source) for files in missing for file in files)

    def advance(size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(done, total)

    inbox.check_room(total - done)
    fetched = []
    for files, absent in zip(sets, missing, strict=True):
        if absent:
            advance(0)
            _fetch_set(inbox, remote, absent, source, advance)
            fetched.append(files[-1])
    return fetched


def _fetch_set(
    inbox: Inbox, remote: Remote, files: list[RemoteFile], source: str, advance: Callable[[int], object]
) -> None:
    for file in files:

        def read(start: int, file: RemoteFile = file) -> Iterator[bytes]:
            return remote.read(file, start)

        inbox.receive(file, source, read, advance)
    for file in files:
        remote.check_unchanged(file)
    inbox.publish(files)


def _skipped(inbox: Inbox, address: Address, choice: _Choice, passed: float) -> Fetched:
    minutes = int(passed // 60)
    ago = {0: "less than a minute", 1: "1 minute"}.get(minutes, f"{minutes} minutes")
    reason = f"asked {ago} ago"
    newest, unusable = inbox.newest(choice.orgnr, choice.latest_stamp), inbox.unusable()
    waits = f"; {unusable} was set aside as unusable" if unusable else ""
    return Fetched(
        sets=(),
        newest=inbox.path / newest.name if newest else None,
        newest_stamp=newest.stamp if newest else None,
        skipped=reason,
        unusable=unusable,
        message=f"{address.shown} was {reason}, and may be again after 20 minutes; --force asks now{waits}",
    )


def _result(
    inbox: Inbox, address: Address, choice: _Choice, fetched: list[RemoteFile], sorted_out: _SortedOut
) -> Fetched:
    newest = _newest(inbox, sorted_out, choice)
    rest = sorted_out.passed_over
    if newest is None and not sorted_out.complete:
        what = "no complete set" if rest else "no delivery"
        raise InputError(
            f"there is {what} on {address.shown}{rest}", "check the directory and --orgnr, or run again later"
        )
    return Fetched(
        sets=tuple(inbox.path / file.name for file in fetched),
        newest=inbox.path / newest.name if newest else None,
        newest_stamp=newest.stamp if newest else None,
        skipped=None,
        unusable=None,
        message=_describe(address, fetched, newest.name if newest else None, inbox) + rest,
    )


def _newest(inbox: Inbox, sorted_out: _SortedOut, choice: _Choice) -> PartName | None:
    on_server = sorted_out.complete[-1].data if sorted_out.complete else None
    if on_server is not None and (inbox.path / on_server).is_file():
        return parse_part(on_server)
    return inbox.newest(choice.orgnr, choice.latest_stamp)


def _describe(address: Address, fetched: list[RemoteFile], newest: str | None, inbox: Inbox) -> str:
    if not fetched:
        there = f": the newest complete set in {inbox.path} is {newest}" if newest else ""
        return f"nothing new on {address.shown}{there}"
    size = sum(file.size for file in fetched) / 1e6
    sets = "1 set" if len(fetched) == 1 else f"{len(fetched)} sets"
    return f"fetched {sets}, {size:.1f} MB, up to {fetched[-1].name} from {address.shown} into {inbox.path}"
