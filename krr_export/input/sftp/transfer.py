"""A fetch: selects the complete sets that are asked for, and fetches each whole, once, its data last."""

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
    group_sets,
    parse_part,
    passed_over,
)
from krr_export.input.delivery.regular import SMALL_BYTES
from krr_export.input.freshness import MAX_AHEAD, AgeLimits
from krr_export.input.sftp.address import Address, parse_address
from krr_export.input.sftp.connection import Login, connect
from krr_export.input.sftp.inbox import QUERY_INTERVAL, Inbox, open_inbox
from krr_export.util.formatting import short_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date, timedelta
    from pathlib import Path

    from krr_export.input.sftp.remote import Remote, RemoteFile


@dataclass(frozen=True)
class Fetched:
    """The result of a fetch.

    Attributes:
        sets: the data files that were fetched now, the oldest first; signature and keys are beside each.
        newest: the data file of the newest complete set, fetched now or before: the newest of the server, if it was
            queried and that set is in the inbox, else the newest of the inbox. What the server has withdrawn may have
            been wrong.
        newest_stamp: its time from its name, ``YYYYMMDDThhmm[ss]``; ``LATEST`` where its name says no more.
        skipped: why the server was not queried; ``None`` if it was.
        unusable: if the server was not queried, the name of the data file that was set aside as unusable since the last
            query: then the server may have a newer set than ``newest``.
        message: what happened, in one line for people.
    """

    sets: tuple[Path, ...]
    newest: Path | None
    newest_stamp: str | None
    skipped: str | None
    unusable: str | None
    message: str

    def __repr__(self) -> str:
        return short_repr(self, sets=len(self.sets), newest=self.newest, skipped=self.skipped)


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
    """Fetch complete sets over SFTP that are not in the inbox yet; by default only the newest.

    A file arrives as ``.NAME.part`` and is renamed when its whole set has arrived, the data last: a set whose data
    file is in the inbox is complete. After any interruption, the next fetch goes on where this one stopped.

    Args:
        uri: ``sftp://USER@HOST[:PORT]/DIR``; ``/~/DIR`` is below the user's home.
        inbox: a local directory; made if it is missing.
        login: key, known hosts and timeout.
        orgnr: the organisation whose key is fetched; by default every key of a set is.
        everything: fetch all complete sets.
        since: fetch all complete sets from this day on, by the time in their names.
        force: query the server even if the last successful query was less than 20 minutes ago.
        max_ahead: a set whose name is further in the future counts only if there is no other.
        progress: called with the bytes received and the total; starts above zero if a fetch is resumed.

    Raises:
        UsageError: the URI, the organisation's number, ``max_ahead`` or the login's files cannot be used.
        NetworkError: host, host key, login or transfer failed, or a set is still being written.
        InputError: neither the server nor the inbox has a complete set.
        OutputError: the inbox cannot be written, or another fetch is at work there.
    """
    address = parse_address(uri)
    check_orgnr(orgnr)
    criteria = _Criteria(orgnr, AgeLimits.from_options(max_ahead=max_ahead).latest_stamp())
    source = f"sftp://{address.location}"
    with open_inbox(inbox) as opened:
        seconds = opened.seconds_since_query(source)
        if not force and seconds is not None and seconds < QUERY_INTERVAL:
            return _skip(opened, address, criteria, seconds)
        with connect(address, login) as remote:
            queried = time.time()
            files = remote.files()
            opened.drop_stale(source, set(files))
            on_server = _classify_sets(files, criteria)
            selected = _select_sets(on_server.complete, files, everything=everything, since=since)
            sets = [_files_in_order(names, files, orgnr) for names in selected]
            fetched = _fetch_sets(opened, remote, sets, source, progress)
        result = _build_result(opened, address, criteria, fetched, on_server)
        opened.record_query(source, queried)
    return result


@dataclass(frozen=True)
class _Criteria:
    """Which sets are usable: with a key for this organisation, and not named for a later time."""

    orgnr: str | None
    latest_stamp: str


@dataclass(frozen=True)
class _ServerSets:
    """The sets of the server.

    Attributes:
        complete: sets that can be fetched, the oldest first.
        lacks: what each incomplete set lacks, the newest set first.
        ahead: the times in the names of sets from the future, the newest first.
    """

    complete: list[SetNames]
    lacks: list[str]
    ahead: list[str]

    @property
    def passed_over(self) -> str:
        """The end of a message about the sets that were passed over."""
        return passed_over(self.lacks, self.ahead)


def _classify_sets(files: dict[str, RemoteFile], criteria: _Criteria) -> _ServerSets:
    """Separate the sets that can be fetched from the others."""
    orgnr = criteria.orgnr
    sets = [(names, _without_large(names, files)) for names in group_sets(files)]
    complete = [usable for _, usable in sets if not usable.missing(orgnr)]
    timed = [names for names in complete if names.stamp != LATEST]
    lacks = [
        _describe_missing(names, usable, orgnr)
        for names, usable in reversed(sets)
        if usable.missing(orgnr) and (names.stamp != LATEST or not timed)
    ]
    chosen = eligible(complete, criteria.latest_stamp)
    ahead = [names.stamp for names in reversed(timed) if names not in chosen]
    return _ServerSets(chosen, lacks, ahead)


