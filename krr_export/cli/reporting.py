"""``report``, and how commands write a report: in which format, language and file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.console import Console
from krr_export.cli.parameters import LocalName, LocalPath, Role, command
from krr_export.errors import UsageError
from krr_export.output.outputs import not_written, written_whole
from krr_export.reporting.formats import FORMATS, SUFFIXES, format_of, formatted
from krr_export.reporting.page.language import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from krr_export.reporting.history import HistoryLine
    from krr_export.reporting.page.language import Lang

HTML = ".html"

report_format_option = click.option(
    "--report-format",
    type=click.Choice(["html", *FORMATS]),
    help="The report's format. By default the file's name says it: .html, .json, .xml for JUnit, .sarif, .md.",
)
lang_option = click.option(
    "--lang", type=click.Choice(LANGUAGES), default="en", show_default=True,
    help="The language of the HTML page: English or Norwegian bokmål.",
)  # fmt: skip


@dataclass(frozen=True)
class Destination:
    """Where a report is to be written, and how.

    Attributes:
        to: a file, or ``-`` for standard output.
        form: the format.
        lang: of the page.
    """

    to: str
    form: str
    lang: Lang

    @classmethod
    def chosen(
        cls, to: str, form: str | None, lang: Lang, *, stdout: str = "json", option: str = "--report"
    ) -> Destination:
        """What the options ask for, checked before anything is read.

        Args:
            to: a file, or ``-``.
            form: the format; ``None`` where the file's name is to say it.
            lang: of the page.
            stdout: the format on standard output where none was asked for.
            option: that names the file.

        Raises:
            UsageError: The file's name does not say which format.
        """
        if form is None:
            form = stdout if to == "-" else "html" if to.lower().endswith(HTML) else format_of(to)
        if form is None:
            names = ", ".join((HTML, *SUFFIXES))
            raise UsageError(
                f"{option} {to}: the name does not say which format",
                f"give a name that ends in {names}, or --report-format",
            )
        return cls(to, form, lang)

    def write(self, console: Console, report: Mapping[str, Any], history: Sequence[HistoryLine] = ()) -> None:
        """Write the report.

        Args:
            console: for standard output.
            report: as report.json has it.
            history: the store's lines, for the page.

        Raises:
            OutputError: It cannot be written there.
        """
        if self.form == "html":
            from krr_export.reporting.page.rendering import render  # noqa: PLC0415 - help and other forms do without the page

            text = render(report, history, lang=self.lang)
        else:
            text = formatted(report, self.form)
        write_document(console, text, self.to, "report")


def write_document(console: Console, text: str, to: str, what: str) -> None:
    """Write a text to a file, whole or not at all, or to standard output.

    Args:
        console: for standard output.
        text: that ends in a line feed.
        to: a file, or ``-``.
        what: it is, for the error.

    Raises:
        OutputError: It cannot be written there.
        UsageError: It would lie in a snapshot.
    """
    if to == "-":
        console.give(text.rstrip("\n"))
        return
    path = Path(to)
    try:
        with written_whole(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise not_written(f"the {what} {to}", error) from None


@command("report", "krr-export report /data/krr/latest -o report.html --lang nb")
@click.argument("snapshot", type=LocalPath())
@click.option(
    "-o",
    "--output",
    type=LocalName(Role.OUTPUT),
    default="-",
    show_default=True,
    metavar="FILE|-",
    help="Where to; - is standard output.",
)
@report_format_option
@lang_option
def report_command(snapshot: Path, output: str, report_format: str | None, lang: Lang, **talk: bool) -> int:
    """Show a snapshot's report as a page, or for pipelines.

    SNAPSHOT is a directory eksport=…, the link latest, or what .failed or .partial keep. Its report.json is read, and
    checked against the manifest; the page also shows the older snapshots of the store. Exit code 0: written; 3: there
    is no snapshot, or its report is damaged.
    """
    from krr_export.reporting.page.snapshots import older_than, report_of_snapshot  # noqa: PLC0415 - the command's own room, once it is called

    console = Console(**talk)
    destination = Destination.chosen(output, report_format, lang, stdout="html", option="-o")
    report = report_of_snapshot(snapshot)
    destination.write(console, report, older_than(snapshot) if destination.form == "html" else ())
    where = "to standard output" if output == "-" else f"as {output}"
    return console.finish(f"wrote the report of {snapshot} {where}: {report['outcome']}", 0, {})
