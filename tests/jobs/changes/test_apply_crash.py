"""`apply` stopped at any moment leaves the old store or the new one, and the next one ends well."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from crashes.stopping import KILLED, calls_of, needs_strace, proven, stopped_at_each
from crashes.store_driver import latest, names
from register import Register, State

from krr_export import convert
from krr_export.errors import OutputError
from krr_export.jobs.changes.apply import apply
from krr_export.jobs.changes.apply_from_zero import apply_from_zero
from krr_export.jobs.changes.apply_options import ApplyOptions
from krr_export.jobs.options import ConvertOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from krr_export.jobs.convert_result import ConvertResult

NUMBERS = [f"{day:02}851598730" for day in range(1, 4)]
HISTORY = Register([*map(State, NUMBERS[:2]), State(NUMBERS[2], mobile="99999999"), State(NUMBERS[0]).deleted])
LOAD = ConvertOptions(format="csv", guard=False, rules=False, profile=False)  # CSV: few writes a file
OPTIONS = ApplyOptions("2014-02-27T12:00:00Z", load=LOAD)


@dataclass
class Work:
    """A job, and the directory in which it is done again and again."""

    job: Callable[..., ConvertResult]
    directory: Path

    @property
    def store(self) -> Path:
        """The store that it changes."""
        return self.directory / "store"

    @property
    def before(self) -> Path:
        """The same before the job; not there for a job that makes it."""
        return self.directory / "before"

    def renewed(self) -> tuple[Any, ...]:
        """The arguments of the job, and the store as it was."""
        shutil.rmtree(self.store, ignore_errors=True)
        if self.before.exists():
            shutil.copytree(self.before, self.store, symlinks=True)
        return self.store, [self.directory / "pages"], OPTIONS

    def check(self, where: str, old: dict[str, bytes], new: dict[str, bytes], *, is_done: bool) -> bool:
        """Assert that the store is whole, and after another run the new one; return whether it was before."""
        after = proven(self.store)
        assert after == new if is_done else after in (old, new), where
        assert not old or latest(self.store) in after, "and never missing"
        again = self.job(self.store, [self.directory / "pages"], OPTIONS)
        assert again.outcome == ("unchanged" if after == new else "published"), where
        assert proven(self.store) == new
        assert names(self.store) == [".lock", *sorted(new), "latest"], "the rerun has swept"
        assert latest(self.store) == max(new)
        return after == new


@pytest.fixture(params=["apply", "from-zero"])
def work(request: pytest.FixtureRequest, tmp_path: Path) -> Work:
    known = 2 if request.param == "apply" else 0
    made = Work(apply if known else apply_from_zero, tmp_path)
    (tmp_path / "pages").mkdir()
    for name, content in HISTORY.pages(known, 4, 1, "rest"):
        (tmp_path / "pages" / name).write_bytes(content)
    if known:
        (tmp_path / "export.xml").write_bytes(HISTORY.export(known, 26))
        convert(tmp_path / "export.xml", made.before, LOAD)
    return made


@needs_strace
@pytest.mark.slow
def test_killed_at_any_call_the_store_is_the_old_or_the_new_one(work: Work) -> None:
    log = work.directory / "log"
    calls = calls_of(log, work.job, work.renewed())
    assert {"write", "fsync", "mkdir", "rename", "symlink"} <= set(calls)
    old, new = proven(work.before), proven(work.store)
    assert len(new) == len(old) + 1
    met = {
        work.check(where, old, new, is_done=code == 0)
        for where, code in stopped_at_each(log, calls, KILLED, work.job, work.renewed)
    }
    assert met == {True, False}


def test_refused_at_any_call_the_store_is_the_old_or_the_new_one(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    assert work.job(*work.renewed()).outcome == "published"
    old, new = proven(work.before), proven(work.store)
    met = set()
    for call in ("write", "fsync", "rename"):
        real = getattr(os, call)
        for failing in itertools.count(1):
            calls = itertools.count(1)

            def refused(
                *arguments: object,
                do: Callable[..., object] = real,
                number: int = failing,
                counted: itertools.count[int] = calls,
                **named: object,
            ) -> object:
                if next(counted) == number:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return do(*arguments, **named)

            arguments, is_done = work.renewed(), False
            with monkeypatch.context() as patch:
                patch.setattr(os, call, refused)
                with contextlib.suppress(OutputError):
                    is_done = work.job(*arguments).published
            met.add(work.check(f"{call} {failing}", old, new, is_done=is_done))
            if next(calls) <= failing:
                assert failing > 1, "no such call was made"
                break
    assert met == {True, False}
