from collections.abc import Sequence

PARTS: tuple[str, ...]
"""The parts of a column's memory, in the order in which their addresses are taken."""

class Scanner:
    """Scans blocks by one plan; may be used by several threads at once.

    Args:
        elements: see `scanning.Plan`.
        attributes: see there.
        columns: see there.
    """

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
        """Take what is certain of a block, without the interpreter's lock.

        Args:
            data: the block.
            count: how many records it holds.
            spans: address of where these begin and end, int32.
            unusual: address of room for as many int32.
            table_size: places in each table of distinct values, a power of two.
            columns: for each column the addresses of its `memory.Parts`, zeroed as far as `memory.Layout` says.

        Returns:
            How many records were taken, and how many handed on; for each column octets of data, distinct values, and
            flagged rows.
        """
