"""Consistency: what a person of this status, or with this mailbox, should have or lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from krr_export.rules.breaches import breach
from krr_export.terms import ACTIVE, CERTIFICATE, EMAIL, INACTIVE, MAILBOX, MOBILE, STATUS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.rules.breaches import Breach, Columns

_NOT_FOR_INACTIVE = {
    MOBILE: "inactive-with-contact",
    EMAIL: "inactive-with-contact",
    MAILBOX: "inactive-with-mailbox",
    CERTIFICATE: "inactive-with-certificate",
}


def judge_consistency(columns: Columns) -> Iterator[Breach]:
    """The rules of status, mailbox and certificate together."""
    inactive = columns.among(STATUS, INACTIVE)
    if inactive is not None and inactive.true_count:
        for name, code in _NOT_FOR_INACTIVE.items():
            if columns.has(name):
                yield from breach(code, name, pc.and_(inactive, columns.any(name).is_valid()))
    if columns.has(MAILBOX, CERTIFICATE):
        mailbox, certificate = columns.any(MAILBOX).is_valid(), columns.any(CERTIFICATE).is_valid()
        yield from breach("mailbox-without-certificate", MAILBOX, pc.and_not(mailbox, certificate))
        yield from breach("certificate-without-mailbox", CERTIFICATE, pc.and_not(certificate, mailbox))
    active = columns.among(STATUS, [ACTIVE])
    if active is not None and columns.has(MOBILE, EMAIL):
        none = pc.and_(columns.any(MOBILE).is_null(), columns.any(EMAIL).is_null())
        yield from breach("active-without-channel", STATUS, pc.and_(active, none))
