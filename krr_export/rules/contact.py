"""Contact data: mobile numbers and e-mail addresses as the register itself accepts them, and their times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from krr_export.domain.times import EPOCH, MICROSECOND
from krr_export.domain.vocabulary import CHANNELS, EMAIL, MOBILE, UPDATED, VERIFIED
from krr_export.parsing.batch_view import NEVER
from krr_export.rules.catalogue import TIMES
from krr_export.rules.forms import USUAL_EMAIL, USUAL_MOBILE, unusual_rows
from krr_export.rules.violations import violations, violations_among

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from krr_export.parsing.batch_view import BatchView
    from krr_export.rules.violations import Violation

MOBILE_RULE = r"^\+?[- _0-9]+$"
_WITH_COUNTRY = r"^(?:\+|00)47"
_NORWEGIAN = r"^(?:\+|00)47[- _]*[49]"
_NATIONAL_CHARACTERS = 8
_NATIONAL = r"^\+?[- _]*[49]"

# Apache Commons' EmailValidator and DomainValidator, without their list of top-level domains, their IP addresses and
# their limits of length. Letters of other alphabets are whatever is not ASCII: Unicode's classes make an expression
# that takes milliseconds to build, for each block.
_WORD = r"""(?:(?:\\.|[^\s\x00-\x1f\x7f()<>@,;:\\".\[\]])+|"(?:\\"|[^"])*")"""
_LETTER, _SIGN = r"[A-Za-z]|[^\x00-\x7f]", r"[0-9A-Za-z]|[^\x00-\x7f]"
_LABEL = rf"(?:{_SIGN})(?:(?:-|{_SIGN})*(?:{_SIGN}))?"
_TOP = rf"(?:(?:{_LETTER}){{2,}}|[xX][nN]--[0-9A-Za-z-]*[0-9A-Za-z])"
EMAIL_RULE = rf"^{_WORD}(?:\.{_WORD})*@(?:{_LABEL}\.)+{_TOP}$"

_YEAR_2000 = 946_684_800_000_000
"""In microseconds since 1970."""


def judge_mobiles(view: BatchView) -> Iterator[Violation]:
    """The rules of mobile numbers."""
    values = view.texts(MOBILE)
    if values is None:
        return
    rows = unusual_rows(values, view.present(MOBILE), USUAL_MOBILE)
    if not rows.size:
        return
    values = values.take(pa.array(rows))
    spelt = pc.match_substring_regex(values, MOBILE_RULE)
    with_country = pc.match_substring_regex(values, _WITH_COUNTRY)
    national = pc.and_not(pc.equal(pc.utf8_length(values), _NATIONAL_CHARACTERS), with_country)
    wrong = pc.or_(
        pc.and_not(with_country, pc.match_substring_regex(values, _NORWEGIAN)),
        pc.and_not(national, pc.match_substring_regex(values, _NATIONAL)),
    )
    yield from violations_among(rows, "mobile-pattern", MOBILE, pc.invert(spelt))
    yield from violations_among(rows, "mobile-first-digit", MOBILE, pc.and_(spelt, wrong))


def judge_emails(view: BatchView) -> Iterator[Violation]:
    """The rule of e-mail addresses."""
    values = view.texts(EMAIL)
    if values is None:
        return
    rows = unusual_rows(values, view.present(EMAIL), USUAL_EMAIL)
    if rows.size:
        right = pc.match_substring_regex(values.take(pa.array(rows)), EMAIL_RULE)
        yield from violations_among(rows, "email-syntax", EMAIL, pc.invert(right))


def judge_times(view: BatchView, exported_at: datetime) -> Iterator[Violation]:
    """The rules of the times of contact data.

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
