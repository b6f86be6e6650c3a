def find_unusual(kind: int, count: int, offsets: int, octets: int, among: int, into: int) -> int:
    """Find the values that are not of a usual form.

    Args:
        kind: of value: a mobile number, an e-mail address, a number, a name with signs; see `forms`.
        count: how many values there are.
        offsets: address of where they begin, int32, one more than there are.
        octets: address of what these count in.
        among: address of an octet a value: whether it is looked at.
        into: address of room for the rows found, int64, one a value.

    Returns:
        How many were found.
    """
