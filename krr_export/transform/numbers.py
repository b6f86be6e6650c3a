"""Mobile numbers in the form of E.164: the usual Norwegian ones by kernels, all others by `phonenumbers`.

A number is parsed as dialled in Norway. It is accepted if its length is possible in its country, even if its series is
not known to be in use: the register accepts more series than `phonenumbers` knows.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from krr_export.domain.vocabulary import MOBILE

if TYPE_CHECKING:
    from krr_export.transform.inputs import Inputs

_USUAL = r"^(\+47|0047)?[49][0-9]{7}$"
_SUBSCRIBER_DIGITS = 8
_SEPARATORS = "[-_ ]"
"""What the register allows between the digits (its pattern is ``^\\+?[- _0-9]+$``)."""
_DIALLED = re.compile(r"\+?[0-9]{1,32}")  # longer than any number

_CACHE_SIZE = 65_536


def e164(inputs: Inputs) -> pa.StringArray:
    """Return the mobile numbers as E.164, such as ``+4799999999``; null if there is none or it is not possible."""
    return to_e164(inputs[MOBILE])


def to_e164(texts: pa.StringArray) -> pa.StringArray:
    """Convert telephone numbers to E.164; null if there is none, or its length is not possible."""
    usual, converted = _convert_usual(texts)
    rest = pc.indices_nonzero(pc.and_not(pc.is_valid(texts), usual))
    if not len(rest):
        return converted
    bare = pc.replace_substring_regex(texts.take(rest), _SEPARATORS, "")
    usual, others = _convert_usual(bare)
    distinct = pc.if_else(usual, pa.scalar(None, pa.string()), bare).dictionary_encode()
    parsed = pa.array([_parse(text) for text in distinct.dictionary.to_pylist()], pa.string())
    others = pc.coalesce(others, parsed.take(distinct.indices))
    mask = pc.is_in(pa.array(range(len(texts)), rest.type), rest)
    return pc.replace_with_mask(converted, mask, others)


def _convert_usual(texts: pa.StringArray) -> tuple[pa.BooleanArray, pa.StringArray]:
    """Return which are Norwegian mobile numbers in the usual form, and those as E.164."""
    usual = pc.fill_null(pc.match_substring_regex(texts, _USUAL), fill_value=False)
    if pc.any(pc.invert(usual), min_count=0).as_py():
        texts = pc.if_else(usual, texts, pa.scalar(None, pa.string()))
    subscribers = pc.utf8_slice_codeunits(texts, start=-_SUBSCRIBER_DIGITS)
    return usual, pc.binary_join_element_wise(pa.scalar("+47"), subscribers, pa.scalar(""))


def _parse(text: str) -> str | None:
    # A text with other characters is no number by the register's pattern, even if the library could parse it.
    return _e164(text) if _DIALLED.fullmatch(text) else None


@lru_cache(maxsize=_CACHE_SIZE)
def _e164(text: str) -> str | None:
    import phonenumbers  # noqa: PLC0415 - large, and only needed to derive

    try:
        number = phonenumbers.parse(text, "NO")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
