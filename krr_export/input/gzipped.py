"""gzip (RFC 1952): recognised by its magic, inflated a piece at a time, with any number of members.

Zeros may follow a member: tapes, mainframes and copies by the block pad with them (gzip manual, "Tapes").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isal import isal_zlib
from isal.igzip_lib import IsalError

from krr_export.errors import TRANSFER_AGAIN, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAGIC = b"\x1f\x8b"

_PIECE_BYTES = 1 << 16
"""The most that one read gives: a gzip of zeros inflates a thousandfold, and must not do so in memory."""


def inflate(
    delivered: Iterator[bytes], position: Callable[[], int], error_class: type[InputError] = InputError
) -> Iterator[bytes]:
    """Inflate one or several members in a row.

    Args:
        delivered: the compressed bytes.
        position: returns how many bytes were delivered so far.
        error_class: the error for a gzip that is damaged.

    Raises:
        InputError: as ``error_class``: the gzip is truncated or corrupt, or something else than zeros follows it.
    """
    pending = b""
    while pending := pending or next(delivered, b""):
        member = isal_zlib.decompressobj(wbits=16 + isal_zlib.MAX_WBITS)
        while not member.eof:
            try:
                yield from _inflate_member(member, pending)
            except IsalError:  # type: ignore[misc]  # its stub takes the class for an instance
                raise error_class(
                    f"a corrupt gzip: its data or checksum is wrong before byte {position()}", TRANSFER_AGAIN
                ) from None
            pending = b"" if member.eof else next(delivered, b"")
            if not pending and not member.eof:
                message = f"a truncated gzip: it ends after {position()} bytes, within its data"
                raise error_class(message, TRANSFER_AGAIN)
        pending = _skip_padding(member.unused_data, delivered)
        if pending and not pending.startswith(MAGIC):
            raise error_class("bytes that are not gzip follow its gzip data", TRANSFER_AGAIN)


def _inflate_member(member: isal_zlib.Decompress, delivered: bytes) -> Iterator[bytes]:
    """Inflate these bytes of a member."""
    piece = b""
    # A full piece may leave output behind in the decompressor, even where all input is consumed.
    while not member.eof and (delivered or len(piece) == _PIECE_BYTES):
        piece = member.decompress(delivered, _PIECE_BYTES)
        delivered = member.unconsumed_tail
        if piece:
            yield piece


def _skip_padding(unused: bytes, delivered: Iterator[bytes]) -> bytes:
    """Return what follows a member and its padding, enough to recognise another member; empty at the end."""
    unused = unused.lstrip(b"\0")
    while len(unused) < len(MAGIC) and (more := next(delivered, b"")):
        unused = (unused + more).lstrip(b"\0")
    return unused
