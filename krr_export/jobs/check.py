"""Check a store for monitoring: is the newest export there, whole and fresh, and was nothing refused since?

It only reads and takes no lock, so it goes with a run in progress and with a store that is mounted read-only.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from krr_export.domain.store_layout import FAILED, LATEST, MANIFEST, SUCCESS
from krr_export.errors import GuardError, InputError, UsageError
from krr_export.input.freshness import AgeLimits, describe_age
from krr_export.output.manifest import repair_hint
from krr_export.output.objects.verification import verify_objects
from krr_export.output.store_contents import entries, missing_store
from krr_export.output.store_place import StorePlace, open_place
from krr_export.output.verification import size_differences, verify
from krr_export.reporting.refusals import refusals
from krr_export.util.fields import StrPath, refuse_wrong_options
from krr_export.util.formatting import number, records, short_repr

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Literal

    from krr_export.output.manifest import Manifest
    from krr_export.output.store_contents import Entry
    from krr_export.reporting.refusals import Refusal

    Prove = Callable[[Path], tuple[str, ...]]

DIFFERS = 1
"""The exit code for a snapshot that is not whole, as of ``verify``, and for a refused export, as of ``convert``."""

_LOOKS, _SECONDS_BETWEEN_LOOKS = 5, 0.2
"""A run that publishes moves ``latest`` a moment after the snapshot is there: worth another look."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a store.

    Attributes:
        kind: ``damaged``: the newest snapshot is not whole; ``refused``: an export made after it was not published;
            ``latest``: the link does not point to it; ``age``: it is too old; ``future``: its time has not come.
        text: what is wrong, in a few words.
        todo: what to do about it.
    """

    kind: Literal["damaged", "refused", "latest", "age", "future"]
    text: str
    todo: str

    @property
    def exit_code(self) -> int:
        """The command's exit code for it."""
        return GuardError.exit_code if self.kind in {"age", "future"} else DIFFERS


@dataclass(frozen=True)
class CheckResult:
    """The result of ``check``.

    Attributes:
        store: the directory of snapshots, or the URI of its place in an object store.
        snapshot: the newest published one: the name of its directory, ``eksport=20140226T112225Z``.
        exported_at: when its export was made, in UTC; ``None`` if its manifest is damaged.
        age: how long ago that was; negative for a time in the future.
        records: the number in the table ``person``.
        rejects: the number rejected.
        proven: whether every byte was proven against the manifest; false without ``prove``.
        refused: the names of the exports made after it that were refused, oldest first.
        faults: all that is wrong, the worst first.
    """

    store: Path | str
    snapshot: str
    exported_at: datetime | None
    age: timedelta | None
    records: int | None
    rejects: int | None
    proven: bool
    refused: tuple[str, ...]
    faults: tuple[Fault, ...]

    def __repr__(self) -> str:
        faults = [fault.kind for fault in self.faults]
        return short_repr(self, store=self.store, snapshot=self.snapshot, good=self.good, faults=faults)

    @property
    def good(self) -> bool:
        """True if nothing is wrong."""
        return not self.faults

    @property
    def exit_code(self) -> int:
        """The command's exit code: 0, or that of the worst fault."""
        return self.faults[0].exit_code if self.faults else 0

    @property
    def reason(self) -> str | None:
        """The kind of the worst fault, a word of `errors.REASONS`; ``None`` if nothing is wrong."""
        return self.faults[0].kind if self.faults else None

    @property
    def message(self) -> str:
        """The result in one line for people; of several faults, the worst comes first."""
        if self.faults:
            what = "; ".join(fault.text for fault in self.faults)
            return f"not in order: {self.store}: {what}; {self.faults[0].todo}"
        made = "" if self.age is None else f", made {describe_age(self.age)}"
        held = f"{records(self.records or 0)}, {number(self.rejects or 0)} rejected"
        return f"in order: {self.store}/{self.snapshot}{made}: {held}; {'proven' if self.proven else 'whole'}"

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON; every key is always present (docs/guides/nightly.md)."""
        return {
            "snapshot": self.snapshot,
            "eksport_tidspunkt_utc": self.exported_at and self.exported_at.isoformat().replace("+00:00", "Z"),
            "age_seconds": None if self.age is None else int(self.age.total_seconds()),
            "records": self.records,
            "rejects": self.rejects,
            "proven": self.proven,
            "refused": list(self.refused),
            "faults": [
                {"kind": fault.kind, "text": fault.text, "todo": fault.todo, "exit_code": fault.exit_code}
                for fault in self.faults
            ],
        }


@dataclass(frozen=True)
class _Wanted:
    """The arguments of `check`; ``prove`` gives what a snapshot's files differ in."""

    limits: AgeLimits
    prove: Prove | None
    latest: bool


@refuse_wrong_options(store=StrPath, max_age=timedelta | str | None, prove=bool, latest=bool)
def check(
    store: StrPath, *, max_age: timedelta | str | None = None, prove: bool = False, latest: bool = True
) -> CheckResult:
    """Check that the newest export of a store is whole, fresh and ``latest``, and that none was refused since.

    >>> checked = krr_export.check("store", prove=True)
    >>> checked.good, checked.exit_code
    (True, 0)

    Args:
        store: the directory of snapshots, or the URI of a place in an object store.
        max_age: how long ago the newest export may have been made, such as ``36h``; ``None`` for any time.
        prove: read every byte and prove it against the manifest, as `verify` does; otherwise files are only looked for
            and their sizes compared.
        latest: whether the link ``latest`` must be there; false for a file system without symbolic links.

    Raises:
        InputError: there is no store, or no snapshot in it, or it cannot be read.
        NetworkError: the object store cannot be reached, or denies access.
        UsageError: ``store`` is a snapshot or the address of no store, or ``max_age`` is no duration.
    """
    limits = AgeLimits.from_options(max_age)
    with open_place(store) as place:
        place.show_newest(1)
        result = _check_store(place.directory, _Wanted(limits, _prover(place) if prove else None, latest))
        faults = tuple(replace(one, text=place.rename(one.text), todo=place.rename(one.todo)) for one in result.faults)
        return replace(result, store=place.name, faults=faults) if place.mirror else result


