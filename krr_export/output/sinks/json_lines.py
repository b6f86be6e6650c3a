"""JSON Lines: a row is an object on a line of its own; null is ``null``, binary is base64, times are RFC 3339."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import pyarrow as pa

    from krr_export.util.files import HashedFile, PartFile

_ROWS_AT_A_TIME = 8_192


class JsonLinesPart:
    """One file of JSON Lines being written.

    Args:
        file: receives the bytes.
    """

    def __init__(self, file: HashedFile) -> None:
        self._file = file
        self._encoder = msgspec.json.Encoder()
        self._rows = 0

    def write(self, group: pa.Table) -> None:
        """Append the rows of ``group``.

        Raises:
            OutputError: the disk is full or failing.
        """
        for batch in group.to_batches(_ROWS_AT_A_TIME):
            self._file.write(self._encoder.encode_lines(batch.to_pylist()))
        self._rows += group.num_rows

    def close(self) -> PartFile:
        """Finish the file.

        Raises:
            OutputError: the disk is full or failing.
        """
        return self._file.finish(self._rows)

    def abandon(self) -> None:
        """Close without finishing the file; never raises."""
        self._file.abandon()
