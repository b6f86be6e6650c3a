"""Rendering of the HTML pages of a report and of a history: the content is built here, the templates lay it out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from krr_export.reporting.history_line import line_of_report, with_trend
from krr_export.reporting.page.changes import changes_section
from krr_export.reporting.page.content_limits import CONTENT_LIMITS, ContentLimits, clean
from krr_export.reporting.page.facts import facts
from krr_export.reporting.page.finding_cards import finding_cards
from krr_export.reporting.page.findings_chart import findings_chart
from krr_export.reporting.page.headline import headline
from krr_export.reporting.page.history_chart import (
    history_chart,
    history_table,
    older_lines,
)
from krr_export.reporting.page.history_status import history_status
from krr_export.reporting.page.key_figures import key_figures
from krr_export.reporting.page.languages.by_code import language
from krr_export.reporting.page.profile_charts import profile_charts
from krr_export.reporting.page.reach_trends import reach_trends

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from krr_export.reporting.history_line import HistoryLine
    from krr_export.reporting.page.languages.language import Lang, Language
    from krr_export.reporting.report import Report

MAX_BYTES = 300_000
"""The largest size of a page, for any export."""

_Size = TypeVar("_Size")
_HISTORY_ROWS = (400, 100)


def render(report: Report, history: Sequence[HistoryLine] = (), *, lang: Lang = "en") -> str:
    """Render a report as one self-contained HTML file, without network access or scripts.

    The same report and history give the same bytes. If they do not fit into ``MAX_BYTES``, fewer examples and shorter
    tables are shown, and the page says so.

    Args:
        report: of a run.
        history: lines of the store; those of older exports are shown with this one.
        lang: the language of the page.

    Raises:
        UsageError: there is no such language.
    """
    words = language(lang)
    return _first_that_fits(lambda limits: _report_page(words, report, history, limits), CONTENT_LIMITS)


def render_history(
    history: Sequence[HistoryLine],
    *,
    name: str,
    lang: Lang = "en",
    links: Mapping[str, str] | None = None,
    max_age: timedelta | None = None,
) -> str:
    """Render the history of a store as one self-contained HTML file.

    Args:
        history: its lines, oldest first.
        name: of the store.
        lang: the language of the page.
        links: the URL of the page of a night, by the name of its snapshot.
        max_age: how old the newest export may be; ``None`` for any age.

    Raises:
        UsageError: there is no such language.
    """
    words = language(lang)
    status = history_status(words, history, now=datetime.now(UTC), max_age=max_age)
    return _first_that_fits(
        lambda rows: _fill_template(
            "history.html",
            words=words,
            say=words.say,
            title=words.say("title.history", name=clean(name, 120)),
            name=clean(name, 120),
            status=status,
            nights=history_chart(words, history),
            whole=history_table(words, history, rows, links or {}),
        ),
        _HISTORY_ROWS,
    )


def _first_that_fits(page: Callable[[_Size], str], sizes: Sequence[_Size]) -> str:
    """Return the page with the first of ``sizes`` that keeps it within `MAX_BYTES`; otherwise with the last."""
    html = ""
    for size in sizes:
        html = page(size)
        if len(html.encode()) <= MAX_BYTES:
            break
    return html


def _report_page(words: Language, report: Report, history: Sequence[HistoryLine], limits: ContentLimits) -> str:
    tonight = line_of_report(report)
    older = older_lines(history, tonight)
    tonight = with_trend(tonight, older[-1] if older else None)
    exported = report.header.eksport_tidspunkt_utc
    by_code = findings_chart(words, report, limits)
    return _fill_template(
        "report.html",
        words=words,
        say=words.say,
        title=words.say("title.report", day=words.day(exported)),
        exported=words.moment(exported),
        source=clean(report.source.name, limits.characters),
        headline=headline(words, report, limits),
        figures=key_figures(words, report, tonight),
        facts=facts(words, report, limits),
        nights=history_chart(words, (*older, tonight)),
        reach=reach_trends(words, (*older, tonight), limits),
        changes=changes_section(words, report, limits),
        cards=finding_cards(words, report, limits),
        left_out=max(len(report.findings) - limits.groups, 0),
        chart=by_code and by_code.bars,
        scale=by_code.scale if by_code else (),
        contents=profile_charts(words, report, limits),
        version=clean(report.tool.version, 40),
    )


def _fill_template(name: str, /, **values: object) -> str:
    """Render a template with these values."""
    from krr_export.reporting.page.templating import template  # noqa: PLC0415 - Jinja is loaded only to render a page

    return template(name).render(values)
