"""Rules of consistency: what a person with this status, or with a mailbox, should have or lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krr_export.domain.vocabulary import ACTIVE, CERTIFICATE, EMAIL, INACTIVE, MAILBOX, MOBILE, STATUS
from krr_export.rules.violations import violations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.parsing.batch_view import BatchView
    from krr_export.rules.violations import Violation

_NOT_FOR_INACTIVE = {
    MOBILE: "inactive-with-contact",
    EMAIL: "inactive-with-contact",
    MAILBOX: "inactive-with-mailbox",
    CERTIFICATE: "inactive-with-certificate",
}


def judge_consistency(view: BatchView) -> Iterator[Violation]:
    """Yield the violations of the rules of status, mailbox and certificate together."""
    inactive = view.among(STATUS, INACTIVE)
    if inactive is not None and inactive.any():
        for name, code in _NOT_FOR_INACTIVE.items():
            if view.has(name):
                yield from violations(code, name, inactive & view.present(name))
    if view.has(MAILBOX, CERTIFICATE):
        mailbox, certificate = view.present(MAILBOX), view.present(CERTIFICATE)
        yield from violations("mailbox-without-certificate", MAILBOX, mailbox & ~certificate)
        yield from violations("certificate-without-mailbox", CERTIFICATE, certificate & ~mailbox)
    active = view.among(STATUS, [ACTIVE])
    if active is not None and view.has(MOBILE, EMAIL):
        none = ~(view.present(MOBILE) | view.present(EMAIL))
        yield from violations("active-without-channel", STATUS, active & none)
