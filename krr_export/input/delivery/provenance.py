"""What is known about a delivery's origin, for the report, the manifest and lines for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from krr_export.input.delivery.names import passed_over
from krr_export.util.stored_json import Sha256, Stored, UtcTime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from krr_export.input.delivery.keys import Publisher
    from krr_export.input.delivery.signing import Form

EXPIRY_WARNING = timedelta(days=30)
"""A certificate that expires within this time gives a warning."""

_NOT_VERIFIED: Literal["not verified"] = "not verified"


class PassedOver(Stored, frozen=True):
    """A set that was passed over though its name is newer.

    Attributes:
        set: the time in its names.
        missing: the names of the files that do not exist; none if it is named for the future.
    """

    set: str
    missing: tuple[str, ...]


class Provenance(Stored, frozen=True):
    """The origin of an encrypted delivery.

    Attributes:
        orgnr: the organisation whose key opened it.
        signature: the form of the signature that was verified; or that none was.
        publisher_sha256: SHA-256 of the publisher's public key, as SubjectPublicKeyInfo in DER; null if no signature
            was verified.
        publisher_valid_from: the start of the publisher's certificate, in UTC; null for a bare public key.
        publisher_valid_until: the end of the publisher's certificate, in UTC; null for a bare public key.
        passed_over: sets in the same directory whose names are newer, but which are incomplete or named for the
            future, the newest first; none if no directory was given.
    """

    orgnr: str
    # signing.Form, which is not imported: a history needs no cryptography.
    signature: Literal["exact", "legacy-buffer", "not verified"]
    publisher_sha256: Sha256 | None
    publisher_valid_from: UtcTime | None
    publisher_valid_until: UtcTime | None
    passed_over: tuple[PassedOver, ...] = ()

    def __post_init__(self) -> None:
        for time in filter(None, (self.publisher_valid_from, self.publisher_valid_until)):
            _parse_time(time)


def provenance_of(
    orgnr: str, form: Form | None, publisher: Publisher | None, newer: Sequence[PassedOver]
) -> Provenance:
    """Return the provenance of a delivery that was opened.

    Args:
        orgnr: the organisation whose key opened it.
        form: of its signature; ``None`` if none was verified.
        publisher: the owner of the signature; ``None`` if none was verified.
        newer: newer sets that were passed over, the newest first.
    """
    return Provenance(
        orgnr=orgnr,
        signature=form or _NOT_VERIFIED,
        publisher_sha256=publisher.fingerprint if publisher else None,
        publisher_valid_from=_format_time(publisher.valid_from) if publisher else None,
        publisher_valid_until=_format_time(publisher.valid_until) if publisher else None,
        passed_over=tuple(newer),
    )


def is_unverified(provenance: Provenance | None) -> bool:
    """Return whether this is a delivery whose signature was not verified; ``None`` means no delivery."""
    return provenance is not None and provenance.signature == _NOT_VERIFIED


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
    until = provenance.publisher_valid_until
    valid = f", publisher's certificate valid until {until[:10]}" if until else ""
    yield f"delivered encrypted for {provenance.orgnr}, signature: {provenance.signature}{valid}"
    if until and (left := _parse_time(until) - now) < EXPIRY_WARNING:
        days = max(left.days, 0)
        yield f"warning   the publisher's certificate expires in {days} days; ask the publisher for the next one"
    if passed := _describe_passed_over(provenance):
        yield f"warning   {passed.removeprefix('; ')}; newer than what was read"


def _describe_passed_over(provenance: Provenance) -> str:
    newer = provenance.passed_over
    lacks = [f"{' and '.join(one.missing)} missing" for one in newer if one.missing]
    return passed_over(lacks, [one.set for one in newer if not one.missing])


def _format_time(time: datetime | None) -> str | None:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}" if time else None


def _parse_time(iso: str) -> datetime:
    return datetime.strptime(iso, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
