"""The columns and words that the program knows by name are the XSD's, and each is written in one place."""

from __future__ import annotations

import ast
from pathlib import Path

import krr_export
from krr_export import load_schema
from krr_export.domain import vocabulary

_COLUMNS = {
    vocabulary.IDENTIFIER,
    vocabulary.RESERVATION,
    vocabulary.STATUS,
    *vocabulary.CHANNELS,
    *vocabulary.UPDATED.values(),
    *vocabulary.VERIFIED.values(),
    vocabulary.MAILBOX,
    vocabulary.PROVIDER,
    vocabulary.CERTIFICATE,
}


def test_what_is_known_by_name_is_in_the_schema() -> None:
    """A column that is not there is passed over without a word: a slip in its name would switch rules off."""
    fields = {field.name: field for field in load_schema("14-05").fields}
    assert fields.keys() >= _COLUMNS
    assert {vocabulary.ACTIVE, *vocabulary.INACTIVE} == {*fields[vocabulary.STATUS].facets.enumeration}
    assert vocabulary.RESERVED in fields[vocabulary.RESERVATION].facets.enumeration
    newer = {field.name: field for field in load_schema("16-02").fields}
    assert newer["varslingsstatus"].facets.enumeration == vocabulary.NOTIFICATION_STATES


def test_each_is_written_in_one_place() -> None:
    """The samples write records as others would, in their own words."""
    package = Path(krr_export.__file__).parent
    # The REST service and the mailbox providers' messages have names of their own, some of which are the same.
    own = {
        package / "domain" / "vocabulary.py",
        package / "domain" / "rest_service.py",
        package / "changes/soap/messages.py",
    }
    # The mailbox's address is also the name of an element, which had another spelling once (`findings`).
    words = _COLUMNS - {vocabulary.MAILBOX} | {vocabulary.ACTIVE, *vocabulary.INACTIVE, *vocabulary.NOTIFICATION_STATES}
    for module in package.rglob("*.py"):
        if module in own or package / "synthetic" in module.parents:
            continue
        constants = {node.value for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Constant)}
        assert not words & constants, module.name
