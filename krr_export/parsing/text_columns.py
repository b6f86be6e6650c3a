"""Check and cast columns that the scanner takes as text, with Arrow's kernels.

As in the scanner, a value is only accepted or left: the record of a value that is not certainly valid is handed on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from krr_export.schema.record_schema import Field


class LexicalForm(NamedTuple):
    """A type whose usual values can be recognised by a pattern.

    Attributes:
        pattern: a regular expression (RE2) for values that are certainly valid.
        casts: the Arrow types to cast to before the column's own.
    """

    pattern: str
    casts: tuple[pa.DataType, ...] = ()


def _integer(digits: int, sign: str = "-?") -> LexicalForm:
    return LexicalForm(f"^{sign}(0|[1-9][0-9]{{0,{digits - 1}}})$")


# A correct but incomplete calendar: 29 February is left to the reference.
_DATE = r"^[12]\d{3}-((0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)$"
_FLOAT = r"^-?[0-9]{1,9}(\.[0-9]{1,9})?$"

_FORMS = {
    "boolean": LexicalForm("^(true|false|0|1)$"),
    "byte": _integer(2),
    "short": _integer(4),
    "int": _integer(9),
    "long": _integer(18),
    "unsignedByte": _integer(2, sign=""),
    "unsignedShort": _integer(4, sign=""),
    "unsignedInt": _integer(9, sign=""),
    "unsignedLong": _integer(18, sign=""),
    "float": LexicalForm(_FLOAT, casts=(pa.float64(),)),  # rounded twice, as the reference does
    "double": LexicalForm(_FLOAT),
    "date": LexicalForm(_DATE),
    "integer": LexicalForm("^-?[0-9]+$"),
    "decimal": LexicalForm(r"^-?[0-9]+(\.[0-9]+)?$"),
}

_WITHOUT_WHITE_SPACE_TO_CHANGE = {
    "preserve": LexicalForm(""),
    "replace": LexicalForm(r"^[^\t\r\n]*$"),
    "collapse": LexicalForm(r"^([^ \t\r\n]+( [^ \t\r\n]+)*)?$"),
}

_STRINGS = {"anySimpleType", "string", "normalizedString", "token"}


def lexical_form(field: Field) -> LexicalForm | None:
    """Return the form that a column's values must have; ``None`` if only the reference can check them."""
    facets = field.facets
    if facets.others or facets.enumeration:
        return None
    if field.base in _STRINGS:
        return _WITHOUT_WHITE_SPACE_TO_CHANGE[facets.white_space]
    return _FORMS.get(field.base)


def find_doubtful(texts: pa.StringArray, form: LexicalForm) -> pa.BooleanArray:
    """Return which values are not certainly valid; null is valid."""
    return pc.fill_null(pc.invert(pc.match_substring_regex(texts, form.pattern)), fill_value=False)


def cast_texts(texts: pa.StringArray, form: LexicalForm, field: Field) -> pa.Array:
    """Cast values that are certainly valid to the column's own type."""
    for kind in (*form.casts, field.arrow_type):
        texts = texts.cast(kind)
    return texts
