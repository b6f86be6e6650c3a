"""Charts of a report's profile: the content of the export."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from krr_export.domain.vocabulary import EXPIRES_SOON_DAYS
from krr_export.reporting.page.ages import Ages, ages
from krr_export.reporting.page.key_figures import (
    NOTHING,
    Bars,
    Cell,
    Counted,
    Table,
    described,
    marks_of,
    number_cell,
    shares_table,
)
from krr_export.reporting.page.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from krr_export.reporting.page.language import Language
    from krr_export.reporting.page.text import Room

_MOST_BARS = 10
_SOON = timedelta(days=EXPIRES_SOON_DAYS)
_KINDS = "kind."
_POOLED = {"providers": ("providers", "mailbox"), "domains": ("email_domains", "email")}
"""The keys, in the profile, of a chart's numbers and of the channel whose records are the whole."""


@dataclass(frozen=True)
class Contents:
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
    ages: tuple[Ages, ...]
    reached: tuple[Bars, ...]
    shares: tuple[Bars, ...]
    others: tuple[Bars, ...]
    certificates: Table | None
    expiring: str
    complete: Bars
    left_out: str


def contents(words: Language, report: Mapping[str, Any], room: Room) -> Contents | None:
    """Return the charts of a report's profile; ``None`` if it has none (``--no-profile``)."""
    profile = report.get("profile")
    if profile is None:
        return None
    enumerated = [*profile["values"]]
    nulls = {column["name"]: column["nulls"] for column in profile["columns"]}
    certificates, expiring = _certificates(words, profile, report["header"]["eksport_tidspunkt_utc"], room)
    left_out = max(len(enumerated) - room.groups // 5, 0) + max(len(profile["contact_age"]) - room.charts, 0)
    return Contents(
        records=profile["records"],
        ages=tuple(ages(words, at, age, room) for at, age in enumerate(profile["contact_age"][: room.charts])),
        reached=_reached(words, profile),
        shares=(
            *(_values(words, profile, name, nulls.get(name, 0), room) for name in enumerated[: room.groups // 5]),
            _kinds(words, profile),
        ),
        others=(_providers(words, profile, room), _domains(words, profile, room)),
        certificates=certificates,
        expiring=expiring,
        complete=_complete(words, profile, room),
        left_out=words.say("rows.left", n=left_out) if left_out else "",
    )


def _figure(  # noqa: PLR0913 - the parts of a chart
    words: Language, name: str, of: str, counted: list[Counted], whole: int, *, title: str, head: str, note: str = ""
) -> Bars:
    """Return a bar chart of shares: those with records as bars, all of them in the table."""
    marks = marks_of(words, [one for one in counted if one.value], whole)
    table = shares_table(words, title, head, counted, whole)
    return Bars(name, title, words.say("bars.description", most=described(words, marks)), marks, table, of, note)


def _reached(words: Language, profile: Mapping[str, Any]) -> tuple[Bars, ...]:
    channels, records = profile["channels"], profile["records"]
    both = channels["both"]
    counted = [
        Counted("both", words.say("channel.both"), both),
        Counted("mobile", words.say("channel.mobile"), channels["mobile"] - both),
        Counted("email", words.say("channel.email"), channels["email"] - both),
        Counted("neither", words.say("channel.neither"), channels["neither"], "pooled"),
    ]
    other = [Counted(key, words.say(f"channel.{key}"), channels[key]) for key in ("mailbox", "certificate")]
    head = words.say("channel.head")
    return (
        _figure(words, "channels", "channels", counted, records, title=words.say("channel.title"), head=head),
        _figure(words, "mailboxes", "channels", other, records, title=words.say("channel.others"), head=head),
    )


def _values(words: Language, profile: Mapping[str, Any], column: str, nulls: int, room: Room) -> Bars:
    values: Mapping[str, int] = profile["values"][column]
    counted = [
        Counted(clean(value, room.characters), _glossed(words, value, room), count) for value, count in values.items()
    ]
    left_out = counted[room.rows :]
    counted = counted[: room.rows]
    if left_out:
        pooled = sum(one.value for one in left_out)
        counted.append(Counted("", words.say("values.left", n=len(left_out)), pooled, "pooled"))
    counted.append(Counted("null", words.say("values.none"), nulls, "pooled"))
    name = clean(column, room.characters)
    title = words.known(f"column.{column}") or name
    at = [*profile["values"]].index(column)
    whole = profile["records"]
    return _figure(words, f"values-{at}", f"values/{name}", counted, whole, title=title, head=words.say("value"))


def _glossed(words: Language, value: str, room: Room) -> str:
    shown = clean(value, room.characters)
    gloss = words.known(f"value.{value}")
    return f"{shown} ({gloss})" if gloss else shown


def _kinds(words: Language, profile: Mapping[str, Any]) -> Bars:
    counted = [
        Counted(clean(kind, 40), words.known(f"{_KINDS}{kind}") or clean(kind, 40), count)
        for kind, count in profile["identifier_kinds"].items()
    ]
    return _figure(
        words, "kinds", "identifier_kinds", counted, profile["records"],
        title=words.say("kinds.title"), head=words.say("kinds.head"),
    )  # fmt: skip


def _providers(words: Language, profile: Mapping[str, Any], room: Room) -> Bars:
    counted = []
    for one in profile["providers"]:
        number = clean(one["organisation_number"], 20)
        name = f"{clean(one['name'], room.characters)}, {number}" if one["name"] else number
        counted.append(Counted(number, name, one["records"]))
    return _pooled(words, "providers", counted, profile, room)


def _domains(words: Language, profile: Mapping[str, Any], room: Room) -> Bars:
    counted = [
        Counted(clean(one["domain"], room.characters), clean(one["domain"], room.characters), one["records"])
        for one in profile["email_domains"]
    ]
    return _pooled(words, "domains", counted, profile, room)


def _pooled(words: Language, name: str, counted: list[Counted], profile: Mapping[str, Any], room: Room) -> Bars:
    """Return a bar chart of the most frequent, with the rest as one bar."""
    of, channel = _POOLED[name]
    pooled, whole = profile[f"{of}_pooled"], profile["channels"][channel]
    rest = _rest(words, pooled)
    listed = [*counted[: room.rows], Counted("pooled", rest, pooled["records"], "pooled")]
    title, head = words.say(f"{name}.title"), words.say(f"{name}.head")
    marks = marks_of(
        words, [one for one in [*listed[: min(_MOST_BARS, len(listed) - 1)], listed[-1]] if one.value], whole
    )
    table = shares_table(words, title, head, listed, whole)
    left_out = len(counted) + 1 - len(listed)
    if left_out:
        table = Table(table.caption, table.heads, table.rows, words.say("rows.left", n=left_out))
    description = words.say("bars.description", most=described(words, marks))
    note = words.say("bars.first", n=_MOST_BARS) if len(counted) > _MOST_BARS else ""
    return Bars(name, title, description, marks, table, of, note)


def _rest(words: Language, pooled: Mapping[str, Any]) -> str:
    """Return the label of the bar or row for the rest."""
    if pooled["distinct"] is None:  # the column was left out, or pseudonymised
        return words.say("pooled.hidden")
    return words.say("pooled" if pooled["exact"] else "pooled.many", n=pooled["distinct"])


def _certificates(words: Language, profile: Mapping[str, Any], exported: str, room: Room) -> tuple[Table | None, str]:
    """Return the table of certificates, and a sentence about those that expire soon."""
    listed, pooled = profile["certificates"], profile["certificates_pooled"]
    if not listed and not pooled["records"]:
        return None, ""
    start = datetime.fromisoformat(exported)
    soon = sum(1 for one in listed if datetime.fromisoformat(one["expires"]) - start <= _SOON)
    rows = [
        (
            Cell(clean(one["subject"], room.characters)),
            Cell(clean(one["organisation_number"] or NOTHING, 20), align="code"),
            Cell(words.day(one["expires"]), align="date"),
            number_cell(words, one["records"]),
            Cell(clean(one["sha256"], 64)[:12], align="code"),
        )
        for one in listed[: room.rows // 2]
    ]
    if pooled["records"]:
        rows.append((Cell(_rest(words, pooled)), Cell(""), Cell(""), number_cell(words, pooled["records"]), Cell("")))
    keys = ("subject", "organisation", "expires", "records", "sha256")
    heads = tuple(
        Cell(words.say(f"certificates.{key}"), align="number" if key == "records" else "text") for key in keys
    )
    left_out = len(listed) - room.rows // 2
    note = words.say("rows.left", n=left_out) if left_out > 0 else ""
    said = words.say("certificates.soon", n=soon) if soon else words.say("certificates.fine")
    return Table(words.say("certificates.title"), heads, tuple(rows), note), said if listed else ""


def _complete(words: Language, profile: Mapping[str, Any], room: Room) -> Bars:
    """Return the chart of records with a value, by column; its table also has the lengths of values."""
    records = profile["records"]
    columns = profile["columns"][: room.rows]
    counted = [
        Counted(clean(one["name"], room.characters), clean(one["name"], room.characters), records - one["nulls"])
        for one in columns
    ]
    rows = tuple(
        (
            Cell(mark.label, align="code"),
            number_cell(words, one["nulls"]),
            number_cell(words, one["empty"]),
            *_lengths(words, one["length"]),
        )
        for mark, one in zip(counted, columns, strict=True)
    )
    keys = ("column", "nulls", "empty", "shortest", "mean", "longest")
    heads = tuple(Cell(words.say(f"complete.{key}"), align="text" if key == "column" else "number") for key in keys)
    left_out = len(profile["columns"]) - len(columns)
    note = words.say("rows.left", n=left_out) if left_out > 0 else ""
    title = words.say("complete.title")
    table = Table(words.say("complete.table"), heads, rows, note)
    return Bars(
        "complete", title, words.say("complete.description"), marks_of(words, counted, records), table, "columns"
    )


def _lengths(words: Language, length: Mapping[str, Any] | None) -> tuple[Cell, ...]:
    if length is None:
        return (Cell(NOTHING, align="number"),) * 3
    mean = Cell(words.fraction(length["mean"]), length["mean"], "number")
    return number_cell(words, length["min"]), mean, number_cell(words, length["max"])
