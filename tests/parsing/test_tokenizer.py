"""The compiled tokenizer finds the records that the regular expression finds, wherever the data end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krr_export.parsing.tokenizing import (
    IS_BUILT,
    RecordTokenizer,
    TokenizedRecords,
    count_line_ends,
    tokenize_with_regex,
)

assert IS_BUILT

PARTS = [
    "<Person>",
    "</Person>",
    "<Person/>",
    "<Person />",
    "<Person\n>",
    "</Person \t>",
    "<Persons>",
    "</Persons>",
    "<Perso>",
    "<p:Person>",
    "</p:Person>",
    "<p:Person/>",
    "<q:Person a='>'>",
    "</q:Person>",
    "<Person:Person>",
    "</Person:Person>",
    "<Persons:Person/>",
    "<:Person>",
    "<p:q:Person>",
    "<Person",
    "</Person",
    "<Person a='",
    '<Person a="',
    "'",
    '"',
    ">",
    "/",
    "/>",
    "<",
    "</",
    "<!",
    "<!-",
    "<!--",
    "-->",
    "--",
    "<?",
    "?>",
    "<![CDATA[",
    "]]>",
    "]]",
    "</root>",
    "</root >",
    "</r:root>",
    "<a>",
    "</a>",
    "<a b='</Person>'>",
    "text",
    " ",
    "\n",
    "&amp;",
    "<Person a='/'/>",
    "<Person a=/>",
    "<Person/ >",
    "<\u00e5:Person>",
    "</\u00e5:Person>",
    "\0",
]


def found(scan: TokenizedRecords) -> tuple[object, ...]:
    return scan.spans.tolist(), scan.stop, scan.root_end, scan.open_at


@given(st.lists(st.sampled_from(PARTS), max_size=30).map("".join), st.sampled_from([b"root", b"r:root"]))
def test_it_finds_what_the_expression_finds(text: str, root: bytes) -> None:
    data = text.encode()
    assert found(RecordTokenizer("Person", root).tokenize(data)) == found(tokenize_with_regex(data, b"Person", root))


def test_a_prefix_may_begin_like_the_name_of_the_record() -> None:
    data = b"<Persons:Person></Persons:Person><Person:Person/>"
    assert RecordTokenizer("Person", b"root").tokenize(data).spans.tolist() == [[0, 33], [33, 49]]


RECORDS = b"""
<Person><a b='x>y'>1</a></Person> <!-- <Person> --> <p:Person a="/"><Person/><p:Person></p:Person></p:Person>
<?p </Person> ?><Person/> <![CDATA[<Person>]]> <Person ><!-- </Person> --></Person\n></root>"""


def test_data_may_end_anywhere() -> None:
    for end in range(len(RECORDS) + 1):
        data = RECORDS[:end]
        assert found(RecordTokenizer("Person", b"root").tokenize(data)) == found(
            tokenize_with_regex(data, b"Person", b"root")
        )


def test_the_expression_finds_the_records() -> None:
    scan = tokenize_with_regex(RECORDS, b"Person", b"root")
    assert [RECORDS[start:end][:9] for start, end in scan.spans] == [
        b"<Person><", b"<p:Person", b"<Person/>", b"<Person >",
    ]  # fmt: skip
    assert RECORDS[scan.stop : scan.root_end] == b"</root>"


@given(st.binary(max_size=2000).map(lambda data: data.replace(b"a", b"\n")), st.data())
def test_line_ends_are_counted(data: bytes, draw: st.DataObject) -> None:
    start = draw.draw(st.integers(0, len(data)))
    end = draw.draw(st.integers(start, len(data)))
    assert count_line_ends(data, start, end) == data.count(b"\n", start, end)


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 1), (0, 4)])
def test_no_line_ends_are_counted_outside_of_the_data(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        count_line_ends(b"abc", start, end)


def test_a_span_is_two_numbers_of_32_bits() -> None:
    assert RecordTokenizer("Person", b"root").tokenize(b"<Person/>" * 3).spans.dtype == np.int32
