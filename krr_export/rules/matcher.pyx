# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Matching of the patterns of `prefilter`, its Python interface, without the GIL.

Like the scanner, it only accepts: every other value is judged by the rule's regular expression. It accepts::

    mobile = ( "+47" | "0047" )? ( "4" | "9" ) digit{7}
    email  = word ( "." word )* "@" ( label "." )+ letter letter+
    number = digit{8} | digit{10}
    named  = ( any visible sign of ASCII but "#" and "@" )+ "#" sign{4}
    word   = ( sign | "_" | "+" | "-" )+
    label  = sign+ ( "-" sign+ )*
    sign   = letter | digit                                          of ASCII
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uintptr_t

cdef enum Kind:
    MOBILE = 0
    EMAIL = 1
    NUMBER = 2
    NAMED = 3

cdef enum:
    LETTER = 1
    DIGIT = 2
    SIGN = 3  # either
    MARK = 4  # what a word may hold beside

cdef uint8_t CLASSES[256]


cdef void fill_table() noexcept:
    cdef int octet
    for octet in range(256):
        CLASSES[octet] = 0
    for octet in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz":
        CLASSES[octet] = LETTER
    for octet in b"0123456789":
        CLASSES[octet] = DIGIT
    for octet in b"_+-":
        CLASSES[octet] = MARK


fill_table()


cdef inline const uint8_t* skip(const uint8_t* at, const uint8_t* end, uint8_t kinds) noexcept nogil:
    while at < end and CLASSES[at[0]] & kinds:
        at += 1
    return at


cdef inline bint is_mobile(const uint8_t* at, const uint8_t* end) noexcept nogil:
    if end - at == 11 and at[0] == c"+" and at[1] == c"4" and at[2] == c"7":
        at += 3
    elif end - at == 12 and at[0] == c"0" and at[1] == c"0" and at[2] == c"4" and at[3] == c"7":
        at += 4
    return end - at == 8 and (at[0] == c"4" or at[0] == c"9") and skip(at, end, DIGIT) == end


cdef inline bint is_email(const uint8_t* at, const uint8_t* end) noexcept nogil:
    cdef const uint8_t* start
    while True:
        start = at
        at = skip(at, end, SIGN | MARK)
        if at == start or at == end:
            return False
        if at[0] == c"@":
            break
        if at[0] != c".":
            return False
        at += 1
    return is_domain(at + 1, end)


cdef inline bint is_domain(const uint8_t* at, const uint8_t* end) noexcept nogil:
    cdef const uint8_t* start
    cdef bint has_dot = False
    while True:
        start = at
        at = skip(at, end, SIGN)
        if at == start:
            return False
        if at == end:
            return has_dot and end - start >= 2 and skip(start, end, LETTER) == end
        if at[0] == c".":
            has_dot = True
        elif at[0] != c"-":
            return False
        elif skip(at + 1, end, SIGN) == end:
            return False  # a top level with a hyphen
        at += 1


cdef inline bint is_number(const uint8_t* at, const uint8_t* end) noexcept nogil:
    return (end - at == 8 or end - at == 10) and skip(at, end, DIGIT) == end


cdef inline bint is_named(const uint8_t* at, const uint8_t* end) noexcept nogil:
    cdef const uint8_t* signs = end - 4
    if end - at < 6 or signs[-1] != c"#" or skip(signs, end, SIGN) != end:
        return False
    while at < signs - 1 and 0x20 < at[0] < 0x7F and at[0] != c"#" and at[0] != c"@":
        at += 1
    return at == signs - 1


def find_unmatched(int kind, int64_t count, uintptr_t offsets, uintptr_t octets, uintptr_t among, uintptr_t into):
    cdef const int32_t* ends = <const int32_t*>offsets
    cdef const uint8_t* data = <const uint8_t*>octets
    cdef const uint8_t* is_among = <const uint8_t*>among
    cdef int64_t* rows = <int64_t*>into
    cdef const uint8_t* at
    cdef const uint8_t* end
    cdef int64_t row, found = 0
    cdef bint matches
    with nogil:
        for row in range(count):
            if not is_among[row]:
                continue
            at, end = data + ends[row], data + ends[row + 1]
            if kind == MOBILE:
                matches = is_mobile(at, end)
            elif kind == EMAIL:
                matches = is_email(at, end)
            elif kind == NUMBER:
                matches = is_number(at, end)
            else:
                matches = is_named(at, end)
            if not matches:
                rows[found] = row
                found += 1
    return found
