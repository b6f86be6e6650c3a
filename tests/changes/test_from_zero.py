"""All pages read twice in flat memory give what all of them in memory would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import register
from hypothesis import given, settings
from hypothesis import strategies as st
from register import State

from krr_export.changes.collect import Latest
from krr_export.changes.from_zero import stream_of, survey
from krr_export.changes.page_files import PageFile
from krr_export.schema.registry import load_schema

if TYPE_CHECKING:
    import pytest

SCHEMA = load_schema("14-05")
STATES = st.builds(State, st.sampled_from(["", "1", "2", "3"]), mobile=st.sampled_from([None, "9"]))


@settings(max_examples=30)
@given(st.lists(st.lists(STATES, max_size=4), min_size=1, max_size=5))
def test_it_gives_and_counts_what_the_pages_in_memory_give(
    tmp_path_factory: pytest.TempPathFactory, contents: list[list[State]]
) -> None:
    directory, latest = tmp_path_factory.mktemp("pages"), Latest()
    for n, persons in enumerate(contents):
        (directory / f"{n}").write_bytes(register.written("16-02", n, n + 1, len(contents), persons))
    (directory / "covered").write_bytes(register.written("16-02", 0, 0, 1, [State("1"), State("1", mobile="8")]))
    files = [PageFile(path) for path in sorted(directory.iterdir())]
    found = survey(files, SCHEMA)
    for file in files[:-1]:
        for page in file.pages(SCHEMA):
            latest.add(page)
    assert sorted(found.latest(SCHEMA)) == sorted(latest.persons.values())
    assert (found.persons, found.repeated, found.unused) == (len(latest.persons), latest.repeated, latest.unused)
    assert found.skipped == 1


@given(st.lists(st.binary(max_size=9)), st.integers(1, 7))
def test_a_stream_of_pieces_is_the_pieces_joined(pieces: list[bytes], size: int) -> None:
    with stream_of(iter(pieces)) as stream:
        read = [*iter(lambda: stream.read(size), b"")]
    assert b"".join(read) == b"".join(pieces)
