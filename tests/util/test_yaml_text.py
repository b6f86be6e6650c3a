"""YAML that we write is read back by others as what it was."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from krr_export.util.yaml_text import Yaml, to_yaml

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["yes", "no", "on", "off", "null", "true", "y", "n", "~", "1", "1e3", "0x1", "2014-02-25", "- a", "a: b", "#", "<<"]
)
SCALARS = TEXTS | st.integers(-(10**20), 10**20) | st.booleans() | st.none()
DOCUMENTS = st.dictionaries(
    TEXTS,
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)),
)


@given(DOCUMENTS)
def test_pyyaml_reads_what_was_written(document: dict[str, Yaml]) -> None:
    assert yaml.safe_load(to_yaml(document)) == document


def test_it_looks_as_people_write_it() -> None:
    document: dict[str, Yaml] = {
        "name": "krr",
        "columns": [{"name": "status", "values": ["JA", "NEI"]}, "on"],
        "no": {},
    }
    assert to_yaml(document).splitlines() == [
        "name: krr",
        "columns:",
        "  - name: status",
        "    values:",
        '      - "JA"',
        '      - "NEI"',
        '  - "on"',
        '"no": {}',
    ]


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x85", "\u2028", "\ufeff", "\uffff", "𝄞"])
def test_characters_that_yaml_forbids_are_escaped(character: str) -> None:
    text = to_yaml({"a": f"b{character}c"})
    assert yaml.safe_load(text) == {"a": f"b{character}c"}
    assert text.isprintable() or character == "𝄞"
