"""`check` says whether a store's newest export is there, whole and fresh: each fault has its exit code."""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
import subprocess
import time
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Unpack

import command
import pytest
from exports import tiny_xml

import krr_export
from krr_export import CheckResult, check
from krr_export.errors import InputError, UsageError
from krr_export.jobs import check as check_module
from krr_export.output import verification

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command import Ran

    from krr_export.jobs.keywords import OptionKeywords

    Krr = Callable[..., Ran]

NOW = datetime.now(UTC).replace(microsecond=0)
LAST_NIGHT, NIGHT_BEFORE = NOW - timedelta(hours=10), NOW - timedelta(hours=34)
BAD = tiny_xml.person("<status>X</status>")


def name(made: datetime) -> str:
    return f"eksport={made:%Y%m%dT%H%M%SZ}"


def load(
    store: Path,
    made: datetime,
    *persons: str,
    empty: bool = False,
    change: int = 7,
    **options: Unpack[OptionKeywords],
) -> Path:
    """Convert an export of these persons, made at that time."""
    attributes = f'eksportTidspunkt="{made.isoformat()}" senesteEndringsNummer="{change}"'
    root = f'et:Kontaktregister xmlns:et="{tiny_xml.EXPORT}" xmlns="{tiny_xml.PERSONS}" {attributes}'
    if not (persons or empty):
        persons = (tiny_xml.person(), tiny_xml.person())
    source = io.BytesIO(tiny_xml.export(*persons, root=root))
    settings: OptionKeywords = {"workers": 0, "rules": False, "guard": False}
    settings.update(options)
    return krr_export.convert(source, store, **settings).path


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of all checks is that of the first; nothing is waited for."""
    monkeypatch.setattr(check_module, "_now", lambda: NOW)
    monkeypatch.setattr(check_module, "_SECONDS_BETWEEN_LOOKS", 0)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of two nights."""
    path = tmp_path / "store"
    load(path, NIGHT_BEFORE)
    load(path, LAST_NIGHT, tiny_xml.person(), BAD, max_rejects="1")
    return path


def kinds(result: CheckResult) -> list[tuple[str, int]]:
    return [(fault.kind, fault.exit_code) for fault in result.faults]


# In order


@pytest.mark.parametrize("prove", [False, True])
def test_a_store_in_order_is_said_to_be_with_what_it_holds_and_how_old_it_is(store: Path, *, prove: bool) -> None:
    result = check(store, max_age="36h", prove=prove)
    assert (result.exit_code, result.good, result.faults) == (0, True, ())
    assert (result.snapshot, result.exported_at) == (name(LAST_NIGHT), LAST_NIGHT)
    assert (result.records, result.rejects, result.proven, result.refused) == (1, 1, prove, ())
    assert result.age == timedelta(hours=10)
    held = f"in order: {store}/{name(LAST_NIGHT)}, made 10 hours ago: 1 record, 1 rejected;"
    assert result.message == f"{held} {'proven' if prove else 'whole'}"


@pytest.mark.parametrize(
    "options",
    [{"format": "csv"}, {"format": "csv", "compression": "gzip"}, {"partition_by": ("status",)}, {"rows_per_file": 1}],
)
@pytest.mark.parametrize("prove", [False, True])
def test_every_kind_of_store_can_be_in_order_and_can_miss_a_file(
    tmp_path: Path,
    options: dict[str, Any],
    *,
    prove: bool,
) -> None:
    snapshot = load(
        tmp_path / "store", LAST_NIGHT, tiny_xml.person("<status>AKTIV</status>"), tiny_xml.person(), **options
    )
    assert check(tmp_path / "store", prove=prove).good
    part = max(path for path in (snapshot / "person").rglob("*") if path.is_file())
    part.unlink()
    result = check(str(tmp_path / "store"), prove=prove)
    assert kinds(result) == [("damaged", 1)]
    assert f"is damaged: {part.relative_to(snapshot)}: missing" in result.message


