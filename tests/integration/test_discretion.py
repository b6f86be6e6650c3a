"""The look for planted values, on which other tests rely, finds them: in output, logs and errors, however written."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import command
import deliveries
import discretion
import pytest

from krr_export.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def planted() -> bytes:
    return b"a-value-that-only-this-test-plants"


def test_what_a_program_says_is_heard(planted: bytes) -> None:
    discretion.plant(planted)
    discretion.everything_said()
    command.Ran(0, "", f"krr-export: {planted.decode()}\n")
    assert discretion.leaks(discretion.everything_said()) == [planted.decode()]
    assert discretion.leaks(discretion.everything_said()) == []


@pytest.mark.parametrize("form", ["plain", "hex", "repr"])
def test_errors_and_their_causes_are_heard_and_logs(planted: bytes, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    planted += b"\xff\x00"
    discretion.plant(planted)
    text = {"plain": planted.decode("latin-1"), "hex": planted.hex(), "repr": repr(planted)}[form]
    for _ in discretion.listening(monkeypatch):
        discretion.everything_said()
        with pytest.raises(InputError):
            _fail(text)
        assert discretion.leaks(discretion.everything_said())
        logging.getLogger("a.library").debug("it was %s", text)
        assert discretion.leaks(discretion.everything_said())
    assert discretion.leaks(discretion.everything_said()) == []


def test_a_key_is_planted_line_by_line_and_a_person_value_by_value(tmp_path: Path) -> None:
    key = deliveries.make_key(tmp_path / "key.pem")
    discretion.plant_persons(b"<Person><personidentifikator>01890012345</personidentifikator></Person>")
    assert discretion.leaks(f"it reads {key.read_text().splitlines()[5]}")
    assert discretion.leaks("record 01890012345 is wrong")
    assert not discretion.leaks("record 7 is wrong: 11 characters, digits")


@pytest.mark.parametrize(
    "said", ["{}", "telephone{}", "'{}'", "+47{}", "0047{}.", "{}@example.no", "<Nummer>{}</Nummer>"]
)
def test_a_telephone_number_is_found_wherever_it_is_said_for_itself(said: str) -> None:
    discretion.plant(b"49123788")
    assert discretion.leaks(said.format("49123788")) == ["49123788"]


@pytest.mark.parametrize("said", ["5d{}aa07c1e2f3b4", "1{}", "{}5", "1764413{}102"])
def test_but_not_among_the_digits_of_a_digest_or_of_a_longer_number(said: str) -> None:
    discretion.plant(b"49123788")
    assert discretion.leaks(said.format("49123788")) == []


def _fail(text: str) -> None:
    try:
        int(text)
    except ValueError as error:
        raise InputError("it is wrong", "mend it") from error
