"""Record batches → part files: Parquet or CSV, rolled by rows, optionally one series of files for each partition."""

from krr_export.output.sinks.options import SinkOptions
from krr_export.output.sinks.table import TableSink
from krr_export.util.files import PartFile

__all__ = ["PartFile", "SinkOptions", "TableSink"]
