"""The signature of a delivery: RSASSA-PSS (RFC 8017) over the encrypted file, with SHA-512, MGF1 with SHA-512, salt 64.

Two forms are met. ``exact`` signs the file's bytes. ``legacy-buffer`` is what the publisher's own client did: it handed
over its whole 16 KiB buffer, however much of it the last read had filled. What it signed is the file followed by the
stale end of the buffer: with n = length mod 16384 the bytes n.. of the last full block, or zeros where there is none.
The two are the same where n = 0.

Why it is sound to accept either: both bind every byte of the file. In the second, what follows the file is made from
the file itself, so it leaves no choice to anybody. What can be done is to move the file's end: to append the stale end
or a beginning of it, or to cut bytes off that happen to be those of the block before. No byte of what is left is
another. Appended bytes decrypt to noise behind the end of the gzip; cut bytes are that end, its checksum and length. So
"legacy-buffer", alone or beside "exact", is sound together with a reader that refuses a gzip with anything behind it or
without its end, as `input.source` does. (One byte may be cut off in 256 files, two in 65 536: never a whole member of a
gzip, so that what is left would be whole.)
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
from krr_export.input.delivery.regular import AGAIN, readable

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric import rsa

Form: TypeAlias = Literal["exact", "legacy-buffer"]
Mode: TypeAlias = Literal["auto", "exact", "legacy-buffer", "none"]

_BUFFER = 1 << 14
"""The buffer of the publisher's client."""
_PIECE = 1 << 18
"""What is read at once: whole buffers, so that a buffer never lies across two pieces."""
# The salt's length is given, never found out: a signature of another kind is not this format's.
_PADDING = PSS(MGF1(SHA512()), salt_length=64)
_HASH = Prehashed(SHA512())


@dataclass(frozen=True)
class Verified:
    """A file as it was verified.

    Attributes:
        form: which form the signature has; ``None`` where none was asked for.
        sha256: of the file's bytes, in hexadecimal; whoever reads the file again compares it.
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
    """Read a file from where it stands to its end, once and in flat memory, and verify its signature.

    Args:
        file: the encrypted file.
        signature: raw, as long as the publisher's key.
        publisher: whose signature it must be; not looked at where ``mode`` is ``none``.
        mode: which form to accept: one, either (``auto``), or whatever comes (``none``: nothing is verified).
        on_read: called with the number of bytes just read; for progress.

    Raises:
        DeliveryError: the signature is not the publisher's over these bytes.
        InputError: the file cannot be read, or the signature is of a form that is not accepted.
        UsageError: there is nobody whose signature it could be.
    """
    if mode == "none":
        digests = _digests(file, on_read)
        return Verified(None, digests.sha256, digests.size)
    if publisher is None:
        raise UsageError("no publisher is known whose signature to verify", "--publisher-cert FILE")
    check_size(signature, publisher)
    digests = _digests(file, on_read)
    found = _form(digests, signature, publisher)
    # Without a stale end the two forms are one, and either name for it is right.
    if found == "exact" and digests.size % _BUFFER == 0 and mode == "legacy-buffer":
        found = mode
    if found is None:
        raise DeliveryError(
            "the signature is not the publisher's over this file: one of them was changed, or is another's",
            f"{AGAIN}; if that does not help, ask the publisher for its certificate",
        )
    if mode not in ("auto", found):
        raise InputError(
            f"the signature is the publisher's, but of the form {found}, and only {mode} is accepted",
            f"--signature auto or --signature {found}",
        )
    return Verified(found, digests.sha256, digests.size)


def check_size(signature: bytes, publisher: rsa.RSAPublicKey) -> None:
    """See whether a signature can be this publisher's, before a large file is read for it.

    Raises:
        DeliveryError: it has another size than the publisher's key gives.
    """
    size = (publisher.key_size + 7) // 8
    if len(signature) != size:
        raise DeliveryError(
            f"the signature has {len(signature)} bytes, and the publisher's key makes {size}",
            f"{AGAIN}; or is the certificate another publisher's?",
        )


def sign(file: BinaryIO, key: rsa.RSAPrivateKey, form: Form) -> bytes:
    """Read a file from where it stands to its end and sign it in one of the two forms.

    Raises:
        InputError: the file cannot be read.
    """
    return key.sign(_digests(file, None).signed[form], _PADDING, _HASH)


def _form(digests: _Digests, signature: bytes, publisher: rsa.RSAPublicKey) -> Form | None:
    for form, digest in digests.signed.items():
        try:
            publisher.verify(signature, digest, _PADDING, _HASH)
        except InvalidSignature:
            continue
        return form
    return None


def _digests(file: BinaryIO, on_read: Callable[[int], object] | None) -> _Digests:
    exact, sha256, size = hashlib.sha512(), hashlib.sha256(), 0
    buffer = bytes(_BUFFER)
    while piece := _piece(file):
        exact.update(piece)
        sha256.update(piece)
        size += len(piece)
        end = len(piece) - len(piece) % _BUFFER
        if end:
            buffer = piece[end - _BUFFER : end]
        if on_read is not None:
            on_read(len(piece))
    legacy = exact.copy()
    if size % _BUFFER:
        legacy.update(buffer[size % _BUFFER :])
    return _Digests({"exact": exact.digest(), "legacy-buffer": legacy.digest()}, sha256.hexdigest(), size)


def _piece(file: BinaryIO) -> bytes:
    """A full piece, or what is left of the file."""
    with readable("the encrypted file"):
        piece = file.read(_PIECE)
        while 0 < len(piece) < _PIECE and (more := file.read(_PIECE - len(piece))):
            piece += more
    return piece
