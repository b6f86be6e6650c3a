"""Directories of temporary files: private, and deleted in any case."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from krr_export.errors import OutputError
from krr_export.input.temporary import temporary_directory

if TYPE_CHECKING:
    from pathlib import Path


def test_what_a_killed_process_left_is_deleted_by_the_next_and_nothing_that_is_held_or_new_or_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    left, new, others = (
        tmp_path / f"krr-export-delivery-{name}" for name in (f"{os.getuid()}-a", f"{os.getuid()}-b", "x")
    )
    for path in (left, new, others):
        path.mkdir()
        (path / "file").touch()
    with temporary_directory("mirror") as held:
        for path in (left, others, held):
            os.utime(path, (1, 1))
        with temporary_directory("delivery") as directory:
            assert directory.stat().st_mode & 0o777 == 0o700
            assert sorted(tmp_path.iterdir()) == sorted([new, others, held, directory])
    assert sorted(tmp_path.iterdir()) == sorted([new, others])


def test_where_there_are_no_locks_it_is_said_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_lock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("fcntl.flock", no_lock)
    with pytest.raises(OutputError, match=r"cannot make a directory in .*; its server gives no locks"):
        temporary_directory("mirror").__enter__()
    assert [*tmp_path.iterdir()] == []


def test_a_directory_that_is_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    with pytest.raises(OutputError, match="TMPDIR is no directory"), temporary_directory("mirror"):
        pass
