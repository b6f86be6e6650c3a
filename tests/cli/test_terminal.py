"""What a terminal shows: progress that fits it, findings in columns and colours; and what is written elsewhere."""

from __future__ import annotations

import gzip
import os
import pty
import re
import signal
import termios
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import command
import pytest

import krr_export
from krr_export.cli.console import Console
from krr_export.cli.progress.bar import Bar
from krr_export.cli.progress.log_lines import LogLines
from krr_export.cli.progress.status_bar import StatusBar
from krr_export.cli.progress.transfer import transfer_progress
from krr_export.synthetic import SampleOptions, write_sample_file

if TYPE_CHECKING:
    from collections.abc import Mapping

SAMPLES = Path(__file__).parents[2] / "samples"
VALID = SAMPLES / "valid.xml"
FAULTY = SAMPLES / "faulty.xml"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of several blocks."""
    path = tmp_path_factory.mktemp("large") / "large.xml.gz"
    write_sample_file(path, SampleOptions(records=40_000))
    return path


def test_progress_is_a_bar_on_a_terminal_only(large: Path, tmp_path: Path) -> None:
    shown = on_a_terminal("convert", large, tmp_path / "one")
    first, *others = [line.rstrip() for line in shown.split("\r") if line.strip()]
    assert first == "opening", "it says at once what it does"
    assert re.match(r" +\d+%\|", next(line for line in others if not line.startswith("opening")))
    assert "large.xml.gz" in shown
    assert "\x1b[32m" in shown, "the last line is green"
    assert "%|" not in on_a_terminal("convert", large, tmp_path / "two", "--no-progress")
    assert "%|" not in command.call("convert", large, tmp_path / "three").err
    assert "%|" in command.call("convert", large, tmp_path / "four", "--progress").err


def test_no_color_is_honoured(tmp_path: Path) -> None:
    assert "\x1b[" not in on_a_terminal(
        "convert", VALID, tmp_path / "store", "--no-progress", variables={"NO_COLOR": "1"}
    )
    assert "\x1b[31m" in on_a_terminal("convert", "nowhere", tmp_path / "store")


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 120])
def test_progress_fits_the_terminal_and_ends_with_all_that_was_delivered_and_its_xml(
    columns: int, large: Path, tmp_path: Path
) -> None:
    shown = on_a_terminal("convert", large, tmp_path / "store", columns=columns)
    progress, _, _ = shown.partition("export ")
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", progress)]
    assert lines
    assert max(map(len, re.split(r"[\r\n]+", progress))) < columns
    assert "\x1b" not in progress
    packed = [match[1] for line in lines if (match := re.search(r"\| ([\d.]+) of ", line))]
    assert [float(size) for size in packed] == sorted(map(float, packed))
    for line in lines:  # a number that were cut off would be a wrong one
        assert re.fullmatch(
            r"(opening(, [\d.]+ MB read)?"
            r"| *\d+%(\|[^|]+\|( [\d.]+ of [\d.]+ MB(, [\d. ]+ MB of XML)?(, [\d ]+ records)?"
            r"(, \d+:\d\d left)?(, [\d.]+[kM]?B/s)?(, large\.xml\.gz)?)?)?)?",
            line,
        ), line


LINE = ["9.7 of 21.8 MB", "85.1 MB of XML", "49 658 records", "00:02 left", "6.05MB/s", "{desc}"]
WHOLE = "9.7 of 21.8 MB, 85.1 MB of XML, 49 658 records, 00:02 left, 6.05MB/s, {one}.xml.gz"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (10, ""),
        (24, ""),
        (25, " 9.7 of 21.8 MB"),
        (56, " 9.7 of 21.8 MB, 85.1 MB of XML"),
        (57, " 9.7 of 21.8 MB, 85.1 MB of XML, 49 658 records"),
        (73, " 9.7 of 21.8 MB, 85.1 MB of XML, 49 658 records, 00:02 left"),
        (119, f" {WHOLE}"),
        (200, f" {WHOLE}"),
    ],
)
def test_what_has_no_room_is_left_out_whole(
    columns: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns + 1))
    with StatusBar(lambda _: LINE, name="{one}.xml.gz", total=100, done=45) as shown:
        shown.start()
        line = str(shown)
    assert re.fullmatch(rf" 45%\|[^|]{{4,}}\|{re.escape(said)}", line)
    assert len(line) == columns
    assert f"\r{line}\r" in capsys.readouterr().err


@pytest.mark.parametrize(("columns", "line"), [(4, " 45%"), (9, " 45%")])
def test_where_not_even_a_bar_has_room_there_is_the_share(
    columns: int, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns + 1))
    with StatusBar(lambda _: LINE, total=100, done=45) as shown:
        assert str(shown) == line


@pytest.mark.parametrize(
    ("columns", "parts", "line"),
    [(40, LINE, "9.7 of 21.8 MB, 85.1 MB of XML"), (4, ["出力"], "出力"), (3, ["出力"], "")],
)
def test_a_pipe_has_no_share_and_wide_signs_have_room(
    columns: int, parts: list[str], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns + 1))
    with StatusBar(lambda _: parts) as shown:
        assert str(shown).rstrip() == line


def test_a_file_that_grows_meanwhile_is_read_to_its_end_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    with StatusBar(lambda _: [], total=100) as shown:
        shown.update(250)
        assert str(shown).startswith("100%|")


def test_the_time_that_is_left_is_said_once_it_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    with StatusBar(StatusBar.pace, total=100_000_000, done=40_000_000) as shown:
        assert shown.pace() == [], "nothing was read since"
        shown.update(10_000_000)
        assert shown.pace() == [], "too early"
        shown.start_t -= 10
        assert str(shown).endswith("| 00:50 left, 1.00MB/s"), "what was there before is no part of the rate"


def test_the_first_snapshot_has_nothing_to_be_compared_with_and_the_store_is_new(tmp_path: Path) -> None:
    shown = on_a_terminal("convert", VALID, tmp_path / "store", "--no-progress")
    assert "guard     there is no older snapshot to compare with\r\n" in shown
    assert "; the first snapshot of a new store" in shown


def test_a_signal_leaves_a_clean_line_also_while_a_bar_is_shown_first(large: Path, tmp_path: Path) -> None:
    shown = on_a_terminal("convert", large, tmp_path / "store", columns=80, interrupted_at=b"%|")
    *_, cleared, last = shown.rpartition("\r\n")[0].split("\r")
    assert cleared == " " * 79
    assert last.startswith("\x1b[31mkrr-export: interrupted: nothing was published")


def test_nobody_waits_for_a_bar_that_a_signal_came_upon(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted = StatusBar(lambda _: LINE, total=100)
    with monkeypatch.context() as patched:
        patched.setattr(interrupted, "display", lambda *_: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            interrupted.refresh()
    other = threading.Thread(target=_show_a_bar, daemon=True)
    other.start()
    other.join(timeout=60)
    assert not other.is_alive(), "the main thread, which has the bar, waits for this one"
    interrupted.close()


def _show_a_bar() -> None:
    with StatusBar(lambda _: LINE, total=100) as shown:
        shown.start()
        shown.update(45)


def test_a_transfer_says_that_it_connects_and_then_how_much_has_arrived(capsys: pytest.CaptureFixture[str]) -> None:
    with transfer_progress(Console(), shown=True) as move:
        assert move is not None
        move(40_000_000, 200_000_000)
        move(50_000_000, 200_000_000)
        Console().say("a line, after which what is there now is shown")
    shown = [line.rstrip() for line in capsys.readouterr().err.split("\r") if line.strip()]
    assert shown[0] == "connecting"
    assert re.fullmatch(r" 20%\|[^|]+\| 40\.0 of 200 MB", shown[1])
    assert re.fullmatch(r" 25%\|[^|]+\| 50\.0 of 200 MB", shown[-1]), (
        "one step is too early to tell the time that is left"
    )


def test_another_line_takes_the_place_of_progress(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar()
    bar.start()
    Console().say("a line")
    bar.read(1_000_000)
    bar.passed(1)  # of no known size: shown at once
    bar.close()
    shown = capsys.readouterr().err
    assert re.fullmatch(r"\r +\ropening +\r +\ra \S+ line\n\ropening +(\ropening, 1\.0 MB read +)+\r +\r", shown), shown


def test_a_step_is_shown_beside_an_export_and_in_place_of_none(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar()
    bar.start()
    bar.dated(1, 3)
    bar.dated(2, 3)
    bar.dated(3, 3)
    bar.planned(3, 10_000_000)
    bar.read(5_000_000)
    bar.unpacked(50_000_000)
    bar.passed(20_000)
    Console().say("a line, after which what is there now is shown")
    bar.began("read eksport=20260226T112225Z", 1000)
    bar.advanced(1000)
    bar.close()
    shown = capsys.readouterr().err
    assert re.search(r"\ropening +\r +\r\r +\r  0%\|[^|]+\| 0 of 3 exports opened, for their time", shown)
    assert re.search(r"\r  0%\|[^|]+\| 0\.0 of 10\.0 MB, 3 exports", shown)
    assert re.search(r"\r 50%\|[^|]+\| 5\.0 of 10\.0 MB, 50\.0 MB of XML, 20 000 records", shown)
    assert re.search(r"\n\r  0%\|[^|]+\| 0 of 1 000 rows, read eksport=20260226T112225Z\x1b\[A", shown)
    assert re.search(r"\n\r +\x1b\[A\r +\r$", shown), "both lines are clean in the end"


def test_mb_of_xml_are_those_of_the_document(large: Path) -> None:
    class Heard(krr_export.Progress):
        xml = 0

        def unpacked(self, size: int) -> None:
            self.xml += size

    heard = Heard()
    krr_export.validate(large, progress=heard)
    whole = len(gzip.decompress(large.read_bytes()))
    assert whole - 2000 < heard.xml <= whole, "all but what stands around the records"


def test_findings_are_aligned_coloured_by_severity_and_the_most_important_come_first(tmp_path: Path) -> None:
    shown = on_a_terminal("convert", FAULTY, tmp_path / "store", "--max-rejects", "100%", "--no-progress")
    found = re.findall(
        r"^\x1b\[(\d+)m(?:\x1b\[1m)?(reject|warning|info)\x1b\[0m +([a-z0-9-]+): +([\d ]*\d) in +([\d ]*\d) records?;",
        shown, re.MULTILINE,
    )  # fmt: skip
    severities = [severity for _, severity, *_ in found]
    assert severities == sorted(severities, key=["reject", "warning", "info"].index)
    assert {*severities} == {"reject", "warning", "info"}
    assert {(color, severity) for color, severity, *_ in found} == {("31", "reject"), ("33", "warning"), ("36", "info")}
    for severity in {*severities}:
        counts = [int(records.replace(" ", "")) for _, one, *_, records in found if one == severity]
        assert counts == sorted(counts, reverse=True)
    plain = re.sub(r"\x1b\[\d+m", "", shown)
    lines = [line for line in plain.splitlines() if re.match(r"(reject|warning|info) ", line)]
    assert len(lines) == len(found)
    assert len({line.index(";") for line in lines}) == 1
    assert len({line.index(" in ", 12) for line in lines}) == 1


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_escape_is_written_where_none_is_wanted(variables: dict[str, str], tmp_path: Path) -> None:
    shown = on_a_terminal("convert", FAULTY, tmp_path / "store", "--max-rejects", "100%", variables=variables)
    assert "published" in shown
    assert "\x1b" not in shown
    assert ("%|" in shown) == ("TERM" not in variables), "a terminal that cannot rewrite a line has lines of a log"


def test_no_escape_is_written_where_there_is_no_terminal(tmp_path: Path) -> None:
    ran = command.call("convert", FAULTY, tmp_path / "store", "--max-rejects", "100%")
    assert "published" in ran.err
    assert "\x1b" not in ran.err
    assert "\r" not in ran.err


def on_a_terminal(
    *arguments: str | Path,
    columns: int = 120,
    variables: Mapping[str, str] | None = None,
    interrupted_at: bytes | None = None,
) -> str:
    """What the program shows on a terminal, which is its standard error; perhaps with an interrupt at a first word."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    environment = command.environment(**{"TERM": "xterm", **(variables or {})})
    if "NO_COLOR" not in (variables or {}):
        environment.pop("NO_COLOR", None)
    with (
        command.heeding(signal.SIGINT),
        command.started(*arguments, stderr=theirs, env=environment) as process,
    ):
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
                if interrupted_at is not None and interrupted_at in shown:
                    process.send_signal(signal.SIGINT)
                    interrupted_at = None
        except OSError:  # a terminal's way to say that nobody has the other end
            pass
        process.wait(command.HANG)
    os.close(ours)
    return shown.decode()


def test_without_a_terminal_there_is_a_line_every_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    said: list[str] = []
    lines = LogLines(said.append)
    for _ in range(90):
        now += 1
        lines.read(1_000_000)
        lines.passed(500)
    assert said == [
        "progress  30 MB, 1 MB/s, 15 000 records",
        "progress  60 MB, 1 MB/s, 30 000 records",
        "progress  90 MB, 1 MB/s, 45 000 records",
    ]


def test_on_a_terminal_no_line_carries_the_time(tmp_path: Path) -> None:
    (tmp_path / "store/eksport=kopi").mkdir(parents=True)
    shown = on_a_terminal("convert", VALID, tmp_path / "store", "--no-progress")
    assert "WARNING   in the store, but no snapshot" in shown
    assert not re.search(command.TIMED, shown)
