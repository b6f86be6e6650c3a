"""Contact data: mobile numbers and e-mail addresses as the register itself accepts them, and their times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from krr_export.columns import INSTANT
from krr_export.rules.breaches import breach
from krr_export.rules.catalogue import TIMES
from krr_export.terms import CHANNELS, EMAIL, MOBILE, UPDATED, VERIFIED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from krr_export.rules.breaches import Breach, Columns

_USUAL_MOBILE = r"^(?:(?:\+|00)47)?[49][0-9]{7}$"
_MOBILE = r"^\+?[- _0-9]+$"
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
_EMAIL = rf"^{_WORD}(?:\.{_WORD})*@(?:{_LABEL}\.)+{_TOP}$"

_YEAR_2000 = pa.scalar(946_684_800_000_000, pa.int64()).cast(INSTANT)


def judge_mobiles(columns: Columns) -> Iterator[Breach]:
    """The rules of mobile numbers."""
    values = columns.texts(MOBILE)
    if values is None:
        return
    usual = pc.match_substring_regex(values, _USUAL_MOBILE)
    if usual.false_count == 0:
        return
    spelt = pc.match_substring_regex(values, _MOBILE)
    yield from breach("mobile-pattern", MOBILE, pc.invert(spelt))
    with_country = pc.match_substring_regex(values, _WITH_COUNTRY)
    national = pc.and_not(pc.equal(pc.utf8_length(values), _NATIONAL_CHARACTERS), with_country)
    wrong = pc.or_(
        pc.and_not(with_country, pc.match_substring_regex(values, _NORWEGIAN)),
        pc.and_not(national, pc.match_substring_regex(values, _NATIONAL)),
    )
    yield from breach("mobile-first-digit", MOBILE, pc.and_(spelt, wrong))


def judge_emails(columns: Columns) -> Iterator[Breach]:
    """The rule of e-mail addresses."""
    values = columns.texts(EMAIL)
    if values is not None:
        yield from breach("email-syntax", EMAIL, pc.invert(pc.match_substring_regex(values, _EMAIL)))


def judge_times(columns: Columns, exported_at: datetime) -> Iterator[Breach]:
    """The rules of the times of contact data.

    Args:
        columns: the batch's.
        exported_at: when the export was made.
    """
    exported = pa.scalar(exported_at, INSTANT)
    for name in TIMES:
        if (times := columns.instants(name)) is not None:
            yield from breach("time-after-export", name, pc.greater(times, exported))
            yield from breach("time-before-2000", name, pc.less(times, _YEAR_2000))
    for channel in CHANNELS:
        updated, verified = columns.instants(UPDATED[channel]), columns.instants(VERIFIED[channel])
        if updated is not None and verified is not None:
            yield from breach("verified-before-updated", VERIFIED[channel], pc.less(verified, updated))
