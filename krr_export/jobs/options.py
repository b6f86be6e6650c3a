"""Options of a conversion, checked before anything is read or written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING, get_type_hints

from krr_export.errors import UsageError
from krr_export.input.delivery.opening import DeliveryOptions
from krr_export.input.freshness import MAX_AHEAD, AgeLimits
from krr_export.jobs.keywords import OptionKeywords
from krr_export.output.manifest import SnapshotOptions
from krr_export.output.sinks import SinkOptions
from krr_export.pipeline.read_options import ReadOptions
from krr_export.reporting.guard_limits import MAX_DROP, MAX_GROWTH, MAX_SHIFT, GuardLimits
from krr_export.reporting.page.languages.language import LANGUAGES, Lang
from krr_export.transform.derivation import DeriveOptions
from krr_export.transform.privacy import PrivacyOptions, column_names
from krr_export.util.fields import Converted, Names, Options, StrPath, check_types, optional_path
from krr_export.util.formatting import format_utc
from krr_export.util.thresholds import RejectLimit

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    from krr_export.output.sinks.options import Compression, Format
    from krr_export.transform.privacy import Treatment


def _partition_columns(given: Names) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


@cache
def _types() -> dict[str, object]:
    return get_type_hints(OptionKeywords)


@dataclass(frozen=True, repr=False)
class ConvertOptions(Options):
    """Options of ``convert``; the command's help explains each.

    Raises:
        UsageError: the value of an option is invalid.
    """

    schema: str | Path = "14-05"
    format: Format = "parquet"
    compression: Compression | None = None
    partition_by: Converted[Names, tuple[str, ...]] = Converted(_partition_columns, ())
    columns: Converted[Names, tuple[str, ...]] = Converted(partial(column_names, "--columns"), ())
    drop: Converted[Names, tuple[str, ...]] = Converted(partial(column_names, "--drop"), ())
    pseudonymise: Converted[Names, tuple[str, ...]] = Converted(partial(column_names, "--pseudonymise"), ())
    pseudonym_key: Converted[StrPath | None, Path | None] = Converted(optional_path, None)
    derive: Converted[Names, tuple[str, ...]] = Converted(partial(column_names, "--derive"), ())
    as_of: datetime | str | None = None
    rules: bool = True
    profile: bool = True
    strict: Converted[Names, tuple[str, ...]] = Converted(partial(column_names, "--strict"), ())
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
        check_types(_types(), vars(self))  # of a caller who is not type-checked
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
        return PrivacyOptions(self.columns, self.drop, self.pseudonymise, self.pseudonym_key)

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


DEFAULTS = ConvertOptions()
"""The options that nobody has changed; made once, as each is checked when it is made."""
