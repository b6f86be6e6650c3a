"""Addresses in object stores, as users give them. None holds a secret, and no message repeats one that does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from krr_export.domain.store_layout import EXPORT_PREFIX, is_export_name
from krr_export.errors import UsageError

_SCHEME = re.compile(r"(?P<scheme>s3a?|gs|abfss?|az)://", re.IGNORECASE)
_BUCKET = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_PLACES = {
    "s3": re.compile(_BUCKET),
    "gs": re.compile(_BUCKET),
    "az": re.compile(_BUCKET),
    "abfs": re.compile(rf"{_BUCKET}(@{_BUCKET})?"),  # CONTAINER@ACCOUNT.dfs.core.windows.net: no user
    "abfss": re.compile(rf"{_BUCKET}(@{_BUCKET})?"),
}
_SEGMENT = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._=+-]+")

_FORMS = "s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX"
_CREDENTIALS = "credentials come from the environment: see docs/guides/object-stores.md"


@dataclass(frozen=True)
class Address:
    """A place in an object store that holds pushed snapshots.

    Attributes:
        uri: without a slash at its end; it has no user, password or query.
        snapshot: the name ``eksport=…`` behind it, if one was given.
    """

    uri: str
    snapshot: str | None = None


def is_object_uri(text: str) -> bool:
    """Return whether a text is the URI of a place in an object store, be it well written or not."""
    return _SCHEME.match(text) is not None


def parse_address(text: str) -> Address:
    """Parse a URI ``s3://BUCKET/PREFIX``, with or without ``/eksport=…`` at its end.

    Raises:
        UsageError: it is of another scheme, has a user, a password or a query, or holds what URIs, patterns or queries
            would read otherwise. The message does not repeat it.
    """
    found = _SCHEME.match(text)
    if found is None:
        raise UsageError("the URI is of no object store that is known", f"give {_FORMS}")
    _refuse_secrets(text)
    scheme = "s3" if found["scheme"].lower() == "s3a" else found["scheme"].lower()
    place, *segments = text[found.end() :].rstrip("/").split("/")
    if not _PLACES[scheme].fullmatch(place) or not all(map(_SEGMENT.fullmatch, segments)):
        raise UsageError(
            "the URI is not written as that of an object store", f"give {_FORMS}, of letters, digits and . _ = + -"
        )
    snapshot = segments.pop() if segments and is_export_name(segments[-1]) else None
    if any(segment.startswith(EXPORT_PREFIX) for segment in segments):
        raise UsageError(f"the URI has {EXPORT_PREFIX} in it, which names snapshots", "give the place that holds them")
    return Address("/".join((f"{scheme}://{place}", *segments)), snapshot)


def parse_object_address(text: str) -> tuple[Address, str]:
    """Parse the URI of an object, or of a directory of objects.

    Returns:
        The bucket or container, and the key in it, without slashes around it; it is empty for all of the bucket.

    Raises:
        UsageError: as of `parse_address`; or it is the URI of a snapshot.
    """
    address = parse_address(text)
    if address.snapshot is not None:
        raise UsageError("the URI is that of a snapshot", "give that of an export or a delivery")
    scheme, _, rest = address.uri.partition("://")
    place, _, key = rest.partition("/")
    return Address(f"{scheme}://{place}"), key


def _refuse_secrets(text: str) -> None:
    scheme, _, rest = text.partition("://")
    is_azure = scheme.lower().startswith("abfs")
    place = rest.partition("/")[0]
    if (":" if is_azure else "@") in place or "@" in rest[len(place) :]:
        _refuse("a user or a password")
    if "?" in rest or "#" in rest:
        _refuse("a query")


def _refuse(what: str) -> NoReturn:
    raise UsageError(f"the URI has {what} in it", _CREDENTIALS)
