"""Charts of a report's profile: the content of the export."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from krr_export.domain.vocabulary import EXPIRES_SOON_DAYS
from krr_export.reporting.page.ages import AgeChart, age_chart
from krr_export.reporting.page.chart_parts import (
    NOTHING,
    BarItem,
    Bars,
    Cell,
    Table,
    describe_greatest,
    make_marks,
    number_cell,
    shares_table,
)
from krr_export.reporting.page.content_limits import clean

if TYPE_CHECKING:
    from krr_export.profiling.summary import LengthRange, Pooled, ProfileSummary
    from krr_export.reporting.page.content_limits import ContentLimits
    from krr_export.reporting.page.languages.language import Language
    from krr_export.reporting.report import Report

_MAX_BARS = 10
_SOON = timedelta(days=EXPIRES_SOON_DAYS)
_KINDS = "kind."


@dataclass(frozen=True)
class ProfileCharts:
    """The charts of a profile.

    Attributes:
        records: the number of records profiled.
        ages: the age of each kind of contact data.
        reached: the channels by which persons can be reached, and digital mailboxes.
        shares: the values of enumerated columns, and the kinds of identity numbers.
        others: mailbox providers and e-mail domains.
        certificates: the distinct ones, as a table; ``None`` if there are none.
        expiring: the number of them that expire soon or have expired, as a sentence.
        complete: the share of records with a value, by column.
        left_out: the number of charts left out for lack of room, as a sentence.
    """

    records: int
    ages: tuple[AgeChart, ...]
    reached: tuple[Bars, ...]
    shares: tuple[Bars, ...]
    others: tuple[Bars, ...]
    certificates: Table | None
    expiring: str
    complete: Bars
    left_out: str


def profile_charts(words: Language, report: Report, limits: ContentLimits) -> ProfileCharts | None:
    """Return the charts of a report's profile; ``None`` if it has none (``--no-profile``)."""
    profile = report.profile
    if profile is None:
        return None
    enumerated = [*profile.values]
    nulls = {column.name: column.nulls for column in profile.columns}
    certificates, expiring = _certificates_table(words, profile, report.header.eksport_tidspunkt_utc, limits)
    left_out = max(len(enumerated) - limits.groups // 5, 0) + max(len(profile.contact_age) - limits.charts, 0)
    return ProfileCharts(
        records=profile.records,
        ages=tuple(age_chart(words, at, age, limits) for at, age in enumerate(profile.contact_age[: limits.charts])),
        reached=_channel_charts(words, profile),
        shares=(
            *(
                _value_chart(words, profile, name, nulls.get(name, 0), limits)
                for name in enumerated[: limits.groups // 5]
            ),
            _identifier_chart(words, profile),
        ),
        others=(_provider_chart(words, profile, limits), _domain_chart(words, profile, limits)),
        certificates=certificates,
        expiring=expiring,
        complete=_completeness_chart(words, profile, limits),
        left_out=words.say("rows.left", n=left_out) if left_out else "",
    )


def _bar_chart(  # noqa: PLR0913 - the parts of a chart
    words: Language, name: str, of: str, items: list[BarItem], whole: int, *, title: str, head: str, note: str = ""
) -> Bars:
    """Return a bar chart of shares: those with records as bars, all of them in the table."""
    marks = make_marks(words, [one for one in items if one.value], whole)
    table = shares_table(words, title, head, items, whole)
    return Bars(
        name, title, words.say("bars.description", most=describe_greatest(words, marks)), marks, table, of, note
    )


def _channel_charts(words: Language, profile: ProfileSummary) -> tuple[Bars, ...]:
    reached, records = profile.channels, profile.records
    items = [
        BarItem("both", words.say("channel.both"), reached.both),
        BarItem("mobile", words.say("channel.mobile"), reached.mobile - reached.both),
        BarItem("email", words.say("channel.email"), reached.email - reached.both),
        BarItem("neither", words.say("channel.neither"), reached.neither, "pooled"),
    ]
    other = [
        BarItem("mailbox", words.say("channel.mailbox"), reached.mailbox),
        BarItem("certificate", words.say("channel.certificate"), reached.certificate),
    ]
    head = words.say("channel.head")
    return (
        _bar_chart(words, "channels", "channels", items, records, title=words.say("channel.title"), head=head),
        _bar_chart(words, "mailboxes", "channels", other, records, title=words.say("channel.others"), head=head),
    )


def _value_chart(words: Language, profile: ProfileSummary, column: str, nulls: int, limits: ContentLimits) -> Bars:
    items = [
        BarItem(clean(value, limits.characters), _with_gloss(words, value, limits), count)
        for value, count in profile.values[column].items()
    ]
    left_out = items[limits.rows :]
    items = items[: limits.rows]
    if left_out:
        pooled = sum(one.value for one in left_out)
        items.append(BarItem("", words.say("values.left", n=len(left_out)), pooled, "pooled"))
    items.append(BarItem("null", words.say("values.none"), nulls, "pooled"))
    name = clean(column, limits.characters)
    title = words.lookup(f"column.{column}") or name
    at = [*profile.values].index(column)
    whole = profile.records
    return _bar_chart(words, f"values-{at}", f"values/{name}", items, whole, title=title, head=words.say("value"))


def _with_gloss(words: Language, value: str, limits: ContentLimits) -> str:
    shown = clean(value, limits.characters)
    gloss = words.lookup(f"value.{value}")
    return f"{shown} ({gloss})" if gloss else shown


def _identifier_chart(words: Language, profile: ProfileSummary) -> Bars:
    items = [
        BarItem(clean(kind, 40), words.lookup(f"{_KINDS}{kind}") or clean(kind, 40), count)
        for kind, count in profile.identifier_kinds.items()
    ]
    return _bar_chart(
        words, "kinds", "identifier_kinds", items, profile.records,
        title=words.say("kinds.title"), head=words.say("kinds.head"),
    )  # fmt: skip


def _provider_chart(words: Language, profile: ProfileSummary, limits: ContentLimits) -> Bars:
    items = []
    for one in profile.providers:
        number = one.organisation_number
        name = f"{clean(one.name, limits.characters)}, {number}" if one.name else number
        items.append(BarItem(number, name, one.records))
    rest = _Rest("providers", profile.providers_pooled, profile.channels.mailbox)
    return _top_chart(words, "providers", items, rest, limits)


def _domain_chart(words: Language, profile: ProfileSummary, limits: ContentLimits) -> Bars:
    items = [
        BarItem(clean(one.domain, limits.characters), clean(one.domain, limits.characters), one.records)
        for one in profile.email_domains
    ]
    rest = _Rest("email_domains", profile.email_domains_pooled, profile.channels.email)
    return _top_chart(words, "domains", items, rest, limits)


class _Rest(NamedTuple):
    """What a chart of the most frequent values leaves out.

    Attributes:
        of: the path of the values in the profile.
        pooled: the other values.
        whole: the number of records of which shares are shown.
    """

    of: str
    pooled: Pooled
    whole: int


def _top_chart(words: Language, name: str, items: list[BarItem], rest: _Rest, limits: ContentLimits) -> Bars:
    """Return a bar chart of the most frequent, with the rest as one bar."""
    pooled = BarItem("pooled", _pooled_label(words, rest.pooled), rest.pooled.records, "pooled")
    listed = [*items[: limits.rows], pooled]
    title, head = words.say(f"{name}.title"), words.say(f"{name}.head")
    marks = make_marks(
        words, [one for one in [*listed[: min(_MAX_BARS, len(listed) - 1)], listed[-1]] if one.value], rest.whole
    )
    table = shares_table(words, title, head, listed, rest.whole)
    left_out = len(items) + 1 - len(listed)
    if left_out:
        table = Table(table.caption, table.heads, table.rows, words.say("rows.left", n=left_out))
    description = words.say("bars.description", most=describe_greatest(words, marks))
    note = words.say("bars.first", n=_MAX_BARS) if len(items) > _MAX_BARS else ""
    return Bars(name, title, description, marks, table, rest.of, note)


def _pooled_label(words: Language, pooled: Pooled) -> str:
    """Return the label of the bar or row for the rest."""
    if pooled.distinct is None:  # the column was left out, or pseudonymised
        return words.say("pooled.hidden")
    return words.say("pooled" if pooled.exact else "pooled.many", n=pooled.distinct)


def _certificates_table(
    words: Language, profile: ProfileSummary, exported: str, limits: ContentLimits
) -> tuple[Table | None, str]:
    """Return the table of certificates, and a sentence about those that expire soon."""
    listed, pooled = profile.certificates, profile.certificates_pooled
    if not listed and not pooled.records:
        return None, ""
    start = datetime.fromisoformat(exported)
    soon = sum(1 for one in listed if datetime.fromisoformat(one.expires) - start <= _SOON)
    rows = [
        (
            Cell(clean(one.subject, limits.characters)),
            Cell(one.organisation_number or NOTHING, align="code"),
            Cell(words.day(one.expires), align="date"),
            number_cell(words, one.records),
            Cell(one.sha256[:12], align="code"),
        )
        for one in listed[: limits.rows // 2]
    ]
    if pooled.records:
        rows.append(
            (Cell(_pooled_label(words, pooled)), Cell(""), Cell(""), number_cell(words, pooled.records), Cell(""))
        )
    keys = ("subject", "organisation", "expires", "records", "sha256")
    heads = tuple(
        Cell(words.say(f"certificates.{key}"), align="number" if key == "records" else "text") for key in keys
    )
    left_out = len(listed) - limits.rows // 2
    note = words.say("rows.left", n=left_out) if left_out > 0 else ""
    sentence = words.say("certificates.soon", n=soon) if soon else words.say("certificates.fine")
    return Table(words.say("certificates.title"), heads, tuple(rows), note), sentence if listed else ""


def _completeness_chart(words: Language, profile: ProfileSummary, limits: ContentLimits) -> Bars:
    """Return the chart of records with a value, by column; its table also has the lengths of values."""
    records = profile.records
    columns = profile.columns[: limits.rows]
    items = [
        BarItem(clean(one.name, limits.characters), clean(one.name, limits.characters), records - one.nulls)
        for one in columns
    ]
    rows = tuple(
        (
            Cell(mark.label, align="code"),
            number_cell(words, one.nulls),
            number_cell(words, one.empty),
            *_length_cells(words, one.length),
        )
        for mark, one in zip(items, columns, strict=True)
    )
    keys = ("column", "nulls", "empty", "shortest", "mean", "longest")
    heads = tuple(Cell(words.say(f"complete.{key}"), align="text" if key == "column" else "number") for key in keys)
    left_out = len(profile.columns) - len(columns)
    note = words.say("rows.left", n=left_out) if left_out > 0 else ""
    title = words.say("complete.title")
    table = Table(words.say("complete.table"), heads, rows, note)
    return Bars(
        "complete", title, words.say("complete.description"), make_marks(words, items, records), table, "columns"
    )


def _length_cells(words: Language, length: LengthRange | None) -> tuple[Cell, ...]:
    if length is None:
        return (Cell(NOTHING, align="number"),) * 3
    mean = Cell(words.fraction(length.mean), length.mean, "number")
    return number_cell(words, length.min), mean, number_cell(words, length.max)
