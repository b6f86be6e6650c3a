"""Contact data: mobile numbers and e-mail addresses as the register itself accepts them, and their times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from krr_export.columns import INSTANT
from krr_export.rules.breaches import Breach, breach
from krr_export.rules.catalogue import EMAIL, MOBILE, TIMES, UPDATED, VERIFIED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from krr_export.rules.breaches import Columns

_USUAL_MOBILE = r"^(?:(?:\+|00)47)?[49][0-9]{7}$"
_MOBILE = r"^\+?[- _0-9]+$"
_WITH_COUNTRY = r"^(?:\+|00)47"
_NORWEGIAN = r"^(?:\+|00)47[- _]*[49]"
_NATIONAL_CHARACTERS = 8
_NATIONAL = r"^\+?[- _]*[49]"

# Apache Commons' EmailValidator and DomainValidator, without their list of top-level domains and their IP addresses.
_WORD = r"""(?:(?:\\.|[^\s\x00-\x1f\x7f()<>@,;:\\".\[\]])+|"(?:\\"|[^"])*")"""
_LABEL = r"[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?"
_EMAIL = rf"^{_WORD}(?:\.{_WORD})*@(?:{_LABEL}\.)+(?:[A-Za-z]{{2,63}}|[xX][nN]--[0-9A-Za-z-]{{1,58}}[0-9A-Za-z])$"
_ANY_LABEL = r"[\pL\pN](?:[\pL\pN-]*[\pL\pN])?"
_INTERNATIONAL_DOMAIN = r"@.*[^\x00-\x7f]"
_INTERNATIONAL_EMAIL = rf"^{_WORD}(?:\.{_WORD})*@(?:{_ANY_LABEL}\.)+\pL{{2,63}}$"

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
    if values is None:
        return
    usual = pc.match_substring_regex(values, _EMAIL)
    if usual.false_count:
        # Letters of all alphabets make a slow expression: only the few that are in doubt are asked.
        doubtful = pc.indices_nonzero(pc.invert(usual))
        texts = values.take(doubtful)
        right = (pc.match_substring_regex(texts, form) for form in (_INTERNATIONAL_DOMAIN, _INTERNATIONAL_EMAIL))
        rows = np.asarray(doubtful.filter(pc.invert(pc.and_(*right)))).astype(np.int64)
        if rows.size:
            yield Breach("email-syntax", EMAIL, rows)


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
    for channel in UPDATED:
        updated, verified = columns.instants(UPDATED[channel]), columns.instants(VERIFIED[channel])
        if updated is not None and verified is not None:
            yield from breach("verified-before-updated", VERIFIED[channel], pc.less(verified, updated))
