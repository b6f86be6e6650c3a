"""Persons made of values are as the XSD wants them, and groups are told apart by it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krr_export.changes.carried import GROUPS, check_groups, columns_of
from krr_export.changes.person_element import person_element
from krr_export.errors import UsageError
from krr_export.schema.registry import load_schema

SCHEMA = load_schema("14-05")
COLUMNS = [field.name for field in SCHEMA.fields]


@given(st.sets(st.sampled_from(COLUMNS)))
def test_each_value_stands_in_its_place_and_no_element_without_one(chosen: set[str]) -> None:
    person = person_element({name: name for name in sorted(chosen)}, SCHEMA)
    found = [text for one in person.iter() for text in (one.text, *one.attrib.values()) if text]
    assert found == [name for name in COLUMNS if name in chosen]
    assert all(one.text or one.attrib or len(one) for one in person.iterdescendants())


def test_a_character_that_xml_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="XML"):
        person_element({COLUMNS[0]: "\0"}, SCHEMA)


def test_groups_are_the_columns_of_an_element_and_have_none_in_common() -> None:
    groups = {group: columns_of(group, SCHEMA) for group in GROUPS}
    assert groups["digitalpost"] == ("postkasseadresse", "postkasseleverandoer_adresse")
    assert groups["sertifikat"] == ("x509_sertifikat",)
    assert len(groups["kontaktinformasjon"]) == 6
    assert check_groups(["sertifikat", "sertifikat"]) == ("sertifikat",)
    with pytest.raises(UsageError, match="there is no such group"):
        check_groups(["alt"])