def test_a_run_in_progress_is_no_fault_and_no_lock_is_taken(store: Path) -> None:
    (store / ".staging-1-2-3" / "person").mkdir(parents=True)
    with (store / ".lock").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before = command.contents(store)
        assert check(store, prove=True).good
    assert command.contents(store) == before


def test_a_store_that_is_mounted_read_only_is_checked_all_the_same(store: Path) -> None:
    if subprocess.run(["mount", "--bind", store, store], check=False, capture_output=True).returncode:
        pytest.skip("mounting takes root")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", store], check=True)
        with pytest.raises(OSError, match="Read-only"):
            (store / "x").touch()
        assert check(store, prove=True).good
    finally:
        subprocess.run(["umount", store], check=True)


def test_what_was_refused_before_the_newest_snapshot_is_past(store: Path) -> None:
    load(store, LAST_NIGHT - timedelta(hours=5), BAD, allow_older=True)
    load(store, LAST_NIGHT, BAD, replace=True)  # of the same export, what is published stands
    assert [path.name for path in sorted((store / ".failed").iterdir())][-1] == name(LAST_NIGHT)
    assert check(store).good


def test_an_export_that_was_only_tried_is_not_the_last_night(store: Path) -> None:
    load(store, NOW, BAD, limit=1)
    assert (store / ".failed" / name(NOW)).is_dir()
    assert check(store).good


# Not whole


def test_a_byte_that_differs_is_found_where_it_is_to_be_proven(store: Path) -> None:
    part = store / name(LAST_NIGHT) / "person/part-00000.parquet"
    content = bytearray(part.read_bytes())
    content[10] ^= 1
    part.write_bytes(content)
    assert check(store).good, "its size is right"
    result = check(store, prove=True)
    assert (kinds(result), result.proven) == ([("damaged", 1)], False)
    assert "person/part-00000.parquet: its SHA-256 is not the one listed" in result.message


@pytest.mark.parametrize("prove", [False, True])
@pytest.mark.parametrize("file", ["person/part-00000.parquet", "rejects/part-00000.parquet", "report.html"])
def test_a_file_of_another_size_or_kind_is_found(store: Path, file: str, *, prove: bool) -> None:
    path = store / name(LAST_NIGHT) / file
    shutil.move(path, store.parent / "away")
    path.symlink_to(store.parent / "away")
    assert f"{file}: not a regular file" in check(store, prove=prove).message
    path.unlink()
    path.write_bytes(b"x")
    result = check(store, prove=prove)
    assert kinds(result) == [("damaged", 1)]
    assert f"{file}: 1 bytes, listed with " in result.message
    assert result.message.endswith("; convert that export again with --replace")


def test_a_manifest_that_cannot_be_read_or_was_exchanged_is_damage(store: Path) -> None:
    manifest = store / name(LAST_NIGHT) / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"tool_version"', '"tool_versiom"'))
    result = check(store, max_age="36h")
    assert (kinds(result), result.exported_at, result.age, result.records) == ([("damaged", 1)], None, None, None)
    manifest.write_text(f"{text} ")
    assert "manifest.json: not the one that was published" in check(store).message


def test_a_snapshot_that_lost_its_success_is_not_overlooked(store: Path) -> None:
    (store / name(LAST_NIGHT) / "_SUCCESS").unlink()
    result = check(store)
    assert (kinds(result), result.snapshot) == ([("latest", 1)], name(NIGHT_BEFORE))


# latest


@pytest.mark.parametrize(
    "target",
    ["", "nowhere", "latest", name(NIGHT_BEFORE), "directory"],
    ids=["nothing", "nowhere", "itself", "older", "directory"],
)
def test_latest_that_is_not_the_newest_snapshot_is_a_fault(store: Path, target: str) -> None:
    latest = store / "latest"
    latest.unlink()
    match target:
        case "directory":
            shutil.copytree(store / name(NIGHT_BEFORE), latest)
        case str() if target:
            latest.symlink_to(target)
    result = check(store)
    assert kinds(result) == [("latest", 1)]
    assert f"{store}: latest " in result.message
    assert target in result.message or target == "directory"
    assert check(store, latest=False).good


