"""Lines on standard error as text or JSON, and the reasons of failures."""

from __future__ import annotations

import json
import re
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import command
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krr_export import errors
from krr_export.cli import log
from krr_export.cli.failures import TerminatedError, explain
from krr_export.errors import EXIT_CODES, REASONS, InputError, KrrExportError, OutputError, default_reason, is_retryable
from krr_export.jobs.check import Fault
from krr_export.jobs.convert_result import ConvertResult
from krr_export.reporting.refusals import REFUSED_EXIT_CODES
from krr_export.util.files import output_error

SAMPLES = Path(__file__).parents[2] / "samples"
VALID, FAULTY = SAMPLES / "valid.xml", SAMPLES / "faulty.xml"
WORDS = {reason.word: reason.exit_code for reason in REASONS}


def logged(ran: command.Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.err.splitlines()]


def kinds(of: type[KrrExportError]) -> list[type[KrrExportError]]:
    return [of, *(kind for child in of.__subclasses__() for kind in kinds(child))]


def test_each_line_is_an_object_with_its_time_and_the_result_is_the_last(tmp_path: Path) -> None:
    (tmp_path / "store/eksport=kopi").mkdir(parents=True)
    started = datetime.now(UTC).replace(microsecond=0)
    ran = command.call("convert", FAULTY, tmp_path / "store", "--max-rejects", "100%", "-v", "--log-format", "json")
    *before, last = logged(ran)
    assert len(before) > 3
    for line in before:
        assert list(line) == ["time", "level", "event", "message"]
    for line in (*before, last):
        assert started <= datetime.fromisoformat(line["time"]) <= datetime.now(UTC)
    levels = {line["event"]: line["level"] for line in before}
    assert {"warning": "warning", "reject": "warning", "records": "info", "detail": "info"}.items() <= levels.items()
    assert last == {
        "time": last["time"], "level": "info", "event": "result", "message": last["message"], "exit_code": 0,
    }  # fmt: skip
    assert last["message"].startswith("published ")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["convert", FAULTY, "store"], (1, "too-many-rejects", False)),
        (["validate", FAULTY], (1, "rejects", False)),
        (["convert", "nowhere.xml", "store"], (3, "input", False)),
        (["convert", VALID, "file/store"], (4, "output", True)),
        (["convert", VALID, "store", "--max-age", "1h"], (5, "age", False)),
        (["convert", VALID, "store", "--partition-by", "epostadresse"], (2, "usage", False)),
        (["convert", VALID, "store", "--no-such-option"], (2, "usage", False)),
        (["convert", VALID, "store", "--workers", "many"], (2, "usage", False)),
        (["nonsense"], (2, "usage", False)),
    ],
    ids=lambda value: " ".join(map(str, value)).replace(str(SAMPLES), "samples") if isinstance(value, list) else "",
)  # fmt: skip
def test_a_failure_has_its_reason_in_the_result_and_in_the_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str | Path], expected: tuple[int, str, bool]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    ran = command.call(*arguments, "--json", "--log-format=json", "-q")
    [last] = logged(ran)
    assert (ran.code, last["level"], last["event"]) == (expected[0], "error", "result")
    for told in (last, ran.result):
        assert (told["exit_code"], told["reason"], told["retryable"]) == expected
        assert told["message"] == last["message"]


def test_what_went_well_has_no_reason(tmp_path: Path) -> None:
    ran = command.call("convert", VALID, tmp_path / "store", "--json")
    assert {"reason", "retryable"}.isdisjoint(ran.result)


def test_an_export_that_is_published_otherwise_says_so(tmp_path: Path) -> None:
    assert command.call("convert", VALID, tmp_path / "store").code == 0
    ran = command.call("convert", VALID, tmp_path / "store", "--derive", "all", "--json")
    assert ran.code in {2, 5}
    (tmp_path / "changed.xml").write_text(VALID.read_text() + "<!-- another -->")
    ran = command.call("convert", tmp_path / "changed.xml", tmp_path / "store", "--json")
    assert (ran.code, ran.result["reason"]) == (5, "published-otherwise")


def test_verify_check_and_diff_say_why(tmp_path: Path) -> None:
    store = tmp_path / "store"
    command.call("convert", VALID, store)
    [snapshot] = store.glob("eksport=*")
    old = command.call("check", store, "--max-age", "1h", "--json")
    assert (old.code, old.result["reason"]) == (5, "age")
    next((snapshot / "person").iterdir()).unlink()
    for name, place in (("verify", snapshot), ("check", store)):
        ran = command.call(name, place, "--json")
        assert (ran.code, ran.result["reason"], ran.result["retryable"]) == (1, "damaged", False)


