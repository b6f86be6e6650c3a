"""Repetitions that give nothing back find what those find that may: not so before Python 3.11.5, without care."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from krr_export.parsing.xml.expressions import possessive

PARTS = ["<", ">", "/", "?", "!--", "-->", "?>", "<?xml ", " ", '"', "'", "=", "a", "Person", "a='b'", 'c="d"', "-"]


@pytest.mark.parametrize(
    ("alternatives", "behind"),
    [
        (rb"[^<>\"'/]++|/(?!>)|\"[^\"<]*\"|'[^'<]*'", rb"/?>"),
        (rb"[^<>\"']++|\"[^\"]*+\"|'[^']*+'", rb">"),
        (rb"\s++|<\?.*?\?>|<!--.*?-->", b""),
    ],
)
@given(parts=st.lists(st.sampled_from(PARTS), max_size=14))
@example(parts=["/", ">"])
@example(parts=["a", '"', ">"])
@example(parts=[" ", "<", "a", ">"])
def test_what_is_found_is_what_giving_back_finds(alternatives: bytes, behind: bytes, parts: list[str]) -> None:
    text = "".join(parts).encode()
    found = re.match(possessive(alternatives) + behind, text, re.DOTALL)
    expected = re.match(rb"(?:" + alternatives + rb")*" + behind, text, re.DOTALL)
    assert (found and found[0]) == (expected and expected[0])


def test_nothing_is_given_back() -> None:
    assert re.match(possessive(b"a|b"), b"abc")
    assert re.match(possessive(b"a|b") + b"b", b"ab") is None
