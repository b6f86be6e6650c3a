"""What is to be derived of one export: checked against its schema, then added to each batch of its records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from krr_export.domain.times import EPOCH, MICROSECOND, NORWAY
from krr_export.errors import UsageError
from krr_export.schema.record_schema import Facets, Field
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
"""Stands for every column that the schema allows to derive."""

NOTHING_DERIVED: dict[str, Any] = {"derive": [], "as_of": None}
"""What the manifest says where nothing was derived; the first snapshots do not say it."""

_SUFFIX = "_avledet"


@dataclass(frozen=True)
class DeriveOptions:
    """What may be chosen.

    Attributes:
        names: the columns to derive, from `NAMES`, or `ALL`; a text may hold several between commas.
        as_of: the moment that varslingsstatus is judged at; ``None`` for that of the export. Norwegian wall time
            where it has no offset. As text: ISO 8601.

    Raises:
        UsageError: there is no such column or time, or the time is of no use.
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
        object.__setattr__(self, "as_of", None if self.as_of is None else _moment(self.as_of))
        if self.as_of is not None and STATE not in self.wanted:
            raise UsageError("--as-of changes nothing: only varslingsstatus is judged at a moment", f"--derive {STATE}")

    @property
    def wanted(self) -> tuple[str, ...]:
        """The columns asked for, in the catalogue's order."""
        return tuple(name for name in NAMES if name in self.names or ALL in self.names)

    @property
    def moment(self) -> datetime | None:
        """``as_of`` in UTC."""
        return self.as_of if isinstance(self.as_of, datetime) else None

    @property
    def applied(self) -> dict[str, Any]:
        """What the manifest says of it; see `NOTHING_DERIVED`."""
        return {"derive": list(self.wanted), "as_of": format_utc(self.moment, "microseconds") if self.moment else None}


@dataclass(frozen=True)
class Derivation:
    """What is derived of one export; goes to each worker once.

    Attributes:
        columns: the names in the catalogue, and those of the columns: others where the schema has such a one itself.
        reference: the moment that persons are judged at, in microseconds since 1970.
    """

    columns: tuple[tuple[str, str], ...]
    reference: int

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns, described as those of the XSD are."""
        return tuple(_field(CATALOGUE[name], column) for name, column in self.columns)

    def extended(self, schema: pa.Schema) -> pa.Schema:
        """The schema of a batch with the derived columns; its metadata tell the moment, where it matters."""
        metadata = dict(schema.metadata or {})
        if any(name == STATE for name, _ in self.columns):  # a part file explains itself
            metadata[b"derived_as_of"] = format_utc(EPOCH + self.reference * MICROSECOND, "microseconds").encode()
        fields = [pa.field(f.name, f.arrow_type, nullable=not f.required) for f in self.fields]
        return pa.schema([*schema, *fields], metadata or None)

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The records with the derived columns after all others."""
        if not self.columns:
            return batch
        inputs = Inputs(batch, self.reference, _MAKERS)
        arrays = [*batch.columns, *(inputs.derived(name) for name, _ in self.columns)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.extended(batch.schema))

    def partitionable(self) -> list[str]:
        """The names of the columns that ``--partition-by`` accepts."""
        return [field.name for field in self.fields if field.partitionable]

    def check(
        self,
        treatment: Treatment,
        options: DeriveOptions,
        columns: Collection[str] = (),
        dropped: Collection[str] = (),
    ) -> None:
        """Refuse what would show what was to be hidden, and what would be derived for nothing.

        Args:
            treatment: what is done to the rows after this.
            options: what was asked for.
            columns: those that were asked to be kept; empty for all.
            dropped: those that were asked to be left out.

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
                and name not in options.names  # nobody asked for just this one
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


def derivation_of(schema: RecordSchema, exported_at: datetime, options: DeriveOptions) -> Derivation:
    """What the options mean for an export.

    Args:
        schema: what its records hold.
        exported_at: when it was made.
        options: what was chosen.

    Raises:
        UsageError: a column that was asked for needs another that the schema does not have.
    """
    reference = ((options.moment or exported_at) - EPOCH) // MICROSECOND
    return Derivation(_columns(schema, options), reference)


def derived_fields(schema: RecordSchema, options: DeriveOptions) -> tuple[Field, ...]:
    """The columns that the options add to the schema's, described as those are.

    Raises:
        UsageError: as `derivation_of`.
    """
    return Derivation(_columns(schema, options), reference=0).fields


def _columns(schema: RecordSchema, options: DeriveOptions) -> tuple[tuple[str, str], ...]:
    kinds = {field.name: field.arrow_type for field in schema.fields}
    columns = []
    for name in options.wanted:
        needs = CATALOGUE[name].needs
        missing = [need for need, kind in needs.items() if need not in kinds or not _IS[kind](kinds[need])]
        if not missing:
            columns.append((name, _free(name, kinds)))
        elif name in options.names:
            raise UsageError(
                f"{name} cannot be derived: the schema {schema.name} has no fit column {', '.join(missing)}",
                "krr-export schema shows the columns",
            )
    return tuple(columns)


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += _SUFFIX
    return name


def _field(derived: Derived, column: str) -> Field:
    return Field(
        name=column,
        path=(),
        base="",
        arrow_type=derived.arrow_type,
        required=not derived.nullable,
        facets=Facets(enumeration=derived.values),
        documentation=derived.documentation,
        partitionable=bool(derived.values),
    )


def _is_word(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind.value_type if pa.types.is_dictionary(kind) else kind))


_IS: dict[Kind, Callable[[pa.DataType], bool]] = {
    "text": pa.types.is_string,
    "word": _is_word,
    "time": pa.types.is_timestamp,
    "bytes": pa.types.is_binary,
}

_MAKERS = {name: derived.make for name, derived in CATALOGUE.items()}


def _moment(given: datetime | str) -> datetime:
    """A moment in UTC."""
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) else given
        if isinstance(given, str) and _is_date(given):
            raise UsageError(f"--as-of {given} has no time of day", f"such as {given}T00:00:00+01:00")
        if moment.tzinfo is None:
            _check_clear(moment)
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


def _check_clear(wall: datetime) -> None:
    first, second = (wall.replace(tzinfo=NORWAY, fold=fold).utcoffset() for fold in (0, 1))
    if first != second:
        raise UsageError(f"--as-of {wall.isoformat()} occurs twice or never in Norway", "give it with an offset")
