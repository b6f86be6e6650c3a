"""The columns that a profile counts: all of the schema, and those that are known by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from krr_export.domain.vocabulary import (
    CERTIFICATE,
    CHANNELS,
    EMAIL,
    IDENTIFIER,
    PROVIDER,
    RESERVATION,
    STATUS,
    UPDATED,
    VERIFIED,
)

if TYPE_CHECKING:
    from krr_export.schema.record_schema import Field, RecordSchema


@dataclass(frozen=True)
class Channel:
    """A column of contact data, and the columns of its times; ``None`` if the schema has no such time."""

    column: str
    updated: str | None
    verified: str | None


@dataclass(frozen=True)
class Plan:
    """The columns to profile, by name.

    Attributes:
        columns: all except ``radnummer``, in XSD order.
        measured: those whose values have a length: texts that are not enumerated, and binary values.
        enumerated: those whose values the XSD lists, with these values.
        channels: contact data with its times.
        identifier: the identity number; this and the following are ``None`` if the schema has no such column.
        provider: the mailbox provider's organisation number.
        email: the e-mail address.
        certificate: the certificate in DER.
        notification: the columns that decide who may be notified; empty if the schema lacks any of them.
    """

    columns: tuple[str, ...]
    measured: tuple[str, ...]
    enumerated: tuple[tuple[str, tuple[str, ...]], ...]
    channels: tuple[Channel, ...]
    identifier: str | None
    provider: str | None
    email: str | None
    certificate: str | None
    notification: frozenset[str]


def build_plan(schema: RecordSchema) -> Plan:
    """Build the plan for a schema; a known column that is missing, or has another type, is skipped."""
    fields = {field.name: field for field in schema.fields}

    def column_of_type(name: str, kind: pa.DataType) -> str | None:
        return name if name in fields and fields[name].arrow_type == kind else None

    def time_of(name: str) -> str | None:
        return name if name in fields and pa.types.is_timestamp(fields[name].arrow_type) else None

    def is_text(name: str) -> bool:
        return name in fields and (pa.types.is_dictionary(fields[name].arrow_type) or _has_length(fields[name]))

    texts, times = (STATUS, RESERVATION, *CHANNELS), (*UPDATED.values(), *VERIFIED.values())
    decidable = all(map(is_text, texts)) and all(map(time_of, times))
    return Plan(
        columns=tuple(fields),
        measured=tuple(name for name, field in fields.items() if _has_length(field)),
        enumerated=tuple(
            (name, field.facets.enumeration)
            for name, field in fields.items()
            if pa.types.is_dictionary(field.arrow_type)
        ),
        channels=tuple(
            Channel(name, time_of(UPDATED[name]), time_of(VERIFIED[name])) for name in CHANNELS if name in fields
        ),
        identifier=column_of_type(IDENTIFIER, pa.string()),
        provider=column_of_type(PROVIDER, pa.string()),
        email=column_of_type(EMAIL, pa.string()),
        certificate=column_of_type(CERTIFICATE, pa.binary()),
        notification=frozenset((*texts, *times) if decidable else ()),
    )


def _has_length(field: Field) -> bool:
    return bool(pa.types.is_string(field.arrow_type) or pa.types.is_binary(field.arrow_type))