def _without_large(names: SetNames, files: dict[str, RemoteFile]) -> SetNames:
    """Return the set without signatures and keys that are too large: opening the set would refuse them."""

    def fits(name: str) -> bool:
        return files[name].size <= SMALL_BYTES

    signature = names.signature if names.signature is not None and fits(names.signature) else None
    return replace(names, signature=signature, keys={orgnr: key for orgnr, key in names.keys.items() if fits(key)})


def _describe_missing(names: SetNames, usable: SetNames, orgnr: str | None) -> str:
    """Describe what a set lacks."""
    large = [name for name in names.all() if name not in usable.all()]
    lacks = [f"{name} missing" for name in names.missing(orgnr)] + [f"{name} too large" for name in large]
    return " and ".join(lacks)


def _select_sets(
    complete: list[SetNames], files: dict[str, RemoteFile], *, everything: bool, since: date | None
) -> list[SetNames]:
    if since is not None:
        return [names for names in complete if _day(names, files) >= f"{since:%Y%m%d}"]
    return complete if everything else complete[-1:]


def _day(names: SetNames, files: dict[str, RemoteFile]) -> str:
    if names.stamp == LATEST:
        return f"{datetime.fromtimestamp(files[names.data or ''].mtime, UTC):%Y%m%d}"
    return names.stamp[:8]


def _files_in_order(names: SetNames, files: dict[str, RemoteFile], orgnr: str | None) -> list[RemoteFile]:
    """Return the files of a complete set in the order in which they appear in the inbox: the data last."""
    keys = [names.keys[orgnr]] if orgnr is not None else sorted(names.keys.values())
    return [files[name] for name in (names.signature, *keys, names.data) if name is not None]


def _fetch_sets(
    inbox: Inbox,
    remote: Remote,
    sets: Sequence[list[RemoteFile]],
    source: str,
    progress: Callable[[int, int | None], object] | None,
) -> list[RemoteFile]:
    """Fetch the missing files; return the data files of the sets that were incomplete here."""
    missing = [inbox.missing_files(files) for files in sets]
    total = sum(file.size for files in missing for file in files)
    done = sum(inbox.received_bytes(file, source) for files in missing for file in files)

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


def _skip(inbox: Inbox, address: Address, criteria: _Criteria, seconds: float) -> Fetched:
    minutes = int(seconds // 60)
    ago = {0: "less than a minute", 1: "1 minute"}.get(minutes, f"{minutes} minutes")
    reason = f"asked {ago} ago"
    newest, unusable = inbox.newest(criteria.orgnr, criteria.latest_stamp), inbox.unusable()
    waits = f"; {unusable} was set aside as unusable" if unusable else ""
    return Fetched(
        sets=(),
        newest=inbox.path / newest.name if newest else None,
        newest_stamp=newest.stamp if newest else None,
        skipped=reason,
        unusable=unusable,
        message=f"{address.location} was {reason}, and may be again after 20 minutes; --force asks now{waits}",
    )


def _build_result(
    inbox: Inbox, address: Address, criteria: _Criteria, fetched: list[RemoteFile], on_server: _ServerSets
) -> Fetched:
    newest = _newest(inbox, on_server, criteria)
    rest = on_server.passed_over
    if newest is None and not on_server.complete:
        what = "no complete set" if rest else "no delivery"
        raise InputError(
            f"there is {what} on {address.location}{rest}", "check the directory and --orgnr, or run again later"
        )
    return Fetched(
        sets=tuple(inbox.path / file.name for file in fetched),
        newest=inbox.path / newest.name if newest else None,
        newest_stamp=newest.stamp if newest else None,
        skipped=None,
        unusable=None,
        message=_describe(address, fetched, newest.name if newest else None, inbox) + rest,
    )


def _newest(inbox: Inbox, on_server: _ServerSets, criteria: _Criteria) -> PartName | None:
    data = on_server.complete[-1].data if on_server.complete else None
    if data is not None and (inbox.path / data).is_file():
        return parse_part(data)
    return inbox.newest(criteria.orgnr, criteria.latest_stamp)


def _describe(address: Address, fetched: list[RemoteFile], newest: str | None, inbox: Inbox) -> str:
    if not fetched:
        there = f": the newest complete set in {inbox.path} is {newest}" if newest else ""
        return f"nothing new on {address.location}{there}"
    size = sum(file.size for file in fetched) / 1e6
    sets = "1 set" if len(fetched) == 1 else f"{len(fetched)} sets"
    return f"fetched {sets}, {size:.1f} MB, up to {fetched[-1].name} from {address.location} into {inbox.path}"
