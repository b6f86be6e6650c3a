"""Derivation for one export: checked against its schema, then added to each batch of its records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.domain.times import EPOCH, MICROSECOND, NORWAY
from krr_export.errors import UsageError
from krr_export.schema.record_schema import Facets, Field, privacy_of
from krr_export.transform.catalogue import CATALOGUE, NAMES, STATE
from krr_export.transform.inputs import Inputs
from krr_export.transform.privacy import column_names
from krr_export.util.formatting import format_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from krr_export.schema.record_schema import RecordSchema
    from krr_export.transform.catalogue import Derived, Kind
    from krr_export.transform.privacy import Treatment

ALL = "all"
"""Means every column that can be derived from the schema."""

_NAME_SUFFIX = "_avledet"


@dataclass(frozen=True)
class DeriveOptions:
    """Options of the derivation.

    Attributes:
        names: the columns to derive, from `NAMES`, or `ALL`; a text may have several, separated by commas.
        as_of: the moment at which varslingsstatus is judged; ``None``: that of the export. Norwegian wall time if it
            has no offset. As text: ISO 8601.

    Raises:
        UsageError: there is no such column or time, or the time has no effect.
    """

    names: tuple[str, ...] = ()
    as_of: datetime | str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", column_names("--derive", self.names))
        if unknown := [name for name in self.names if name not in (*NAMES, ALL)]:
            raise UsageError(
                f"--derive names what cannot be derived: {', '.join(unknown)}",
                f"choose {ALL}, or of {', '.join(NAMES)}",
            )
        object.__setattr__(self, "as_of", None if self.as_of is None else parse_moment(self.as_of))
        if self.as_of is not None and STATE not in self.selected:
            raise UsageError("--as-of changes nothing: only varslingsstatus is judged at a moment", f"--derive {STATE}")

    @property
    def selected(self) -> tuple[str, ...]:
        """The selected columns, in the catalogue's order."""
        return tuple(name for name in NAMES if name in self.names or ALL in self.names)

    @property
    def moment(self) -> datetime | None:
        """``as_of`` in UTC."""
        return self.as_of if isinstance(self.as_of, datetime) else None


