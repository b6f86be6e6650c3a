"""The cipher of a delivery: AES-256 in counter mode from a zero counter (NIST SP 800-38A), with no header.

It hides and does not protect: a bit flipped in the ciphertext is flipped in the plaintext. Only the signature says that
the bytes are the publisher's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_BYTES = 32
_COUNTER = bytes(16)  # the format's own: every set has a fresh key, so no counter is used twice with one


def decryptor(key: bytes) -> Callable[[bytes], bytes]:
    """Return a function that decrypts a stream's pieces, of any size, in their order.

    Args:
        key: 32 bytes.
    """
    return Cipher(AES256(key), CTR(_COUNTER)).decryptor().update


def encryptor(key: bytes) -> Callable[[bytes], bytes]:
    """Return a function that encrypts a stream's pieces, of any size, in their order.

    Args:
        key: 32 bytes, drawn for this stream alone: two under one key give each other away.
    """
    return Cipher(AES256(key), CTR(_COUNTER)).encryptor().update
