"""The options of reading an export, checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass, field

from krr_export.errors import UsageError
from krr_export.input.delivery.opening import DeliveryOptions
from krr_export.rules.catalogue import RULE_NAMES
from krr_export.transform.derivation import DeriveOptions
from krr_export.util.processors import MAX_THREADS

READERS = ("auto", "iterparse")
"""``auto`` is the scanner, with iterparse, the reference, for records that it hands on; both give the same results."""


@dataclass(frozen=True)
class ReadOptions:
    """How an export is read; except for ``derive``, no option changes the values that are read.

    Attributes:
        workers: threads that read blocks; 0 for none, ``None`` for `default_workers`.
        reader: ``auto`` or a reader's name.
        limit: read no more than this many records; ``None`` for all.
        delivery: how a delivery is verified and decrypted.
        derive: the columns to derive from the accepted records.
        rules: whether the accepted records are checked against the register's own rules.
        profile: whether they are profiled.
        strict: names of rules whose violation makes a record a reject.

    Raises:
        UsageError: an option has no such value.
    """

    workers: int | None = None
    reader: str = "auto"
    limit: int | None = None
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)
    derive: DeriveOptions = field(default_factory=DeriveOptions)
    rules: bool = False
    profile: bool = False
    strict: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.reader not in READERS:
            raise UsageError(f"no reader {self.reader!r}", f"choose {', '.join(READERS)}")
        if self.workers is not None and not 0 <= self.workers <= MAX_THREADS:
            raise UsageError(f"--workers must be 0 to {MAX_THREADS}")
        if self.limit is not None and self.limit < 1:
            raise UsageError("--limit must be at least 1")
        for name in self.strict:
            if name not in RULE_NAMES:
                raise UsageError(f"--strict {name}: there is no such rule", "krr-export rules shows them")
        if self.strict and not self.rules:
            raise UsageError("--strict asks for rules, and --no-rules for none", "give one of them")
