"""Binary values of the XSD (xs:base64Binary, xs:hexBinary), decoded as strictly as the XSD defines them."""

from __future__ import annotations

import binascii
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_WITHOUT_WHITE_SPACE = dict.fromkeys(map(ord, " \t\r\n"))

_MAX_CACHED_VALUES = 512
"""Distinct values kept decoded, more than certificates of providers there are: with the next, at most 32 MB."""

_MAX_CACHED_CHARACTERS = 16 << 10
"""Characters. No certificate is longer; a value may be, up to the limit of a record, and must not be kept."""


def decode_base64(text: str) -> bytes | None:
    """Decode xs:base64Binary; ``None`` where it is not valid, which libxml2 does not always see."""
    return _decode_base64(text) if len(text) <= _MAX_CACHED_CHARACTERS else _decode_base64.__wrapped__(text)


@lru_cache(_MAX_CACHED_VALUES)
def _decode_base64(text: str) -> bytes | None:
    try:
        compact = text.translate(_WITHOUT_WHITE_SPACE)
        decoded = binascii.a2b_base64(compact.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    # Bits that padding leaves over must be zero: then encoding gives the same text again.
    return decoded if binascii.b2a_base64(decoded, newline=False).decode() == compact else None


def decode_hex(text: str) -> bytes | None:
    """Decode xs:hexBinary; ``None`` where it is not valid."""
    try:
        return binascii.unhexlify(text.strip(" \t\r\n"))
    except (binascii.Error, ValueError):
        return None


BINARY_DECODERS: dict[str, Callable[[str], bytes | None]] = {"base64Binary": decode_base64, "hexBinary": decode_hex}
"""By the built-in XSD type."""
