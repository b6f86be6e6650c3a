# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The tokenizer: finds whole records in a document's bytes, without the GIL. `tokenizing` is its Python interface.

It recognises the tags of the record's name, with any prefix, their nesting and quotes; and ignores such a tag in a
comment, a CDATA section or a processing instruction. All other checks are left to the XML parser.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uintptr_t
from libc.string cimport memchr, memcmp

cdef extern from "<string.h>" nogil:
    void* memmem(const void* haystack, size_t length, const void* needle, size_t size)

cdef struct Tokens:
    const uint8_t* name
    Py_ssize_t name_length
    const uint8_t* root
    Py_ssize_t root_length
    int32_t* spans
    int64_t count
    int64_t stop       # -1: the data were tokenized to their end
    int64_t root_end   # -1: the root's end tag was not met
    int64_t open_at    # -1: no record is open at the end

cdef uint8_t OUTSIDE_NAMES[256]

cdef int _octet
for _octet in range(256):
    OUTSIDE_NAMES[_octet] = chr(_octet) in " \t\n\r\f\v<>/:!?=\"'"


cdef inline bint is_space(uint8_t octet) noexcept nogil:
    return octet == 0x20 or 0x09 <= octet <= 0x0D


cdef inline bint begins(const uint8_t* at, const uint8_t* end, const uint8_t* with_, Py_ssize_t length) noexcept nogil:
    # Nearly all differ in their first octet: comparing it costs less than a call.
    return end - at >= length and at[0] == with_[0] and memcmp(at, with_, length) == 0


