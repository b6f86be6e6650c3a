"""Options of a conversion, checked before anything is read or written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from krr_export.errors import UsageError
from krr_export.input.delivery.opening import DeliveryOptions
from krr_export.input.freshness import MAX_AHEAD, AgeLimits
from krr_export.output.manifest import SnapshotOptions
from krr_export.output.sinks import SinkOptions
from krr_export.pipeline.read_options import ReadOptions
from krr_export.reporting.guard_limits import MAX_DROP, MAX_GROWTH, MAX_SHIFT, GuardLimits
from krr_export.reporting.page.language import LANGUAGES, Lang
from krr_export.transform.derivation import DeriveOptions
from krr_export.transform.privacy import PrivacyOptions, column_names
from krr_export.util.formatting import format_utc
from krr_export.util.thresholds import RejectLimit

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from krr_export.output.sinks.options import Compression, Format
    from krr_export.transform.privacy import Treatment


@dataclass(frozen=True)
class ConvertOptions:
    """Options of ``convert``; the command's help explains each.

    Raises:
        UsageError: the value of an option is invalid.
    """

    schema: str | Path = "14-05"
    format: Format = "parquet"
    compression: Compression | None = None
    partition_by: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    pseudonymise: tuple[str, ...] = ()
    pseudonym_key: Path | None = None
    derive: tuple[str, ...] = ()
    as_of: datetime | str | None = None
    rules: bool = True
    profile: bool = True
    strict: tuple[str, ...] = ()
    rows_per_file: int = SinkOptions.rows_per_file
    max_rejects: int | str = 0
    allow_empty: bool = False
    max_drop: int | str = MAX_DROP
    max_growth: int | str = MAX_GROWTH
    max_shift: int | str = MAX_SHIFT
    guard: bool = True
    max_age: timedelta | str | None = None
    max_ahead: timedelta | str = MAX_AHEAD
    allow_older: bool = True
    findings: bool = True
    changes: bool = False
    replace: bool = False
    mode: int = 0o600
    lang: Lang = "en"
    limit: int | None = None
    workers: int | None = None
    reader: str = "auto"
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)

    def __post_init__(self) -> None:
        # A list or a single name is accepted too.
        columns = (self.partition_by,) if isinstance(self.partition_by, str) else tuple(self.partition_by)
        object.__setattr__(self, "partition_by", columns)
        for option in ("columns", "drop", "pseudonymise", "derive", "strict"):
            object.__setattr__(self, option, column_names(f"--{option}", getattr(self, option)))
        if not isinstance(self.mode, int):  # of a caller who is not type-checked
            raise UsageError("mode is a number", "such as 0o640")
        if self.lang not in LANGUAGES:
            raise UsageError(f"--lang {self.lang}: no such language", f"choose from {', '.join(LANGUAGES)}")
        # Each property validates its options, before anything is read or written.
        _ = self.sink, self.read, self.reject_limit, self.guard_limits, self.age_limits, self.privacy

    @property
    def sink(self) -> SinkOptions:
        """The options of the sinks."""
        return SinkOptions(self.format, self.compression, self.rows_per_file, self.partition_by, self.mode)

    @property
    def read(self) -> ReadOptions:
        """The options of reading."""
        derive = DeriveOptions(self.derive, self.as_of)
        delivery = replace(self.delivery, max_ahead=self.max_ahead)
        return ReadOptions(
            self.workers, self.reader, self.limit, delivery, derive, self.rules, self.profile, self.strict
        )

    @property
    def reject_limit(self) -> RejectLimit:
        """The limit of rejects."""
        return RejectLimit.from_option(self.max_rejects)

    @property
    def guard_limits(self) -> GuardLimits:
        """The limits of differences from the export before."""
        return GuardLimits.from_options(self.max_drop, self.max_growth, self.max_shift)

    @property
    def age_limits(self) -> AgeLimits:
        """The limits of the export's age."""
        return AgeLimits.from_options(self.max_age, self.max_ahead)

    @property
    def privacy(self) -> PrivacyOptions:
        """The columns that are left out or replaced."""
        key = None if self.pseudonym_key is None else Path(self.pseudonym_key)  # a string is accepted too
        return PrivacyOptions(self.columns, self.drop, self.pseudonymise, key)

    def for_manifest(self, treatment: Treatment) -> SnapshotOptions:
        """Return the options for the manifest.

        Args:
            treatment: the options of `privacy` as applied to the export; the key is represented by its fingerprint.
        """
        derive = self.read.derive
        return SnapshotOptions(
            columns=None if treatment.is_whole else tuple(treatment.schema.names),
            pseudonymised=treatment.pseudonymised,
            pseudonym_key_fingerprint=treatment.key.fingerprint if treatment.key else None,
            derive=derive.selected,
            as_of=format_utc(derive.moment, "microseconds") if derive.moment else None,
            strict=tuple(sorted(self.strict)),
            format=self.format,
            compression=self.sink.effective_compression,
            partition_by=self.partition_by,
            rows_per_file=self.rows_per_file,
            max_rejects=str(self.reject_limit),
            allow_empty=self.allow_empty,
            limit=self.limit,
            findings=self.findings,
            rules=self.rules,
        )
