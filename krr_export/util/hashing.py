"""SHA-256 of what goes by, in a thread of its own: it takes as long as the rest of what one thread does in order."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from krr_export.util.threads import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

_BATCH_BYTES = 1 << 20
"""Pieces are handed over together: each by itself would cost more than it is worth."""


class Sha256:
    """The digest of the pieces given so far, which must not change."""

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
        """The digest in hexadecimal, of all pieces given."""
        self._hand_over()
        self._stage.finish()
        return self._digest.hexdigest()

    def close(self) -> None:
        """End the thread; the digest is there all the same."""
        self._hand_over()
        self._stage.finish()
        self._stage.close()

    def _hand_over(self) -> None:
        batch, self._batch, self._size = self._batch, [], 0
        if batch:
            self._stage.put(batch)

    def _hash(self, batch: Sequence[bytes]) -> None:
        for piece in batch:
            self._digest.update(piece)
