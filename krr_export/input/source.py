"""The source: a path, a delivery or standard input as one stream of decompressed bytes, read once.

Knows nothing of XML. Counts and hashes the bytes as they were delivered, before decryption and decompression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Literal, Self

from krr_export.errors import DeliveryError, InputError, UsageError
from krr_export.input.delivery.provenance import is_unverified
from krr_export.input.gzipped import MAGIC, inflate
from krr_export.input.unchanged import ChangeMonitor, changed_error, read_errors
from krr_export.util.hashing import Sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from krr_export.input.delivery.opening import OpenedDelivery
    from krr_export.input.delivery.provenance import Provenance

_DELIVERED_BYTES = 1 << 18


class Source:
    """A stream of bytes, decompressed if it is gzip (recognised by its magic, never by its name).

    Iterating gives the decompressed bytes in pieces of at most 1 MiB. Use it as a context manager.

    Attributes:
        name: its name in messages and in the manifest: the file's name without its directory.
        size: bytes as delivered, if known beforehand.
        compression: ``gzip`` or ``none``.
        provenance: of a delivery: the receiver, and how the publisher was verified; for the manifest.
        verified_sha256: of a delivery: SHA-256 of the verified bytes, known before they are read.
        bytes_read: bytes read so far, as delivered.
        at_end: whether everything has been read.
    """

    provenance: Provenance | None = None
    verified_sha256: str | None = None
    _gzip_error: type[InputError] = InputError
    """The error for a damaged gzip."""
    _monitor: ChangeMonitor | None = None
    """Of a regular file."""

    def __init__(
        self,
        stream: BinaryIO,
        name: str,
        *,
        size: int | None = None,
        on_read: Callable[[int], object] | None = None,
        owns_stream: bool = False,
    ) -> None:
        self.name = name
        self.size = size
        self.bytes_read = 0
        self.at_end = False
        self._stream = stream
        self._on_read = on_read
        self._owns_stream = owns_stream
        self._digest = Sha256()
        self._gzip_intact = False
        self._head = self._read_head()
        self.compression: Literal["gzip", "none"] = "gzip" if self._head.startswith(MAGIC) else "none"
        self._pieces = self._read_pieces()
        if self.compression == "gzip":
            self._pieces = self._note_intact(inflate(self._pieces, lambda: self.bytes_read, self._gzip_error))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def prove(self) -> None:
        """Check that a delivery is what was verified, even if it was not read to its end; a plain source always is.

        Raises:
            InputError: it is not what was verified.
        """

    def check_transfer(self) -> None:
        """Check, when the bytes make no sense, that they are what was sent.

        Raises:
            InputError: they are not: the file was changed meanwhile, or the gzip is corrupt or truncated further on.
        """
        if self._monitor:
            self._monitor.check(self._digest.hexdigest(), self.bytes_read)
        if self.compression == "gzip":
            for _ in self._pieces:
                pass

    @property
    def damage_hint(self) -> str | None:
        """What to do about damage that the transfer did not cause, if that is known: the gzip's checksum was right."""
        return "it arrived as it was sent: ask the sender for a whole export" if self._gzip_intact else None

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the bytes as delivered, in hexadecimal; ``None`` until all were read."""
        return self._digest.hexdigest() if self.at_end else None

    def digest_whole_file(self) -> str | None:
        """Return SHA-256 of a whole regular file, as `sha256` will be, without moving in it; ``None`` for a stream.

        Raises:
            InputError: it cannot be read.
        """
        return self._monitor.digest() if self._monitor else None

    def close(self) -> None:
        """Close the stream if it was opened here; standard input, or a stream that was given, belongs to the caller."""
        self._digest.close()
        if self._owns_stream:
            self._stream.close()

    def _read_head(self) -> bytes:
        piece = b""
        # A pipe may give a single byte at first; the magic has two.
        while len(piece) < len(MAGIC) and (more := self._read()):
            piece += more
        return piece

    def _read(self) -> bytes:
        # read1 gives what a pipe has now, instead of waiting for a whole piece.
        read = getattr(self._stream, "read1", self._stream.read)
        with read_errors():
            piece: bytes = read(_DELIVERED_BYTES)
        if isinstance(piece, str):  # from a caller that is not type-checked
            raise UsageError("the source is a stream of text", "open it in binary mode: open(path, 'rb')")
        self._count(piece)
        if self.at_end:
            self._check_end()
        return piece

    def _check_end(self) -> None:
        """Check that everything read is one state of the file."""
        if self._monitor:
            self._monitor.check(self._digest.hexdigest(), self.bytes_read)

    def _count(self, piece: bytes) -> None:
        self._digest.update(piece)
        self.bytes_read += len(piece)
        self.at_end = not piece
        if self._on_read is not None and piece:
            self._on_read(len(piece))

    def _note_intact(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        yield from pieces
        self._gzip_intact = True

    def _read_pieces(self) -> Iterator[bytes]:
        piece, self._head = self._head, b""
        while piece:
            yield piece
            piece = self._read()


class FileSource(Source):
    """A regular file, which must not change while it is read.

    Args:
        file: the file, at its beginning.
        name: as for `Source`.
        size: in bytes.
        on_read: as for `Source`.
    """

    def __init__(self, file: BinaryIO, name: str, size: int, on_read: Callable[[int], object] | None) -> None:
        self._monitor = ChangeMonitor(file.fileno())
        super().__init__(file, name, size=size, on_read=on_read, owns_stream=True)


class DecryptedSource(Source):
    """A verified delivery, decrypted while it is read; what is read is proven to be what was verified.

    Args:
        opened: the delivery.
        on_read: as for `Source`.
    """

    _gzip_error = DeliveryError

    def __init__(self, opened: OpenedDelivery, on_read: Callable[[int], object] | None) -> None:
        self._opened = opened
        self.provenance = opened.provenance
        self.verified_sha256 = opened.sha256
        super().__init__(opened.file, opened.name, size=opened.size, on_read=on_read, owns_stream=True)

    @property
    def damage_hint(self) -> str | None:
        """With a verified signature, all damage is the sender's."""
        signed_so = "its signature is right, so it was sent so: ask the sender for a whole export"
        return super().damage_hint if is_unverified(self.provenance) else signed_so

    def prove(self) -> None:
        """Read to the end and check that the bytes are those that were verified."""
        while not self.at_end:
            self._read()
        self._check_end()

    def check_transfer(self) -> None:
        """Check that the file was not changed after it was verified: if not, what makes no sense was sent so."""
        self.prove()

    def digest_whole_file(self) -> str | None:
        """Return the digest of what was verified."""
        return self.verified_sha256

    def _read(self) -> bytes:
        return self._opened.decrypt(super()._read())

    def _check_end(self) -> None:
        if self.sha256 != self.verified_sha256:
            raise changed_error("the file was changed after it was verified")
