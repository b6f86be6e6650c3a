from collections.abc import Sequence

PARTS: tuple[str, ...]
"""The parts of a column's memory, in the order in which their addresses are taken."""

class Scanner:
    """Scans blocks by one plan, see `scanning.ScanPlan`; thread-safe."""

    def __init__(
        self,
        elements: Sequence[tuple[bytes, int, bool, int, int, int, int]],
        attributes: Sequence[tuple[bytes, int, bool]],
        columns: Sequence[tuple[int, int, int, tuple[bytes, ...]]],
    ) -> None: ...
    def scan(
        self,
        data: bytes,
        count: int,
        spans: int,
        unusual: int,
        table_size: int,
        columns: Sequence[tuple[int, ...]],
    ) -> tuple[int, int, list[tuple[int, int, int]]]:
        """Take the records of a block that are certainly valid, without holding the GIL.

        Args:
            data: the block.
            count: the number of its records.
            spans: address of their starts and ends, int32.
            unusual: address of room for as many int32.
            table_size: slots in each table of distinct values, a power of two.
            columns: for each column the addresses of its `scan_memory.Parts`, zeroed as `scan_memory.Layout` says.

        Returns:
            The number of records taken, and of those handed on; for each column octets of data, distinct values, and
            flagged rows.
        """
