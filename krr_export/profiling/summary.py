"""The summary of a profile in the report: shares and counts of what many persons have in common."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeAlias

from msgspec import Meta

from krr_export.util.formatting import number
from krr_export.util.stored_json import Count, PositiveInt, Sha256, Stored, UtcTime

if TYPE_CHECKING:
    from collections.abc import Iterator

FEWEST_RECORDS = 20
"""A value in fewer records may identify persons: it is pooled."""

MOST_PROVIDERS, MOST_DOMAINS, MOST_CERTIFICATES = 50, 25, 50

Frequent: TypeAlias = Annotated[int, Meta(ge=FEWEST_RECORDS, le=2**63 - 1)]
"""Records with a value that is shown."""

OrganisationNumber: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9]{9}$(?!\n)")]

AgeGroup: TypeAlias = Annotated[str, Meta(pattern=r"^([0-9]|[1-9][0-9]|1[01][0-9]|120\+|future)$(?!\n)")]
"""A whole number of months below 120; ten years and more; later than the export."""


class LengthRange(Stored, frozen=True):
    """Lengths of the values of a column: in characters, of binary values in octets.

    Attributes:
        min: the shortest.
        max: the longest.
        mean: of all, rounded to two decimals.
    """

    min: Count
    max: Count
    mean: float


class ColumnSummary(Stored, frozen=True):
    """One column.

    Attributes:
        name: of the column.
        nulls: records without a value.
        empty: values of length 0; null for a column that is left out or pseudonymised.
        length: lengths of the values; null for times, numbers and enumerated columns, if there is no value, and for a
            column that is left out or pseudonymised.
    """

    name: str
    nulls: Count
    empty: Count | None
    length: LengthRange | None


class Channels(Stored, frozen=True):
    """Records by channel.

    Attributes:
        mobile: with a mobile number, with or without an e-mail address.
        email: with an e-mail address, with or without a mobile number.
        both: with both.
        neither: with neither.
        mailbox: with a digital mailbox.
        certificate: with a certificate.
    """

    mobile: Count
    email: Count
    both: Count
    neither: Count
    mailbox: Count
    certificate: Count


class ContactAge(Stored, frozen=True):
    """The age of one kind of contact data.

    Ages are in whole calendar months before the export, by Norwegian wall time: below 120; 120+ for ten years and more;
    future for times after the export. Only ages that some record has are listed.

    Attributes:
        column: the column of the contact data.
        records: records with a value.
        undated: those of them with neither time.
        older_than_18_months: those of them that may not be used to notify when the export was made: the newer time's 18
            calendar months were over, or there is none (eForvaltningsforskriften § 32).
        updated: records by the age of sistOppdatert.
        verified: records by the age of sistVerifisert.
        newest: records by the age of the newer of the two, which decides.
    """

    column: str
    records: Count
    undated: Count
    older_than_18_months: Count
    updated: dict[AgeGroup, PositiveInt]
    verified: dict[AgeGroup, PositiveInt]
    newest: dict[AgeGroup, PositiveInt]


class ProviderCount(Stored, frozen=True):
    """A mailbox provider.

    Attributes:
        organisation_number: with a right check digit.
        name: of a known provider; null for any other.
        records: records with it.
    """

    organisation_number: OrganisationNumber
    name: str | None
    records: Frequent


class DomainCount(Stored, frozen=True):
    """A domain of e-mail addresses.

    Attributes:
        domain: what follows the last @, in lower case.
        records: records with it.
    """

    domain: str
    records: Frequent


class CertificateCount(Stored, frozen=True):
    """A certificate of an organisation.

    Attributes:
        sha256: of the certificate.
        subject: the organisation's name in the subject.
        organisation_number: as the certificate has it; null if it has none that is valid.
        expires: the end of its validity, in UTC.
        records: records with it.
    """

    sha256: Sha256
    subject: str
    organisation_number: OrganisationNumber | None
    expires: UtcTime
    records: Frequent

    def __post_init__(self) -> None:
        datetime.fromisoformat(self.expires)


class Pooled(Stored, frozen=True):
    """Values that are not shown one by one: in too few records, not what they should be, or beyond the end of the list.

    Attributes:
        distinct: number of values; null for a column that is left out or pseudonymised.
        records: records with any of them.
        exact: whether distinct is exact. If the export has more than 100 000 values, only the first of them are
            counted, and the records of all others are pooled.
    """

    distinct: Count | None
    records: Count
    exact: bool


class ProfileSummary(Stored, frozen=True, kw_only=True):
    """The content of the accepted records, in counts.

    Of a column that is left out or pseudonymised only nulls are given: what else would be here is empty or null.

    Attributes:
        records: accepted records.
        columns: the columns in the XSD's order, without radnummer.
        values: of each enumerated column, records by value: all that the XSD lists, in its order.
        identifier_kinds: records by kind of identity number: see identifikatortype in docs/reference/derived.md.
        channels: records by channel.
        contact_age: the age of each kind of contact data.
        notifiable: persons who may be notified when the export was made: active, not opted out, with a mobile number or
            an e-mail address that may be used. Null if the schema has not all columns that decide it, if one of them is
            left out or pseudonymised, and in reports of the first versions.
        providers: mailbox providers, the most frequent first: valid organisation numbers that at least 20 records have.
        providers_pooled: all other values of the mailbox provider together.
        email_domains: domains of e-mail addresses, the most frequent first: those that at least 20 records have.
        email_domains_pooled: all other domains together; an address without one counts as one of them.
        certificates: certificates, the most frequent first: those in at least 20 records whose subject is an
            organisation.
        certificates_pooled: all other certificates together.
    """

    records: Count
    columns: tuple[ColumnSummary, ...]
    values: dict[str, dict[str, Count]]
    identifier_kinds: dict[str, Count]
    channels: Channels
    contact_age: tuple[ContactAge, ...]
    providers: Annotated[tuple[ProviderCount, ...], Meta(max_length=MOST_PROVIDERS)]
    providers_pooled: Pooled
    email_domains: Annotated[tuple[DomainCount, ...], Meta(max_length=MOST_DOMAINS)]
    email_domains_pooled: Pooled
    certificates: Annotated[tuple[CertificateCount, ...], Meta(max_length=MOST_CERTIFICATES)]
    certificates_pooled: Pooled
    notifiable: Count | None = None


def describe(profile: ProfileSummary) -> Iterator[str]:
    """Describe a profile of the report in a line or two; no lines if there are no records."""
    total, reached = profile.records, profile.channels
    if not total:
        return
    mobile, email, neither = (_share(count, total) for count in (reached.mobile, reached.email, reached.neither))
    yield (
        f"contact   {mobile} with mobile, {email} with e-mail, {neither} with neither;"
        f" {_share(reached.mailbox, total)} with mailbox"
    )
    if profile.notifiable is not None:
        yield f"reachable {number(profile.notifiable)} may be notified, {_share(profile.notifiable, total)}"
    old = [
        f"{_share(age.older_than_18_months, age.records)} of {age.column}" for age in profile.contact_age if age.records
    ]
    if old:
        yield f"outdated  {', '.join(old)}: neither updated nor verified in the last 18 months"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
