"""Options of the part files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from krr_export.errors import UsageError

ROW_GROUP_ROWS = 122_880
"""Rows in a row group, for any batches: DuckDB's own number, so that its threads share a file evenly."""

ROW_GROUP_BYTES = 192 << 20
"""A row group is closed early at this much text and binary: rows may be a hundred times longer than ordinary ones, and
memory must stay bounded. Certificates on every row stay well below it."""

CSV_GROUP_ROWS = 8_192
"""Rows converted to CSV at a time: certificates are expanded there, which for a row group would take 90 MB."""

Format = Literal["parquet", "csv", "csv-excel"]
Compression = Literal["zstd", "snappy", "gzip", "none"]

_ALLOWED: dict[Format, tuple[Compression, ...]] = {
    "parquet": ("zstd", "snappy", "gzip", "none"),
    "csv": ("none", "gzip"),
    "csv-excel": ("none", "gzip"),
}


@dataclass(frozen=True)
class SinkOptions:
    """Options for writing a table to files.

    Raises:
        UsageError: there is no such format, the compression does not go with it, or ``rows_per_file`` is not
            positive.
    """

    format: Format = "parquet"
    compression: Compression | None = None
    """``None``: zstd for Parquet, none for either CSV, which takes only gzip or none."""
    rows_per_file: int = 10 * ROW_GROUP_ROWS
    partition_by: tuple[str, ...] = ()
    """Columns whose values partition the rows into files; the caller checks that they are allowed."""
    file_mode: int = 0o600
    """Permission bits of every file; those of directories follow from it."""
    group_bytes: int = ROW_GROUP_BYTES
    """The most bytes of text and binary buffered in memory: then they are written, however few rows they are."""

    def __post_init__(self) -> None:
        if self.format not in _ALLOWED:
            raise UsageError(f"no format {self.format!r}", f"choose {' or '.join(_ALLOWED)}")
        allowed = _ALLOWED[self.format]
        if self.effective_compression not in allowed:
            raise UsageError(
                f"{self.format} cannot be compressed with {self.compression}", f"choose {' or '.join(allowed)}"
            )
        if self.rows_per_file < 1:
            raise UsageError("--rows-per-file must be at least 1")

    @property
    def effective_compression(self) -> Compression:
        """The requested compression, or the format's default."""
        return self.compression or _ALLOWED[self.format][0]

    @property
    def group_rows(self) -> int:
        """Rows that are buffered in memory and written at a time."""
        return ROW_GROUP_ROWS if self.format == "parquet" else CSV_GROUP_ROWS

    @property
    def extension(self) -> str:
        """``parquet``, ``csv`` or ``csv.gz``."""
        if self.format == "parquet":
            return "parquet"
        return "csv.gz" if self.compression == "gzip" else "csv"
