"""Decode binary values of the XSD (xs:base64Binary, xs:hexBinary), as strictly as the XSD defines them."""

from __future__ import annotations

import binascii
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_WITHOUT_WHITE_SPACE = dict.fromkeys(map(ord, " \t\r\n"))

_MAX_CACHED_VALUES = 512
"""More than the number of providers' certificates. With the next limit, the cache takes at most 32 MB."""

_MAX_CACHED_CHARACTERS = 16 << 10
"""No certificate is longer. Other values may be, up to the limit of a record, and must not be cached."""


def decode_base64(text: str) -> bytes | None:
    """Decode xs:base64Binary; return ``None`` if it is not valid, which libxml2 does not always detect."""
    return _decode_base64(text) if len(text) <= _MAX_CACHED_CHARACTERS else _decode_base64.__wrapped__(text)


@lru_cache(_MAX_CACHED_VALUES)
def _decode_base64(text: str) -> bytes | None:
    try:
        compact = text.translate(_WITHOUT_WHITE_SPACE)
        decoded = binascii.a2b_base64(compact.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    # The unused bits before padding must be zero: then encoding gives the same text again.
    return decoded if binascii.b2a_base64(decoded, newline=False).decode() == compact else None


def decode_hex(text: str) -> bytes | None:
    """Decode xs:hexBinary; return ``None`` if it is not valid."""
    try:
        return binascii.unhexlify(text.strip(" \t\r\n"))
    except (binascii.Error, ValueError):
        return None


BINARY_DECODERS: dict[str, Callable[[str], bytes | None]] = {"base64Binary": decode_base64, "hexBinary": decode_hex}
"""Decoders by built-in XSD type."""
