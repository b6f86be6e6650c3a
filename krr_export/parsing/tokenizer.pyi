def tokenize_records(data: bytes, name: bytes, root_name: bytes, spans: int) -> tuple[int, int, int, int]:
    """Find whole records.

    Args:
        data: begins at a record boundary.
        name: the record's local name.
        root_name: the root's name as written.
        spans: address of an int32 array with room for two numbers a record.

    Returns:
        How many there are; where tokenizing stopped; where the root's end tag ends; where an open record begins. The
        last three are -1 where there is no such place.
    """

def count_line_ends(data: bytes, start: int, end: int) -> int:
    """Line feeds in a part of ``data``.

    Raises:
        ValueError: the part lies outside of it.
    """
