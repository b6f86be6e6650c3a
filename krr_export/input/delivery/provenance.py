"""What is known about a delivery's origin, for the report, the manifest and lines for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from krr_export.input.delivery.names import passed_over

if TYPE_CHECKING:
    from collections.abc import Iterator

    from krr_export.input.delivery.keys import Publisher

Provenance: TypeAlias = Mapping[str, Any]
"""The provenance of a delivery, as in JSON.

``orgnr``: the receiver; ``signature``: its form, or ``not verified``; ``publisher_sha256``: the fingerprint of the
publisher's key; ``publisher_valid_from`` and ``publisher_valid_until``: of its certificate, ISO 8601 in UTC; each of
these three ``None`` if not known; ``passed_over``: sets beside it that were not used though their names are newer, each
with its ``set``, the time in its names, and the names of the files that are ``missing``: none for a set named for the
future.
"""

EXPIRY_WARNING = timedelta(days=30)
"""A certificate that expires within this time gives a warning."""

_NOT_VERIFIED = "not verified"


@dataclass(frozen=True)
class PassedOver:
    """A set that was passed over though its name is newer.

    Attributes:
        set: the time in its names.
        missing: the names of the files that do not exist; none if it is named for the future.
    """

    set: str
    missing: Sequence[str]


def provenance_of(
    orgnr: str, form: str | None, publisher: Publisher | None, newer: Sequence[PassedOver]
) -> dict[str, Any]:
    """Return the provenance of a delivery that was opened.

    Args:
        orgnr: the organisation whose key opened it.
        form: of its signature; ``None`` if none was verified.
        publisher: the owner of the signature; ``None`` if none was verified.
        newer: newer sets that were passed over, the newest first.
    """
    return {
        "orgnr": orgnr,
        "signature": form or _NOT_VERIFIED,
        "publisher_sha256": publisher.fingerprint if publisher else None,
        "publisher_valid_from": _format_time(publisher.valid_from) if publisher else None,
        "publisher_valid_until": _format_time(publisher.valid_until) if publisher else None,
        "passed_over": [asdict(one) for one in newer],
    }


def is_unverified(provenance: Provenance | None) -> bool:
    """Return whether this is a delivery whose signature was not verified; ``None`` means no delivery."""
    return provenance is not None and provenance.get("signature") == _NOT_VERIFIED


def describe_warnings(provenance: Provenance | None) -> str:
    """Return the warnings that end the last line: empty if the delivery is in order."""
    if provenance is None:
        return ""
    unverified = "; its signature was not verified" if is_unverified(provenance) else ""
    return unverified + _describe_passed_over(provenance)


def describe(provenance: Provenance | None, now: datetime) -> Iterator[str]:
    """Describe the provenance in lines for people, with warnings.

    Args:
        provenance: of the delivery; ``None`` gives no lines.
        now: when it was read.
    """
    if provenance is None:
        return
    until = provenance["publisher_valid_until"]
    valid = f", publisher's certificate valid until {until[:10]}" if until else ""
    yield f"delivered encrypted for {provenance['orgnr']}, signature: {provenance['signature']}{valid}"
    if until and (left := _parse_time(until) - now) < EXPIRY_WARNING:
        days = max(left.days, 0)
        yield f"warning   the publisher's certificate expires in {days} days; ask the publisher for the next one"
    if passed := _describe_passed_over(provenance):
        yield f"warning   {passed.removeprefix('; ')}; newer than what was read"


def _describe_passed_over(provenance: Provenance) -> str:
    newer = provenance.get("passed_over", ())
    lacks = [f"{' and '.join(one['missing'])} missing" for one in newer if one["missing"]]
    return passed_over(lacks, [one["set"] for one in newer if not one["missing"]])


def _format_time(time: datetime | None) -> str | None:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}" if time else None


def _parse_time(iso: str) -> datetime:
    return datetime.strptime(iso, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
