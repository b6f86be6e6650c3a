"""The head of the page: the outcome of a run in one sentence, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from krr_export.input.delivery.provenance import is_unverified
from krr_export.reporting.guard import NO_GUARD, acceptance
from krr_export.reporting.page.content_limits import clean

if TYPE_CHECKING:
    from krr_export.reporting.guard import Difference
    from krr_export.reporting.page.content_limits import ContentLimits
    from krr_export.reporting.page.languages.language import Language
    from krr_export.reporting.report import Report, ReportedFinding

_GOOD = {"published", "valid"}
_SHARED_OUTCOMES = {"empty", "duplicates"}
"""Outcomes that `validate` and `convert` share."""

_MAX_ACTIONS, _MAX_REASONS = 5, 5
_MAX_OPTIONS_LENGTH = 200
"""In characters: three options with their limits are a third of it."""


@dataclass(frozen=True)
class Reason:
    """A finding that requires an action.

    Attributes:
        code: of the finding.
        records: the number of records with it, as text.
    """

    code: str
    records: str


@dataclass(frozen=True)
class Action:
    """An action for the user.

    Attributes:
        text: what to do.
        lang: the language of the text; empty if it is the page's.
        reasons: the findings that it would fix.
    """

    text: str
    lang: str = ""
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Headline:
    """The outcome of a run, as the page begins with it.

    Attributes:
        kind: ``good``, ``attention`` or ``bad``: the icon, and the colour.
        status: one to three words.
        sentence: the outcome.
        actions: what to do; empty if there is nothing.
        left: the number of codes left out of the actions.
        differences: those from the export before that exceed the limits.
    """

    kind: Literal["good", "attention", "bad"]
    status: str
    sentence: str
    actions: tuple[Action, ...]
    left: int
    differences: tuple[str, ...]


def headline(words: Language, report: Report, limits: ContentLimits) -> Headline:
    """Return the headline of a report."""
    outcome = report.outcome
    differences = tuple(_difference(words, one, limits) for one in report.differences[: limits.rows])
    finding_actions, left = _finding_actions(words, report, limits)
    actions = (*_outcome_actions(words, report), *finding_actions)
    if outcome not in _GOOD:
        status, sentence = words.texts[f"outcome.{outcome}"].split("¦")
        kind: Literal["attention", "bad"] = "attention" if outcome == "partial" else "bad"
        if outcome in _SHARED_OUTCOMES and report.guard is None:  # `validate` has no store, and so no guard
            status = words.say("status.invalid")
        return Headline(kind, status, _fill(words, sentence, report), actions, left, differences)
    state = _state(report)
    status, sentence = words.texts[f"outcome.{outcome}.{state}"].split("¦")
    is_clean = state in {"clean", "empty"} and not differences
    return Headline(
        "good" if is_clean else "attention", status, _fill(words, sentence, report), actions, left, differences
    )


def finding_text(words: Language, finding: ReportedFinding, limits: ContentLimits) -> tuple[str, str, str]:
    """Return the meaning of a code, what to do, and the language of both, empty if it is the page's."""
    if finding.code in words.findings:
        return (*words.findings[finding.code], "")
    lang = "" if words.code == "en" else "en"
    return clean(finding.text, limits.characters * 2), clean(finding.fix, limits.characters * 2), lang


def _state(report: Report) -> str:
    if not report.counts.seen:
        return "empty"
    if report.counts.rejected:
        return "rejects"
    return "warnings" if any(one.severity == "warning" for one in report.findings) else "clean"


def _fill(words: Language, sentence: str, report: Report) -> str:
    counts = report.counts
    return sentence.format(
        seen=words.number(counts.seen),
        written=words.number(counts.written),
        rejected=words.number(counts.rejected),
        share=words.share(counts.rejected, counts.seen),
        limit=words.limit(clean(report.limits.max_rejects, 20)),
    )


def _difference(words: Language, one: Difference, limits: ContentLimits) -> str:
    """Return a difference found by the guard, in the page's language."""
    shares = one.what in {"rejects", "value", "nulls"}
    before, now = (
        f"{words.fraction(float(value))}{words.percent}" if shares else words.number(round(value))
        for value in (one.before, one.now)
    )
    column, value, limit = (clean(text or "", limits.characters) for text in (one.column, one.value, one.limit))
    return words.say(f"guard.{one.what}", before=before, now=now, column=column, value=value, limit=limit)


def _outcome_actions(words: Language, report: Report) -> list[Action]:
    actions = []
    if text := words.lookup(f"action.{report.outcome}"):
        actions.append(Action(text.format(accept=_acceptance(report))))
    delivery = report.source.delivery
    if is_unverified(delivery):
        actions.append(Action(words.say("action.unverified")))
    passed_over = delivery.passed_over if delivery else ()
    incomplete = [one for one in passed_over if one.missing]
    ahead = [one for one in passed_over if not one.missing]
    for key, sets in (("action.passed-over", incomplete), ("action.ahead", ahead)):
        if sets:
            actions.append(Action(words.say(key, n=len(sets), newest=clean(sets[0].set, 40))))
    return actions


def _acceptance(report: Report) -> str:
    """Return the options that would accept all differences."""
    return clean(acceptance(one.accept for one in report.differences), _MAX_OPTIONS_LENGTH) or NO_GUARD


def _finding_actions(words: Language, report: Report, limits: ContentLimits) -> tuple[list[Action], int]:
    """Return the actions for the findings, and the number of codes that are not among their reasons."""
    concerning = [one for one in report.findings if one.severity != "info"]
    # Rejects before warnings; of each, the most frequent first.
    concerning.sort(key=lambda one: (one.severity != "reject", -one.records))
    reasons: dict[tuple[str, str], list[Reason]] = {}
    for finding in concerning:
        _, fix, lang = finding_text(words, finding, limits)
        reason = Reason(clean(finding.code, limits.characters), words.say("records.n", n=finding.records))
        reasons.setdefault((fix, lang), []).append(reason)
    actions = [
        Action(capitalise(fix), lang, tuple(action_reasons[:_MAX_REASONS]))
        for (fix, lang), action_reasons in [*reasons.items()][:_MAX_ACTIONS]
    ]
    return actions, len(concerning) - sum(len(action.reasons) for action in actions)


def capitalise(text: str) -> str:
    """Return a text with its first letter in upper case."""
    return text[:1].upper() + text[1:]
