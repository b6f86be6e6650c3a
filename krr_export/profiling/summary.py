"""The profile in the report: shares and counts of what many persons have in common, nothing about a single person."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from krr_export.domain.identity_numbers import KINDS
from krr_export.domain.mailbox_providers import PROVIDERS
from krr_export.domain.organisation_numbers import are_valid
from krr_export.profiling.ages import GROUPS
from krr_export.profiling.certificates import may_be_personal, parse_subject
from krr_export.profiling.profile import CONTACT, TIMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.profiling.distinct import Distinct, Value
    from krr_export.profiling.plan import Channel
    from krr_export.profiling.profile import Profile

FEWEST_RECORDS = 20
"""A value in fewer records may identify persons: it is pooled."""

MOST_DOMAINS = 25
MOST_PROVIDERS = 50

_DOMAIN = re.compile(r"(?:[\w-]+\.)+[^\W\d_][\w-]+")
"""A possible domain of the Internet. Any other text after an ``@`` may be there by mistake, and personal."""


def profile_to_dict(profile: Profile, hidden: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the profile for the report; it contains no personal value."""
    plan = profile.plan
    shows_kinds = plan.identifier not in hidden
    return {
        "records": profile.records,
        "columns": list(_columns(profile, hidden)),
        "values": {
            name: dict(zip(listed, counts.tolist(), strict=True))
            for (name, listed), counts in zip(plan.enumerated, profile.values, strict=True)
            if name not in hidden
        },
        "identifier_kinds": dict(zip(KINDS, profile.kinds.tolist(), strict=True)) if shows_kinds else {},
        "channels": dict(zip(CONTACT, profile.contact.tolist(), strict=True)),
        "contact_age": [
            _age(profile, row, channel)
            for row, channel in enumerate(plan.channels)
            if not hidden & {channel.updated, channel.verified}
        ],
        **_with_pool("providers", _providers(profile), profile.providers, hide=plan.provider in hidden),
        **_with_pool("email_domains", _domains(profile), profile.domains, hide=plan.email in hidden),
        **_with_pool(
            "certificates",
            [] if plan.certificate in hidden else _certificates(profile),
            profile.certificates.distinct,
            hide=plan.certificate in hidden,
        ),
    }


def _columns(profile: Profile, hidden: frozenset[str]) -> Iterator[dict[str, Any]]:
    lengths = profile.lengths
    rows = {name: row for row, name in enumerate(profile.plan.measured)}
    for name, nulls in zip(profile.plan.columns, profile.nulls.tolist(), strict=True):
        if name in hidden:
            yield {"name": name, "nulls": nulls, "empty": None, "length": None}
            continue
        row, values = rows.get(name), profile.records - nulls
        length = None
        if row is not None and values:
            mean = round(int(lengths.total[row]) / values, 2)
            length = {"min": int(lengths.shortest[row]), "max": int(lengths.longest[row]), "mean": mean}
        empty = 0 if row is None else int(lengths.empty[row])
        yield {"name": name, "nulls": nulls, "empty": empty, "length": length}


def _age(profile: Profile, row: int, channel: Channel) -> dict[str, Any]:
    ages = profile.ages
    groups = {
        time: {group: records for group, records in zip(GROUPS, counts, strict=True) if records}
        for time, counts in zip(TIMES, ages.groups[row].tolist(), strict=True)
    }
    return {
        "column": channel.column,
        "records": int(ages.records[row]),
        "undated": int(ages.undated[row]),
        "older_than_18_months": int(ages.expired[row]),
        **groups,
    }


def _with_pool(name: str, shown: list[dict[str, Any]], values: Distinct[Value], *, hide: bool) -> dict[str, Any]:
    """Return the values that are shown, and the counts of all others together."""
    records = values.total - sum(entry["records"] for entry in shown)
    if hide:
        return {name: [], f"{name}_pooled": {"distinct": None, "records": values.total, "exact": False}}
    others = {"distinct": len(values.records) - len(shown), "records": records, "exact": values.is_exact}
    return {name: shown, f"{name}_pooled": others}


def _common_values(values: Distinct[Value]) -> list[tuple[Value, int]]:
    """Return the values in enough records to be shown, the most frequent first."""
    common = [(value, records) for value, records in values.records.items() if records >= FEWEST_RECORDS]
    return sorted(common, key=lambda entry: (-entry[1], entry[0]))


def _providers(profile: Profile) -> list[dict[str, Any]]:
    common = _common_values(profile.providers)
    valid = are_valid(pa.array([number for number, _ in common], pa.string())).to_pylist()
    return [
        {"organisation_number": number, "name": PROVIDERS.get(number), "records": records}
        for (number, records), is_valid in zip(common, valid, strict=True)
        if is_valid
    ][:MOST_PROVIDERS]


def _domains(profile: Profile) -> list[dict[str, Any]]:
    common = _common_values(profile.domains)
    return [
        {"domain": domain, "records": records}
        for domain, records in common
        if _DOMAIN.fullmatch(domain) and not may_be_personal(domain)
    ][:MOST_DOMAINS]


def _certificates(profile: Profile) -> list[dict[str, Any]]:
    certificates = profile.certificates
    shown = []
    for digest, records in _common_values(certificates.distinct):
        if digest in certificates.kept and (subject := parse_subject(certificates.kept[digest])):
            shown.append(
                {
                    "sha256": digest.hex(),
                    "subject": subject.name,
                    "organisation_number": subject.organisation_number,
                    "expires": subject.expires,
                    "records": records,
                }
            )
    return shown


def describe(profile: dict[str, Any]) -> Iterator[str]:
    """Describe a profile of the report in a line or two; no lines if there are no records."""
    total = profile["records"]
    if not total:
        return
    share = {way: _share(records, total) for way, records in profile["channels"].items()}
    yield (
        f"contact   {share['mobile']} with mobile, {share['email']} with e-mail, {share['neither']} with neither;"
        f" {share['mailbox']} with mailbox"
    )
    old = [
        f"{_share(age['older_than_18_months'], age['records'])} of {age['column']}"
        for age in profile["contact_age"]
        if age["records"]
    ]
    if old:
        yield f"outdated  {', '.join(old)}: neither updated nor verified in the last 18 months"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
