"""From a profile to its summary for the report: what many persons have in common, nothing about a single person."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from krr_export.domain.identity_numbers import KINDS
from krr_export.domain.mailbox_providers import PROVIDERS
from krr_export.domain.organisation_numbers import are_valid
from krr_export.profiling.ages import GROUPS
from krr_export.profiling.certificates import may_be_personal, parse_subject
from krr_export.profiling.profile import CONTACT, TIMES
from krr_export.profiling.summary import (
    FEWEST_RECORDS,
    MOST_CERTIFICATES,
    MOST_DOMAINS,
    MOST_PROVIDERS,
    CertificateCount,
    Channels,
    ColumnSummary,
    ContactAge,
    DomainCount,
    LengthRange,
    Pooled,
    ProfileSummary,
    ProviderCount,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from krr_export.profiling.distinct import Distinct, Value
    from krr_export.profiling.plan import Channel
    from krr_export.profiling.profile import Profile

    _Shown: TypeAlias = ProviderCount | DomainCount | CertificateCount

_DOMAIN = re.compile(r"(?:[\w-]+\.)+[^\W\d_][\w-]+")
"""A possible domain of the Internet. Any other text after an ``@`` may be there by mistake, and personal."""


def summarize(profile: Profile, hidden: frozenset[str] = frozenset()) -> ProfileSummary:
    """Return the summary of a profile; it contains no personal value, and nothing of the hidden columns but nulls."""
    plan = profile.plan
    shows_kinds = plan.identifier not in hidden
    providers = [] if plan.provider in hidden else _providers(profile)
    domains = [] if plan.email in hidden else _domains(profile)
    certificates = [] if plan.certificate in hidden else _certificates(profile)
    return ProfileSummary(
        records=profile.records,
        columns=tuple(_columns(profile, hidden)),
        values={
            name: dict(zip(listed, counts.tolist(), strict=True))
            for (name, listed), counts in zip(plan.enumerated, profile.values, strict=True)
            if name not in hidden
        },
        identifier_kinds=dict(zip(KINDS, profile.kinds.tolist(), strict=True)) if shows_kinds else {},
        channels=Channels(**dict(zip(CONTACT, profile.contact.tolist(), strict=True))),
        contact_age=tuple(
            _age(profile, row, channel)
            for row, channel in enumerate(plan.channels)
            if not hidden & {channel.updated, channel.verified}
        ),
        notifiable=profile.notifiable if plan.notification and not plan.notification & hidden else None,
        providers=tuple(providers),
        providers_pooled=_pooled(providers, profile.providers, hide=plan.provider in hidden),
        email_domains=tuple(domains),
        email_domains_pooled=_pooled(domains, profile.domains, hide=plan.email in hidden),
        certificates=tuple(certificates),
        certificates_pooled=_pooled(certificates, profile.certificates.distinct, hide=plan.certificate in hidden),
    )


def _columns(profile: Profile, hidden: frozenset[str]) -> Iterator[ColumnSummary]:
    lengths = profile.lengths
    rows = {name: row for row, name in enumerate(profile.plan.measured)}
    for name, nulls in zip(profile.plan.columns, profile.nulls.tolist(), strict=True):
        if name in hidden:
            yield ColumnSummary(name, nulls, None, None)
            continue
        row, values = rows.get(name), profile.records - nulls
        length = None
        if row is not None and values:
            mean = round(int(lengths.total[row]) / values, 2)
            length = LengthRange(int(lengths.shortest[row]), int(lengths.longest[row]), mean)
        yield ColumnSummary(name, nulls, 0 if row is None else int(lengths.empty[row]), length)


def _age(profile: Profile, row: int, channel: Channel) -> ContactAge:
    ages = profile.ages
    groups = {
        time: {group: records for group, records in zip(GROUPS, counts, strict=True) if records}
        for time, counts in zip(TIMES, ages.groups[row].tolist(), strict=True)
    }
    return ContactAge(
        column=channel.column,
        records=int(ages.records[row]),
        undated=int(ages.undated[row]),
        older_than_18_months=int(ages.expired[row]),
        **groups,
    )


def _pooled(shown: Sequence[_Shown], values: Distinct[Value], *, hide: bool) -> Pooled:
    """Return the counts of all values that are not shown."""
    if hide:
        return Pooled(distinct=None, records=values.total, exact=False)
    records = values.total - sum(entry.records for entry in shown)
    return Pooled(distinct=len(values.records) - len(shown), records=records, exact=values.is_exact)


def _common_values(values: Distinct[Value]) -> list[tuple[Value, int]]:
    """Return the values in enough records to be shown, the most frequent first."""
    common = [(value, records) for value, records in values.records.items() if records >= FEWEST_RECORDS]
    return sorted(common, key=lambda entry: (-entry[1], entry[0]))


def _providers(profile: Profile) -> list[ProviderCount]:
    common = _common_values(profile.providers)
    valid = are_valid(pa.array([number for number, _ in common], pa.string())).to_pylist()
    return [
        ProviderCount(number, PROVIDERS.get(number), records)
        for (number, records), is_valid in zip(common, valid, strict=True)
        if is_valid
    ][:MOST_PROVIDERS]


def _domains(profile: Profile) -> list[DomainCount]:
    common = _common_values(profile.domains)
    return [
        DomainCount(domain, records)
        for domain, records in common
        if _DOMAIN.fullmatch(domain) and not may_be_personal(domain)
    ][:MOST_DOMAINS]


def _certificates(profile: Profile) -> list[CertificateCount]:
    certificates = profile.certificates
    shown = []
    for digest, records in _common_values(certificates.distinct):
        if digest in certificates.kept and (subject := parse_subject(certificates.kept[digest])):
            number = subject.organisation_number
            shown.append(CertificateCount(digest.hex(), subject.name, number, subject.expires, records))
    return shown[:MOST_CERTIFICATES]
