"""The history of a database has every state of each person, and each for the nights in which it was so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import command
import pytest
from load_targets import query, rows, target

import krr_export
from krr_export import UsageError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

__all__ = ["target"]  # the fixture

pytestmark = pytest.mark.slow

PERSON = re.compile(rb"<Person>.*?</Person>\s*", re.DOTALL)


def without(export: Path, made: Path, dropped: slice, exported: bytes) -> Path:
    """An export of another time that lacks some of the persons."""
    document = export.read_bytes()
    for record in PERSON.findall(document)[dropped]:
        document = document.replace(record, b"", 1)
    made.write_bytes(re.sub(rb'(eksportTidspunkt=")[^"]*', rb"\g<1>" + exported, document, count=1))
    return made


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five nights in which persons come, change, go, and come back."""
    home = tmp_path_factory.mktemp("made")
    one, two, five = (home / f"{name}.xml" for name in ("one", "two", "five"))
    for words in (
        ("sample", one, "--records", "300", "--seed", "3"),
        ("sample", two, "--from", one, "--change", "20%"),
        ("sample", five, "--from", two, "--change", "20%", "--exported", "2026-03-02T11:22:25Z"),
    ):
        ran = command.call(*words)
        assert ran.code == 0, ran.err
    three = without(two, home / "three.xml", slice(10, 30), b"2026-02-28T11:22:25Z")
    four = without(two, home / "four.xml", slice(20, 50), b"2026-03-01T11:22:25Z")
    for night in (one, two, three, four, five):
        krr_export.convert(night, home / "store", changes=True, guard=False)
    return home / "store"


OF_HISTORY = ["radnummer", "forekomst", "eksport", "gyldig_fra", "gyldig_til"]
"""Columns that the states and the persons of a night do not have in common."""


def states(target: str, sql: str) -> list[tuple[Any, ...]]:
    """Persons, with all that an export says of them."""
    table = query(target, sql)
    return rows(table.drop_columns([name for name in OF_HISTORY if name in table.column_names]))


def nights(target: str, sql: str = "SELECT DISTINCT eksport FROM loads") -> list[datetime]:
    return sorted(query(target, sql).column(0).to_pylist())


def test_on_every_night_the_states_are_the_persons_of_that_night(store: Path, target: str) -> None:
    krr_export.load(store, target, all_snapshots=True, history=True)
    assert len(nights(target)) == 5
    for night in nights(target):
        then = f"gyldig_fra <= '{night}' AND (gyldig_til IS NULL OR gyldig_til > '{night}')"
        were = states(target, f"SELECT * FROM person_historikk WHERE {then}")
        assert were == states(target, f"SELECT * FROM person_all WHERE eksport = '{night}'"), night
    several = "SELECT personidentifikator FROM person_historikk GROUP BY 1 HAVING count(*) > 1"
    assert query(target, several).num_rows > 60
    ended = "SELECT * FROM person_historikk WHERE gyldig_til IS NOT NULL AND status IS NULL"
    assert query(target, ended).num_rows == 0, "the last state of who is gone has its values"


def test_the_history_ends_with_the_nights_that_are_removed(store: Path, target: str) -> None:
    krr_export.load(store, target, all_snapshots=True, history=True)
    krr_export.load(store, target, keep=2)
    assert nights(target, "SELECT DISTINCT gyldig_fra FROM person_historikk") == nights(target)


def test_a_history_with_a_gap_is_refused(store: Path, target: str) -> None:
    first, second, third, *_ = sorted(store.glob("eksport=*"))
    krr_export.load(first, target, history=True)
    with pytest.raises(UsageError, match=f"would have a gap: {third.name} has no changes since"):
        krr_export.load(third, target)
    assert krr_export.load(second, target).loaded == (second.name,)
    assert krr_export.load(third, target).loaded == (third.name,)


def test_without_changes_there_is_no_history(tmp_path: Path, store: Path, target: str) -> None:
    krr_export.convert(store.parent / "one.xml", tmp_path / "other")
    with pytest.raises(UsageError, match="convert every night with --changes"):
        krr_export.load(tmp_path / "other", target, history=True)
    assert krr_export.load(tmp_path / "other", target).loaded
