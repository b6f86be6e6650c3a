# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The scanner: writes records that are certainly valid straight from bytes to Arrow buffers, without the GIL.

It takes this grammar (names are the plan's, with the prefixes that the root declares; S is space, tab, CR or LF)::

    element   = "<" name (S attribute)* S? ( ">" content "</" name S? ">" | "/>" )
    attribute = name S? "=" S? ( '"' value '"' | "'" value "'" )        in any order, each once
    content   = value | (S? element)* S?                                elements in the order of the XSD
    value     = characters of XML in well-formed UTF-8, none of them "<" or "&", within the facets of its column

Line ends in text become line feeds (XML 1.0 §2.11). A record with anything else is handed on, by its index in the
block, to the reference reader, which alone may refuse:

- references, CDATA sections, comments and processing instructions; "]]>" in text; control characters;
  tabs and line ends in an attribute, which XML turns into spaces;
- elements and attributes that the plan does not have here, repeated, missing or out of order; a namespace declaration;
- a value outside its facets, or not certainly of its type: a time before the year 1000 or after 9998, with hour 24 or
  with white space around it; a time without offset before 1900; base64 with any white space.

Every read is bounded by the record's end. The caller, `scanning`, provides all memory to write to, enough for any
block: a column has room for a value of each record, and values are never longer than the markup that they come from.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcmp, memcpy, memset

cdef enum Kind:
    TEXT = 0     # offsets and bytes
    LISTED = 1   # int32 codes: indices into the list of values
    INSTANT = 2  # int64 microseconds since 1970, in UTC unless the row is flagged
    BINARY = 3   # int32 indices into the distinct values, decoded
    HANDED_ON = 4  # nothing: only the reference reads such values

cdef enum Flag:
    WITHOUT_OFFSET = 1
    FRACTION_CUT = 2

cdef struct Bytes:
    const uint8_t* at
    Py_ssize_t length

cdef struct Value:
    Bytes written
    int64_t characters  # after XML's normalisation of line ends
    bint has_return     # whether it has a carriage return, which XML turns into a line feed

cdef struct Element:
    Bytes name
    int column  # -1: it contains elements
    bint required
    int first_attribute
    int attributes
    int first_child
    int children

cdef struct Attribute:
    Bytes name
    int column
    bint required

cdef struct Column:
    Kind kind
    int64_t shortest  # in characters; for binary values, in octets
    int64_t longest
    const Bytes* listed
    int listed_count
    # Written a row at a time:
    uint8_t* valid
    void* values         # int32 offsets, int32 codes or indices, int64 instants
    uint8_t* data        # octets of texts, or of distinct binary values
    int32_t* distinct    # offsets of distinct binary values in data; one more than values
    Bytes* written       # the distinct binary values as written
    int32_t* table       # hash table of distinct values: index + 1
    uint8_t* flags       # flags of instants
    int64_t length       # length of data
    int64_t distinct_count
    int64_t flagged
    int64_t new_slot     # slot of the table that was taken in this row; -1: none

cdef struct Scan:
    const Element* elements
    const Attribute* attributes
    Column* columns
    int column_count
    int64_t table_mask
    int64_t row
    const uint8_t* at
    const uint8_t* end

cdef enum:  # classes of octets, in text or in an attribute's value
    PLAIN = 0
    NOT_ASCII = 1
    SPECIAL = 2  # it may end the value, or needs a look
    REFUSED = 3

cdef enum:
    NO_SEXTET = 0xff
    NO_SLOT = -1
    PROBES = 16  # a limit, so that values made to collide cost no more than decoding each

cdef uint8_t IN_TEXT[256]
cdef uint8_t IN_ATTRIBUTES[256]
cdef uint8_t SEXTETS[256]


cdef void fill_tables() noexcept:
    cdef int octet
    for octet in range(256):
        IN_TEXT[octet] = NOT_ASCII if octet >= 0x80 else REFUSED if octet < 0x20 else PLAIN
        IN_ATTRIBUTES[octet] = IN_TEXT[octet]
        SEXTETS[octet] = NO_SEXTET
    for octet in b"\t\n":
        IN_TEXT[octet] = PLAIN
    for octet in b"<\r]":
        IN_TEXT[octet] = SPECIAL
    for octet in b"\"'":
        IN_ATTRIBUTES[octet] = SPECIAL
    IN_TEXT[c"&"] = IN_ATTRIBUTES[c"&"] = IN_ATTRIBUTES[c"<"] = REFUSED
    for place, octet in enumerate(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"):
        SEXTETS[octet] = place


fill_tables()


# ---- characters -----------------------------------------------------------------------------------------------------


cdef inline bint is_space(uint8_t octet) noexcept nogil:
    return octet == 0x20 or octet == 0x0A or octet == 0x09 or octet == 0x0D


cdef inline void skip_space(Scan* scan) noexcept nogil:
    while scan.at < scan.end and is_space(scan.at[0]):
        scan.at += 1


cdef inline int character_length(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Return the length of the non-ASCII character that begins here; 0 if XML or UTF-8 does not allow it."""
    cdef uint8_t first = at[0]
    cdef Py_ssize_t left = end - at
    if 0xC2 <= first <= 0xDF:
        return 2 if left >= 2 and is_tail(at[1]) else 0
    if 0xE0 <= first <= 0xEF:
        if left < 3 or not (is_tail(at[1]) and is_tail(at[2])):
            return 0
        if (first == 0xE0 and at[1] < 0xA0) or (first == 0xED and at[1] > 0x9F):
            return 0  # overlong; a surrogate
        if first == 0xEF and at[1] == 0xBF and at[2] >= 0xBE:
            return 0  # U+FFFE, U+FFFF
        return 3
    if 0xF0 <= first <= 0xF4:
        if left < 4 or not (is_tail(at[1]) and is_tail(at[2]) and is_tail(at[3])):
            return 0
        return 0 if (first == 0xF0 and at[1] < 0x90) or (first == 0xF4 and at[1] > 0x8F) else 4
    return 0


cdef inline bint is_tail(uint8_t octet) noexcept nogil:
    return (octet & 0xC0) == 0x80


# ---- values ---------------------------------------------------------------------------------------------------------


cdef inline bint take_value(Scan* scan, Value* value, uint8_t stop, const uint8_t* classes) noexcept nogil:
    """Take characters up to the next ``stop``, which is not consumed."""
    cdef const uint8_t* at = scan.at
    cdef const uint8_t* end = scan.end
    cdef int64_t beyond = 0  # octets in excess of characters
    cdef int size
    value.written.at, value.has_return = at, False
    while at < end:
        if classes[at[0]] == PLAIN:
            at += 1
        elif classes[at[0]] == NOT_ASCII:
            size = character_length(at, end)
            if size == 0:
                return False
            beyond += size - 1
            at += size
        elif at[0] == stop:
            value.written.length = at - scan.at
            value.characters = value.written.length - beyond
            scan.at = at
            return True
        elif classes[at[0]] == REFUSED or (at[0] == c"]" and begins_end_of_cdata(at, end)):
            return False
        else:
            if at[0] == 0x0D:
                value.has_return = True
                beyond += end - at >= 2 and at[1] == 0x0A
            at += 1
    return False


cdef inline bint begins_end_of_cdata(const uint8_t* at, const uint8_t* end) noexcept nogil:
    return end - at >= 3 and at[1] == c"]" and at[2] == c">"


cdef inline bint take_undecoded(Scan* scan, Value* value) noexcept nogil:
    """Take anything up to the next "<", which is left there: for values that are then compared, or decoded strictly."""
    value.written.at = scan.at
    scan.at = <const uint8_t*>memchr(scan.at, c"<", scan.end - scan.at)
    value.written.length, value.characters, value.has_return = scan.at - value.written.at, 0, False
    return scan.at != NULL


cdef inline bint take_quoted(Scan* scan, Value* value) noexcept nogil:
    """Take an attribute's value, in either kind of quotes."""
    if scan.at >= scan.end or (scan.at[0] != c'"' and scan.at[0] != c"'"):
        return False
    scan.at += 1
    if not take_value(scan, value, scan.at[-1], IN_ATTRIBUTES):
        return False
    scan.at += 1
    return True


cdef inline int digits(const uint8_t* at, int count) noexcept nogil:
    """Parse a number of ``count`` digits; return -1 if any of them is not a digit."""
    cdef int number = 0
    cdef int place
    cdef uint8_t digit
    for place in range(count):
        digit = at[place] - c"0"
        if digit > 9:
            return -1
        number = number * 10 + digit
    return number


cdef inline int days_of(int month, int year) noexcept nogil:
    if month == 2:
        return 29 if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


cdef inline int64_t days_since_1970(int year, int month, int day) noexcept nogil:
    """Count days of the Gregorian calendar since 1970, by way of years that begin in March."""
    cdef int64_t y = year - (1 if month <= 2 else 0)
    cdef int64_t of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return y * 365 + y // 4 - y // 100 + y // 400 + of_year - 719468


cdef bint parse_instant(Bytes text, int64_t* micros, uint8_t* flags) noexcept nogil:
    """Parse an xs:dateTime, ``YYYY-MM-DDThh:mm:ss(.f+)?(Z|(+|-)hh:mm)?``; without offset it is wall time, flagged."""
    cdef const uint8_t* at = text.at
    cdef const uint8_t* end = text.at + text.length
    cdef int year, month, day, hour, minute, second, offset_hour, offset_minute
    cdef int64_t fraction = 0, unit = 1000000, offset
    flags[0] = 0
    if text.length < 19 or at[4] != c"-" or at[7] != c"-" or at[10] != c"T" or at[13] != c":" or at[16] != c":":
        return False
    year, month, day = digits(at, 4), digits(at + 5, 2), digits(at + 8, 2)
    hour, minute, second = digits(at + 11, 2), digits(at + 14, 2), digits(at + 17, 2)
    if not (1000 <= year <= 9998 and 1 <= month <= 12 and 1 <= day <= days_of(month, year)):
        return False
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
        return False
    at += 19
    if at < end and at[0] == c".":
        at += 1
        if at == end or not is_digit(at[0]):
            return False
        while at < end and is_digit(at[0]):
            if unit > 1:
                unit //= 10
                fraction += (at[0] - c"0") * unit
            else:
                flags[0] = FRACTION_CUT
            at += 1
    if second == 59 and flags[0]:
        return False  # libxml2 parses seconds as a double: with many nines they become 60
    micros[0] = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
    micros[0] = micros[0] * 1000000 + fraction
    if at == end:
        flags[0] |= WITHOUT_OFFSET
        return year >= 1900
    if at[0] == c"Z":
        return at + 1 == end
    if end - at != 6 or (at[0] != c"+" and at[0] != c"-") or at[3] != c":":
        return False
    offset_hour, offset_minute = digits(at + 1, 2), digits(at + 4, 2)
    if not (0 <= offset_hour <= 13 and 0 <= offset_minute <= 59):
        return False
    offset = (offset_hour * 60 + offset_minute) * <int64_t>60000000
    micros[0] += offset if at[0] == c"-" else -offset
    return True


cdef inline bint is_digit(uint8_t octet) noexcept nogil:
    return c"0" <= octet <= c"9"


cdef Py_ssize_t decode_base64(Bytes text, uint8_t* into) noexcept nogil:
    """Decode xs:base64Binary without white space, strictly (RFC 4648 §3.5: unused bits are zero); -1 if invalid."""
    cdef const uint8_t* at = text.at
    cdef Py_ssize_t groups = text.length // 4
    cdef Py_ssize_t _group
    cdef uint8_t* to = into
    cdef uint8_t a, b, c, d
    cdef int padding = 0
    if text.length % 4:
        return -1
    if groups == 0:
        return 0
    if at[text.length - 1] == c"=":
        padding = 2 if at[text.length - 2] == c"=" else 1
    for _group in range(groups - (1 if padding else 0)):
        a, b, c, d = SEXTETS[at[0]], SEXTETS[at[1]], SEXTETS[at[2]], SEXTETS[at[3]]
        if (a | b | c | d) == NO_SEXTET:
            return -1
        to[0] = (a << 2) | (b >> 4)
        to[1] = (b << 4) | (c >> 2)
        to[2] = (c << 6) | d
        at += 4
        to += 3
    if padding:
        a, b = SEXTETS[at[0]], SEXTETS[at[1]]
        c = 0 if padding == 2 else SEXTETS[at[2]]
        if (a | b | c) == NO_SEXTET or (b & 15 if padding == 2 else c & 3):
            return -1
        to[0] = (a << 2) | (b >> 4)
        to[1] = (b << 4) | (c >> 2)
        to += 3 - padding
    return to - into


# ---- columns --------------------------------------------------------------------------------------------------------


cdef inline bint store(Scan* scan, int place, const Value* value) noexcept nogil:
    """Write a value to its column if it is certainly valid; a column takes one value a row."""
    cdef Column* column = &scan.columns[place]
    cdef int64_t row = scan.row
    cdef uint8_t bit = 1 << (row & 7)
    if column.valid[row >> 3] & bit or column.kind == HANDED_ON:
        return False
    column.valid[row >> 3] |= bit
    if column.kind == TEXT:
        return column.shortest <= value.characters <= column.longest and store_text(column, value)
    if value.has_return:
        return False
    if column.kind == LISTED:
        return column.shortest <= value.characters <= column.longest and store_listed(column, row, value.written)
    if column.kind == INSTANT:
        return store_instant(column, row, value.written)
    return store_binary(scan, column, row, value.written)


cdef inline bint store_text(Column* column, const Value* value) noexcept nogil:
    cdef const uint8_t* at = value.written.at
    cdef const uint8_t* end = at + value.written.length
    if not value.has_return:
        memcpy(column.data + column.length, at, value.written.length)
        column.length += value.written.length
        return True
    while at < end:
        if at[0] != 0x0D or at + 1 == end or at[1] != 0x0A:
            column.data[column.length] = 0x0A if at[0] == 0x0D else at[0]
            column.length += 1
        at += 1
    return True


cdef inline bint is_same(Bytes one, Bytes other) noexcept nogil:
    return one.length == other.length and memcmp(one.at, other.at, one.length) == 0


cdef inline bint store_listed(Column* column, int64_t row, Bytes value) noexcept nogil:
    cdef int code
    for code in range(column.listed_count):
        if is_same(column.listed[code], value):
            (<int32_t*>column.values)[row] = code
            return True
    return False


cdef inline bint store_instant(Column* column, int64_t row, Bytes value) noexcept nogil:
    cdef uint8_t flags
    if not parse_instant(value, &(<int64_t*>column.values)[row], &flags):
        return False
    column.flags[row] = flags
    column.flagged += flags != 0
    return True


cdef inline bint store_binary(Scan* scan, Column* column, int64_t row, Bytes value) noexcept nogil:
    """Decode each distinct value, as written, once; or again if other values have taken its slots in the table."""
    cdef uint64_t hashed = hash_of(value)
    cdef int64_t decoded, slot
    cdef int32_t place
    cdef int probe
    for probe in range(PROBES):
        slot = (hashed + probe) & scan.table_mask
        place = column.table[slot] - 1
        if place < 0:
            column.new_slot = slot
            break
        if is_same(column.written[place], value):
            (<int32_t*>column.values)[row] = place
            return True
    decoded = decode_base64(value, column.data + column.length)
    if not column.shortest <= decoded <= column.longest:
        column.new_slot = NO_SLOT
        return False
    place = column.distinct_count
    column.distinct_count += 1
    column.length += decoded
    column.distinct[place + 1] = column.length
    column.written[place] = value
    if column.new_slot != NO_SLOT:
        column.table[column.new_slot] = place + 1
    (<int32_t*>column.values)[row] = place
    return True


cdef inline uint64_t hash_of(Bytes value) noexcept nogil:
    """Hash the length and the last 32 octets: in certificates, these belong to the signature, and differ."""
    cdef uint64_t words[4]
    cdef uint64_t hashed = <uint64_t>value.length
    cdef Py_ssize_t size = value.length if value.length < 32 else 32
    cdef int index
    memset(words, 0, 32)
    memcpy(words, value.at + value.length - size, size)
    for index in range(4):
        hashed = (hashed ^ words[index]) * <uint64_t>0x9E3779B97F4A7C15
        hashed ^= hashed >> 32
    return hashed


# ---- records --------------------------------------------------------------------------------------------------------


cdef inline bint take_name(Scan* scan, Bytes name) noexcept nogil:
    """Take a name that is followed by something that ends it."""
    cdef uint8_t after
    if scan.end - scan.at <= name.length or scan.at[0] != name.at[0] or memcmp(scan.at, name.at, name.length) != 0:
        return False
    after = scan.at[name.length]
    if after == c">" or after == c"/" or after == c"=" or is_space(after):
        scan.at += name.length
        return True
    return False


cdef inline bint take_attribute(Scan* scan, const Element* element) noexcept nogil:
    cdef const Attribute* attribute
    cdef Value value
    cdef int index
    for index in range(element.first_attribute, element.first_attribute + element.attributes):
        attribute = &scan.attributes[index]
        if not take_name(scan, attribute.name):
            continue
        skip_space(scan)
        if scan.at >= scan.end or scan.at[0] != c"=":
            return False
        scan.at += 1
        skip_space(scan)
        return take_quoted(scan, &value) and store(scan, attribute.column, &value)
    return False


cdef inline bint has_attributes(Scan* scan, const Element* element) noexcept nogil:
    """Return whether the element had all attributes that the XSD requires."""
    cdef const Attribute* attribute
    cdef int index
    for index in range(element.first_attribute, element.first_attribute + element.attributes):
        attribute = &scan.attributes[index]
        if attribute.required and not scan.columns[attribute.column].valid[scan.row >> 3] >> (scan.row & 7) & 1:
            return False
    return True


cdef bint take_element(Scan* scan, const Element* element) noexcept nogil:
    """Take an element from after "<" and its name, up to the end of its end tag."""
    cdef Value value
    cdef const uint8_t* before
    while True:
        before = scan.at
        skip_space(scan)
        if scan.at >= scan.end:
            return False
        if scan.at[0] == c">" or scan.at[0] == c"/":
            break
        if scan.at == before or not take_attribute(scan, element):
            return False
    if not has_attributes(scan, element):
        return False
    if scan.at[0] == c"/":
        return take_end_of_empty(scan, element)
    scan.at += 1
    if element.column < 0:
        return take_children(scan, element) and take_end_tag(scan, element)
    if scan.columns[element.column].kind == BINARY:
        if not take_undecoded(scan, &value):
            return False
    elif not take_value(scan, &value, c"<", IN_TEXT):
        return False
    return store(scan, element.column, &value) and take_end_tag(scan, element)


cdef inline bint take_end_of_empty(Scan* scan, const Element* element) noexcept nogil:
    cdef Value empty
    if scan.end - scan.at < 2 or scan.at[1] != c">":
        return False
    scan.at += 2
    if element.column < 0:
        return may_end_before(scan, element, element.first_child)
    empty.written.at, empty.written.length, empty.characters, empty.has_return = scan.at, 0, 0, False
    return store(scan, element.column, &empty)


cdef inline bint take_end_tag(Scan* scan, const Element* element) noexcept nogil:
    if scan.end - scan.at < 2 or scan.at[0] != c"<" or scan.at[1] != c"/":
        return False
    scan.at += 2
    if not take_name(scan, element.name):
        return False
    skip_space(scan)
    if scan.at >= scan.end or scan.at[0] != c">":
        return False
    scan.at += 1
    return True


cdef bint take_children(Scan* scan, const Element* element) noexcept nogil:
    """Take the elements of a sequence, up to the end tag of their parent, which is not consumed."""
    cdef int child = element.first_child
    cdef int last = child + element.children
    while True:
        skip_space(scan)
        if scan.end - scan.at < 2 or scan.at[0] != c"<":
            return False
        if scan.at[1] == c"/":
            return may_end_before(scan, element, child)
        scan.at += 1
        while child < last and not take_name(scan, scan.elements[child].name):
            if scan.elements[child].required:
                return False
            child += 1
        if child == last or not take_element(scan, &scan.elements[child]):
            return False
        child += 1


cdef inline bint may_end_before(Scan* scan, const Element* element, int first) noexcept nogil:
    """Return whether the children from ``first`` on may be absent."""
    cdef int child
    for child in range(first, element.first_child + element.children):
        if scan.elements[child].required:
            return False
    return True


cdef inline bint take_record(Scan* scan, const uint8_t* start, const uint8_t* end) noexcept nogil:
    """Take a record with exactly this start and end."""
    scan.at, scan.end = start + 1, end
    return take_name(scan, scan.elements[0].name) and take_element(scan, &scan.elements[0]) and scan.at == end


cdef inline void finish_row(Scan* scan) noexcept nogil:
    cdef Column* column
    cdef int place
    scan.row += 1
    for place in range(scan.column_count):
        column = &scan.columns[place]
        column.new_slot = NO_SLOT
        if column.kind == TEXT:
            (<int32_t*>column.values)[scan.row] = column.length


cdef void take_back_row(Scan* scan) noexcept nogil:
    """Undo what was written to a row of a record that is handed on."""
    cdef Column* column
    cdef int place
    for place in range(scan.column_count):
        column = &scan.columns[place]
        column.valid[scan.row >> 3] &= ~(<uint8_t>1 << (scan.row & 7))
        if column.kind == TEXT:
            column.length = (<int32_t*>column.values)[scan.row]
        elif column.kind == INSTANT:
            (<int64_t*>column.values)[scan.row] = 0
            column.flagged -= column.flags[scan.row] != 0
            column.flags[scan.row] = 0
        else:
            (<int32_t*>column.values)[scan.row] = 0
        if column.new_slot != NO_SLOT:
            column.table[column.new_slot] = 0
            column.new_slot = NO_SLOT
            column.distinct_count -= 1
            column.length = column.distinct[column.distinct_count]


cdef bint is_gap(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Return whether there is only white space here."""
    while at < end and is_space(at[0]):
        at += 1
    return at == end


cdef int64_t take_block(
    Scan* scan, const uint8_t* data, const int32_t* spans, Py_ssize_t count, int32_t* unusual
) noexcept nogil:
    """Take all records of a block; list those that are handed on in ``unusual``, and return their number."""
    cdef int64_t index, handed_on = 0
    cdef const uint8_t* before = data
    for index in range(count):
        if is_gap(before, data + spans[2 * index]) and (
            take_record(scan, data + spans[2 * index], data + spans[2 * index + 1])
        ):
            finish_row(scan)
        else:
            take_back_row(scan)
            unusual[handed_on] = index
            handed_on += 1
        before = data + spans[2 * index + 1]
    return handed_on


# ---- the Python interface: see the `.pyi` ---------------------------------------------------------------------------


cdef class Scanner:

    cdef Element* elements
    cdef Attribute* attributes
    cdef Column* columns
    cdef Bytes* listed
    cdef int column_count
    cdef object names  # keeps the bytes alive that the plan points into

    def __cinit__(self, elements, attributes, columns):
        cdef int index, at = 0
        self.names = (elements, attributes, columns)
        self.column_count = len(columns)
        self.elements = <Element*>calloc(len(elements), sizeof(Element))
        self.attributes = <Attribute*>calloc(len(attributes) or 1, sizeof(Attribute))
        self.columns = <Column*>calloc(len(columns), sizeof(Column))
        self.listed = <Bytes*>calloc(sum(len(column[3]) for column in columns) or 1, sizeof(Bytes))
        if not (self.elements and self.attributes and self.columns and self.listed):
            raise MemoryError
        for index, (name, column, required, first_attribute, count, first_child, children) in enumerate(elements):
            self.elements[index] = Element(
                bytes_of(name), column, required, first_attribute, count, first_child, children
            )
        for index, (name, column, required) in enumerate(attributes):
            self.attributes[index] = Attribute(bytes_of(name), column, required)
        for index, (kind, shortest, longest, listed) in enumerate(columns):
            self.columns[index].kind = kind
            self.columns[index].shortest, self.columns[index].longest = shortest, longest
            self.columns[index].listed, self.columns[index].listed_count = self.listed + at, len(listed)
            self.columns[index].new_slot = NO_SLOT
            for value in listed:
                self.listed[at] = bytes_of(value)
                at += 1

    def __dealloc__(self):
        free(self.elements)
        free(self.attributes)
        free(self.columns)
        free(self.listed)

    def scan(self, bytes data, Py_ssize_t count, uintptr_t spans, uintptr_t unusual, int64_t table_size, columns):
        cdef Scan scan
        cdef int64_t handed_on
        cdef const uint8_t* block = data
        cdef Column* written = <Column*>calloc(self.column_count, sizeof(Column))
        if written == NULL:
            raise MemoryError
        try:
            memcpy(written, self.columns, self.column_count * sizeof(Column))
            for place, addresses in enumerate(columns):
                give_memory(&written[place], addresses)
            scan.elements, scan.attributes = self.elements, self.attributes
            scan.columns, scan.column_count = written, self.column_count
            scan.row, scan.table_mask = 0, table_size - 1
            with nogil:
                handed_on = take_block(&scan, block, <const int32_t*>spans, count, <int32_t*>unusual)
            lengths = [
                (written[place].length, written[place].distinct_count, written[place].flagged)
                for place in range(self.column_count)
            ]
            return scan.row, handed_on, lengths
        finally:
            free(written)


# The addresses of a column, in their order: `scanning` compares them, to detect a build from older sources.
PARTS = ("valid", "values", "flags", "table", "distinct", "data", "written")


cdef give_memory(Column* column, addresses):
    valid, values, flags, table, distinct, data, written = addresses
    column.valid = <uint8_t*><uintptr_t>valid
    column.values = <void*><uintptr_t>values
    column.data = <uint8_t*><uintptr_t>data
    column.flags = <uint8_t*><uintptr_t>flags
    column.distinct = <int32_t*><uintptr_t>distinct
    column.written = <Bytes*><uintptr_t>written
    column.table = <int32_t*><uintptr_t>table


cdef Bytes bytes_of(bytes value):
    cdef const uint8_t* at = value
    return Bytes(at, len(value))
