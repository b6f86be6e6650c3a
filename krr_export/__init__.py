"""Norway's contact and reservation register export, streamed into validated Parquet or CSV.

>>> import krr_export
>>> with krr_export.open_export("samples/valid.xml") as export:
...     frame = export.to_pandas()
>>> result = krr_export.convert("samples/valid.xml", "store")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from krr_export.version import __version__

if TYPE_CHECKING:
    from krr_export.errors import GuardError, InputError, KrrExportError, OutputError, UsageError
    from krr_export.input.delivery.opening import DeliveryOptions
    from krr_export.jobs.check import CheckResult, check
    from krr_export.jobs.convert import convert, validate
    from krr_export.jobs.diff import DiffResult, diff
    from krr_export.jobs.loading import ConvertResult
    from krr_export.jobs.options import ConvertOptions
    from krr_export.output.verification import Verification, verify
    from krr_export.pipeline.export import Export, open_export
    from krr_export.pipeline.progress import Progress
    from krr_export.reporting.history import HistoryLine, history
    from krr_export.reporting.report import Report
    from krr_export.schema.registry import load_schema

__all__ = [
    "CheckResult",
    "ConvertOptions",
    "ConvertResult",
    "DeliveryOptions",
    "DiffResult",
    "Export",
    "GuardError",
    "HistoryLine",
    "InputError",
    "KrrExportError",
    "OutputError",
    "Progress",
    "Report",
    "UsageError",
    "Verification",
    "__version__",
    "check",
    "convert",
    "diff",
    "history",
    "load_schema",
    "open_export",
    "validate",
    "verify",
]

_HOME = {
    "reporting.history": ("HistoryLine", "history"),
    "input.delivery.opening": ("DeliveryOptions",),
    "jobs.check": ("CheckResult", "check"),
    "jobs.convert": ("convert", "validate"),
    "jobs.loading": ("ConvertResult",),
    "jobs.diff": ("DiffResult", "diff"),
    "errors": ("GuardError", "InputError", "KrrExportError", "OutputError", "UsageError"),
    "pipeline.export": ("Export", "open_export"),
    "jobs.options": ("ConvertOptions",),
    "pipeline.progress": ("Progress",),
    "reporting.report": ("Report",),
    "schema.registry": ("load_schema",),
    "output.verification": ("Verification", "verify"),
}


def __getattr__(name: str) -> object:
    # Loaded when first used: `krr-export --version` and each worker's start need none of Arrow, lxml and xmlschema.
    for module, names in _HOME.items():
        if name in names:
            value = getattr(import_module(f"krr_export.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
