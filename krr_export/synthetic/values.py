"""Values for columns that persons are not drawn with: by type and facets, so that a new element needs no code."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias
from xml.sax.saxutils import escape

from krr_export.errors import UsageError

if TYPE_CHECKING:
    from random import Random

    from krr_export.schema.record_schema import Field, RecordSchema

Make: TypeAlias = Callable[[], str]
"""Returns a value, XML-escaped."""

_LETTERS = "abcdefghijklmnopqrstuvwxyzæøå"
_STRINGS = {"anySimpleType", "string", "normalizedString", "token", "Name", "NCName", "anyURI", "language"}
_LONGEST = 24
"""The longest value, in characters or octets, unless the schema limits it."""
_LANGUAGE_PART = 8


class ValueMakers:
    """Functions that make values for a schema's columns."""

    def __init__(self, schema: RecordSchema, rng: Random) -> None:
        makers = {field.name: _maker(field, rng) for field in schema.fields}
        self._fields = {field.name: field for field in schema.fields}
        self._makers = {name: make for name, make in makers.items() if make is not None}

    @property
    def names(self) -> list[str]:
        """The columns that values can be made for, in the schema's order."""
        return list(self._makers)

    def maker(self, column: str) -> Make:
        """Return the function that makes this column's values.

        Raises:
            UsageError: the schema restricts the value in a way that is not supported.
        """
        if (make := self._makers.get(column)) is None:
            field = self._fields[column]
            kind = ", ".join((field.base, *field.facets.others))
            raise UsageError(f"no sample value can be made for {field.label} ({kind})", "make it optional")
        return make


def _maker(field: Field, rng: Random) -> Make | None:
    if field.facets.enumeration:
        values = [escape(value, {'"': "&quot;"}) for value in field.facets.enumeration]
        return lambda: values[int(rng.random() * len(values))]
    if field.facets.others:
        return None
    if field.base in _STRINGS:
        return _text_maker(field, rng)
    if field.base in {"base64Binary", "hexBinary"}:
        return _octets_maker(field, rng)
    return _simple_maker(field.base, rng)


def _length_range(field: Field) -> tuple[int, int]:
    low = field.facets.min_length or 0
    high = field.facets.max_length
    if high is None:
        high = max(low, _LONGEST)
    return max(low, min(1, high)), min(high, max(low, _LONGEST))


def _text_maker(field: Field, rng: Random) -> Make:
    low, high = _length_range(field)
    letters = _LETTERS
    if field.base in {"language", "anyURI"}:
        letters = letters[:26]
        high = max(low, min(high, _LANGUAGE_PART))

    def make() -> str:
        length = low + int(rng.random() * (high - low + 1))
        return "".join([letters[int(rng.random() * len(letters))] for _ in range(length)])

    return make


def _octets_maker(field: Field, rng: Random) -> Make:
    low, high = _length_range(field)

    def make() -> str:
        octets = rng.randbytes(low + int(rng.random() * (high - low + 1)))
        return octets.hex() if field.base == "hexBinary" else base64.b64encode(octets).decode()

    return make


def _simple_maker(base: str, rng: Random) -> Make | None:
    def below(limit: int) -> int:
        return int(rng.random() * limit)

    def a_date() -> str:
        return f"{1950 + below(75)}-{1 + below(12):02}-{1 + below(28):02}"

    def a_time() -> str:
        return f"{below(24):02}:{below(60):02}:{below(60):02}"

    makers: dict[str, Make] = {
        "boolean": lambda: ("true", "false")[below(2)],
        "date": a_date,
        "time": a_time,
        "dateTime": lambda: f"{a_date()}T{a_time()}Z",
        "gYear": lambda: str(1950 + below(75)),
        "decimal": lambda: f"{below(100_000) / 100:.2f}",
    }
    makers |= dict.fromkeys(("float", "double"), lambda: repr(below(1 << 20) / 16))
    makers |= dict.fromkeys(("byte", "unsignedByte"), lambda: str(below(128)))
    makers |= dict.fromkeys(("short", "unsignedShort", "int", "unsignedInt"), lambda: str(below(32768)))
    makers |= dict.fromkeys(("long", "unsignedLong", "integer", "nonNegativeInteger"), lambda: str(below(1 << 40)))
    makers["positiveInteger"] = lambda: str(1 + below(1 << 40))
    return makers.get(base)
