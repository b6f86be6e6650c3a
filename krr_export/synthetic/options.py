"""Options of a synthetic export."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from krr_export.errors import UsageError
from krr_export.schema.registry import load_schema

if TYPE_CHECKING:
    from krr_export.schema.record_schema import RecordSchema
    from krr_export.synthetic.tree import Prefix

EXPORTED = datetime(2026, 2, 26, 12, 22, 25, tzinfo=timezone(timedelta(hours=1)))
"""The default time of the export: a sample must not depend on the day when it was made."""

_FIRST_YEAR = 2015
"""Faulty records have contact data of 2013 and 2014."""


@dataclass(frozen=True)
class SampleOptions:
    """Options of a synthetic export."""

    records: int
    seed: int = 0
    schema: RecordSchema = field(default_factory=load_schema)
    fault_share: float = 0.0
    """The share of faulty records, from 0 to 1; all kinds of fault in turn."""
    prefix: Prefix = "default"
    naive_times: bool = False
    """Whether times of contact data have no offset. The export's own time has one."""
    old_spellings: bool = False
    r"""Whether element names and ``\N`` are as in exports of early 2014."""
    certificates: int = 6
    """Number of distinct certificates; 0: one for each mailbox, the worst case."""
    indent: bool = True
    """Whether there are line ends and indentation, as in real exports, or no white space between elements."""
    comments: bool = False
    """Whether there is a comment in every record, the worst case for fast readers."""
    exported: datetime = EXPORTED
    """With an offset."""
    change_number: int = 41_234_567

    def __post_init__(self) -> None:
        if self.records < 0 or self.certificates < 0:
            raise UsageError("the numbers of records and of certificates cannot be negative")
        if not 0 <= self.fault_share <= 1:
            raise UsageError("the share of faulty records must lie between 0 and 1")
        if self.exported.tzinfo is None:
            raise UsageError("the time of the export needs an offset", "such as 2026-02-26T12:22:25+01:00")
        if self.exported.year < _FIRST_YEAR:
            raise UsageError(f"the export cannot be of before {_FIRST_YEAR}", "contact data of some age is in it")
