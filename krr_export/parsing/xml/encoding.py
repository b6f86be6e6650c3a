"""Detect the document's encoding as XML defines it (byte order mark, declaration), and transcode to UTF-8 in a stream.

Only encodings that an export may have are accepted. libxml2 accepts many more, such as UTF-7, in which a document looks
like a different one to software that does not decode it.
"""

from __future__ import annotations

import codecs
import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

UTF_8 = "UTF-8"

_CODECS = {
    "UTF-8": "utf-8",
    "US-ASCII": "ascii",
    "UTF-16": "utf-16",
    "UTF-16LE": "utf-16-le",
    "UTF-16BE": "utf-16-be",
    "ISO-8859-1": "iso-8859-1",
    "ISO-8859-15": "iso-8859-15",
    "WINDOWS-1252": "windows-1252",
}
"""The accepted encodings by their IANA names in upper case, with Python's names."""

_ALIASES = {"ASCII": "US-ASCII", "UTF8": "UTF-8", "LATIN1": "ISO-8859-1", "CP1252": "WINDOWS-1252"}

_DECLARATION = re.compile(
    rb"""<\?xml\s+version\s*=\s*(?:"[^"]*"|'[^']*')(?:\s+encoding\s*=\s*(?:"([^"]*)"|'([^']*)'))?"""
)
_BEGINS_DECLARATION = re.compile(rb"<\?xml\s")
_HEAD_BYTES = 1024
"""The declaration is at the very beginning and is short: a longer one hides something."""


@dataclass(frozen=True)
class Utf8Stream:
    """A document as UTF-8, in pieces.

    Attributes:
        pieces: the document in UTF-8, without byte order mark.
        encoding: the encoding of the delivered document, by its IANA name.
        offset: where in the delivered bytes the first piece begins (after a byte order mark).
    """

    pieces: Iterator[bytes]
    encoding: str
    offset: int

    @property
    def transcoded(self) -> bool:
        """Whether byte offsets count bytes of UTF-8 instead of delivered bytes."""
        return self.encoding not in {"UTF-8", "US-ASCII"}


def as_utf8(pieces: Iterable[bytes]) -> Utf8Stream:
    """Find a document's encoding and transcode it to UTF-8.

    Raises:
        InputError: at once, the encoding is not accepted or contradicts the byte order mark; while streaming, bytes are
            not valid in the encoding. (Bytes that are not UTF-8 are left for the XML parser to find.)
    """
    stream = iter(pieces)
    head = b""
    for piece in stream:
        head += piece
        if len(head) >= _HEAD_BYTES:
            break
    whole = itertools.chain((head,), stream)
    if head.startswith(codecs.BOM_UTF8):
        _declared_encoding(head[3:], family="UTF-8")
        return Utf8Stream(itertools.chain((head[3:],), stream), UTF_8, offset=3)
    if (order := _detect_utf_16(head)) is not None:
        # Only the codec without a byte order in its name removes the byte order mark.
        codec = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else _CODECS[order]
        name = _declared_encoding(head.decode(codec, errors="replace").encode(), family=order)
        return Utf8Stream(_transcode(whole, codec, name), name, offset=0)
    name = _declared_encoding(head, family="ASCII")
    if name == UTF_8:
        return Utf8Stream(whole, name, offset=0)
    return Utf8Stream(_transcode(whole, _CODECS[name], name), name, offset=0)


def _detect_utf_16(head: bytes) -> str | None:
    """Return which UTF-16 the document is in, if any, by its byte order mark or its first character, ``<``."""
    if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff", b"<\0\0\0", b"\0\0\0<")):
        raise InputError("the document is in UTF-32", _accepted_hint())
    if head.startswith((codecs.BOM_UTF16_LE, b"<\0")):
        return "UTF-16LE"
    return "UTF-16BE" if head.startswith((codecs.BOM_UTF16_BE, b"\0<")) else None


def _declared_encoding(head: bytes, *, family: str) -> str:
    """Return the declared encoding, or XML's default; it must agree with how the bytes look.

    Args:
        head: the beginning, decoded if it is UTF-16, without byte order mark.
        family: what the bytes look like: a UTF, or ``ASCII`` for any encoding in which the declaration is ASCII.
    """
    match = _DECLARATION.match(head)
    declared = (match[1] or match[2] or b"").decode("ascii", errors="replace").upper() if match else ""
    name = _ALIASES.get(declared, declared) or ("UTF-16" if family.startswith("UTF-16") else UTF_8)
    if name not in _CODECS:
        raise InputError("the document declares an encoding that is not accepted", _accepted_hint())
    if _BEGINS_DECLARATION.match(head) and b"?>" not in head:
        raise InputError(f"the XML declaration does not end within {_HEAD_BYTES} bytes", "is it an export?")
    agrees = {
        "UTF-8": name == UTF_8,
        "UTF-16LE": name in {"UTF-16", "UTF-16LE"},
        "UTF-16BE": name in {"UTF-16", "UTF-16BE"},
        "ASCII": not name.startswith("UTF-16"),
    }
    if not agrees[family]:
        raise InputError(
            f"the document declares the encoding {name}, but its bytes are not", "ask the sender which one it is"
        )
    return name


def _accepted_hint() -> str:
    return "accepted are " + ", ".join(name for name in _CODECS if not name.endswith(("LE", "BE")))


def _transcode(pieces: Iterable[bytes], codec: str, name: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(codec)()
    read = 0
    for piece in itertools.chain(pieces, (b"",)):
        text, invalid_at = "", None
        waiting = len(decoder.getstate()[0])  # bytes of a character that began in the previous piece
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            invalid_at = read - waiting + error.start
        if invalid_at is not None:  # raised here, since the codec's own error contains the bytes
            raise InputError(f"the document is not valid {name}: byte {invalid_at} is not", "ask the sender for UTF-8")
        yield text.encode()
        read += len(piece)
