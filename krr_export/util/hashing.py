"""Streaming SHA-256 in its own thread: hashing takes as long as the rest of the sequential work together."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from krr_export.util.threads import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

_BATCH_BYTES = 1 << 20
"""Pieces are handed to the thread in batches: one by one, the hand-over would cost more than the hashing."""


class Sha256:
    """The digest of the pieces given so far; the caller must not change them."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._stage = Stage(self._hash)
        self._batch: list[bytes] = []
        self._size = 0

    def update(self, piece: bytes) -> None:
        """Add a piece."""
        self._batch.append(piece)
        self._size += len(piece)
        if self._size >= _BATCH_BYTES:
            self._hand_over()

    def hexdigest(self) -> str:
        """Return the digest of all pieces given, in hexadecimal."""
        self._hand_over()
        self._stage.finish()
        return self._digest.hexdigest()

    def close(self) -> None:
        """End the thread; the digest remains available."""
        try:
            self._hand_over()
            self._stage.finish()
        finally:
            self._stage.close()

    def _hand_over(self) -> None:
        batch, self._batch, self._size = self._batch, [], 0
        if batch:
            self._stage.put(batch)

    def _hash(self, batch: Sequence[bytes]) -> None:
        for piece in batch:
            self._digest.update(piece)
