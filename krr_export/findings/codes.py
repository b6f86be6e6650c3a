"""The codes of findings about records that the XSD refuses, and about values that the table cannot store as written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["reject", "warning", "info"]
"""``reject``: the record is not in the table. ``warning``: a value was changed, or is doubtful. ``info``: a count worth
knowing."""

SEVERITIES: tuple[Severity, ...] = ("reject", "warning", "info")
"""The most severe first."""


@dataclass(frozen=True)
class Code:
    """An entry of the catalogue of findings."""

    name: str
    severity: Severity
    text: str
    """What it means."""
    fix: str
    """What to do."""


PARTITION_OTHER = "partition-other"
"""The only code that comes from writing files, not from reading records."""

CODES: tuple[Code, ...] = (
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
        "ask the sender to correct the namespace declarations",
    ),
    Code(
        "element-missing",
        "reject",
        "an element that the XSD requires is missing",
        "ask the sender to deliver the complete record",
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
        "ask the sender to deliver the complete record",
    ),
    Code(
        "text-unexpected",
        "reject",
        "text stands where the XSD has only elements",
        "ask the sender to correct the record",
    ),
    Code(
        "value-length",
        "reject",
        "a value does not have the number of characters that the XSD requires",
        "ask the sender to correct the value; leading zeros lost?",
    ),
    Code(
        "value-too-short",
        "reject",
        "a value has fewer characters than the XSD allows",
        "ask the sender to correct the value, or to leave the element out where there is none",
    ),
    Code(
        "value-too-long",
        "reject",
        "a value has more characters than the XSD allows",
        "ask the sender to correct the value",
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
        "ask the sender to correct the value",
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
        "a timestamp without offset lies in the hour that is repeated when summer time ends: taken as the first pass",
        "ask the sender for timestamps with an offset",
    ),
    Code(
        "time-skipped",
        "warning",
        "a timestamp without offset lies in the hour that summer time skips: taken with the offset before the change",
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
        "ask the sender to correct the value",
    ),
    Code(
        "date-offset-dropped",
        "warning",
        "a date has an offset, which the table's type cannot hold: the date alone is kept",
        "nothing, if the date alone is meant",
    ),
    Code(
        PARTITION_OTHER,
        "info",
        "a value to partition by is neither listed in the XSD nor nine digits, or exceeds the number of partitions: its"
        " row is in the files named other",
        "nothing is lost; ask the sender whether the value is right",
    ),
)