def _prover(place: StorePlace) -> Prove:
    """Return what tells how a snapshot's files, or objects, differ from its manifest."""
    mirror = place.mirror
    if mirror is None:
        return lambda snapshot: verify(snapshot).differences
    return lambda snapshot: verify_objects(mirror.objects, snapshot.name).differences


def _check_store(path: Path, wanted: _Wanted) -> CheckResult:
    if (path / MANIFEST).exists() or (path / SUCCESS).exists():
        raise UsageError(f"{path} is a snapshot, not a store", "give the directory that holds it")
    if not path.is_dir():
        raise missing_store(path)
    try:
        return _check_settled(path, wanted)
    except OSError as error:
        raise InputError(f"the store {path} cannot be read: {os.strerror(error.errno or 0)}") from None


def _check_settled(store: Path, wanted: _Wanted) -> CheckResult:
    """Look again while a run that publishes, replaces or prunes may be why something is wrong."""
    for _ in range(_LOOKS - 1):
        newest = _newest(store)
        before = _identity(newest.path)
        with suppress(FileNotFoundError):  # replaced or pruned meanwhile
            if not (wanted.latest and _latest_faults(store, newest)):
                result = _examine(store, newest, wanted)
                if result.good or _identity(_newest(store).path) == before:
                    return result
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    return _examine(store, _newest(store), wanted)


def _newest(store: Path) -> Entry:
    """Return the newest published entry, damaged or not."""
    os.scandir(store).close()  # raises if it may not be listed: a glob would find nothing
    newest = next((entry for entry in entries(store) if entry.published), None)
    if newest is None:
        refused = [*refusals(store)]
        what = f"; {_describe_refused(refused[-1])}" if refused else ""
        raise InputError(f"there is no snapshot in {store}{what}", "convert an export first, or give another store")
    return newest


def _identity(path: Path) -> tuple[str, int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return path.name, status.st_dev, status.st_ino


def _examine(store: Path, newest: Entry, wanted: _Wanted) -> CheckResult:
    manifest = newest.manifest
    made = None if manifest is None else datetime.fromisoformat(manifest.header.eksport_tidspunkt_utc)
    now = _now()
    damage = _damage(newest, manifest, wanted.prove)
    refused = [one for one in refusals(store, since=newest.path.name) if one.snapshot > newest.path.name]
    faults = [
        *damage,
        *_refused_faults(store, refused),
        *(_latest_faults(store, newest) if wanted.latest else ()),
        *_age_faults(wanted.limits, made, now),
    ]
    return CheckResult(
        store=store,
        snapshot=newest.path.name,
        exported_at=made,
        age=None if made is None else now - made,
        records=None if manifest is None else manifest.counts.written,
        rejects=None if manifest is None else manifest.counts.rejected,
        proven=wanted.prove is not None and not damage,
        refused=tuple(one.snapshot for one in refused),
        faults=tuple(faults),
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _damage(newest: Entry, manifest: Manifest | None, prove: Prove | None) -> tuple[Fault, ...]:
    """Return the fault of a snapshot that differs from its manifest."""
    if manifest is None:
        differences: tuple[str, ...] = (newest.why,)
    else:
        differences = prove(newest.path) if prove else size_differences(newest.path, manifest)
    if not differences:
        return ()
    more = f", and {len(differences) - 1} more" if len(differences) > 1 else ""
    return (
        Fault(
            "damaged",
            f"{newest.path.name} is damaged: {differences[0]}{more}",
            repair_hint(manifest),
        ),
    )


def _refused_faults(store: Path, refused: list[Refusal]) -> tuple[Fault, ...]:
    if not refused:
        return ()
    last = refused[-1]
    more = f", and {len(refused) - 1} before it" if len(refused) > 1 else ""
    return (
        Fault("refused", f"{_describe_refused(last)}{more}", f"see report.html in {store / FAILED / last.snapshot}"),
    )


def _describe_refused(refusal: Refusal) -> str:
    return f"{refusal.snapshot} was not published: {refusal.reason}"


def _latest_faults(store: Path, newest: Entry) -> tuple[Fault, ...]:
    link, todo = store / LATEST, "the next run on the store mends it, or says what is in its way"
    if not os.path.lexists(link):
        what, todo = "is missing", f"{todo}; where the file system makes no symbolic links, give --no-latest"
    elif not link.is_symlink():
        what = "is no symbolic link"
    elif str(target := link.readlink()) == newest.path.name:
        return ()
    else:
        what = f"points to {target}, not to the newest snapshot, {newest.path.name}"
    return (Fault("latest", f"{LATEST} {what}", todo),)


def _age_faults(limits: AgeLimits, made: datetime | None, now: datetime) -> tuple[Fault, ...]:
    if made is None:
        return ()
    if (text := limits.describe_too_old(made, now)) is not None:
        return (Fault("age", text, "see why no newer one came: the last line of the last run's log"),)
    if (text := limits.describe_ahead(made, now)) is not None:
        return (Fault("future", text, "is a clock wrong? Ask the sender: it is latest until then"),)
    return ()
