"""gzip (RFC 1952): recognised by its magic, inflated a piece at a time, whatever members it has.

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

_INFLATED_BYTES = 1 << 16
"""What one read gives at the most: a gzip of zeros inflates a thousandfold, and must not do so in memory."""


def inflated(
    delivered: Iterator[bytes], position: Callable[[], int], fault: type[InputError] = InputError
) -> Iterator[bytes]:
    """Inflate one or several members in a row.

    Args:
        delivered: the compressed bytes.
        position: says how many bytes were delivered so far.
        fault: what a gzip that is none amounts to.

    Raises:
        InputError: of the kind of ``fault``: it is truncated or corrupt, or something else than zeros follows it.
    """
    pending = b""
    while pending := pending or next(delivered, b""):
        member = isal_zlib.decompressobj(wbits=16 + isal_zlib.MAX_WBITS)
        while not member.eof:
            try:
                yield from _inflate(member, pending)
            except IsalError:  # type: ignore[misc]  # its stub takes the class for an instance
                raise fault(
                    f"a corrupt gzip: its data or checksum is wrong before byte {position()}", TRANSFER_AGAIN
                ) from None
            pending = b"" if member.eof else next(delivered, b"")
            if not pending and not member.eof:
                raise fault(f"a truncated gzip: it ends after {position()} bytes, within its data", TRANSFER_AGAIN)
        pending = _after_member(member.unused_data, delivered)
        if pending and not pending.startswith(MAGIC):
            raise fault("bytes that are not gzip follow its gzip data", TRANSFER_AGAIN)


def _inflate(member: isal_zlib.Decompress, delivered: bytes) -> Iterator[bytes]:
    """What the member makes of these bytes."""
    piece = b""
    # A full piece may leave output behind in the decompressor, even where all input is consumed.
    while not member.eof and (delivered or len(piece) == _INFLATED_BYTES):
        piece = member.decompress(delivered, _INFLATED_BYTES)
        delivered = member.unconsumed_tail
        if piece:
            yield piece


def _after_member(unused: bytes, delivered: Iterator[bytes]) -> bytes:
    """What follows a member and its padding, as much as shows whether it is another member; nothing at the end."""
    unused = unused.lstrip(b"\0")
    while len(unused) < len(MAGIC) and (more := next(delivered, b"")):
        unused = (unused + more).lstrip(b"\0")
    return unused
