"""Recognition of archives and encrypted files by their first bytes: they are often given instead of their content."""

from __future__ import annotations

import re

_UNPACK = "unpack it first: only gzip is unpacked here"
_DECRYPT = "decrypt it first"

_TAR_MAGIC = slice(257, 262)
"""Where the magic of a tar archive is (POSIX, ustar): a file name comes before it."""

_KNOWN = tuple(
    (re.compile(beginning, re.DOTALL), what, hint)
    for beginning, what, hint in (
        (rb"PK(?:\x03\x04|\x05\x06|\x07\x08)", "a ZIP archive", _UNPACK),
        (rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", "compressed with bzip2", _UNPACK),
        (rb"\xfd7zXZ\0", "compressed with xz", _UNPACK),
        (rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", "compressed with zstd", _UNPACK),
        (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
        (rb"Rar!\x1a\x07", "a RAR archive", _UNPACK),
        (rb"\x04\x22\x4d\x18", "compressed with lz4", _UNPACK),
        (rb"\x1f\x9d", "compressed with compress (.Z)", _UNPACK),
        (rb"LZIP[\x00\x01]", "compressed with lzip", _UNPACK),
        (rb"-----BEGIN PGP ", "encrypted or signed with PGP", _DECRYPT),
        # A packet with a session key, for a public key (version 3) or a passphrase (version 4 to 6): RFC 9580.
        (rb"(?:\x84.|\x85..|\xc1[\x00-\xbf]|\xc1[\xc0-\xdf].)[\x03\x06]", "encrypted with PGP", _DECRYPT),
        (rb"(?:\x8c.|\xc3[\x00-\xbf])[\x04-\x06][\x01-\x0d]", "encrypted with PGP", _DECRYPT),
        (rb"-----BEGIN (?:PKCS7|CMS)-----", "encrypted or signed as CMS", _DECRYPT),
        (rb"age-encryption\.org/|-----BEGIN AGE ", "encrypted with age", _DECRYPT),
        (rb"Salted__", "encrypted with openssl enc", _DECRYPT),
    )
)


def detect_foreign_format(head: bytes) -> tuple[str, str] | None:
    """Return what a file is and what to do about it; ``None`` if its format is not one of these.

    Args:
        head: the first 262 bytes of the file, or more.
    """
    for beginning, what, hint in _KNOWN:
        if beginning.match(head):
            return what, hint
    return ("a tar archive", _UNPACK) if head[_TAR_MAGIC] == b"ustar" else None