def test_latest_that_moves_a_moment_later_is_waited_for(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latest = store / "latest"
    latest.unlink()
    latest.symlink_to(name(NIGHT_BEFORE))

    def move(_seconds: float) -> None:
        latest.unlink()
        latest.symlink_to(name(LAST_NIGHT))

    monkeypatch.setattr(time, "sleep", move)
    assert check(store).good


@pytest.mark.parametrize("before", [True, False])
def test_a_snapshot_that_is_pruned_before_or_while_a_file_is_looked_at_gives_way_to_the_next(
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    before: bool,
) -> None:
    looked = verification.size_differences

    def prune_first(snapshot: Path, manifest: Any) -> tuple[str, ...]:  # noqa: ANN401 - handed through
        monkeypatch.setattr(check_module, "size_differences", looked)
        load(store, NOW)
        shutil.rmtree(snapshot)
        return looked(snapshot, manifest) if before else (str((snapshot / "manifest.json").stat()),)

    monkeypatch.setattr(check_module, "size_differences", prune_first)
    result = check(store)
    assert (result.good, result.snapshot) == (True, name(NOW))


# Refused


@pytest.mark.parametrize(
    ("persons", "options", "why"),
    [
        ([BAD], {}, "1 of 1 records rejected, more than --max-rejects 0 allows"),
        ([tiny_xml.person()] * 2, {"strict": ("identifier-duplicate",), "rules": True}, "1 record with an identity"),
        ([tiny_xml.person()], {"guard": True, "change": 6}, "it differs too much from "),
        ([], {"empty": True}, "the export holds no records"),
    ],
)  # fmt: skip
def test_a_night_that_was_refused_since_is_named_with_the_reason(
    store: Path, persons: list[str], options: dict[str, Any], why: str
) -> None:
    load(store, NOW, *persons, **options)
    result = check(store)
    assert (kinds(result), result.refused) == ([("refused", 1)], (name(NOW),))
    assert f"{name(NOW)} was not published: " in result.message
    assert why in result.message
    assert result.message.endswith(f"; see report.html in {store}/.failed/{name(NOW)}")
    load(store, NOW)
    assert check(store).good, "it came again, and was published"


def test_of_several_the_last_is_named_and_a_damaged_report_still_counts(store: Path) -> None:
    for minutes in (3, 2, 1):
        load(store, NOW - timedelta(minutes=minutes), BAD)
    (store / ".failed" / name(NOW - timedelta(minutes=1)) / "report.json").write_text("{}")
    result = check(store)
    assert len(result.refused) == 3
    assert f"{name(NOW - timedelta(minutes=1))} was not published: its report cannot be read: " in result.message
    assert ", and 2 before it" in result.message


# Age


def test_an_export_that_is_too_old_or_from_the_future_is_said_as_the_guard_says_it(tmp_path: Path) -> None:
    load(tmp_path / "store", NIGHT_BEFORE)
    assert kinds(check(tmp_path / "store", max_age="30h")) == [("age", 5)]
    assert ", more than 34 hours ago: --max-age 30h; " in check(tmp_path / "store", max_age="30h").message
    assert check(tmp_path / "store", max_age=timedelta(hours=36)).good
    assert check(tmp_path / "store").good
    load(tmp_path / "store", NOW + timedelta(hours=12), max_ahead="9d")
    assert check(tmp_path / "store", max_age="1h").good, "a wrong time zone, as the guard allows it"
    assert "hours from now" in check(tmp_path / "store").message
    load(tmp_path / "store", NOW + timedelta(days=5), max_ahead="9d")
    result = check(tmp_path / "store", max_age="1h")
    assert kinds(result) == [("future", 5)]
    assert "days from now" in result.message


@pytest.mark.parametrize("wrong", ["36", "h", "0h", "-1h", "36 h", "1w", ""])
def test_a_length_of_time_is_written_as_for_convert(store: Path, krr: Krr, wrong: str) -> None:
    ran = krr("check", store, "--max-age", wrong)
    assert (ran.code, "is no length of time; such as 90m, 48h or 3d" in ran.last) == (2, True)


def test_the_worst_decides_and_all_are_said(store: Path, krr: Krr) -> None:
    load(store, NOW, BAD)
    (store / name(LAST_NIGHT) / "report.html").unlink()
    (store / "latest").unlink()
    ran = krr("check", store, "--max-age", "1h", "--json")
    assert ran.code == 1
    faults = [(fault["kind"], fault["exit_code"]) for fault in ran.result["faults"]]
    assert faults == [("damaged", 1), ("refused", 1), ("latest", 1), ("age", 5)]
    places = [ran.last.index(fault["text"]) for fault in ran.result["faults"]]
    assert places == sorted(places)
    assert ran.last.endswith(ran.result["faults"][0]["todo"])


# Nothing to check


@pytest.mark.parametrize("made", ["nothing", "file", "directory", "failed", "partial", "empty store"])
def test_without_a_snapshot_it_ends_in_3_and_says_why(tmp_path: Path, krr: Krr, made: str) -> None:
    path = tmp_path / "store"
    match made:
        case "file":
            path.write_text("no store")
        case "directory":
            path.mkdir()
        case "failed":
            load(path, LAST_NIGHT, BAD)
        case "partial":
            load(path, LAST_NIGHT, limit=1)
        case "empty store":
            load(path, LAST_NIGHT)
            shutil.rmtree(path / name(LAST_NIGHT))
    ran = krr("check", path, "--json")
    assert (ran.code, ran.result["exit_code"], len(ran.lines)) == (3, 3, 1)
    assert ran.last.startswith(f"there is no {'store at' if made in {'nothing', 'file'} else 'snapshot in'} {path}; ")
    assert ("was not published: 1 of 1 records rejected" in ran.last) == (made == "failed")
    with pytest.raises(InputError):
        check(path)


def test_a_snapshot_is_not_taken_for_a_store(store: Path) -> None:
    with pytest.raises(UsageError, match="is a snapshot, not a store"):
        check(store / "latest")


def test_a_store_that_may_not_be_read_ends_in_3(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def deny(path: Any) -> Any:  # noqa: ANN401 - as of os.scandir
        if path == store:
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        check(store)


# The command


def test_the_command_gives_one_line_and_json_with_the_documented_keys(store: Path, krr: Krr) -> None:
    ran = krr("check", store, "--max-age", "36h", "--prove", "--json")
    assert (ran.code, len(ran.lines)) == (0, 1)
    result = ran.result
    assert result.pop("message") == ran.last
    assert result == {
        "exit_code": 0, "warnings": [], "snapshot": name(LAST_NIGHT),
        "eksport_tidspunkt_utc": f"{LAST_NIGHT:%Y-%m-%dT%H:%M:%SZ}", "age_seconds": 36000,
        "records": 1, "rejects": 1, "proven": True, "refused": [], "faults": [],
    }  # fmt: skip
    assert krr("check", store).out == ""
    (store / "eksport=1").mkdir()
    assert "eksport=1" in json.dumps(krr("check", store, "--json").result["warnings"])


def test_data_files_are_not_opened_unless_it_is_to_prove_them(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "count_rows", None)
    monkeypatch.setattr(verification, "_chunks", None)
    assert check(store).good
    with pytest.raises(TypeError):
        check(store, prove=True)


def test_a_result_cannot_be_changed(store: Path) -> None:
    with pytest.raises(FrozenInstanceError):
        check(store).faults = ()  # type: ignore[misc]  # that is what is tried