cdef inline const uint8_t* behind_name(Tokens* tokens, const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Return the end of the record's name, with a prefix or without; ``NULL`` if it is another name."""
    cdef const uint8_t* colon = at
    if begins(at, end, tokens.name, tokens.name_length):
        colon = at + tokens.name_length
        if colon == end or (OUTSIDE_NAMES[colon[0]] and colon[0] != c":"):
            return colon
        # Another name, or a prefix that begins like the record's name.
    while colon < end and not OUTSIDE_NAMES[colon[0]]:
        colon += 1
    if colon == at or colon == end or colon[0] != c":":
        return NULL
    return colon + 1 + tokens.name_length if begins(colon + 1, end, tokens.name, tokens.name_length) else NULL


cdef inline const uint8_t* behind_end(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Return the position after the ">" of an end tag; ``NULL`` if something else is there."""
    while at < end and is_space(at[0]):
        at += 1
    return at + 1 if at < end and at[0] == c">" else NULL


cdef inline const uint8_t* behind_start(const uint8_t* at, const uint8_t* end, bint* empty) noexcept nogil:
    """Return the position after the ">" of a start tag; ``NULL`` if it has no end, or contains a "<"."""
    cdef const uint8_t* quote
    if at == end or not (is_space(at[0]) or at[0] == c"/" or at[0] == c">"):
        return NULL
    while at < end:
        if at[0] == c">":
            empty[0] = at[-1] == c"/"
            return at + 1
        if at[0] == c"<":
            return NULL
        if at[0] == c'"' or at[0] == c"'":
            quote = at
            at += 1
            while at < end and at[0] != quote[0] and at[0] != c"<":
                at += 1
            if at == end or at[0] == c"<":
                return NULL
        at += 1
    return NULL


cdef inline const uint8_t* behind(
    const uint8_t* at, const uint8_t* end, const char* mark, Py_ssize_t size
) noexcept nogil:
    cdef const uint8_t* found = <const uint8_t*>memmem(at, end - at, mark, size) if at <= end else NULL
    return found + size if found != NULL else NULL


cdef inline const uint8_t* behind_markup(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Return the end of a comment, a CDATA section or a processing instruction; ``NULL`` if it does not end."""
    if begins(at, end, b"<!--", 4):
        return behind(at + 4, end, "-->", 3)
    if begins(at, end, b"<![CDATA[", 9):
        return behind(at + 9, end, "]]>", 3)
    return behind(at + 2, end, "?>", 2) if at[1] == c"?" else at + 1


cdef void tokenize(Tokens* tokens, const uint8_t* data, const uint8_t* end) noexcept nogil:
    """Find all whole records from a record boundary on, up to the root's end tag or an end tag without a start tag."""
    cdef const uint8_t* at = data
    cdef const uint8_t* opened = data
    cdef const uint8_t* after
    cdef Py_ssize_t length = 0  # of the open record's name as written: its end tag has the same
    cdef int64_t depth = 0
    cdef bint empty
    while True:
        at = <const uint8_t*>memchr(at, c"<", end - at) if at < end else NULL
        if at == NULL or at + 1 == end:
            break
        after = at + 1
        if at[1] == c"!" or at[1] == c"?":
            after = behind_markup(at, end)
            if after == NULL:
                break  # nothing after it is certainly a tag
        elif at[1] == c"/":
            if depth == 0:
                if ends_root(tokens, data, at, end):
                    return
            elif begins(at + 2, end, opened + 1, length) and (after := behind_end(at + 2 + length, end)) != NULL:
                depth -= 1
                if depth == 0:
                    add(tokens, opened - data, after - data)
        elif depth == 0:
            after = behind_name(tokens, at + 1, end)
            length = after - at - 1
            after = behind_start(after, end, &empty) if after != NULL else NULL
            if after != NULL:
                opened = at
                depth = not empty
                if empty:
                    add(tokens, opened - data, after - data)
        elif begins(at + 1, end, opened + 1, length):
            after = behind_start(at + 1 + length, end, &empty)
            depth += after != NULL and not empty
        at = after if after != NULL else at + 1
    tokens.open_at = opened - data if depth else -1


cdef inline bint ends_root(Tokens* tokens, const uint8_t* data, const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Return whether the end tag that begins here is the root's, or a record's without a start tag: both stop."""
    cdef const uint8_t* after = behind_name(tokens, at + 2, end)
    after = behind_end(after, end) if after != NULL else NULL
    if after != NULL:
        tokens.stop = after - data
        return True
    if begins(at + 2, end, tokens.root, tokens.root_length):
        after = behind_end(at + 2 + tokens.root_length, end)
    if after != NULL:
        tokens.stop, tokens.root_end = at - data, after - data
    return after != NULL


cdef inline void add(Tokens* tokens, int64_t start, int64_t end) noexcept nogil:
    tokens.spans[2 * tokens.count] = start
    tokens.spans[2 * tokens.count + 1] = end
    tokens.count += 1


cdef int64_t line_ends_in(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Count line feeds: 255 octets at a time into an octet, which cannot overflow and lets the compiler vectorise."""
    cdef int64_t count = 0
    cdef uint8_t part
    cdef int index
    while end - at >= 255:
        part = 0
        for index in range(255):
            part += at[index] == 0x0A
        count += part
        at += 255
    while at < end:
        count += at[0] == 0x0A
        at += 1
    return count


def tokenize_records(bytes data, bytes name, bytes root_name, uintptr_t spans):
    cdef Tokens tokens
    cdef const uint8_t* start = data
    cdef const uint8_t* end = start + len(data)
    tokens.name, tokens.name_length = name, len(name)
    tokens.root, tokens.root_length = root_name, len(root_name)
    tokens.spans, tokens.count = <int32_t*>spans, 0
    tokens.stop = tokens.root_end = tokens.open_at = -1
    with nogil:
        tokenize(&tokens, start, end)
    return tokens.count, tokens.stop, tokens.root_end, tokens.open_at


def count_line_ends(bytes data, Py_ssize_t start, Py_ssize_t end):
    cdef const uint8_t* at = data
    cdef int64_t count
    if not 0 <= start <= end <= len(data):
        raise ValueError("outside of the data")
    with nogil:
        count = line_ends_in(at + start, at + end)
    return count
