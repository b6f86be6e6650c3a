"""How persons can be reached: the numbers of a report that are followed from night to night."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.domain.vocabulary import EMAIL, MAILBOX, MOBILE, RESERVATION, RESERVED

if TYPE_CHECKING:
    from krr_export.profiling.summary import ProfileSummary
    from krr_export.reporting.report import Report


@dataclass(frozen=True)
class Reach:
    """Accepted records by how the person can be reached.

    A number is ``None`` if the report does not have it: the schema has no such column, the column is left out or
    pseudonymised, or the report is of a version that did not count it.

    Attributes:
        records: all of them.
        notifiable: persons who may be notified when the export was made.
        reserved: persons who have opted out of digital communication.
        mobile: with a mobile number.
        email: with an e-mail address.
        mailbox: with a digital mailbox.
        mobile_too_old: with a mobile number that may not be used: neither updated nor verified for 18 months.
        email_too_old: with such an e-mail address.
    """

    records: int
    notifiable: int | None
    reserved: int | None
    mobile: int | None
    email: int | None
    mailbox: int | None
    mobile_too_old: int | None
    email_too_old: int | None


def reach_of(report: Report) -> Reach | None:
    """Return the numbers of a report; ``None`` if it has no profile."""
    profile = report.profile
    if profile is None:
        return None
    columns, channels = {column.name for column in profile.columns}, profile.channels
    return Reach(
        records=profile.records,
        notifiable=profile.notifiable,
        reserved=profile.values.get(RESERVATION, {}).get(RESERVED),
        mobile=channels.mobile if MOBILE in columns else None,
        email=channels.email if EMAIL in columns else None,
        mailbox=channels.mailbox if MAILBOX in columns else None,
        mobile_too_old=_too_old(profile, MOBILE),
        email_too_old=_too_old(profile, EMAIL),
    )


def _too_old(profile: ProfileSummary, column: str) -> int | None:
    return next((age.older_than_18_months for age in profile.contact_age if age.column == column), None)
