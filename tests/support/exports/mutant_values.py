"""What to write where a schema wants a simple type: one good value, and many at, below and above its limits.

Values are markup, escaped for an element and for an attribute alike, so that a value can also be one way of writing.
"""

from __future__ import annotations

from itertools import cycle, islice, product
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from exports.mutant_markup import Labelled, markup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xmlschema.validators import XsdSimpleType

_SAMPLES = {
    "string": "blåbærgrøt",
    "dateTime": "2014-02-25T13:08:00.000+01:00",
    "decimal": "1234",
    "base64Binary": "AAECAwQFBgc=",
    "boolean": "true",
    "date": "2014-02-25",
}

_ALPHABETS = {
    "ASCII": "a1",
    "digits": "0123456789",
    "letters of two bytes": "æøå",
    "combining characters": "e\u0301",
    "letters of three bytes": "\u4e2d\uffee",
    "astral characters": "\U0001f600\U00010348",
    "references": "&<>",
    "quotes": "\"'",
    "no-break spaces": "\u00a0",
    "invisible characters": "\u200b\u0085\u2028\ufeff",
}

_SPACES = {
    "space": " ",
    "two spaces": "  ",
    "tab": "\t",
    "line feed": "\n",
    "carriage return": "\r",
    "line end of two": "\r\n",
    "no-break space": "\u00a0",
    "em space": "\u2003",
    "next line": "\u0085",
}

# What senders write for nothing, or for anything at all.
_NOTHING = ("", " ", "\n", "\\N", "NULL", "null", "-", "0", "true", "NaN", "INF", "\ufeff", "\u00a0")

