"""The report as text, and in formats for CI pipelines: JSON, JUnit XML and Markdown; each from `report.json` alone.

They contain nothing that is not in the report, so no personal value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.errors import UsageError
from krr_export.util.formatting import printable

if TYPE_CHECKING:
    from krr_export.reporting.report import Report

FORMATS = ("text", "json", "junit", "markdown")
"""The names of the formats."""

SUFFIXES: dict[str, str] = {
    ".txt": "text",
    ".json": "json",
    ".xml": "junit",
    ".md": "markdown",
}
"""The format by a file name's suffix."""


def format_for(name: str) -> str | None:
    """Return the format for a file name; ``None`` if its suffix is not known."""
    return next((form for suffix, form in SUFFIXES.items() if name.lower().endswith(suffix)), None)


def render_report(report: Report, name: str) -> str:
    """Return the report in a format, as text that ends in a line feed.

    Args:
        report: of a run.
        name: of the format, one of `FORMATS`.

    Raises:
        UsageError: there is no such format.
    """
    # Each is loaded when it is needed: the command line's help needs the names only.
    match name:
        case "text":
            # A report may be forged: nothing in it may command a terminal.
            return "\n".join([*map(printable, report.summary()), ""])
        case "json":
            return report.to_json()
        case "junit":
            from krr_export.reporting.formats.junit import junit  # noqa: PLC0415 - only who asks for JUnit pays for it

            return junit(report)
        case "markdown":
            from krr_export.reporting.formats.markdown import markdown  # noqa: PLC0415 - only who asks for Markdown pays for it

            return markdown(report)
    raise UsageError(f"there is no report format {name}", f"choose from {', '.join(FORMATS)}")
