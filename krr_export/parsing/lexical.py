"""What the reference reader returns: lexical columns of the records that the XSD accepts, and the others as rejects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from krr_export.findings.finding import Finding


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that the XSD refuses.

    Attributes:
        ordinal: the record's ordinal in the export, from 1.
        line: the line on which the record begins.
        byte_offset: where the record begins in the document.
        findings: the reasons; at least one.
        record: the record's bytes, in UTF-8.
    """

    ordinal: int
    line: int
    byte_offset: int
    findings: tuple[Finding, ...]
    record: bytes


@dataclass(frozen=True)
class LexicalBlock:
    """A block's records as text, not yet typed.

    Attributes:
        ordinals: the ordinals of the accepted records.
        columns: for each field of the schema, its values in the accepted records; ``None`` if absent.
        rejects: the other records.
        read_by: the number of records that each reader read, by its name.
    """

    ordinals: list[int]
    columns: list[list[str | None]]
    rejects: list[Reject]
    read_by: dict[str, int]
