"""The history of a database has every state of each person, and each for the nights in which it was so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import command
import duckdb
import pytest
from postgres_server import postgres

import krr_export
from krr_export import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from postgres_server import Server

__all__ = ["postgres"]  # the fixture

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


@pytest.fixture(params=["duckdb", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "duckdb":
        return f"duckdb:{tmp_path / 'krr.duckdb'}"
    running: Server = request.getfixturevalue("postgres")
    return running.database(tmp_path.name)


def ask(target: str, sql: str, request: pytest.FixtureRequest, tmp_path: Path) -> list[list[str]]:
    """The rows of a query, as text."""
    if target.startswith("duckdb:"):
        with duckdb.connect(target.removeprefix("duckdb:"), read_only=True) as database:
            rows: list[tuple[Any, ...]] = database.sql(f"SELECT COLUMNS(*)::VARCHAR FROM ({sql})").fetchall()
            return [[*row] for row in rows]
    running: Server = request.getfixturevalue("postgres")
    return running.ask(tmp_path.name, f"SET search_path = krr; {sql}")


STATES = "personidentifikator, status, reservasjon, epostadresse, mobiltelefonnummer, postkasseadresse"


def test_on_every_night_the_states_are_the_persons_of_that_night(
    store: Path, target: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    krr_export.load(store, target, all_snapshots=True, history=True)
    nights = [row[0] for row in ask(target, "SELECT DISTINCT eksport FROM loads ORDER BY 1", request, tmp_path)]
    assert len(nights) == 5
    for night in nights:
        then = f"gyldig_fra <= '{night}' AND (gyldig_til IS NULL OR gyldig_til > '{night}')"
        was = f"SELECT {STATES} FROM person_historikk WHERE {then} ORDER BY 1, 2, 3, 4, 5, 6"
        is_so = f"SELECT {STATES} FROM person_all WHERE eksport = '{night}' ORDER BY 1, 2, 3, 4, 5, 6"
        assert ask(target, was, request, tmp_path) == ask(target, is_so, request, tmp_path), night
    came_back = "SELECT count(*) FROM (SELECT personidentifikator FROM person_historikk GROUP BY 1 HAVING count(*) > 1)"
    assert int(ask(target, f"{came_back} AS many", request, tmp_path)[0][0]) > 60
    ended = "SELECT count(*) FROM person_historikk WHERE gyldig_til IS NOT NULL AND status IS NULL"
    assert ask(target, ended, request, tmp_path) == [["0"]], "the last state of who is gone has its values"


def test_the_history_ends_with_the_nights_that_are_removed(
    store: Path, target: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    krr_export.load(store, target, all_snapshots=True, history=True)
    krr_export.load(store, target, keep=2)
    assert ask(target, "SELECT DISTINCT gyldig_fra FROM person_historikk ORDER BY 1", request, tmp_path) == ask(
        target, "SELECT DISTINCT eksport FROM loads ORDER BY 1", request, tmp_path
    )


def test_a_history_with_a_gap_is_refused(store: Path, target: str) -> None:
    nights = sorted(store.glob("eksport=*"))
    krr_export.load(nights[0], target, history=True)
    with pytest.raises(UsageError, match=f"would have a gap: {nights[2].name} has no changes since"):
        krr_export.load(nights[2], target)
    assert krr_export.load(nights[1], target).loaded == (nights[1].name,)
    assert krr_export.load(nights[2], target).loaded == (nights[2].name,)


def test_without_changes_there_is_no_history(tmp_path: Path, store: Path, target: str) -> None:
    krr_export.convert(store.parent / "one.xml", tmp_path / "other")
    with pytest.raises(UsageError, match="convert every night with --changes"):
        krr_export.load(tmp_path / "other", target, history=True)
    assert krr_export.load(tmp_path / "other", target).loaded
