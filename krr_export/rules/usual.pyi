def find_unusual(kind: int, count: int, offsets: int, octets: int, present: int, into: int) -> int:
    """Find the values that are there and not of the usual form.

    Args:
        kind: of value: 0 for mobile numbers, 1 for e-mail addresses.
        count: how many values there are, null or not.
        offsets: address of where they begin, int32, one more than there are.
        octets: address of what these count in.
        present: address of an octet a value: whether it is there.
        into: address of room for the rows found, int64, one a value.

    Returns:
        How many were found.
    """
