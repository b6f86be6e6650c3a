def tokenize_records(data: bytes, name: bytes, root_name: bytes, spans: int) -> tuple[int, int, int, int]:
    """Find whole records.

    Args:
        data: bytes from a record boundary on.
        name: the record's local name.
        root_name: the root's name as written.
        spans: address of an int32 array with room for two numbers a record.

    Returns:
        The number of records; where tokenizing stopped; the end of the root's end tag; the start of an open record. The
        last three are -1 if there is no such place.
    """

def count_line_ends(data: bytes, start: int, end: int) -> int:
    """Count the line feeds in a part of ``data``.

    Raises:
        ValueError: the part is outside of it.
    """
