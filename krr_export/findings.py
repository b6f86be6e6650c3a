"""Findings: each thing worth saying about a record or the document, with a stable code, a severity and a fix.

Nothing here, or made here, holds a value from the data. A detail is *masked*: a value's kind and length, never some of
its characters, never a name that the sender chose.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

Severity = Literal["reject", "warning", "info"]
"""``reject``: the record is kept out of the table. ``warning``: a value was changed, or is doubtful. ``info``: a count
worth knowing."""


@dataclass(frozen=True)
class Code:
    """An entry of the catalogue of findings."""

    name: str
    severity: Severity
    text: str
    """What it means."""
    fix: str
    """What to do."""


CATALOGUE: dict[str, Code] = {
    code.name: code
    for code in (
        Code(
            "old-element-name",
            "reject",
            "an element has the spelling that was in force before March or April 2014",
            "ask the sender for an export in the current format",
        ),
        Code(
            "database-null",
            "reject",
            r"a value is \N, a database dump's NULL that leaked into the export",
            "ask the sender to leave the element or attribute out where there is no value",
        ),
        Code(
            "element-unexpected",
            "reject",
            "an element stands where the XSD has no place for it: unknown, repeated or out of order",
            "compare the record with the XSD; is --schema the right version?",
        ),
        Code(
            "element-namespace",
            "reject",
            "an element has a known name in another namespace than the XSD's",
            "ask the sender to mend the namespace declarations",
        ),
        Code(
            "element-missing",
            "reject",
            "an element that the XSD requires is missing",
            "ask the sender to deliver the record whole",
        ),
        Code(
            "attribute-unexpected",
            "reject",
            "an attribute stands where the XSD has none",
            "compare the record with the XSD; is --schema the right version?",
        ),
        Code(
            "attribute-missing",
            "reject",
            "an attribute that the XSD requires is missing",
            "ask the sender to deliver the record whole",
        ),
        Code(
            "text-unexpected",
            "reject",
            "text stands where the XSD has only elements",
            "ask the sender to mend the record",
        ),
        Code(
            "value-length",
            "reject",
            "a value does not have the number of characters that the XSD asks",
            "ask the sender to mend the value; leading zeros lost?",
        ),
        Code(
            "value-too-short",
            "reject",
            "a value has fewer characters than the XSD allows",
            "ask the sender to mend the value, or to leave the element out where there is none",
        ),
        Code(
            "value-too-long",
            "reject",
            "a value has more characters than the XSD allows",
            "ask the sender to mend the value",
        ),
        Code(
            "value-not-in-list",
            "reject",
            "a value is not one of those that the XSD lists",
            "compare with the XSD's list; is --schema the right version?",
        ),
        Code(
            "value-type",
            "reject",
            "a value is not of the type that the XSD gives, such as a date and time or base64",
            "ask the sender to mend the value",
        ),
        Code(
            "value-facet",
            "reject",
            "a value breaks another facet of its type, such as a pattern or a limit",
            "compare the value with the XSD",
        ),
        Code(
            "record-invalid",
            "reject",
            "the XSD refuses the record for a reason without a code of its own",
            "validate the record's bytes in rejects/ with xmllint --schema",
        ),
        Code(
            "time-without-offset",
            "info",
            "a timestamp has no offset: taken as Norwegian wall time (Europe/Oslo)",
            "nothing, if the sender writes Norwegian time",
        ),
        Code(
            "time-ambiguous",
            "warning",
            "a timestamp without offset lies in October's repeated hour: taken as the first pass",
            "ask the sender for timestamps with an offset",
        ),
        Code(
            "time-skipped",
            "warning",
            "a timestamp without offset lies in March's skipped hour: taken with the offset before the change",
            "ask the sender for timestamps with an offset",
        ),
        Code(
            "time-midnight-24",
            "info",
            "a timestamp is written as 24:00:00: taken as the next day's midnight",
            "nothing",
        ),
        Code(
            "time-fraction-cut",
            "warning",
            "a timestamp has more than six fraction digits: cut to microseconds",
            "nothing, unless nanoseconds matter",
        ),
        Code(
            "time-out-of-range",
            "warning",
            "a date or timestamp lies outside the years 0001 to 9999: null in the table",
            "ask the sender to mend the value",
        ),
        Code(
            "date-offset-dropped",
            "warning",
            "a date has an offset, which the table's type cannot hold: the date alone is kept",
            "nothing, if the date alone is meant",
        ),
    )
}

KNOWN_OLD_NAMES: dict[str, str] = {
    "MobilTelefonNummer": "Mobiltelefonnummer",
    "EpostAdresse": "Epostadresse",
    "postkasseAdresse": "postkasseadresse",
    "postkasseLeverandoerAdresse": "postkasseleverandoerAdresse",
    "Sertifikat": "X509Sertifikat",
    "X509Certificate": "X509Sertifikat",
}
"""Element names in force until 2014-03-03 (``X509Certificate``: 2014-04-03), and what replaced them. History, not
structure: no XSD states it (the register's integration guide of 2014)."""

DATABASE_NULL = r"\N"


@dataclass(frozen=True)
class Finding:
    """One finding about one value or element of a record."""

    code: str
    field: str | None
    """The field's label (see ``schema.Field.label``) or a known element's name; ``None`` for an unknown one."""
    detail: str
    """Masked: what is wrong, without the value."""

    @property
    def message(self) -> str:
        """The finding in one line, as the table of rejects holds it."""
        where = f"{self.field}: " if self.field else ""
        return f"{where}{self.detail}"


MAX_EXAMPLES = 20
"""How many examples of one code a report shows; the counts are true all the same."""


class Example(NamedTuple):
    """Where a finding was met, masked."""

    record: int
    """The record's ordinal in the export."""
    line: int
    """The line on which the record begins."""
    byte_offset: int
    """Where the record begins."""
    field: str | None
    detail: str


@dataclass(frozen=True)
class Notice:
    """Findings of one code, counted."""

    code: str
    fields: dict[str, int]
    """Findings by field's label; ``""`` for the record as a whole."""
    records: int
    """Records concerned."""
    examples: tuple[Example, ...]
    """The first ones, at most ``MAX_EXAMPLES``."""

    @property
    def count(self) -> int:
        """Findings, of which a record may have several."""
        return sum(self.fields.values())

    def placed(self, records: int, lines: int) -> Notice:
        """The same, behind so many records and line ends."""
        examples = (e._replace(record=e.record + records, line=e.line + lines) for e in self.examples)
        return replace(self, examples=tuple(examples))

    def __add__(self, later: Notice) -> Notice:
        """Both together, the first examples of both in the records' order."""
        fields = {
            name: self.fields.get(name, 0) + later.fields.get(name, 0) for name in {**self.fields, **later.fields}
        }
        examples = tuple(sorted((*self.examples, *later.examples), key=lambda example: example.record)[:MAX_EXAMPLES])
        return Notice(self.code, fields, self.records + later.records, examples)


def mask(value: str) -> str:
    """A value's kind and length, such as ``11 characters, digits``; never any of its characters."""
    if not value:
        return "empty"
    length = "1 character" if len(value) == 1 else f"{len(value)} characters"
    return f"{length}, {_kind(value)}"


def _kind(value: str) -> str:
    kinds = {
        "digits": string.digits,
        "letters": string.ascii_letters,
        "letters and digits": string.ascii_letters + string.digits,
        "white space": string.whitespace,
    }
    for kind, characters in kinds.items():
        if not value.strip(characters):
            return kind
    return "mixed" if value.isascii() else "mixed, some not ASCII"
