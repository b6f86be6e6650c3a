"""A backfill that is killed, or a process of it: nothing is lost, nothing half is left, and the next completes it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import command
import pytest
from exports import nights

import krr_export
from krr_export.jobs.backfill import processes
from krr_export.jobs.backfill.failure import explain
from krr_export.jobs.backfill.task import Task
from krr_export.jobs.convert_result import ConvertResult
from krr_export.jobs.options import ConvertOptions
from krr_export.output.snapshot import Staging
from krr_export.output.store import open_store
from krr_export.pipeline.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow
OPTIONS: dict[str, Any] = {"max_rejects": "1%", "changes": True}
WORDS = ("--max-rejects=1%", "--changes", "--processes=2")


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return nights.make_nights(tmp_path_factory.mktemp("exports"), 4)


@pytest.fixture(scope="module")
def expected(exports: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the store is that `convert` makes, night by night."""
    store = tmp_path_factory.mktemp("sequential") / "store"
    for source in exports:
        krr_export.convert(source, store, **OPTIONS)
    return nights.facts(store)


def children(of: int) -> list[int]:
    """The processes of a backfill that this process runs, which are at work."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"\nPPid:\t{of}\n" in (process / "status").read_text():
                is_ours = b"jobs.backfill.child" in (process / "cmdline").read_bytes()
                found += [int(process.name)] if is_ours else []
    return found


def wait_for_child(of: int) -> int:
    command.wait_until(lambda: bool(children(of)))
    return children(of)[0]


def is_free(store: Path) -> bool:
    """Whether nobody holds the lock: neither the backfill nor a process of it."""
    if not (store / ".lock").exists():
        return True
    with (store / ".lock").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def left_over(store: Path) -> list[str]:
    return sorted(path.name for path in store.iterdir() if path.name.startswith((".staging", ".repl")))


def test_a_killed_process_is_the_failure_of_its_export_which_may_be_tried_again(
    exports: list[Path], expected: dict[str, Any], then_in_threads: Callable[[], None], tmp_path: Path
) -> None:
    killer = threading.Thread(target=lambda: os.kill(wait_for_child(os.getpid()), signal.SIGKILL))
    killer.start()
    ran = command.call("backfill", *exports, tmp_path / "store", *WORDS, "--skip-bad", "--json")
    killer.join()
    assert (ran.code, ran.result["reason"], ran.result["retryable"]) == (4, "killed", True)
    assert "was killed (signal 9)" in ran.last
    outcomes = [one["outcome"] for one in ran.result["exports"]]
    assert outcomes.count("failed") == 1
    assert set(outcomes[: outcomes.index("failed")]) <= {"published"}
    assert set(outcomes[outcomes.index("failed") + 1 :]) <= {"left"}, "what follows is compared with it"
    assert left_over(tmp_path / "store") == []
    assert children(os.getpid()) == []
    then_in_threads()
    assert command.call("backfill", *exports, tmp_path / "store", *WORDS).code == 0
    assert nights.facts(tmp_path / "store") == expected


def test_a_process_that_found_all_there_already_is_used_again_and_one_that_converted_is_not(
    exports: list[Path], expected: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Mock(wraps=subprocess.Popen)
    monkeypatch.setattr(subprocess, "Popen", start)
    options = OPTIONS | {"processes": 1}
    assert krr_export.backfill(exports[:2], tmp_path / "store", **options).counts["published"] == 2
    assert start.call_count == 2
    result = krr_export.backfill(exports, tmp_path / "store", **options)
    assert [one.outcome for one in result.exports] == ["unchanged", "unchanged", "published", "published"]
    assert start.call_count == 2 + 2, "the third is converted by the one that looked at the two before"
    assert children(os.getpid()) == []
    assert nights.facts(tmp_path / "store") == expected
    assert krr_export.backfill(exports, tmp_path / "store", **options).counts["unchanged"] == 4
    assert start.call_count == 2 + 2 + 1
    assert children(os.getpid()) == []


def test_a_process_that_is_killed_while_it_has_nothing_to_do_fails_no_export(
    exports: list[Path], tmp_path: Path
) -> None:
    store, options = tmp_path / "store", ConvertOptions(guard=False)
    krr_export.convert(exports[0], store, guard=False, max_rejects="1%")
    task = Task(exports[0], exports[0].stat().st_size, store, tmp_path, options)
    runner = processes.Processes(1, None, Progress())
    try:
        for _ in range(2):
            found = runner.run(task)
            assert isinstance(found, ConvertResult), found
            assert found.outcome == "unchanged"
            [idle] = children(os.getpid())
            os.kill(idle, signal.SIGKILL)
            os.waitid(os.P_PID, idle, os.WEXITED | os.WNOWAIT)
    finally:
        runner.end()


@pytest.mark.parametrize("after", range(4))
def test_a_killed_backfill_loses_nothing_and_the_next_completes_it(
    after: int, exports: list[Path], expected: dict[str, Any], then_in_threads: Callable[[], None], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    with command.started("backfill", *exports, store, *WORDS) as process:
        wait_for_child(process.pid)
        command.wait_until(lambda: len([*store.glob("eksport=*")]) >= after or process.poll() is not None)
        time.sleep(random.Random(after).uniform(0, 0.5))  # noqa: S311 - any moment will do
        process.kill()
        process.wait()
    command.wait_until(lambda: is_free(store))
    published = sorted(store.glob("eksport=*"))
    assert all(krr_export.verify(path).proven for path in published)
    then_in_threads()
    ran = command.call("backfill", *exports, store, *WORDS, "--json")
    assert (ran.code, ran.result["published"] + ran.result["unchanged"]) == (0, 4)
    assert ran.result["unchanged"] == len(published)
    assert left_over(store) == []
    assert nights.facts(store) == expected


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_processes_and_says_what_is_published(
    number: signal.Signals, exports: list[Path], expected: dict[str, Any], then_in_threads: Callable[[], None],
    tmp_path: Path,
) -> None:  # fmt: skip
    store = tmp_path / "store"
    with command.heeding(number), command.started("backfill", *exports, store, *WORDS, "--json") as process:
        wait_for_child(process.pid)
        os.killpg(process.pid, number)  # as a terminal does, and a service manager
        out, err = process.communicate(timeout=command.HANG)
    assert process.returncode == 128 + number, err
    result = json.loads(out)
    published = [one for one in result["exports"] if one["outcome"] == "published"]
    assert len([*store.glob("eksport=*")]) == len(published)
    assert f"{len(published)} published, whole; run again for the rest" in err.decode()
    assert b"Traceback" not in err
    assert left_over(store) == []
    assert is_free(store)
    then_in_threads()
    assert command.call("backfill", *exports, store, *WORDS).code == 0
    assert nights.facts(store) == expected


def test_a_signal_while_an_export_is_published_is_heeded_once_it_is(
    exports: list[Path], expected: dict[str, Any], then_in_threads: Callable[[], None], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    publish = Staging.publish

    def signalled(*arguments: Any, **keywords: Any) -> Path:  # noqa: ANN401 - those of publish
        signal.raise_signal(signal.SIGTERM)
        return publish(*arguments, **keywords)

    monkeypatch.setattr(Staging, "publish", signalled)
    ran = command.call("backfill", *exports[:2], tmp_path / "store", *WORDS, "--json")
    assert (ran.code, ran.last) == (143, "terminated: 1 published, whole; run again for the rest")
    assert [one["outcome"] for one in ran.result["exports"]] == ["published"]
    (line,) = (line for line in ran.lines if line.startswith("export "))
    assert ": published " in line, "it is said as soon as it is so, not at the end"
    ran = command.call("backfill", *exports[:2], tmp_path / "store", *WORDS)
    assert ran.code == 0, "it came at the end, when all was done"
    assert left_over(tmp_path / "store") == []
    monkeypatch.setattr(Staging, "publish", publish)
    then_in_threads()
    assert command.call("backfill", *exports, tmp_path / "store", *WORDS).code == 0
    assert nights.facts(tmp_path / "store") == expected


def test_another_run_is_told_to_wait_as_long_as_a_process_writes_though_its_backfill_is_dead(
    exports: list[Path], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    with command.started("backfill", *exports, store, *WORDS) as process:
        child = wait_for_child(process.pid)
        os.kill(child, signal.SIGSTOP)
        command.wait_until(lambda: _is_stopped(child))
        process.kill()
        process.wait()
        ran = command.call("convert", exports[0], store, "--max-rejects=1%", "--json")
        os.kill(child, signal.SIGCONT)
    assert (ran.code, ran.result["reason"]) == (4, "busy")
    command.wait_until(lambda: is_free(store))
    with open_store(store):
        assert left_over(store) == []


def _is_stopped(process: int) -> bool:
    return "State:\tT" in Path(f"/proc/{process}/status").read_text()


def test_a_failure_says_nothing_in_the_words_of_a_library() -> None:
    planted = "01810375589"
    for error in (ValueError(planted), OSError(5, "Input/output error", planted), MemoryError(planted)):
        failure = explain(error)
        assert planted not in failure.message
        assert (failure.exit_code, failure.reason) in {(70, "fault"), (4, "output"), (4, "out-of-memory")}


def test_a_program_without_a_main_guard_may_call_it(exports: list[Path], tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import krr_export\n"
        f"result = krr_export.backfill({[str(exports[0])]!r}, 'store', max_rejects='1%')\n"
        "print(result.exit_code, result.message)\n"
    )
    done = subprocess.run([sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "0 backfill of 1 export: 1 published, 0 already there\n", done.stderr


def test_a_process_has_no_option_of_ours_in_its_environment_such_as_a_passphrase(
    exports: list[Path], tmp_path: Path
) -> None:
    seen: list[bytes] = []
    environment = {**os.environ, "KRR_EXPORT_PASSPHRASE": "hemmelig"}
    arguments = ["backfill", str(exports[0]), str(tmp_path / "store"), *WORDS]
    running = subprocess.Popen(
        [sys.executable, "-m", "krr_export", *arguments], env=environment, stderr=subprocess.PIPE
    )
    child = wait_for_child(running.pid)
    with suppress(OSError):
        os.kill(child, signal.SIGSTOP)
        seen.append(Path(f"/proc/{child}/environ").read_bytes())
        os.kill(child, signal.SIGCONT)
    running.communicate()
    assert running.returncode == 0
    assert seen
    assert b"PATH=" in seen[0]
    assert b"KRR_EXPORT_" not in seen[0]


def test_no_more_open_files_are_the_failure_of_an_export_which_may_be_tried_again(
    exports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(processes, "Pipe", refuse)
    result = krr_export.backfill(exports, tmp_path / "store", skip_bad=True, **OPTIONS)
    assert (result.exit_code, result.exports[0].reason) == (4, "output")
    assert "Too many open files; raise the limit on open files (ulimit -n)" in result.message
    assert result.counts["left"] == len(exports) - 1


def test_an_export_that_cannot_be_opened_for_want_of_files_is_not_passed_over(
    exports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(path: Any, *rest: Any, **more: Any) -> int:  # noqa: ANN401 - as the function of the system
        if path == exports[1]:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(krr_export.OutputError, match="ulimit -n"):
        krr_export.backfill(exports, tmp_path / "store", skip_bad=True, **OPTIONS)
    assert not (tmp_path / "store").exists()


def test_no_directory_for_the_next_is_its_failure_and_what_was_published_is_told_of(
    exports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter, entered = Staging.__enter__, []

    def refuse_the_third(self: Staging) -> Staging:
        entered.append(self)
        if len(entered) == 3:
            raise krr_export.OutputError("cannot write to the store: No space left on device")
        return enter(self)

    monkeypatch.setattr(Staging, "__enter__", refuse_the_third)
    ran = command.call("backfill", *exports, tmp_path / "store", *WORDS, "--skip-bad", "--json")
    assert (ran.code, "No space left on device" in ran.last) == (4, True)
    assert [one["outcome"] for one in ran.result["exports"]] == ["published", "published", "failed", "left"]
    assert left_over(tmp_path / "store") == []
