"""The report in the forms that pipelines read: JSON, JUnit XML and Markdown, each made from `report.json` alone.

Nothing is in any of them that is not in the report, so no personal value is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from krr_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMATS = ("json", "junit", "markdown")
"""The names of the formats."""

SUFFIXES: dict[str, str] = {
    ".json": "json",
    ".xml": "junit",
    ".md": "markdown",
}
"""Which format a file's name asks for by its end."""


def format_of(name: str) -> str | None:
    """The format that a file's name asks for; ``None`` where it asks for none."""
    fitting = (suffix for suffix in SUFFIXES if name.lower().endswith(suffix))
    longest = max(fitting, key=len, default=None)
    return None if longest is None else SUFFIXES[longest]


def formatted(report: Mapping[str, Any], name: str) -> str:
    """The report in a format, as text that ends in a line feed.

    Args:
        report: as ``report.json`` has it.
        name: of the format, one of `FORMATS`.

    Raises:
        UsageError: there is no such format.
    """
    # Each is loaded where it is asked for: the command line's help knows their names alone.
    match name:
        case "json":
            return json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        case "junit":
            from krr_export.reporting.formats.junit import junit  # noqa: PLC0415 - as above

            return junit(report)
        case "markdown":
            from krr_export.reporting.formats.markdown import markdown  # noqa: PLC0415 - as above

            return markdown(report)
    raise UsageError(f"there is no report format {name}", f"choose from {', '.join(FORMATS)}")
