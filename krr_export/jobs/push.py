"""A store's snapshots, pushed to an object store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.domain.store_layout import is_snapshot
from krr_export.errors import InputError, UsageError
from krr_export.input.objects.address import parse_address
from krr_export.input.objects.store import open_objects
from krr_export.output.objects.asking import read_commit_surely
from krr_export.output.objects.layout import commit_key, parse_commit
from krr_export.output.objects.publish import advance, prepare, publish, published_otherwise
from krr_export.output.store_contents import missing_store, snapshots
from krr_export.util.fields import StrPath, refuse_wrong_options
from krr_export.util.formatting import number, short_repr
from krr_export.util.paths import local_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from krr_export.input.objects.store import Found, ObjectStore
    from krr_export.output.objects.publish import Outgoing


@dataclass(frozen=True)
class PushResult:
    """The result of a push.

    Attributes:
        uri: where the snapshots are.
        pushed: names of those that this push brought there, oldest first.
        unchanged: names of those that were there.
        message: the result in one line for people.
    """

    uri: str
    pushed: tuple[str, ...]
    unchanged: tuple[str, ...]
    message: str

    def __repr__(self) -> str:
        return short_repr(self, uri=self.uri, pushed=len(self.pushed), unchanged=len(self.unchanged))


@refuse_wrong_options(store=StrPath, uri=str, replace=bool)
def push(
    store: StrPath,
    uri: str,
    *,
    replace: bool = False,
    on_pushed: Callable[[str, int], object] = lambda _name, _bytes: None,
) -> PushResult:
    """Push the snapshots of a store to an object store, those that are not there, oldest first.

    Each appears there whole or not at all, proven against its manifest; the same again does nothing.

    >>> result = krr_export.push("store", "s3://bucket/krr")
    >>> len(result.pushed)
    2
    >>> krr_export.verify_pushed("s3://bucket/krr").proven
    True

    Args:
        store: the directory of snapshots.
        uri: ``s3://BUCKET/PREFIX``, ``gs://…``, ``abfss://…`` or ``az://…``. Credentials come from the environment.
        replace: replace snapshots of which another result was pushed.
        on_pushed: called with the name and the bytes of each snapshot that was pushed.

    Raises:
        InputError: there is no snapshot, one is damaged, or what was pushed there is.
        UsageError: the URI is wrong, or has a secret in it; the package obstore is missing; there is no such bucket.
        GuardError: another result of a snapshot was pushed.
        NetworkError: the object store cannot be reached, or denies access.
    """
    nights = _snapshots(local_path(store))
    address = parse_address(uri)
    if address.snapshot is not None:
        raise UsageError("the URI ends in a snapshot's name", "give the place that is to hold all of them")
    objects = open_objects(address)
    return push_snapshots(objects, [prepare(night, address.uri) for night in nights], on_pushed, replace=replace)


def _snapshots(store: Path) -> list[Path]:
    if not store.is_dir():
        raise missing_store(store)
    if is_snapshot(store):
        raise UsageError(f"{store} is a snapshot, not a store", "give the directory that holds it")
    if not (found := snapshots(store)):
        raise InputError(f"there is no snapshot in {store}", "convert an export first")
    return found


def push_snapshots(
    objects: ObjectStore, nights: list[Outgoing], on_pushed: Callable[[str, int], object], *, replace: bool
) -> PushResult:
    """Push snapshots, the oldest first.

    Args:
        objects: where to.
        nights: at least one, the oldest first.
        on_pushed: as of `push`.
        replace: as of `push`.
    """
    there = [read_commit_surely(objects, commit_key(night.name)) for night in nights]
    due = [(night, found) for night, found in zip(nights, there, strict=True) if not _is_same(night, found)]
    if not replace and (other := next((night for night, found in due if found is not None), None)):
        raise published_otherwise(objects.uri, other.name)
    for night, found in due:
        publish(objects, night, found)
        advance(objects, night.name)
        on_pushed(night.name, night.bytes)
    mended = not due and advance(objects, nights[-1].name)
    pushed = tuple(night.name for night, _ in due)
    unchanged = tuple(night.name for night in nights if night.name not in pushed)
    return PushResult(objects.uri, pushed, unchanged, _message(objects.uri, len(pushed), len(nights), mended=mended))


def _is_same(night: Outgoing, found: Found | None) -> bool:
    if found is None:
        return False
    return parse_commit(found.body, commit_key(night.name)).manifest_sha256 == night.commit.manifest_sha256


def _message(uri: str, pushed: int, of: int, *, mended: bool) -> str:
    if pushed:
        return f"pushed {_counted(pushed)}: {uri} has all of this store, {_counted(of)}"
    latest = "; latest.json, which an earlier push had left, follows now" if mended else ""
    return f"nothing to push: {uri} has all of this store, {_counted(of)}{latest}"


def _counted(count: int) -> str:
    return "1 snapshot" if count == 1 else f"{number(count)} snapshots"
