"""What the next snapshot inherits from the one that changes are applied to: its records, options and treatment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from krr_export.errors import InputError, UsageError
from krr_export.jobs.changes.comparison import open_table
from krr_export.schema.record_schema import BUILT_IN
from krr_export.schema.registry import load_schema
from krr_export.transform.catalogue import CATALOGUE
from krr_export.transform.derivation import DeriveOptions, build_derivation
from krr_export.transform.privacy import read_pseudonym_key, treatment_of

if TYPE_CHECKING:
    from datetime import datetime

    from krr_export.jobs.changes.apply_options import ApplyOptions
    from krr_export.jobs.options import ConvertOptions
    from krr_export.output.manifest import Manifest
    from krr_export.output.snapshot_table import SnapshotTable
    from krr_export.output.store import Store
    from krr_export.schema.record_schema import RecordSchema
    from krr_export.transform.derivation import Derivation
    from krr_export.transform.privacy import Treatment


@dataclass(frozen=True)
class Inherited:
    """A snapshot, and what makes rows like its own.

    Attributes:
        base: the snapshot.
        schema: of its records.
        options: of a conversion that would give a snapshot like it.
        treatment: of the rows.
        derivation: the columns to derive.
    """

    base: SnapshotTable
    schema: RecordSchema
    options: ConvertOptions
    treatment: Treatment
    derivation: Derivation

    @classmethod
    def of_newest(cls, store: Store, options: ApplyOptions) -> Self:
        """Return what the newest snapshot of a store leaves to the next.

        Raises:
            InputError: there is none.
            UsageError: an option is wrong, or changes cannot be applied to it.
        """
        base = _newest(store)
        schema = _record_schema(base.manifest, options)
        base = open_table(base.root, schema)
        convert = _convert_options(base.manifest, options)
        return cls(base, schema, convert, *_treatment(base.manifest, schema, convert, options.moment))

    @property
    def change_number(self) -> int:
        """The last change that the snapshot has."""
        return self.base.manifest.header.seneste_endringsnummer


def _newest(store: Store) -> SnapshotTable:
    name = store.newest()
    if name is None:
        raise InputError("there is no snapshot to apply changes to", "convert a full export first")
    return open_table(store.path / name)


def _record_schema(manifest: Manifest, options: ApplyOptions) -> RecordSchema:
    """Return the schema of the store's records, which must be the one that its newest snapshot was read with."""
    spec = options.schema or manifest.schema.name
    if options.schema is None and spec not in BUILT_IN:
        raise UsageError(f"the store's schema is {spec}, a file of your own", "give it with --schema")
    schema = load_schema(spec)
    if schema.sha256 != manifest.schema.sha256:
        raise UsageError(
            f"the snapshot was read with another version of the schema {manifest.schema.name}",
            "convert a full export first",
        )
    return schema


def _convert_options(manifest: Manifest, options: ApplyOptions) -> ConvertOptions:
    """Return the options of a conversion that would give a snapshot like this one.

    Raises:
        UsageError: changes cannot be applied to such a snapshot.
    """
    made = manifest.options
    if made.strict:
        raise UsageError(
            f"the store was made with --strict {', '.join(made.strict)}: whether its rows still pass cannot be judged",
            "convert full exports into it, or keep a store without --strict",
        )
    if made.pseudonymised and options.pseudonym_key is None:
        raise UsageError("the store holds pseudonyms", "give the key that made them: --pseudonym-key FILE")
    shape: dict[str, Any] = {
        "schema": options.schema or manifest.schema.name,
        "format": made.format,
        "compression": made.compression,
        "partition_by": made.partition_by,
        "rows_per_file": made.rows_per_file,
        "columns": made.columns or (),
        "drop": (),
        "pseudonymise": made.pseudonymised,
        "pseudonym_key": options.pseudonym_key,
        "derive": made.derive,
        "findings": made.findings,
    }
    return replace(options.load, **shape)


def _treatment(
    manifest: Manifest, schema: RecordSchema, options: ConvertOptions, moment: datetime
) -> tuple[Treatment, Derivation]:
    """Return the treatment of the rows, and the columns to derive; both as the snapshot has them.

    Raises:
        UsageError: the key is another one, or a derived column cannot be made anew.
    """
    key = read_pseudonym_key(options.privacy.pseudonym_key) if options.privacy.pseudonym_key else None
    if key and key.fingerprint != manifest.options.pseudonym_key_fingerprint:
        raise UsageError("the pseudonyms of the store were made with another key", "give that one")
    derivation = build_derivation(schema, moment, DeriveOptions(options.derive))
    treatment = treatment_of(derivation.extend_schema(schema.arrow), options.privacy, key, options.partition_by)
    for name in options.derive:
        needs = CATALOGUE[name].needs
        lost = [need for need in needs if need not in treatment.schema.names or need in treatment.pseudonymised]
        if lost:
            raise UsageError(
                f"{name} cannot be derived anew: the store has no delivered values of {', '.join(lost)}",
                "convert full exports into it, or keep a store with all columns",
            )
    return treatment, derivation
