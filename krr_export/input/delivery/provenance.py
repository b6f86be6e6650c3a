"""What is known of a delivery's origin, as the report, the manifest and lines for people say it."""

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
"""Of a delivery, as JSON has it.

``orgnr``: for whom; ``signature``: its form, or ``not verified``; ``publisher_sha256``: the fingerprint of the
publisher's key; ``publisher_valid_from`` and ``publisher_valid_until``: of its certificate, ISO 8601 in UTC; each of
these three ``None`` where it is not known; ``passed_over``: sets beside it that were not taken though their names are
newer, each with its ``set``, the time in its names, and the names of the files that are ``missing``: none of a set that
is named for the future.
"""

SOON = timedelta(days=30)
"""A certificate that expires within this time is warned of."""

_NOT_VERIFIED = "not verified"


@dataclass(frozen=True)
class PassedOver:
    """A set that was passed over though its name is newer.

    Attributes:
        set: the time in its names.
        missing: the names of the files that are not there; none where it is named for the future.
    """

    set: str
    missing: Sequence[str]


def provenance_of(
    orgnr: str, form: str | None, publisher: Publisher | None, newer: Sequence[PassedOver]
) -> dict[str, Any]:
    """What is known of a delivery that was opened.

    Args:
        orgnr: whose key opened it.
        form: of its signature; ``None`` where none was verified.
        publisher: whose signature it is; ``None`` likewise.
        newer: sets that were passed over for it, the newest first.
    """
    return {
        "orgnr": orgnr,
        "signature": form or _NOT_VERIFIED,
        "publisher_sha256": publisher.fingerprint if publisher else None,
        "publisher_valid_from": _iso(publisher.valid_from) if publisher else None,
        "publisher_valid_until": _iso(publisher.valid_until) if publisher else None,
        "passed_over": [asdict(one) for one in newer],
    }


def is_unverified(provenance: Provenance | None) -> bool:
    """Whether this is of a delivery whose signature was not verified; ``None`` is of no delivery."""
    return provenance is not None and provenance.get("signature") == _NOT_VERIFIED


def remark(provenance: Provenance | None) -> str:
    """What the last line must not keep silent of, to end it: nothing where the delivery is as it should be."""
    if provenance is None:
        return ""
    unverified = "; its signature was not verified" if is_unverified(provenance) else ""
    return unverified + _passed_over(provenance)


def lines(provenance: Provenance | None, now: datetime) -> Iterator[str]:
    """The same for people, and what is to be done about it soon.

    Args:
        provenance: of the delivery; of none, nothing is said.
        now: when it was read.
    """
    if provenance is None:
        return
    until = provenance["publisher_valid_until"]
    valid = f", publisher's certificate valid until {until[:10]}" if until else ""
    yield f"delivered encrypted for {provenance['orgnr']}, signature: {provenance['signature']}{valid}"
    if until and (left := _time(until) - now) < SOON:
        days = max(left.days, 0)
        yield f"warning   the publisher's certificate expires in {days} days; ask the publisher for the next one"
    if said := _passed_over(provenance):
        yield f"warning   {said.removeprefix('; ')}; newer than what was read"


def _passed_over(provenance: Provenance) -> str:
    newer = provenance.get("passed_over", ())
    lacks = [f"{' and '.join(one['missing'])} missing" for one in newer if one["missing"]]
    return passed_over(lacks, [one["set"] for one in newer if not one["missing"]])


def _iso(time: datetime | None) -> str | None:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}" if time else None


def _time(iso: str) -> datetime:
    return datetime.strptime(iso, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
