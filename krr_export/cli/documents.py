"""Writing of a report or a page to a file or to standard output, in the chosen format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from krr_export.errors import UsageError
from krr_export.output.outputs import atomic_write, write_error
from krr_export.reporting.formats import SUFFIXES, format_for, render_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from krr_export.cli.console import Console
    from krr_export.reporting.history_line import HistoryLine
    from krr_export.reporting.page.languages.language import Lang
    from krr_export.reporting.report import Report

HTML = ".html"


@dataclass(frozen=True)
class Destination:
    """Path and format of a report.

    Attributes:
        to: a file, or ``-`` for standard output.
        form: the format.
        lang: of the page.
    """

    to: str
    form: str
    lang: Lang

    @classmethod
    def from_options(
        cls, to: str, form: str | None, lang: Lang, *, stdout: str = "json", option: str = "--report"
    ) -> Destination:
        """Build the destination from the options, checked before anything is read.

        Args:
            to: a file, or ``-``.
            form: the format; ``None``: by the file's name.
            lang: of the page.
            stdout: the default format on standard output.
            option: the option that names the file.

        Raises:
            UsageError: the file's name has no known ending.
        """
        if form is None:
            form = stdout if to == "-" else "html" if to.lower().endswith(HTML) else format_for(to)
        if form is None:
            names = ", ".join((HTML, *SUFFIXES))
            raise UsageError(
                f"{option} {to}: the name does not say which format",
                f"give a name that ends in {names}, or --report-format",
            )
        return cls(to, form, lang)

    def write(self, console: Console, report: Report, history: Sequence[HistoryLine] = ()) -> None:
        """Write the report.

        Args:
            console: for standard output.
            report: of a run.
            history: the store's lines, for the page.

        Raises:
            OutputError: it cannot be written there.
        """
        if self.form == "html":
            from krr_export.reporting.page.rendering import render  # noqa: PLC0415 - help and other formats do not need it

            text = render(report, history, lang=self.lang)
        else:
            text = render_report(report, self.form)
        write_document(console, text, self.to, "report")


def write_document(console: Console, text: str, to: str, what: str) -> None:
    """Write a text to a file, whole or not at all, or to standard output.

    Args:
        console: for standard output.
        text: the text; it ends in a line feed.
        to: a file, or ``-``.
        what: what the text is, for the error.

    Raises:
        OutputError: it cannot be written there.
        UsageError: the file would be in a snapshot.
    """
    if to == "-":
        console.write(text.rstrip("\n"))
        return
    path = Path(to)
    try:
        with atomic_write(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise write_error(f"the {what} {to}", error) from None
