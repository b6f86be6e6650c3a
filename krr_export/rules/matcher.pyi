def find_unmatched(kind: int, count: int, offsets: int, octets: int, among: int, into: int) -> int:
    """Find the values that do not match a pattern.

    Args:
        kind: the pattern: of a mobile number, an e-mail address, a number, a name with signs; see `prefilter`.
        count: the number of values.
        offsets: address of the positions where values begin, int32, one more than there are values.
        octets: address of the bytes that the positions count in.
        among: address of one byte for each value: whether it is checked.
        into: address of room for the rows found, int64, one for each value.

    Returns:
        The number of rows found.
    """
