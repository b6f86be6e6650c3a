"""The signature of a delivery: RSASSA-PSS (RFC 8017) over the encrypted file, with SHA-512, MGF1 with SHA-512, salt 64.

There are two forms. ``exact`` signs the file's bytes. ``legacy-buffer`` is what the publisher's own client did: it
signed its whole 16 KiB buffer, however much of it the last read had filled. So it signed the file followed by the stale
end of the buffer: with n = length mod 16384 the bytes n.. of the last full block, or zeros if there is none. The two
are the same if n = 0.

Why it is sound to accept either: both bind every byte of the file. In the second, what follows the file is made from
the file itself, so an attacker cannot choose it. An attacker can only move the file's end: append the stale end or a
beginning of it, or cut off bytes that happen to equal those of the block before. No byte of the rest changes. Appended
bytes decrypt to noise after the end of the gzip; cut bytes are that end, its checksum and length. So "legacy-buffer",
alone or beside "exact", is sound with a reader that refuses a gzip with anything after it or without its end, as
`input.source` does. (One byte can be cut off in one of 256 files, two in one of 65 536: never a whole member of a gzip,
after which the rest would be whole.)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA512

from krr_export.errors import DeliveryError, InputError, UsageError
from krr_export.input.delivery.regular import FETCH_AGAIN, read_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric import rsa

    from krr_export.input.delivery.opening import Mode

Form: TypeAlias = Literal["exact", "legacy-buffer"]

_CLIENT_BUFFER = 1 << 14
"""The buffer of the publisher's client."""
_PIECE_BYTES = 1 << 18
"""Bytes of one read: whole buffers, so that no buffer is split between two pieces."""
# The salt's length is fixed, never detected: a signature with another length is not of this format.
_PADDING = PSS(MGF1(SHA512()), salt_length=64)
_HASH = Prehashed(SHA512())


@dataclass(frozen=True)
class Verified:
    """A file as it was verified.

    Attributes:
        form: which form the signature has; ``None`` if none was verified.
        sha256: of the file's bytes, in hexadecimal; a second read of the file is compared with it.
        size: bytes.
    """

    form: Form | None
    sha256: str
    size: int


@dataclass(frozen=True)
class _Digests:
    signed: dict[Form, bytes]
    sha256: str
    size: int


def verify(
    file: BinaryIO,
    signature: bytes,
    publisher: rsa.RSAPublicKey | None,
    mode: Mode,
    on_read: Callable[[int], object] | None = None,
) -> Verified:
    """Read a file from its position to its end, once and in flat memory, and verify its signature.

    Args:
        file: the encrypted file.
        signature: raw, as long as the publisher's key.
        publisher: the owner of the signature; ignored if ``mode`` is ``none``.
        mode: which form to accept: one, either (``auto``), or anything (``none``: nothing is verified).
        on_read: called with the number of bytes just read; for progress.

    Raises:
        DeliveryError: the signature is not the publisher's over these bytes.
        InputError: the file cannot be read, or the form of the signature is not accepted.
        UsageError: ``publisher`` is ``None``, but a signature is to be verified.
    """
    if mode == "none":
        digests = _compute_digests(file, on_read)
        return Verified(None, digests.sha256, digests.size)
    if publisher is None:
        raise UsageError("no publisher is known whose signature to verify", "--publisher-cert FILE")
    check_size(signature, publisher)
    digests = _compute_digests(file, on_read)
    found = _match_form(digests, signature, publisher)
    # Without a stale end the two forms are the same, and either name is right.
    if found == "exact" and digests.size % _CLIENT_BUFFER == 0 and mode == "legacy-buffer":
        found = mode
    if found is None:
        raise DeliveryError(
            "the signature is not the publisher's over this file: one of them was changed, or is another's",
            f"{FETCH_AGAIN}; if that does not help, ask the publisher for its certificate",
        )
    if mode not in ("auto", found):
        raise InputError(
            f"the signature is the publisher's, but of the form {found}, and only {mode} is accepted",
            f"--signature auto or --signature {found}",
        )
    return Verified(found, digests.sha256, digests.size)


def check_size(signature: bytes, publisher: rsa.RSAPublicKey) -> None:
    """Check that a signature can be this publisher's, before a large file is read.

    Raises:
        DeliveryError: its size does not match the publisher's key.
    """
    size = (publisher.key_size + 7) // 8
    if len(signature) != size:
        raise DeliveryError(
            f"the signature has {len(signature)} bytes, and the publisher's key makes {size}",
            f"{FETCH_AGAIN}; or is the certificate another publisher's?",
        )


def sign(file: BinaryIO, key: rsa.RSAPrivateKey, form: Form) -> bytes:
    """Read a file from its position to its end and sign it in one of the two forms.

    Raises:
        InputError: the file cannot be read.
    """
    return key.sign(_compute_digests(file, None).signed[form], _PADDING, _HASH)


def _match_form(digests: _Digests, signature: bytes, publisher: rsa.RSAPublicKey) -> Form | None:
    for form, digest in digests.signed.items():
        try:
            publisher.verify(signature, digest, _PADDING, _HASH)
        except InvalidSignature:
            continue
        return form
    return None


def _compute_digests(file: BinaryIO, on_read: Callable[[int], object] | None) -> _Digests:
    exact, sha256, size = hashlib.sha512(), hashlib.sha256(), 0
    buffer = bytes(_CLIENT_BUFFER)
    while piece := _read_piece(file):
        exact.update(piece)
        sha256.update(piece)
        size += len(piece)
        end = len(piece) - len(piece) % _CLIENT_BUFFER
        if end:
            buffer = piece[end - _CLIENT_BUFFER : end]
        if on_read is not None:
            on_read(len(piece))
    legacy = exact.copy()
    if size % _CLIENT_BUFFER:
        legacy.update(buffer[size % _CLIENT_BUFFER :])
    return _Digests({"exact": exact.digest(), "legacy-buffer": legacy.digest()}, sha256.hexdigest(), size)


def _read_piece(file: BinaryIO) -> bytes:
    """Read a full piece, or the rest of the file."""
    with read_errors("the encrypted file"):
        piece = file.read(_PIECE_BYTES)
        while 0 < len(piece) < _PIECE_BYTES and (more := file.read(_PIECE_BYTES - len(piece))):
            piece += more
    return piece