def test_every_kind_of_error_has_a_reason_of_its_exit_code() -> None:
    for kind in kinds(KrrExportError):
        assert WORDS[kind.reason] == kind.exit_code, kind
    # A class of its own exit code or kind has a word of its own: it does not inherit one in silence.
    words = [kind.reason for kind in kinds(KrrExportError) if kind.__module__.startswith("krr_export.")]
    assert len(words) == len(set(words))


def test_every_outcome_and_fault_has_a_reason_of_its_exit_code() -> None:
    for outcome, code in REFUSED_EXIT_CODES.items():
        result = ConvertResult(outcome, Path("store"), None, "")
        assert (result.exit_code, WORDS[str(result.reason)]) == (code, code)
    assert ConvertResult("published", Path("store"), None, "").reason is None
    faults: list[Any] = re.findall(r"[a-z]+", Fault.__annotations__["kind"].removeprefix("Literal"))
    assert len(faults) == 5
    for kind in faults:
        assert WORDS[kind] == Fault(kind, "", "").exit_code
    assert all(reason.word == reason.word.lower() and " " not in reason.word for reason in REASONS)
    assert len(WORDS) == len(REASONS)


def test_every_exit_code_that_the_program_ends_with_has_a_reason() -> None:
    by_the_system = {134, 137}
    for code in EXIT_CODES:
        if code.number and code.number not in by_the_system:
            assert WORDS[default_reason(code.number)] == code.number
    assert {code.number for code in EXIT_CODES if is_retryable(code.number)} == {4, 6, 129, 130, 134, 137, 143}
    assert not is_retryable(71)


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (MemoryError(), 4, "out-of-memory"),
        (OSError(5, "Input/output error"), 4, "output"),
        (ImportError(name="lxml"), 70, "installation"),
        (ValueError("x"), 70, "fault"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (TerminatedError(signal.SIGTERM), 143, "terminated"),
        (TerminatedError(signal.SIGHUP), 129, "hung-up"),
        (output_error("write", OSError(28, ""), {}), 4, "no-space"),
        (output_error("write", OSError(13, ""), {}), 4, "output"),
        (errors.BusyError("another run"), 4, "busy"),
        (InputError("x"), 3, "input"),
        (errors.NetworkError("x"), 6, "network"),
    ],
)
def test_whatever_ends_the_program_has_a_reason(
    error: BaseException, code: int, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert explain(error)[1:] == (code, reason)
    assert WORDS[reason] == code


def test_a_reason_survives_what_adds_to_the_message() -> None:
    error = errors.BusyError("held", "wait")
    assert type(error)(f"store: {error.message}", error.hint).reason == "busy"
    assert isinstance(error, OutputError)


def test_a_program_that_cannot_start_says_so_in_the_same_form(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import there_is_no_such_thing")
    ran = command.run("convert", VALID, "store", "--log-format", "json", env={"PYTHONPATH": str(tmp_path)})
    [last] = logged(ran)
    assert (last["exit_code"], last["reason"], last["retryable"]) == (70, "installation", False)


def test_the_form_comes_from_the_environment_too_also_for_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRR_EXPORT_LOG_FORMAT", "json")
    for arguments in (["inspect", str(VALID)], ["inspect", "--nonsense"], []):
        assert logged(command.call(*arguments))[-1]["event"] == "result"
    assert not command.call("inspect", VALID, "--log-format", "text").err.startswith("{")


def test_the_form_comes_from_the_file_too(tmp_path: Path) -> None:
    (tmp_path / "krr.toml").write_text('log-format = "json"\n')
    ran = command.call("--config", tmp_path / "krr.toml", "inspect", VALID)
    assert logged(ran)[-1]["event"] == "result"
    assert command.call("inspect", VALID).err.splitlines()[-1].startswith("krr-export: ")  # the next run chooses anew


def test_a_terminal_gets_json_without_a_bar_or_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    ran = command.call("validate", VALID, "--log-format", "json", "--progress")
    assert "\x1b" not in ran.err
    assert "\r" not in ran.err
    assert logged(ran)[-1]["event"] == "result"


@given(st.text())
def test_any_text_is_one_line_of_ascii_and_comes_back(text: str) -> None:
    log.use_format("json")
    try:
        line = log.line(text)
    finally:
        log.use_format("text")
    assert line.isascii()
    assert "\n" not in line
    told = json.loads(line)
    assert text.endswith(told["message"])