@dataclass(frozen=True)
class Derivation:
    """The derived columns of one export; sent to each worker once.

    Attributes:
        columns: the names in the catalogue, each with the column's name: another if the schema has such a column.
        reference: the moment at which persons are judged, in microseconds since 1970.
    """

    columns: tuple[tuple[str, str], ...]
    reference: int

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns as fields, like those of the XSD."""
        return tuple(_field(CATALOGUE[name], column) for name, column in self.columns)

    def extend_schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema of a batch with the derived columns; if the moment matters, it is in the metadata."""
        metadata = dict(schema.metadata or {})
        if any(name == STATE for name, _ in self.columns):  # a part file explains itself
            metadata[b"derived_as_of"] = format_utc(EPOCH + self.reference * MICROSECOND, "microseconds").encode()
        return pa.schema([*schema, *(field.arrow for field in self.fields)], metadata or None)

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the records with the derived columns after all others."""
        if not self.columns:
            return batch
        inputs = Inputs(batch, self.reference, _MAKERS)
        arrays = [*batch.columns, *(inputs.derived(name) for name, _ in self.columns)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.extend_schema(batch.schema))

    def partitionable(self) -> list[str]:
        """Return the names of the columns that ``--partition-by`` accepts."""
        return [field.name for field in self.fields if field.partitionable]

    def refuse_conflicts(
        self,
        treatment: Treatment,
        options: DeriveOptions,
        columns: Collection[str] = (),
        dropped: Collection[str] = (),
    ) -> None:
        """Refuse columns that would reveal hidden values, and columns that are derived and then left out.

        Args:
            treatment: of the rows after this.
            options: of the derivation.
            columns: the columns of ``--columns``; empty for all.
            dropped: the columns of ``--drop``.

        Raises:
            UsageError: the options contradict each other.
        """
        for name, column in self.columns:
            if name in options.names and column not in treatment.schema.names:
                keep = "name it in --columns too" if columns else "do not --drop it"
                raise UsageError(f"{column} is derived and left out", f"{keep}, or do not derive {name}")
            source = CATALOGUE[name].repeats
            if (
                source in dropped
                and column in treatment.schema.names
                and name not in options.names  # it was not asked for by name
            ):
                raise UsageError(
                    f"{source} is dropped, but --derive {ALL} would show it as {column}",
                    f"--drop {column} too, or name in --derive what you want",
                )
            if (
                source in treatment.pseudonymised
                and column in treatment.schema.names
                and column not in treatment.pseudonymised
            ):
                text = pa.types.is_string(CATALOGUE[name].arrow_type)
                raise UsageError(
                    f"{source} is pseudonymised, but {column} would show what it was",
                    f"--drop {column}{', or pseudonymise it too' if text else ''}",
                )


def build_derivation(schema: RecordSchema, exported_at: datetime, options: DeriveOptions) -> Derivation:
    """Build the derivation of an export from the options.

    Args:
        schema: of its records.
        exported_at: when it was made.
        options: of the derivation.

    Raises:
        UsageError: a selected column needs one that the schema does not have.
    """
    reference = ((options.moment or exported_at) - EPOCH) // MICROSECOND
    return Derivation(_select_columns(schema, options), reference)


def derived_fields(schema: RecordSchema, options: DeriveOptions) -> tuple[Field, ...]:
    """Return the columns that the options add to the schema's, as fields.

    Raises:
        UsageError: as for `build_derivation`.
    """
    return Derivation(_select_columns(schema, options), reference=0).fields


def derived_schema(schema: RecordSchema, options: DeriveOptions) -> pa.Schema:
    """Return the Arrow schema of the table, with the columns that the options add.

    Raises:
        UsageError: as for `build_derivation`.
    """
    return Derivation(_select_columns(schema, options), reference=0).extend_schema(schema.arrow)


def judged_columns(columns: Collection[str], derived: Collection[str]) -> tuple[str, ...]:
    """Return the columns of a table whose values depend on the moment at which persons are judged.

    Args:
        columns: of the table.
        derived: the names of the columns that were derived, as in the manifest.
    """
    if STATE not in derived:
        return ()
    column = STATE
    while f"{column}{_NAME_SUFFIX}" in columns:  # where the XSD has a column of that name itself
        column += _NAME_SUFFIX
    return (column,)


def _select_columns(schema: RecordSchema, options: DeriveOptions) -> tuple[tuple[str, str], ...]:
    kinds = {field.name: field.arrow_type for field in schema.fields}
    columns = []
    for name in options.selected:
        needs = CATALOGUE[name].needs
        missing = [need for need, kind in needs.items() if need not in kinds or not _HAS_KIND[kind](kinds[need])]
        if not missing:
            columns.append((name, _unused_name(name, kinds)))
        elif name in options.names:
            raise UsageError(
                f"{name} cannot be derived: the schema {schema.name} has no fit column {', '.join(missing)}",
                "krr-export schema shows the columns",
            )
    return tuple(columns)


def _unused_name(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += _NAME_SUFFIX
    return name


def _field(derived: Derived, column: str) -> Field:
    return Field(
        name=column,
        arrow_type=derived.arrow_type,
        required=not derived.nullable,
        facets=Facets(enumeration=derived.values),
        documentation=derived.documentation,
        partitionable=bool(derived.values),
        privacy=privacy_of(derived.arrow_type, partitionable=bool(derived.values)),
    )


def _is_word(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind.value_type if pa.types.is_dictionary(kind) else kind))


_HAS_KIND: dict[Kind, Callable[[pa.DataType], bool]] = {
    "text": pa.types.is_string,
    "word": _is_word,
    "time": pa.types.is_timestamp,
    "bytes": pa.types.is_binary,
}

_MAKERS = {name: derived.make for name, derived in CATALOGUE.items()}


def parse_moment(given: datetime | str) -> datetime:
    """Return a moment in UTC."""
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) else given
        if isinstance(given, str) and _is_date(given):
            raise UsageError(f"--as-of {given} has no time of day", f"such as {given}T00:00:00+01:00")
        if moment.tzinfo is None:
            _check_unambiguous(moment)
            moment = moment.replace(tzinfo=NORWAY)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"--as-of {given} is not a time", "such as 2026-02-26T12:22:25+01:00") from None


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check_unambiguous(wall: datetime) -> None:
    first, second = (wall.replace(tzinfo=NORWAY, fold=fold).utcoffset() for fold in (0, 1))
    if first != second:
        raise UsageError(f"--as-of {wall.isoformat()} occurs twice or never in Norway", "give it with an offset")
