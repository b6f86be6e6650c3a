"""The badge and the first sentences of the history page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from krr_export.input.freshness import split_duration
from krr_export.reporting.page.content_limits import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from krr_export.reporting.history_line import HistoryLine
    from krr_export.reporting.page.languages.language import Language


@dataclass(frozen=True)
class HistoryStatus:
    """What the history page says first.

    Attributes:
        kind: ``bad`` where a snapshot is damaged or the newest export was refused, ``attention`` where it is too old,
            ``good`` otherwise.
        status: the same in a word or two.
        sentence: what is so, in a sentence.
        when: when the newest published export was made, and how old it is.
    """

    kind: Literal["good", "attention", "bad"]
    status: str
    sentence: str
    when: str


def history_status(
    words: Language, lines: Sequence[HistoryLine], *, now: datetime, max_age: timedelta | None
) -> HistoryStatus:
    """Return what the page says first.

    Args:
        words: the language of the page.
        lines: the history, oldest first; not empty.
        now: the time at which the page is made.
        max_age: how old the newest published export may be; ``None`` for any age.
    """
    published = [line for line in lines if line.refused is None]
    newest = published[-1] if published else None
    age = None if newest is None or newest.exported_at is None else now - datetime.fromisoformat(newest.exported_at)
    when = _when(words, newest, age)
    damaged = sum(line.damage is not None for line in lines)
    if damaged:
        sentence = words.say("history.damaged", n=damaged, all=len(published))
        return HistoryStatus("bad", words.say("history.status.damaged"), sentence, when)
    if (last := lines[-1]).refused is not None:
        day = words.day(last.exported_at) if last.exported_at else clean(last.time, 60)
        sentence = words.say("history.refused", day=day, reason=why_refused(words, last))
        return HistoryStatus("bad", words.say("history.status.refused"), sentence, when)
    records, rejects = (words.number(value or 0) for value in (last.records, last.rejects))
    sentence = words.say("history.good", n=len(published), records=records, rejects=rejects)
    if age is not None and max_age is not None and age > max_age:
        return HistoryStatus("attention", words.say("history.status.old"), sentence, when)
    return HistoryStatus("good", words.say("history.status.good"), sentence, when)


def why_refused(words: Language, line: HistoryLine) -> str:
    """Return why an export was refused, in a few words of the page's language."""
    return words.say(f"refused.{'unreadable' if line.outcome is None else line.outcome}")


def _when(words: Language, newest: HistoryLine | None, age: timedelta | None) -> str:
    if newest is None or newest.exported_at is None or age is None:
        return ""
    moment = words.moment(newest.exported_at)
    if age < timedelta(0):
        return words.say("history.newest.future", moment=moment)
    count, unit = split_duration(age)
    old = words.say(f"history.age.{unit}s", n=count)
    return words.say("history.newest", moment=moment, age=old)
