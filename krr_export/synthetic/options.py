"""What a synthetic export is to be like."""

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
"""The time of the export, unless another is given: a sample must not depend on the day it was made."""

_FIRST_YEAR = 2015
"""Faulty records have contact data of 2013 and 2014."""


@dataclass(frozen=True)
class SampleOptions:
    """What the synthetic export is to be like."""

    records: int
    seed: int = 0
    schema: RecordSchema = field(default_factory=load_schema)
    fault_share: float = 0.0
    """How many of the records are faulty, from 0 to 1; all kinds of fault in turn."""
    prefix: Prefix = "default"
    naive_times: bool = False
    """Contact data's times without offset. The export's own time keeps it."""
    old_spellings: bool = False
    r"""Element names and ``\N`` as in the feed of early 2014."""
    certificates: int = 6
    """How many differ; 0: one for each mailbox, the worst case."""
    indent: bool = True
    """Line ends and indentation, as real exports have them; otherwise no white space between elements at all."""
    comments: bool = False
    """A comment in every record, the worst case for readers that would rather not parse."""
    exported: datetime = EXPORTED
    """With an offset."""
    change_number: int = 41_234_567

    def __post_init__(self) -> None:
        if self.records < 0 or self.certificates < 0:
            raise UsageError("the numbers of records and of certificates cannot be negative")
        if not 0 <= self.fault_share <= 1:
            raise UsageError("the share of faulty records must lie between 0 and 1")
        if self.exported.tzinfo is None:
            raise UsageError("the time of the export needs an offset")
        if self.exported.year < _FIRST_YEAR:
            raise UsageError(f"the export cannot be of before {_FIRST_YEAR}", "contact data of some age is in it")
