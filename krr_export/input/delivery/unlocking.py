"""Unlocking of a delivery: its signature is verified, its key unwrapped, its decryption started.

Everything that needs the large cryptography library is imported from here; `opening` loads it when there is a delivery.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from krr_export.errors import DeliveryError
from krr_export.input.delivery import cipher, keys, signing
from krr_export.input.delivery.regular import FETCH_AGAIN, read_errors, read_small_regular
from krr_export.input.gzipped import MAGIC

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedReader
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from krr_export.input.delivery.finding import FoundSet
    from krr_export.input.delivery.keys import Publisher
    from krr_export.input.delivery.opening import Mode
    from krr_export.input.delivery.signing import Verified
    from krr_export.util.fields import Passphrase

_GZIP_START = MAGIC + b"\x08"  # the only compression method there is


@dataclass(frozen=True)
class SmallFiles:
    """The small files of a set, read before the large one.

    Attributes:
        signature: over the large file; empty if none is verified.
        wrapped: the key of the large file, encrypted for the receiver.
    """

    signature: bytes
    wrapped: bytes


@dataclass(frozen=True)
class LoadedKeys:
    """The keys that open deliveries.

    Attributes:
        private_key: the receiver's.
        publisher: whose signature is accepted; ``None`` if none is verified.
    """

    private_key: RSAPrivateKey
    publisher: Publisher | None

    @classmethod
    def load(cls, private_key: Path, passphrase: Passphrase, publisher_cert: Path | None) -> LoadedKeys:
        """Read the keys; the publisher's first, so that a passphrase is not asked for in vain.

        Raises:
            InputError: a key is unusable.
        """
        publisher = keys.load_publisher(publisher_cert) if publisher_cert is not None else None
        return cls(keys.load_private_key(private_key, passphrase), publisher)

    def read_small_files(self, found: FoundSet) -> SmallFiles:
        """Read a set's small files, and check that they can be for these keys.

        Raises:
            DeliveryError: one of them makes no sense.
            InputError: one of them cannot be read, or is not a regular file.
        """
        small = SmallFiles(
            signature=read_small_regular(found.signature) if found.signature else b"",
            wrapped=read_small_regular(found.key),
        )
        if self.publisher is not None:
            signing.check_size(small.signature, self.publisher.public_key)
        keys.check_wrapped_size(self.private_key, small.wrapped)
        return small

    def unlock(
        self, file: BufferedReader, small: SmallFiles, mode: Mode, on_read: Callable[[int], object] | None
    ) -> tuple[Verified, Callable[[bytes], bytes]]:
        """Verify the ciphertext, and only then unwrap its key.

        Args:
            file: the ciphertext; afterwards it is at its beginning again.
            small: the small files of the same set.
            mode: which form of signature is accepted.
            on_read: called with the number of bytes just read during verification.

        Returns:
            What was verified, and a function that decrypts the ciphertext's pieces in their order.

        Raises:
            DeliveryError: the signature is not the publisher's, or the set's key is not for the private key.
            InputError: the ciphertext cannot be read.
        """
        if not os.fstat(file.fileno()).st_size:
            raise DeliveryError("the encrypted file is empty", FETCH_AGAIN)
        publisher = self.publisher.public_key if self.publisher else None
        verified = signing.verify(file, small.signature, publisher, mode, on_read)
        key = keys.unwrap_key(self.private_key, small.wrapped)
        file.seek(0)
        return verified, _checked_decryptor(file, key)


def _checked_decryptor(file: BufferedReader, key: bytes) -> Callable[[bytes], bytes]:
    """Return the decryptor of a file, after a check that the key is the right one: the key file is not signed."""
    with read_errors("the encrypted file"):
        start = file.read(len(_GZIP_START))
    if cipher.decryptor(key)(start) != _GZIP_START:
        raise DeliveryError("what it decrypts to is no gzip: the key file is of another set", FETCH_AGAIN)
    file.seek(0)
    return cipher.decryptor(key)
