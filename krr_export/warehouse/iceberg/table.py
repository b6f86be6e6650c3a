"""An Iceberg table over a place that snapshots are pushed to. It lists their files of persons, and has none of its own.

Each export is a snapshot of Iceberg that stands for itself, with a tag; the newest is the branch ``main``, which is
what readers get. So an older one that is loaded later gets its tag and changes nothing else. A commit says what it has
seen: of two writers one learns that the other was faster, looks at what is there now, and decides anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.update import (
    AddSnapshotUpdate,
    AssertCurrentSchemaId,
    AssertRefSnapshotId,
    AssertTableUUID,
    RemoveSnapshotRefUpdate,
    RemoveSnapshotsUpdate,
    SetPropertiesUpdate,
    SetSnapshotRefUpdate,
)

from krr_export.domain.store_layout import EXPORT_PREFIX, is_export_name
from krr_export.errors import BusyError, InputError, KrrExportError, UsageError
from krr_export.util.formatting import printable
from krr_export.warehouse.iceberg.catalog import failures, open_catalog, warehouse
from krr_export.warehouse.iceberg.listing import MANIFEST_SHA256, delete_listing, write_listing
from krr_export.warehouse.iceberg.name import leave_mark
from krr_export.warehouse.iceberg.trust import are_elsewhere, is_trusted, untrusted
from krr_export.warehouse.lake.columns import union
from krr_export.warehouse.lake.registration import ListedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot
    from pyiceberg.table.update import TableRequirement, TableUpdate

    from krr_export.input.objects.store import ObjectStore
    from krr_export.output.objects.layout import Commit
    from krr_export.warehouse.iceberg.name import TableName
    from krr_export.warehouse.lake.registration import Registration

PLACE = "krr.place"
"""The property of a table that says which place it lies over."""
_TAG_PREFIX = "eksport_"
_SHORT = (pa.int8(), pa.int16(), pa.uint8(), pa.uint16())
_NAME_MAPPING = "schema.name-mapping.default"
"""By which readers find columns in files that have no numbers of fields."""
_PROPERTIES = {
    "format-version": "2",
    "comment": "Persons of the register; made by krr-export: let nothing else write it",
    "gc.enabled": "false",  # nobody but `prune` deletes the files
    "write.metadata.metrics.default": "none",  # what others write tells of no person, either
}


class IcebergTable:
    """The table over a place.

    Its methods raise:
        InputError: what is there is no table of this tool.
        NetworkError: the catalog or the files cannot be reached.
        BusyError: the table was dropped meanwhile.
        OutputError: the table asks for what the library cannot do.

    Args:
        name: of the table.
        store: the place that it must lie over, and is written for; ``None`` to read it, whichever that is.

    Raises:
        UsageError: there is no such catalog, or the table lies over another place.
    """

    def __init__(self, name: TableName, store: ObjectStore | None = None) -> None:
        self.name = name
        self._store = store
        self._catalog = open_catalog(name.catalog)
        self._warehouse = warehouse(name.catalog)
        self._native: Table | None = None
        self._place = None if store is None else store.uri
        try:
            self.reload()
        except BaseException:
            self.close()
            raise

    def reload(self) -> None:
        """Look at what is there now."""
        with self._failures():
            try:
                self._native = self._catalog.load_table(self.name.table)
            except NoSuchTableError:
                self._native = None
                return
        if not is_trusted(self._native, self._warehouse):
            raise untrusted(self.shown)
        found = self._native.properties.get(PLACE)
        if found is None:
            raise InputError(f"{self.shown} is none of krr-export", "give a name that no table has yet")
        if self._place not in {None, found}:
            raise UsageError(f"{self.shown} lies over another place", "give each place a table of its own")
        self._place = found

    @property
    def shown(self) -> str:
        """For messages."""
        return f"the Iceberg table {self.name.table} of the catalog {self.name.catalog}"

    @property
    def place(self) -> str | None:
        """The URI of the place that it lies over; ``None`` if there is no table."""
        return self._place

    @property
    def uuid(self) -> str | None:
        """Says which table it is, whatever its name; ``None`` if there is none."""
        return None if self._native is None else str(self._native.metadata.table_uuid)

    def names(self) -> list[str]:
        """Return the names of the snapshots that are listed, oldest first."""
        return sorted(self._tagged())

    def files(self, name: str) -> tuple[ListedFile, ...]:
        """Return the files that are listed of a snapshot."""
        snapshot = self._tagged().get(name)
        return () if snapshot is None else self._files_of(snapshot)

    def held(self) -> dict[str, str]:
        """Return the tags and branches that others made, by the snapshots whose files these lead to."""
        if self._native is None:
            return {}
        metadata, found = self._native.metadata, dict[str, str]()
        for ref, head in sorted(metadata.refs.items()):
            snapshot = metadata.snapshot_by_id(head.snapshot_id)
            if snapshot is not None and ref != MAIN_BRANCH and not is_export_name(_export(ref)):
                directories = {part for file in self._files_of(snapshot) for part in file.key.split("/")}
                found |= dict.fromkeys(filter(is_export_name, directories), f"the tag or branch {printable(ref)}")
        return found

    def _files_of(self, snapshot: Snapshot) -> tuple[ListedFile, ...]:
        io = self._table().io
        with self._failures():
            manifests = snapshot.manifests(io)
            if not are_elsewhere((manifest.manifest_path for manifest in manifests), self._warehouse):
                raise untrusted(self.shown)
            entries = [entry for manifest in manifests for entry in manifest.fetch_manifest_entry(io)]
        files = [entry.data_file for entry in entries]
        return tuple(ListedFile(self._key(f.file_path), f.file_size_in_bytes, f.record_count) for f in files)

    def lists(self, commit: Commit) -> bool:
        """Return whether a snapshot is listed as it was pushed, and, if it is the newest, readers get it."""
        snapshot = self._tagged().get(commit.eksport)
        if snapshot is None or snapshot.summary is None:
            return False
        is_same = snapshot.summary.get(MANIFEST_SHA256) == commit.manifest_sha256
        return is_same and (commit.eksport != self.names()[-1] or not [*self.differences()])

    def differences(self) -> Iterator[str]:
        """Yield a line if readers do not get the newest snapshot: another program has written the table."""
        if self._native is None:
            return
        tagged = self._tagged()
        newest = max(tagged, default=None)
        if self._head(MAIN_BRANCH) != (tagged[newest].snapshot_id if newest else None):
            what = "readers of the table get what another program made"
            yield f"{newest}: the newest, but {what}" if newest else what

    def write(self, snapshot: Registration) -> bool:
        """List a snapshot, in place of all that is listed of the same export, in one commit.

        The place gets to know of the table first.

        Returns:
            Whether that was done: somebody else may have been faster with another commit.
        """
        assert self._store is not None  # noqa: S101 - for the type: a table that is only read is not written
        if self._native is None:
            self._create(snapshot)
        leave_mark(self._store, self.name, str(self.uuid))
        if not self._add_columns(snapshot):
            return False
        with self._failures():
            listing = write_listing(self._table(), snapshot, str(self._place))
        if self._commit(*self._changes(snapshot, listing), lambda: self._has(listing)):
            return True
        with self._failures():
            delete_listing(self._table(), listing)
        return False

    def drop(self, name: str) -> bool:
        """List a snapshot no more; its files stay. Return as `write` does."""
        tag, seen = _tag(name), self._head(_tag(name))
        updates: list[TableUpdate] = [RemoveSnapshotRefUpdate.model_validate({"ref-name": tag})]
        updates += self._forget(seen, {tag})
        return self._commit([_assert_head(tag, seen)], updates, lambda: self._head(tag) is None)

    def close(self) -> None:
        """Let go of the catalog."""
        self._catalog.close()

    def _create(self, snapshot: Registration) -> None:
        """Make an empty table, unless there is one meanwhile."""
        properties = {**_PROPERTIES, PLACE: str(self._place)}
        with self._failures():
            self._make_namespace()
            try:
                self._catalog.create_table(self.name.table, snapshot.columns, properties=properties)
            except TableAlreadyExistsError:
                pass
            except ValueError:
                raise UsageError(
                    f"the catalog {self.name.catalog} does not say where {self.name.table} is to lie",
                    "give its configuration a warehouse: a URI, such as s3://BUCKET/iceberg",
                ) from None
        self.reload()
        if self._native is None:
            raise InputError(f"{self.shown} is none of Iceberg", "give a name that no table has yet")

    def _make_namespace(self) -> None:
        try:
            self._catalog.create_namespace_if_not_exists(self.name.namespace)
        except Exception:  # as another writer makes it meanwhile, it is whatever error the driver has
            if not self._catalog.namespace_exists(self.name.namespace):
                raise

    def _add_columns(self, snapshot: Registration) -> bool:
        """Give the table the columns that it lacks, which are null in older snapshots; return as `write` does."""
        there = pa.schema([_with_plain_type(field) for field in self._table().schema().as_arrow()])
        columns = union(pa.schema([_with_plain_type(field) for field in snapshot.columns]), there, snapshot.name)
        if len(columns) == len(there):
            return True
        try:
            with self._failures(), self._table().update_schema() as update:
                update.union_by_name(columns)
        except CommitFailedException:
            self.reload()
            return False
        self.reload()
        return True

    def _changes(self, snapshot: Registration, listing: Snapshot) -> tuple[list[TableRequirement], list[TableUpdate]]:
        """Return what a commit asserts and what it does."""
        tag, number = _tag(snapshot.name), listing.snapshot_id
        moved = {tag, MAIN_BRANCH} if snapshot.name == max([*self.names(), snapshot.name]) else {tag}
        kinds = {tag: SnapshotRefType.TAG, MAIN_BRANCH: SnapshotRefType.BRANCH}
        current = self._table().metadata.current_schema_id
        asserted: list[TableRequirement] = [AssertCurrentSchemaId.model_validate({"current-schema-id": current})]
        # The library knows of no tag before a snapshot.
        seen = moved if self._table().metadata.snapshots else {MAIN_BRANCH}
        asserted += [_assert_head(ref, self._head(ref)) for ref in sorted(seen)]
        updates: list[TableUpdate] = [
            SetPropertiesUpdate(updates=self._properties(snapshot)),
            AddSnapshotUpdate(snapshot=listing),
        ]
        updates += [_set_head(ref, kinds[ref], number) for ref in sorted(moved)]
        return asserted, updates + self._forget(self._head(tag), moved)

    def _properties(self, snapshot: Registration) -> dict[str, str]:
        metrics = {f"write.metadata.metrics.column.{column}": "full" for column in snapshot.allowed}
        return metrics | {_NAME_MAPPING: self._table().schema().name_mapping.model_dump_json()}

    def _forget(self, number: int | None, moved: set[str]) -> list[TableUpdate]:
        """Return what removes a snapshot from the metadata, unless a name that is not moved is for it."""
        held = {ref.snapshot_id for name, ref in self._table().metadata.refs.items() if name not in moved}
        if number is None or number in held:
            return []
        return [RemoveSnapshotsUpdate.model_validate({"snapshot-ids": [number]})]

    def _commit(
        self, asserted: list[TableRequirement], updates: list[TableUpdate], is_done: Callable[[], bool]
    ) -> bool:
        """Commit, and look; of a failure whose outcome is not known, raise it only if nothing was committed."""
        table = self._table()
        requirements = (AssertTableUUID(uuid=table.metadata.table_uuid), *asserted)
        try:
            with self._failures():
                self._catalog.commit_table(table, requirements, tuple(updates))
        except CommitFailedException:
            pass
        except KrrExportError:
            self.reload()
            if not is_done():
                raise
        self.reload()
        return is_done()

    def _has(self, listing: Snapshot) -> bool:
        return self._table().metadata.snapshot_by_id(listing.snapshot_id) is not None

    def _tagged(self) -> dict[str, Snapshot]:
        """Return the snapshots of exports, by their names ``eksport=…``."""
        if self._native is None:
            return {}
        metadata = self._native.metadata
        numbered = {snapshot.snapshot_id: snapshot for snapshot in metadata.snapshots}
        found = {_export(tag): numbered.get(ref.snapshot_id) for tag, ref in metadata.refs.items()}
        return {name: snapshot for name, snapshot in found.items() if snapshot and is_export_name(name)}

    def _head(self, ref: str) -> int | None:
        found = self._table().metadata.refs.get(ref)
        return None if found is None else found.snapshot_id

    def _key(self, uri: str) -> str:
        return uri.removeprefix(f"{self._place}/")

    def _table(self) -> Table:
        if self._native is None:  # it was there before
            raise BusyError(f"{self.shown} was dropped meanwhile", "run again")
        return self._native

    def _failures(self) -> AbstractContextManager[None]:
        return failures(self.shown)


def _assert_head(ref: str, number: int | None) -> AssertRefSnapshotId:
    return AssertRefSnapshotId.model_validate({"ref": ref, "snapshot-id": number})


def _set_head(ref: str, kind: SnapshotRefType, number: int) -> SetSnapshotRefUpdate:
    return SetSnapshotRefUpdate.model_validate({"ref-name": ref, "type": kind, "snapshot-id": number})


def _tag(name: str) -> str:
    """Return the tag of a snapshot ``eksport=…``."""
    return _TAG_PREFIX + name.removeprefix(EXPORT_PREFIX)


def _export(tag: str) -> str:
    """Return the name of the snapshot that a tag is of, or what is none."""
    return EXPORT_PREFIX + tag.removeprefix(_TAG_PREFIX) if tag.startswith(_TAG_PREFIX) else ""


def _with_plain_type(field: pa.Field) -> pa.Field:
    """Return a field with the type of which the table's is: the library has no short numbers, and all text is large."""
    kinds = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary(), **dict.fromkeys(_SHORT, pa.int32())}
    return field.with_type(kinds.get(field.type, field.type))
