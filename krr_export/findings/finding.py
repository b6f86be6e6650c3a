"""Findings: what is wrong or notable in a record or the document, with a stable code (`findings.codes`).

No finding contains a value from the data: see `krr_export.findings.detail`.
"""

from __future__ import annotations

from dataclasses import dataclass

from krr_export.findings.detail import Detail
from krr_export.util.stored_json import Count, PositiveInt, Stored

KNOWN_OLD_NAMES: dict[str, str] = {
    "MobilTelefonNummer": "Mobiltelefonnummer",
    "EpostAdresse": "Epostadresse",
    "postkasseAdresse": "postkasseadresse",
    "postkasseLeverandoerAdresse": "postkasseleverandoerAdresse",
    "Sertifikat": "X509Sertifikat",
    "X509Certificate": "X509Sertifikat",
}
"""Element names in force until 2014-03-03 (``X509Certificate``: 2014-04-03), and what replaced them. This is history,
not structure: no XSD states it (source: the register's integration guide of 2014)."""

DATABASE_NULL = r"\N"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding about one value or element of a record."""

    code: str
    field: str | None
    """The label (``schema.record_schema.Field.label``) or a known element's name; ``None`` for an unknown one."""
    detail: Detail
    """What is wrong, masked."""

    @property
    def message(self) -> str:
        """The finding in one line, as in the table of rejects."""
        where = f"{self.field}: " if self.field else ""
        return f"{where}{self.detail}"


MAX_EXAMPLES = 20
"""How many examples of one code a report shows; the counts include all findings."""


class Example(Stored, frozen=True):
    """The location of one finding, with its masked detail. No value is quoted.

    Attributes:
        record: the record's ordinal in the export, from 1: radnummer.
        line: the line on which the record begins, from 1.
        byte_offset: where the record begins, in bytes of the decompressed document; in UTF-8 if
            source.offsets_count_in_utf8 is true.
        field: the element or attribute, as a path below the record; null for the record as a whole or for an element
            that the XSD does not know.
        detail: what is wrong, masked: kinds and lengths, never a value.
        masked: the same in parts; null in reports of the first versions.
    """

    record: PositiveInt
    line: PositiveInt
    byte_offset: Count
    field: str | None
    detail: str
    masked: Detail | None = None


@dataclass(frozen=True)
class Notice:
    """The findings of one code, counted."""

    code: str
    fields: dict[str, int]
    """Number of findings by field label; ``""`` for the record as a whole."""
    records: int
    """Number of records concerned."""
    examples: tuple[Example, ...]
    """The first ones, at most ``MAX_EXAMPLES``."""

    @property
    def count(self) -> int:
        """Number of findings; a record may have several."""
        return sum(self.fields.values())

    def __add__(self, later: Notice) -> Notice:
        """Add up both notices, with the first examples of both in the order of the records."""
        fields = {
            name: self.fields.get(name, 0) + later.fields.get(name, 0) for name in {**self.fields, **later.fields}
        }
        examples = tuple(sorted((*self.examples, *later.examples), key=lambda example: example.record)[:MAX_EXAMPLES])
        return Notice(self.code, fields, self.records + later.records, examples)
