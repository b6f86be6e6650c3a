"""The key figures at the top of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.reporting.page.chart_parts import NOTHING

if TYPE_CHECKING:
    from krr_export.reporting.history_line import HistoryLine
    from krr_export.reporting.page.languages.language import Language
    from krr_export.reporting.report import Report


@dataclass(frozen=True)
class KeyFigure:
    """A key figure at the top of the page.

    Attributes:
        label: what it counts.
        shown: the number, formatted.
        value: the number in report.json; ``None`` if it is not a single one of those.
        key: its path in report.json; empty if it has none.
        beside: a comment below the number.
        kind: ``plain``; or ``reject`` or ``warning`` if it counts those.
    """

    label: str
    shown: str
    value: int | None
    key: str
    beside: str
    kind: str = "plain"


def key_figures(words: Language, report: Report, tonight: HistoryLine) -> tuple[KeyFigure, ...]:
    """Return the numbers of records, who may be notified, and what changed since the night before."""
    seen, written, rejected = report.counts.seen, report.counts.written, report.counts.rejected
    shares = [words.say("of.all", share=words.share(count, seen)) for count in (written, rejected)]
    figures = [
        KeyFigure(words.say("figure.seen"), words.number(seen), seen, "counts.seen", words.say("figure.seen.beside")),
        KeyFigure(words.say("figure.written"), words.number(written), written, "counts.written", shares[0]),
        KeyFigure(
            words.say("figure.rejected"), words.number(rejected), rejected, "counts.rejected",
            shares[1], "reject" if rejected else "plain",
        ),
        _warning_figure(words, report),
        _notifiable_figure(words, report),
    ]  # fmt: skip
    if tonight.trend is not None:
        change = tonight.trend
        beside = words.percents(change.percent) if change.percent is not None else ""
        figures.append(KeyFigure(words.say("figure.change"), words.signed(change.records), None, "", beside))
    return tuple(figures)


def _notifiable_figure(words: Language, report: Report) -> KeyFigure:
    """Return the number of persons who may be notified; a dash, and why, if the report has none."""
    profile, label = report.profile, words.say("figure.notifiable")
    if profile is None:
        return KeyFigure(label, NOTHING, None, "", words.say("profile.uncounted"))
    if profile.notifiable is None:
        return KeyFigure(label, NOTHING, None, "", words.say("reach.unknown"))
    share = words.say("of.accepted", share=words.share(profile.notifiable, profile.records))
    return KeyFigure(label, words.number(profile.notifiable), profile.notifiable, "profile.notifiable", share)


def _warning_figure(words: Language, report: Report) -> KeyFigure:
    """Return the number of records with a warning.

    A report of the first versions counts by code: if it has several, their largest is a lower bound.
    """
    warned = [one.records for one in report.findings if one.severity == "warning"]
    beside = words.say("figure.warned.beside", n=len(warned)) if warned else ""
    label, kind = words.say("figure.warned"), "warning" if warned else "plain"
    if report.warned is not None:
        return KeyFigure(label, words.number(report.warned), report.warned, "warned", beside, kind)
    most = max(warned, default=0)
    shown = words.number(most) if len(warned) <= 1 else words.say("figure.least", n=most)
    return KeyFigure(label, shown, None, "", beside, kind)
