"""Norway's contact and reservation register export, streamed into validated Parquet or CSV.

>>> import krr_export
>>> with krr_export.open_export("samples/valid.xml") as export:
...     frame = export.to_pandas()
>>> result = krr_export.convert("samples/valid.xml", "store")

Every command that does work is a function with the same options under the same names; paths are text or `Path`.
Whatever is raised on purpose is a `KrrExportError` with the command's exit code.
docs/guides/python.md shows the whole of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from krr_export.version import __version__

if TYPE_CHECKING:
    from krr_export.errors import (
        DeliveryError,
        GuardError,
        InputError,
        KrrExportError,
        NetworkError,
        OutputError,
        UsageError,
    )
    from krr_export.input.delivery.opening import DeliveryOptions
    from krr_export.input.sftp import Fetched
    from krr_export.jobs.backfill.result import BackfilledExport, BackfillResult
    from krr_export.jobs.changes.diff import DiffResult, diff
    from krr_export.jobs.check import CheckResult, check
    from krr_export.jobs.convert import convert, validate
    from krr_export.jobs.convert_result import ConvertResult
    from krr_export.jobs.functions import apply, backfill, fetch, prune, run
    from krr_export.jobs.history import history
    from krr_export.jobs.inspect import Inspection, inspect
    from krr_export.jobs.nightly import NightResult
    from krr_export.jobs.options import ConvertOptions
    from krr_export.jobs.push import PushResult, push
    from krr_export.jobs.warehouse.load import load
    from krr_export.jobs.warehouse.load_result import LoadResult
    from krr_export.jobs.warehouse.load_script import ScriptResult, load_script
    from krr_export.jobs.warehouse.load_verification import LoadVerification
    from krr_export.jobs.warehouse.verify_load import verify_load
    from krr_export.jobs.warehouse.views import ViewsResult, views
    from krr_export.output.objects.verification import PushedVerification, verify_pushed
    from krr_export.output.verification import Verification, verify
    from krr_export.pipeline.export import Export, open_export
    from krr_export.pipeline.progress import Progress
    from krr_export.reporting.history_line import HistoryLine
    from krr_export.reporting.report import Report
    from krr_export.schema.registry import load_schema

__all__ = [
    "BackfillResult",
    "BackfilledExport",
    "CheckResult",
    "ConvertOptions",
    "ConvertResult",
    "DeliveryError",
    "DeliveryOptions",
    "DiffResult",
    "Export",
    "Fetched",
    "GuardError",
    "HistoryLine",
    "InputError",
    "Inspection",
    "KrrExportError",
    "LoadResult",
    "LoadVerification",
    "NetworkError",
    "NightResult",
    "OutputError",
    "Progress",
    "PushResult",
    "PushedVerification",
    "Report",
    "ScriptResult",
    "UsageError",
    "Verification",
    "ViewsResult",
    "__version__",
    "apply",
    "backfill",
    "check",
    "convert",
    "diff",
    "fetch",
    "history",
    "inspect",
    "load",
    "load_schema",
    "load_script",
    "open_export",
    "prune",
    "push",
    "run",
    "validate",
    "verify",
    "verify_load",
    "verify_pushed",
    "views",
]

_HOME = {
    "input.sftp": ("Fetched",),
    "jobs.backfill.result": ("BackfilledExport", "BackfillResult"),
    "jobs.functions": ("apply", "backfill", "fetch", "prune", "run"),
    "jobs.inspect": ("Inspection", "inspect"),
    "jobs.nightly": ("NightResult",),
    "jobs.push": ("PushResult", "push"),
    "jobs.warehouse.views": ("ViewsResult", "views"),
    "jobs.history": ("history",),
    "reporting.history_line": ("HistoryLine",),
    "input.delivery.opening": ("DeliveryOptions",),
    "jobs.check": ("CheckResult", "check"),
    "jobs.convert": ("convert", "validate"),
    "jobs.warehouse.load": ("load",),
    "jobs.warehouse.load_result": ("LoadResult",),
    "jobs.warehouse.load_script": ("ScriptResult", "load_script"),
    "jobs.warehouse.load_verification": ("LoadVerification",),
    "jobs.warehouse.verify_load": ("verify_load",),
    "jobs.convert_result": ("ConvertResult",),
    "jobs.changes.diff": ("DiffResult", "diff"),
    "errors": (
        "DeliveryError",
        "GuardError",
        "InputError",
        "KrrExportError",
        "NetworkError",
        "OutputError",
        "UsageError",
    ),
    "pipeline.export": ("Export", "open_export"),
    "jobs.options": ("ConvertOptions",),
    "pipeline.progress": ("Progress",),
    "reporting.report": ("Report",),
    "schema.registry": ("load_schema",),
    "output.objects.verification": ("PushedVerification", "verify_pushed"),
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


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})  # for help() and completion
