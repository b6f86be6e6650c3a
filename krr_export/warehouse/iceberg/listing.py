"""The list of a snapshot's files as an Iceberg table has it: a manifest, and a list of that one manifest.

`add_files` would read the footers once more, add to what is there in place of standing for itself, and commit with
fewer conditions than are given: of several on names, it keeps the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from pyiceberg.conversions import to_bytes
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestEntry,
    ManifestEntryStatus,
    write_manifest,
    write_manifest_list,
)
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.typedef import Record
from pyiceberg.types import PrimitiveType

from krr_export.version import __version__
from krr_export.warehouse.lake.registration import rows_of

if TYPE_CHECKING:
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table

    from krr_export.warehouse.lake.footer import Statistics
    from krr_export.warehouse.lake.registration import ListedFile, Registration

EKSPORT, MANIFEST_SHA256 = "krr.eksport", "krr.manifest_sha256"
"""Keys of a snapshot's summary."""
_VERSION: Literal[2] = 2
_COMPRESSION: Literal["deflate"] = "deflate"


def write_listing(table: Table, snapshot: Registration, place: str) -> Snapshot:
    """Write the list of a snapshot's files, which nobody sees until it is committed.

    It has no parent: what a reader sees is these files, whatever else the table lists.

    Args:
        table: the table, with all columns of the snapshot.
        snapshot: the snapshot.
        place: the URI of the place that the files lie in.
    """
    metadata, locations, stem = table.metadata, table.location_provider(), uuid4()
    number, sequence = metadata.new_snapshot_id(), metadata.next_sequence_number()
    manifest = locations.new_metadata_location(f"{stem}-m0.avro")
    with write_manifest(
        _VERSION, metadata.spec(), table.schema(), table.io.new_output(manifest), number, _COMPRESSION
    ) as entries:
        for file in snapshot.files:
            data_file = _data_file(table.schema(), f"{place}/{file.key}", file, file.statistics)
            added = ManifestEntryStatus.ADDED
            entries.add(ManifestEntry.from_args(status=added, snapshot_id=number, data_file=data_file))
    listed = locations.new_metadata_location(f"snap-{number}-0-{stem}.avro")
    output = table.io.new_output(listed)
    with write_manifest_list(_VERSION, output, number, None, sequence, _COMPRESSION) as manifests:
        manifests.add_manifests([entries.to_manifest_file()])
    said: dict[str, object] = {"snapshot-id": number, "sequence-number": sequence, "manifest-list": listed}
    said |= {"summary": Summary(Operation.APPEND, **_summary(snapshot)), "schema-id": metadata.current_schema_id}
    return Snapshot.model_validate(said)


def delete_listing(table: Table, snapshot: Snapshot) -> None:
    """Delete the list of a snapshot's files that was not committed, for certain; the files stay."""
    for manifest in snapshot.manifests(table.io):
        table.io.delete(manifest.manifest_path)
    table.io.delete(snapshot.manifest_list)


def _data_file(schema: Schema, uri: str, file: ListedFile, statistics: Statistics) -> DataFile:
    fields = {field.name: field.field_id for field in schema.fields}
    kinds = {field.name: field.field_type for field in schema.fields if isinstance(field.field_type, PrimitiveType)}
    least, greatest = (
        {fields[name]: to_bytes(kinds[name], both[side]) for name, both in statistics.bounds.items()} for side in (0, 1)
    )
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=uri,
        file_format=FileFormat.PARQUET,
        partition=Record(),
        record_count=statistics.rows,
        file_size_in_bytes=file.bytes,
        value_counts={fields[name]: statistics.rows for name in statistics.nulls},
        null_value_counts={fields[name]: count for name, count in statistics.nulls.items()},
        lower_bounds=least,
        upper_bounds=greatest,
        spec_id=0,
    )


def _summary(snapshot: Registration) -> dict[str, Any]:
    rows, files, size = rows_of(snapshot.commit), len(snapshot.files), sum(file.bytes for file in snapshot.files)
    counts = {"added-records": rows, "added-data-files": files, "added-files-size": size}
    totals = {"total-records": rows, "total-data-files": files, "total-files-size": size, "total-delete-files": 0}
    deletes = {"total-position-deletes": 0, "total-equality-deletes": 0}
    return {
        **{key: str(value) for key, value in (counts | totals | deletes).items()},
        EKSPORT: snapshot.name,
        MANIFEST_SHA256: snapshot.commit.manifest_sha256,
        "krr.version": __version__,
    }
