"""Rules of contact data: mobile numbers and e-mail addresses as the register accepts them, and their times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from krr_export.domain.times import EPOCH, MICROSECOND
from krr_export.domain.vocabulary import CHANNELS, EMAIL, MOBILE, UPDATED, VERIFIED
from krr_export.parsing.batch_view import NEVER
from krr_export.rules.catalogue import TIMES
from krr_export.rules.prefilter import EMAIL_PATTERN, MOBILE_PATTERN, unmatched_rows
from krr_export.rules.violations import violations, violations_among

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from krr_export.parsing.batch_view import BatchView
    from krr_export.rules.violations import Violation

MOBILE_RULE = r"^\+?[- _0-9]+$"
_WITH_COUNTRY = r"^(?:\+|00)47"
_NORWEGIAN_MOBILE = r"^(?:\+|00)47[- _]*[49]"
_NATIONAL_CHARACTERS = 8
_NATIONAL_MOBILE = r"^\+?[- _]*[49]"

# Apache Commons' EmailValidator and DomainValidator, without their list of top-level domains, their IP addresses and
# their limits of length. Any character beyond ASCII counts as a letter: with Unicode's classes, each block would need
# milliseconds to compile the expression.
_WORD = r"""(?:(?:\\.|[^\s\x00-\x1f\x7f()<>@,;:\\".\[\]])+|"(?:\\"|[^"])*")"""
_LETTER, _SIGN = r"[A-Za-z]|[^\x00-\x7f]", r"[0-9A-Za-z]|[^\x00-\x7f]"
_LABEL = rf"(?:{_SIGN})(?:(?:-|{_SIGN})*(?:{_SIGN}))?"
_TOP = rf"(?:(?:{_LETTER}){{2,}}|[xX][nN]--[0-9A-Za-z-]*[0-9A-Za-z])"
EMAIL_RULE = rf"^{_WORD}(?:\.{_WORD})*@(?:{_LABEL}\.)+{_TOP}$"

_YEAR_2000 = 946_684_800_000_000
"""In microseconds since 1970."""


def judge_mobiles(view: BatchView) -> Iterator[Violation]:
    """Yield the violations of the rules of mobile numbers."""
    values = view.texts(MOBILE)
    if values is None:
        return
    rows = unmatched_rows(values, view.present(MOBILE), MOBILE_PATTERN)
    if not rows.size:
        return
    values = values.take(pa.array(rows))
    matches_pattern = pc.match_substring_regex(values, MOBILE_RULE)
    with_country = pc.match_substring_regex(values, _WITH_COUNTRY)
    national = pc.and_not(pc.equal(pc.utf8_length(values), _NATIONAL_CHARACTERS), with_country)
    wrong_first_digit = pc.or_(
        pc.and_not(with_country, pc.match_substring_regex(values, _NORWEGIAN_MOBILE)),
        pc.and_not(national, pc.match_substring_regex(values, _NATIONAL_MOBILE)),
    )
    yield from violations_among(rows, "mobile-pattern", MOBILE, pc.invert(matches_pattern))
    yield from violations_among(rows, "mobile-first-digit", MOBILE, pc.and_(matches_pattern, wrong_first_digit))


def judge_emails(view: BatchView) -> Iterator[Violation]:
    """Yield the violations of the rule of e-mail addresses."""
    values = view.texts(EMAIL)
    if values is None:
        return
    rows = unmatched_rows(values, view.present(EMAIL), EMAIL_PATTERN)
    if rows.size:
        is_valid = pc.match_substring_regex(values.take(pa.array(rows)), EMAIL_RULE)
        yield from violations_among(rows, "email-syntax", EMAIL, pc.invert(is_valid))


def judge_times(view: BatchView, exported_at: datetime) -> Iterator[Violation]:
    """Yield the violations of the rules of the times of contact data.

    Args:
        view: the batch's rows.
        exported_at: when the export was made.
    """
    exported = (exported_at - EPOCH) // MICROSECOND
    for name in TIMES:
        if (times := view.micros(name)) is not None:
            yield from violations("time-after-export", name, times > exported)
            yield from violations("time-before-2000", name, (times < _YEAR_2000) & (times != NEVER))
    for channel in CHANNELS:
        updated, verified = view.micros(UPDATED[channel]), view.micros(VERIFIED[channel])
        if updated is not None and verified is not None:
            yield from violations(
                "verified-before-updated", VERIFIED[channel], (verified < updated) & (verified != NEVER)
            )