_DAY = "2014-02-25"
_DATE_TIMES = (
    *(f"{_DAY}T{time}" for time in ("12:08:00", "00:00:00", "23:59:59", "24:00:00", "24:00:00.0", "24:00:00Z")),
    *(f"{_DAY}T{time}" for time in ("24:00:01", "24:00:00.1", "24:01:00", "25:00:00", "12:60:00", "23:59:60")),
    *(f"{_DAY}T{time}" for time in ("23:59:60Z", "23:59:61", "12:08:60", "12:08:60.0", "12:08:99", "12:08")),
    *(f"{_DAY}T{time}" for time in ("", "12", "1:08:00", "12:8:00", "12:08:0", "012:08:00", "120800", "-1:00:00")),
    *(f"{_DAY}T12:08:00.{'1234567890' * 4}"[: 20 + digits] for digits in (0, 1, 2, 3, 6, 7, 9, 10, 12, 20, 40)),
    *(f"{_DAY}T12:08:00.{fraction}" for fraction in ("000", "999999999", "5Z", "Z", "1.2", "-1", "1_0", "1e3")),
    *(f"{_DAY}T12:08:00{end}" for end in (",5", "Z", "z", " Z", "+00:00", "-00:00", "+01:00", "-01:00", "+05:45")),
    *(f"{_DAY}T12:08:00{end}" for end in ("+13:59", "-13:59", "+14:00", "-14:00", "+14:01", "-14:01", "+15:00")),
    *(f"{_DAY}T12:08:00{end}" for end in ("+24:00", "+99:99", "+01:60", "+1:00", "+0100", "+01", "01:00", "+")),
    *(f"{_DAY}T12:08:00{end}" for end in ("+01:00Z", "ZZ", "CET", "[Europe/Oslo]", " +01:00", "+01:00:00")),
    *(f"{_DAY}{mark}12:08:00" for mark in ("t", " ", "", "TT", "T ", "\n", "_")),
    *(f"{year}-02-25T12:08:00" for year in ("0001", "0000", "9999", "10000", "12345", "02014", "99999999", "214")),
    *(f"{year}-02-25T12:08:00" for year in ("-0001", "-0000", "-2014", "-12345", "-02014", "+2014", "14", "201a")),
    *(f"{year}-02-25T12:08:00" for year in (2**31 - 1, 2**31, 999999999999, 2**63 - 1, 2**63)),
    *(f"{year}-02-29T12:08:00" for year in ("2016", "2015", "2000", "1900", "2100", "0004", "-0004", "-0005")),
    *(f"2014-{day}T12:08:00" for day in ("00-25", "13-25", "02-00", "02-30", "04-30", "04-31", "12-31", "12-32")),
    *(f"2014-{day}T12:08:00" for day in ("2-25", "02-5", "002-25", "056", "W09-2", "02", "02-25-01", "0225")),
    *(f"{day}T12:08:00" for day in ("20140225", "25.02.2014", "2014/02/25", "25-02-2014", "")),
    *("2014-03-30T02:30:00", "2014-10-26T02:30:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    *("9999-12-31T24:00:00", "-0001-12-31T24:00:00", "2016-02-29T24:00:00", "1972-06-30T23:59:60Z"),
    *(_DAY, "12:08:00", "2014", "1393330080", "1393330080000", "now", "Tue Feb 25 12:08:00 CET 2014", "P1D"),
    # Digits and a minus that are such to Unicode, not to the schema.
    *("\u0662\u0660\u0661\u0664-02-25T12:08:00", "\uff12\uff10\uff11\uff14-02-25T12:08:00"),
    *(f"{_DAY}T12:08:0\u0660", f"{_DAY}T12:08:00\u221201:00"),
)

_NUMBERS = (
    *("0", "1", "-1", "+1", "-0", "+0", "00", "007", "-007", "+007", "0" * 60 + "1", "9" * 30, "-" + "9" * 30),
    *("1_000", "1,000", "1 000", "1.000", "1.0", "1.", ".1", ".", "1e3", "1E3", "0x1F", "0b1", "0o7", "1L", "1l"),
    *("+", "--1", "+-1", "-+1", "- 1", "+ 1", "1-", "1+", "(1)", "\u22121", "\u0661", "\uff11", "\u00b2", "\u2167"),
    *("1/2", "1%", "#1", "1\u00a0000", "_1", "1_", "a", "true", "+INF", "1 2"),
)

_BASE64_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BASE64 = (
    *("A", "AA", "AAA", "AAAA", "AAAAA", "AAAAAA", "AAAAAAA", "AAAAAAAA", "++//", "-_-_", "AA-_"),
    *("AA=", "AA==", "AAA=", "A===", "====", "==", "=", "=AAAA", "AAAA=", "AAAA==", "AAAA===="),
    *("AA==AAAA", "AA==AA==", "AA==A", "AAA=A", "AA=A", "A=AA", "AA=*", "AA==*", "AA*==", "AA=*="),
    *("*", "AAA*", "AAAA*", "*AAAA", "A*AAA", "AA*AA", "A*A*A*A*", "AAAA!AAAA", "AAAA\\", "AAAA.", "AAAA,AAAA"),
    *("A A", "A A A A", "AA AA", "AA  AA", "A AAA", "A\tA\nA\nA", "AA =", "AA= =", "AA = =", "AA = = ", "AA=  ="),
    *("AAA =", "AAAA AAAA", "AAAA  AAAA", "AAAA\nAAAA", "AAAA\r\nAAAA\r\n", "AAAA\tAAAA", "\nAAAA\n"),
    *("\u00a0AAAA", "AA\u00a0AA", "AAAA\u00a0", "AA==\u00a0", "AAAA\u200b", "\ufeffAAAA", "AAAAæ", "AAÅA"),
    *("\uff21\uff21\uff21\uff21", "0x00", "=?utf-8?b?AAAA?=", "data:;base64,AAAA"),
    *("AAAA*" * 3, "A" * 4000, "A" * 4001, "A" * 4000 + "*", ("A" * 76 + "\n") * 20, ("A" * 76 + "\r\n") * 20),
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    # The last digit before the padding may set no bit that falls away.
    *(f"A{last}==" for last in _BASE64_DIGITS),
    *(f"AA{last}=" for last in _BASE64_DIGITS),
)

_ODD = {"dateTime": _DATE_TIMES, "decimal": _NUMBERS, "base64Binary": _BASE64}


def sample(simple: XsdSimpleType) -> str:
    """A valid value, as long as the type asks for and a little longer where it may."""
    if simple.enumeration:
        return escape(str(simple.enumeration[0]))
    if simple.min_length:
        length = min(simple.min_length + 2, simple.max_length or simple.min_length + 2)
        return _fill("0123456789", length)
    return _SAMPLES[_primitive(simple)]


def values(simple: XsdSimpleType) -> Iterator[Labelled]:
    """Values good and bad for this type, each with a label that is unlike the others."""
    given: set[str] = set()
    for value in (*_NOTHING, *_ODD.get(_primitive(simple), ()), *_beyond(simple)):
        if value not in given:
            given.add(value)
            shown = value if len(value) <= 60 else f"{value[:30]}…{value[-5:]} ({len(value)} characters)"
            yield ascii(shown), markup(value)
    if simple.enumeration or _primitive(simple) == "string":
        yield from _lengths(simple)
        yield from _enumerated(simple)
    yield from _spaced(simple)


def _primitive(simple: XsdSimpleType) -> str:
    name = simple.root_type.local_name
    assert name
    return name


def _fill(alphabet: str, length: int) -> str:
    return "".join(islice(cycle(alphabet), length))


def _beyond(simple: XsdSimpleType) -> Iterator[str]:
    """Integers about the limits of the type."""
    for limit in (simple.min_value, simple.max_value):
        if isinstance(limit, int):
            yield from (str(limit + step) for step in (-1, 0, 1))
            yield from (f"{limit}0", f"{limit}.0", f" {limit} ")


def _lengths(simple: XsdSimpleType) -> Iterator[Labelled]:
    low, high = simple.min_length or 0, simple.max_length or 0
    limits = {limit + step for limit in (low, high) for step in (-1, 0, 1)}
    # Half and double: bytes or UTF-16 units taken for characters would show.
    related = {low // 2, low * 2, high // 2, (high + 1) // 2, high // 3, high * 2, (low + high) // 2}
    lengths = sorted(length for length in limits | related | {1, 200} if length > 0)
    for length, (name, alphabet) in product(lengths, _ALPHABETS.items()):
        yield f"{length} of {name}", markup(_fill(alphabet, length))


def _enumerated(simple: XsdSimpleType) -> Iterator[Labelled]:
    for value in map(str, simple.enumeration or ()):
        spellings = {
            *(value, value.lower(), value.title(), value.swapcase(), value[:-1], value[1:], f"{value}{value[-1]}"),
            *(f"{value}.", f"{value} {value}", f"{value},", f'"{value}"', value.replace("_", " ")),
            *(value.replace("A", "\u0410"), f"{value}\u0301", f"{value}\u200b", f"\ufeff{value}"),
        }
        for spelling in sorted(spellings):
            yield f"spelt {spelling!a}", markup(spelling)
        yield f"{value} in wide letters", "".join(chr(ord(character) + 0xFEE0) for character in value)


def _spaced(simple: XsdSimpleType) -> Iterator[Labelled]:
    good = sample(simple)
    low, high = simple.min_length, simple.max_length
    bases = {"a good value": good}
    if _primitive(simple) == "string" and not simple.enumeration:
        edges = {"the shortest": low or 0, "one less": (low or 1) - 1, "the longest": high or 40}
        edges |= {"the longest less one": (high or 40) - 1, "the longest less two": (high or 40) - 2}
        bases |= {label: _fill("0123456789", length) for label, length in edges.items()}
    for (label, base), (name, space) in product(bases.items(), _SPACES.items()):
        middle = len(base) // 2
        by_reference = markup(space)
        yield f"{label}, {name} before", by_reference + base
        yield f"{label}, {name} after", base + by_reference
        yield f"{label}, {name} around", by_reference + base + by_reference
        yield f"{label}, {name} within", base[:middle] + by_reference + base[middle:]
        if by_reference != space:
            yield f"{label}, {name} after, unescaped", base + space
            yield f"{label}, {name} within, unescaped", base[:middle] + space + base[middle:]
