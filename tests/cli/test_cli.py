"""The command line: exit codes and streams of each command, options from everywhere, and one last line for all."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import command
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import Ran
from exports import tiny_xml

from krr_export import load_schema
from krr_export.cli.commands import schema as schema_command
from krr_export.cli.failures import TerminatedError, explain
from krr_export.cli.log import add_time
from krr_export.cli.main import krr_export as group
from krr_export.schema.formats import FORMATS
from krr_export.synthetic import SampleOptions, write_sample_file

if TYPE_CHECKING:
    from collections.abc import Callable

    Krr = Callable[..., Ran]

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parents[2] / "samples"
VALID = SAMPLES / "valid.xml"
FAULTY = SAMPLES / "faulty.xml"
COMMANDS = tuple(group.list_commands(click.Context(group)))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of several blocks, for runs that are to be met on the way."""
    path = tmp_path_factory.mktemp("large") / "large.xml.gz"
    write_sample_file(path, SampleOptions(records=40_000, schema=load_schema("14-05")))
    return path


def commands() -> dict[str, click.Command]:
    context = click.Context(group)
    return {name: group.get_command(context, name) or click.Command("none") for name in COMMANDS}


def options(of: click.Command) -> list[click.Option]:
    return [parameter for parameter in of.params if isinstance(parameter, click.Option)]


# What each command does, prints and returns


def test_convert_publishes_and_says_where(krr: Krr, tmp_path: Path) -> None:
    ran = krr("convert", VALID, tmp_path / "store", "--workers", "0")
    assert (ran.code, ran.out) == (0, "")
    assert ran.last == (
        f"published 40 records as {tmp_path}/store/eksport=20260226T112225Z; the first snapshot of a new store"
    )
    assert any("40 seen, 40 accepted, 0 rejected" in line for line in ran.lines)


def test_convert_again_has_nothing_to_do(krr: Krr, tmp_path: Path) -> None:
    krr("convert", VALID, tmp_path / "store")
    ran = krr("convert", VALID, tmp_path / "store", "--json")
    assert (ran.code, ran.result["outcome"], ran.result["report"]) == (0, "unchanged", None)
    assert ran.last.startswith("nothing to do: ")


def test_convert_with_another_result_wants_replace(krr: Krr, tmp_path: Path) -> None:
    krr("convert", VALID, tmp_path / "store")
    other = ("convert", VALID, tmp_path / "store", "--rows-per-file", "30")
    assert krr(*other).code == 5
    assert krr(*other).last.endswith("use --replace to exchange it")
    assert krr(*other, "--replace").code == 0
    assert len(list((tmp_path / "store/latest/person").iterdir())) == 2


def test_convert_with_too_many_rejects_keeps_them_and_names_the_place(krr: Krr, tmp_path: Path) -> None:
    ran = krr("convert", FAULTY, tmp_path / "store", "--max-rejects", "51")
    kept = tmp_path / "store/.failed/eksport=20260226T112225Z"
    assert ran.code == 1
    assert ran.last.startswith("not published: 52 of 94 records rejected, more than --max-rejects 51 allows; see")
    assert str(kept) in ran.last
    assert (kept / "report.json").is_file()
    assert pq.read_table(kept / "rejects").num_rows == 52
    assert not (tmp_path / "store/latest").exists()


@pytest.mark.parametrize("limit", ["52", "56%"])
def test_convert_with_rejects_within_the_limit_publishes(krr: Krr, tmp_path: Path, limit: str) -> None:
    ran = krr("convert", FAULTY, tmp_path / "store", "--max-rejects", limit)
    assert ran.code == 0
    assert ran.last.startswith("published 42 records, 52 rejected as ")


def test_an_empty_export_is_published_only_if_that_is_said_to_be_right(krr: Krr, tmp_path: Path) -> None:
    (tmp_path / "empty.xml").write_bytes(tiny_xml.export())
    ran = krr("convert", tmp_path / "empty.xml", tmp_path / "store")
    assert (ran.code, ran.last.count("--allow-empty")) == (1, 1)
    assert krr("convert", tmp_path / "empty.xml", tmp_path / "store", "--allow-empty").code == 0
    assert krr("validate", tmp_path / "empty.xml").code == 1
    assert krr("validate", tmp_path / "empty.xml", "--allow-empty").code == 0


def test_a_partial_result_is_kept_apart(krr: Krr, tmp_path: Path) -> None:
    ran = krr("convert", VALID, tmp_path / "store", "--limit", "7")
    assert ran.code == 0
    assert ran.last.startswith("kept a partial result of 7 records as ")
    assert not list((tmp_path / "store").glob("eksport=*"))


def test_validate_says_valid_or_not_and_writes_nothing(krr: Krr, tmp_path: Path) -> None:
    assert krr("validate", VALID).last == "valid: valid.xml holds 40 records, 0 rejected"
    ran = krr("validate", FAULTY)
    assert (ran.code, ran.out) == (1, "")
    assert ran.last.startswith("not valid: 52 of 94 records in faulty.xml rejected, more than --max-rejects 0 allows")
    assert list(tmp_path.iterdir()) == []


def test_validate_writes_its_report_to_a_file_or_to_standard_output(krr: Krr, tmp_path: Path) -> None:
    assert krr("validate", FAULTY, "--report", tmp_path / "report.json").code == 1
    written = json.loads((tmp_path / "report.json").read_text())
    printed = json.loads(krr("validate", FAULTY, "--report", "-").out)
    assert written["counts"] == printed["counts"] == {"seen": 94, "written": 42, "rejected": 52}
    assert krr("validate", FAULTY, "--report", tmp_path / "no/report.json").code == 4
    assert krr("validate", FAULTY, "--report", "-", "--json").code == 2
    assert krr("validate", FAULTY, "--report", tmp_path / "report.pdf").code == 2


def test_inspect_shows_the_header_and_masked_records(krr: Krr) -> None:
    ran = krr("inspect", VALID)
    assert ran.code == 0
    assert "2026-02-26T12:22:25" in ran.out
    assert "11 characters, digits" in ran.out
    assert not re.search(r"\d{11}", ran.out)
    assert isinstance(krr("inspect", VALID, "--json").result, dict)


def test_schema_offers_every_format() -> None:
    assert schema_command.FORMATS == FORMATS


@pytest.mark.parametrize("form", FORMATS)
def test_schema_prints_every_column(krr: Krr, form: str) -> None:
    ran = krr("schema", "--format", form)
    assert (ran.code, ran.last) == (0, "schema 14-05: 14 columns")
    assert all(name in ran.out for name in load_schema("14-05").arrow.names)


def test_verify_proves_or_says_what_differs(krr: Krr, tmp_path: Path) -> None:
    krr("convert", VALID, tmp_path / "store")
    latest = tmp_path / "store/latest"
    assert krr("verify", latest).last.startswith("proven: ")
    part = latest / "person/part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-1] + b"X")
    ran = krr("verify", latest, "--json")
    assert (ran.code, ran.result["proven"]) == (1, False)
    assert ran.last.startswith("not proven: ")
    assert any("person/part-00000.parquet" in line for line in ran.lines)
    ran = krr("verify", tmp_path)
    assert (ran.code, ran.last) == (
        3,
        f"there is no snapshot at {tmp_path}; give a directory eksport=… of a store, or its link latest",
    )


def test_prune_deletes_the_oldest(krr: Krr, tmp_path: Path) -> None:
    for day in ("01", "02", "03"):
        sample = tmp_path / "sample.xml"
        krr("sample", sample, "--records", "1", "--exported", f"2026-03-{day}T00:00:00+00:00")
        krr("convert", sample, tmp_path / "store")
    ran = krr("prune", tmp_path / "store", "--keep", "1", "--json")
    assert (ran.code, ran.last.startswith("deleted 2")) == (0, True)
    assert ran.result["kept"] == [f"{tmp_path}/store/eksport=20260303T000000Z"]
    assert len(ran.result["deleted"]) == 2
    assert krr("prune", tmp_path / "store").code == 2, "how many to keep must be said"
    assert krr("prune", tmp_path / "none", "--keep", "1").code == 3


def test_sample_gives_the_same_bytes_again_and_lists_its_faults(krr: Krr, tmp_path: Path) -> None:
    for name in ("one.xml", "two.xml"):
        assert krr("sample", tmp_path / name, "--records", "50", "--seed", "7", "--faults", "10%").code == 0
    assert (tmp_path / "one.xml").read_bytes() == (tmp_path / "two.xml").read_bytes()
    assert (tmp_path / "one.xml.expected.json").is_file()
    assert krr("sample", tmp_path / "no/one.xml", "--records", "1").code == 4


@pytest.mark.parametrize(
    "arguments",
    [
        ["convert"],
        ["convert", VALID],
        ["convert", VALID, "store", "--format", "xlsx"],
        ["convert", VALID, "store", "--max-rejects", "some"],
        ["convert", VALID, "store", "--max-rejects", "101%"],
        ["convert", VALID, "store", "--partition-by", "personidentifikator"],
        ["convert", VALID, "store", "--partition-by", "nowhere"],
        ["convert", VALID, "store", "--format", "csv", "--compression", "snappy"],
        ["convert", VALID, "store", "--schema", "17-01"],
        ["convert", VALID, "store", "--mode", "066"],
        ["convert", VALID, "store", "--limit", "0"],
        ["convert", VALID, "store", "--workers", "-1"],
        ["validate", VALID, "--nonsense"],
        ["sample", "out.xml"],
        ["sample", "out.xml", "--records", "1", "--faults", "2"],
        ["sample", "out.xml", "--records", "1", "--exported", "today"],
        ["unload"],
        [],
    ],
    ids=lambda arguments: " ".join(map(str, arguments)).replace(str(SAMPLES), "samples"),
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    krr: Krr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str | Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = krr(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.last
    assert len(ran.lines) == 1 or not arguments, "without a command, the help comes first"
    assert list(tmp_path.iterdir()) == []


# Streams


@pytest.mark.parametrize(
    "arguments",
    [
        ["convert", VALID, "store"],
        ["convert", FAULTY, "store"],
        ["convert", "nowhere.xml", "store"],
        ["convert", VALID, "store", "--max-rejects", "some"],
        ["convert", VALID, "store", "--nonsense"],
        ["convert", VALID],
        ["validate", FAULTY],
        ["validate", "nowhere.xml"],
        ["inspect", VALID],
        ["inspect", "nowhere.xml"],
        ["verify", "store"],
        ["prune", "store", "--keep", "1"],
    ],
    ids=lambda arguments: " ".join(map(str, arguments)).replace(str(SAMPLES), "samples"),
)
def test_with_json_standard_output_is_one_line_also_of_failures(
    krr: Krr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str | Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = krr(*arguments, "--json")
    assert ran.result["exit_code"] == ran.code
    assert ran.result["message"] == ran.last


@pytest.mark.parametrize(
    "arguments",
    [
        ["convert", FAULTY, "store", "--max-rejects", "100%"],
        ["convert", FAULTY, "store"],
        ["validate", FAULTY],
        ["inspect", VALID],
        ["schema"],
        ["sample", "sample.xml", "--records", "1"],
        ["verify", "nowhere"],
        ["prune", "nowhere", "--keep", "1"],
    ],
    ids=lambda arguments: " ".join(map(str, arguments)).replace(str(SAMPLES), "samples"),
)
def test_quiet_leaves_exactly_the_last_line(
    krr: Krr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str | Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    quiet = krr(*arguments, "-q")
    assert len(quiet.lines) == 1
    monkeypatch.chdir(tmp_path_of(tmp_path, "again"))
    assert quiet.last == krr(*arguments).last


def tmp_path_of(parent: Path, name: str) -> Path:
    path = parent / name
    path.mkdir()
    return path


def test_verbose_adds_what_to_do_and_where(krr: Krr) -> None:
    plain, verbose = krr("validate", FAULTY), krr("validate", FAULTY, "-v")
    assert "what to do:" not in plain.err
    assert verbose.err.count("what to do:") == sum(
        line.startswith(("reject", "warning", "info")) for line in plain.lines
    )
    assert re.search(r"record \d+, line \d+, byte \d+: ", verbose.err)


def test_names_of_files_cannot_forge_lines_or_colours(krr: Krr, tmp_path: Path) -> None:
    ran = krr("validate", tmp_path / "a\nkrr-export: valid\x1b[2J.xml")
    assert (ran.code, len(ran.lines), "\x1b" in ran.err) == (3, 1, False)


def test_names_of_files_may_be_any_bytes(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xe6\xf8\xe5.xml")
    (tmp_path / name).write_bytes(VALID.read_bytes())
    ran = command.run("convert", tmp_path / name, tmp_path / os.fsdecode(b"st\xf8re"), "--json")
    assert ran.code == 0, ran.err
    assert ran.result["report"]["source"]["name"] == "\ufffd\ufffd\ufffd.xml"


def test_the_source_may_be_a_pipe(tmp_path: Path) -> None:
    ran = command.run("convert", "-", tmp_path / "store", "--json", stdin=VALID.with_suffix(".xml.gz").read_bytes())
    assert (ran.code, ran.result["report"]["source"]["name"]) == (0, "standard input")


@pytest.mark.parametrize(("ending", "code"), [(TerminatedError(15), 143), (KeyboardInterrupt(), 130)])
def test_a_signal_while_a_class_is_made_is_no_fault_of_the_program(ending: BaseException, code: int) -> None:
    class Interrupting:
        def __set_name__(self, _owner: type, _name: str) -> None:
            raise ending

    with pytest.raises((RuntimeError, type(ending))) as raised:
        type("Made", (), {"attribute": Interrupting()})
    assert explain(raised.value)[1] == code


def test_closed_standard_streams_are_no_fault(tmp_path: Path) -> None:
    run = f"{' '.join(command.PROGRAM)}"
    outcomes = {
        f"convert - {tmp_path}/one <&-": 3,
        f"convert {VALID} {tmp_path}/two >&-": 0,
        f"convert {VALID} {tmp_path}/three 2>&-": 0,
        f"convert {VALID} {tmp_path}/four --workers 2 <&- >&- 2>&-": 0,
        f"convert {VALID} {tmp_path}/five --json >/dev/full": 4,
        f"convert {VALID} {tmp_path}/six --json >&-": 4,
        "schema >/dev/full": 4,
        "schema >&-": 4,
        "schema >&- 2>&-": 4,
        "rules >&-": 4,
        f"inspect {VALID} >&-": 4,
        f"report {tmp_path}/two/latest >&-": 4,
        f"history {tmp_path}/two >&-": 4,
        f"verify {tmp_path}/two/latest --json >&-": 4,
        f"validate {VALID} --report - >&-": 4,
        f"validate {VALID} 2>&-": 0,
        "--help >&-": 4,
        "--version >&-": 4,
        "nosuch --json >&-": 2,
        "nosuch 2>&-": 2,
    }
    for line, code in outcomes.items():
        done = subprocess.run(["sh", "-c", f"{run} {line}"], capture_output=True, text=True, check=False)
        assert (done.returncode, "Traceback" in done.stderr, "fault" in done.stderr) == (code, False, False), line
    for store in ("two", "three", "four", "six"):
        assert command.call("verify", tmp_path / store / "latest").code == 0


def test_a_reader_that_goes_away_changes_nothing_of_what_was_done(tmp_path: Path) -> None:
    def into_a_closed_pipe(*arguments: str | Path) -> tuple[int, str]:
        reader, writer = os.pipe()
        os.close(reader)
        with command.started(*arguments, stdout=writer) as process:
            os.close(writer)
            _, err = process.communicate(timeout=command.HANG)
        return process.returncode, err.decode()

    code, err = into_a_closed_pipe("convert", VALID, tmp_path / "store", "--json")
    assert (code, err.splitlines()[-1][:21]) == (0, "krr-export: published")
    for argument in ("schema", "--help"):
        code, err = into_a_closed_pipe(argument)
        assert (code, err) == (4, "krr-export: cannot write to standard output: Broken pipe\n")


def test_without_a_terminal_each_line_but_the_last_carries_the_time(krr: Krr, tmp_path: Path) -> None:
    (tmp_path / "store/eksport=kopi").mkdir(parents=True)
    started = datetime.now(UTC).replace(microsecond=0)
    ran = krr("convert", VALID, tmp_path / "store", "-v")
    *before, last = ran.err.splitlines()
    assert len(before) > 3
    for line in before:
        found = command.TIMED.search(line)
        assert found, line
        assert started <= datetime.fromisoformat(found[0].strip()) <= datetime.now(UTC)
    assert {line.split()[0] for line in before} >= {"WARNING", "records", "made"}
    assert last.startswith("krr-export: published ")


@pytest.mark.parametrize(
    ("line", "label", "rest"),
    [
        ("took      1.3 s, 31 records/s", "took      ", "1.3 s, 31 records/s"),
        ("too old   22.6 % of mobiltelefonnummer", "too old   ", "22.6 % of mobiltelefonnummer"),
        ("delivered encrypted for 991825827", "delivered ", "encrypted for 991825827"),
        ("", "", ""),
    ],
)
def test_the_time_stands_behind_the_whole_label(line: str, label: str, rest: str) -> None:
    assert re.fullmatch(rf"{re.escape(label)}\d{{4}}-\S+ {re.escape(rest)}", add_time(line))


def test_history_says_which_page_it_wrote(krr: Krr, tmp_path: Path) -> None:
    store, page = tmp_path / "store", tmp_path / "history.html"
    assert krr("convert", VALID, store).code == 0
    assert krr("history", store, "--html", page).last.startswith(f"wrote {page}: 1 snapshot in {store}, ")
    assert krr("history", store, "--html", "-").last.startswith("1 snapshot in ")


def test_a_limit_on_the_size_of_files_is_named(tmp_path: Path) -> None:
    typed = [*command.PROGRAM, "convert", str(VALID), str(tmp_path / "store")]
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 1; exec "$@"', "bash", *typed],
        capture_output=True, env=command.environment(), check=False,
    )  # fmt: skip
    ran = Ran(done.returncode, "", done.stderr.decode())
    assert (ran.code, "File too large; the file system or a limit (ulimit -f)" in ran.last) == (4, True), ran.err


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("none/x", "No such file or directory; check the path: its directory must be there"),
        ("file/x", "Not a directory; check the path: a file lies where a directory is needed"),
        ("directory", "Is a directory; a directory lies there: give the name of a file"),
        ("long" * 100, "File name too long; give a path in a directory that can be written"),
    ],
)
@pytest.mark.parametrize(
    "typed", [["sample", "--records", "1"], ["validate", VALID, "--report-format", "html", "--report"]]
)
def test_what_a_user_may_do_is_said_where_a_file_cannot_be_written(
    typed: list[str], path: str, said: str, krr: Krr, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    ran = krr(*typed, tmp_path / path)
    assert (ran.code, ran.last.endswith(said)) == (4, True), ran.err


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_warnings_are_in_the_json_too_masked_as_for_people(krr: Krr, tmp_path: Path, quiet: tuple[str, ...]) -> None:
    store = tmp_path / "store"
    (store / "eksport=\x1b[2Jkopi").mkdir(parents=True)
    ran = krr("convert", VALID, store, "--json", *quiet)
    [warning] = ran.result["warnings"]
    assert warning.startswith("in the store, but no snapshot: eksport=")
    assert "\x1b" not in warning
    assert [line.removeprefix("WARNING   ") for line in ran.lines if line.startswith("WARNING")] == [warning] * (
        not quiet
    )
    failed = krr("convert", tmp_path / "none.xml", store, "--json", *quiet)
    assert (failed.code, failed.result["warnings"]) == (3, [warning]), "also where the command fails"
    assert krr("verify", store / "latest", "--json").result["warnings"] == []


# Options from the environment and from a file


def test_every_option_has_both_its_environment_variables() -> None:
    for name, of in commands().items():
        for option in options(of):
            if option.name == "config":
                continue
            spelled = max(option.opts, key=len).lstrip("-").replace("-", "_").upper()
            command_name = name.upper().replace(" ", "_").replace("-", "_")
            assert option.envvar == [f"KRR_EXPORT_{command_name}_{spelled}", f"KRR_EXPORT_{spelled}"]


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(
    krr: Krr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def allowed(*arguments: str) -> str:
        limits: dict[str, Any] = krr("validate", VALID, "--json", *arguments).result["report"]["limits"]
        return str(limits["max_rejects"])

    file = tmp_path / "krr.toml"
    assert allowed() == "0"
    file.write_text('max-rejects = 1\n[convert]\nformat = "csv"\n')
    monkeypatch.setenv("KRR_EXPORT_CONFIG", str(file))
    assert allowed() == "1"
    file.write_text('max_rejects = 1\n[validate]\nmax-rejects = "2%"\n')
    assert allowed() == "2%"
    monkeypatch.setenv("KRR_EXPORT_MAX_REJECTS", "3")
    assert allowed() == "3"
    monkeypatch.setenv("KRR_EXPORT_VALIDATE_MAX_REJECTS", "4")
    assert allowed() == "4"
    assert allowed("--max-rejects", "5") == "5"


def test_the_file_takes_every_kind_of_option(krr: Krr, tmp_path: Path) -> None:
    file = tmp_path / "krr.toml"
    file.write_text(
        'quiet = true\njson = true\n[convert]\nformat = "csv"\npartition-by = ["status"]\nworkers = 0\nmode = "640"\n'
    )
    for store, before, after in (("one", ("--config", file), ()), ("two", (), ("--config", file))):
        ran = krr(*before, "convert", VALID, tmp_path / store, *after)
        assert (ran.code, ran.result["outcome"], len(ran.lines)) == (0, "published", 1)
        part = tmp_path / store / "latest/person/part-status.AKTIV-00000.csv"
        assert part.stat().st_mode & 0o777 == 0o640
    for written in ("0o640", "640", "'0o640'"):
        file.write_text(
            f"\N{BYTE ORDER MARK}partition-by = 'status'\r\n[convert]\r\nmode = {written}\r\n", encoding="utf-8"
        )
        assert krr("convert", VALID, tmp_path / written, "--config", file).code == 0
        part = tmp_path / written / "latest/person/part-status.AKTIV-00000.parquet"
        assert part.stat().st_mode & 0o777 == 0o640
    file.write_text("quiet = true", encoding="utf-16")
    assert "is not UTF-8" in krr("validate", VALID, "--config", file).last
    file.write_text('partition-by = "status"\n')
    assert krr("convert", VALID, tmp_path / "three", "--config", file).code == 0
    assert (tmp_path / "three/latest/person/part-status.AKTIV-00000.parquet").is_file()


def test_the_environment_takes_every_kind_of_option(krr: Krr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "QUIET": "1",
        "JSON": "true",
        "CONVERT_FORMAT": "csv",
        "PARTITION_BY": "reservasjon status",
    }.items():
        monkeypatch.setenv(f"KRR_EXPORT_{name}", value)
    ran = krr("convert", VALID, tmp_path / "store")
    assert (ran.result["outcome"], len(ran.lines)) == ("published", 1)
    assert list((tmp_path / "store/latest/person").glob("part-reservasjon.*-status.*.csv"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("max-reject = 1", "has options that no command has: max-reject"),
        ("[convert]\nkeep = 1", "has options that convert does not have: keep"),
        ("[verify]\nmax-rejects = 1", "has options that verify does not have: max-rejects"),
        ("[unload]\nkeep = 1", "has tables for no command: unload"),
        ("config = 'other.toml'", "has options that no command has: config"),
        ("max-rejects = ", "is not TOML: it ends in the midst of a value ("),
        ("limit = 1\ngeheim geheim", "is not TOML: see line 2, column 8 ("),
        ('limit = """geheim', "is not TOML: it ends in the midst of a value ("),
        (f"limit = {'9' * 5000}", "is not TOML ("),
        (f"limit = {'[' * 3000}", "is not TOML ("),
        (None, "cannot read the configuration"),
    ],
)
def test_a_wrong_configuration_is_refused(krr: Krr, tmp_path: Path, text: str | None, complaint: str) -> None:
    file = tmp_path / "krr.toml"
    if text is not None:
        file.write_text(text)
    for arguments in (("--config", file, "validate", VALID), ("validate", VALID, "--config", file)):
        ran = krr(*arguments)
        assert (ran.code, complaint in ran.last, len(ran.lines)) == (2, True, 1), ran.last
        assert "geheim" not in ran.err


# Help


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_and_says_what_every_option_does(krr: Krr, name: str) -> None:
    ran = krr(name, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"Example:\n    krr-export {name} " in ran.out
    for option in options(commands()[name]):
        assert option.help, f"{name} {option.opts[0]} is not explained"
        assert max(option.opts, key=len) in ran.out
    assert krr(name, "-h").out == ran.out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_their_own_help_says(krr: Krr, name: str) -> None:
    summary = re.search(rf"^  {name} +(.+)$", krr("--help").out, re.MULTILINE)
    assert summary
    assert (commands()[name].help or "").splitlines()[0] == summary[1]


def test_help_and_version_answer_without_loading_what_is_heavy() -> None:
    for argument in ("--version", "--help"):
        script = (
            "import sys; from krr_export.cli.main import main; code = main([sys.argv[1]]);"
            "sys.exit(code or len({'pyarrow', 'lxml', 'xmlschema', 'pandas', 'tqdm', 'jinja2'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", script, argument], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("krr-export 0.1.0" if argument == "--version" else "Usage: krr-export")


def test_version_tells_more_where_that_is_asked_for(krr: Krr) -> None:
    for arguments in (("--version", "-v"), ("-v", "--version"), ("--version", "--verbose")):
        first, reader, *others = krr(*arguments).out.splitlines()
        assert first == krr("--version").out.strip()
        assert reader == "reader: the compiled scanner, and iterparse for unusual records"
        assert f"pyarrow {pa.__version__}" in others
    assert krr("-v").code == krr("-v", "convert").code == 2


def test_the_shell_is_helped_to_complete() -> None:
    ran = command.run(env={"_KRR_EXPORT_COMPLETE": "bash_complete", "COMP_WORDS": "krr-export ver", "COMP_CWORD": "1"})
    assert (ran.code, ran.out, ran.err) == (0, "plain,verify\n", "")
    ran = command.run(
        env={"_KRR_EXPORT_COMPLETE": "bash_complete", "COMP_WORDS": "krr-export convert --max-re", "COMP_CWORD": "2"}
    )
    assert ran.out == "plain,--max-rejects\n"


# What nobody foresaw, and what stops a run


def test_an_unforeseen_error_is_one_line_and_a_traceback_without_messages(tmp_path: Path) -> None:
    script = (
        "import sys, krr_export.jobs.loading as c\n"
        "def fail(*_, **__): raise ValueError('03851598730')\n"
        "c._publish_or_keep = fail\n"
        "from krr_export.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["convert", str(VALID), str(tmp_path / "store"), "-q", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False,
        env=command.environment(TMPDIR=str(tmp_path)),
    )  # fmt: skip
    ran = Ran(done.returncode, done.stdout, done.stderr)
    (file,) = tmp_path.glob("*.traceback")
    assert (ran.code, len(ran.lines), ran.result["exit_code"]) == (70, 1, 70)
    assert ran.last == f"a fault of this program: ValueError; please report it with {file}"
    assert "in fail" in file.read_text()
    assert "03851598730" not in file.read_text() + ran.err + ran.out
    assert file.stat().st_mode & 0o777 == 0o600
    assert not list((tmp_path / "store").glob("*/")), "no staging, no snapshot"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("whole_group", [False, True], ids=["the program", "its whole group, as a terminal does"])
def test_a_signal_ends_a_run_without_a_trace(
    large: Path, tmp_path: Path, number: signal.Signals, code: int, *, whole_group: bool
) -> None:
    store = tmp_path / "store"
    source, feed = os.pipe()
    with (
        command.heeding(number),
        command.started("convert", "-", store, "--workers", "2", stdin=source) as process,
    ):
        os.close(source)
        with os.fdopen(feed, "wb") as pipe:  # never ends: the run waits for more
            pipe.write(large.read_bytes()[:-100])
            pipe.flush()
            command.wait_until(lambda: any(store.glob(".staging-*")))
            (os.killpg if whole_group else os.kill)(process.pid, number)
            _, err = process.communicate(timeout=command.HANG)
    ran = Ran(process.returncode, "", err.decode())
    assert (ran.code, len(ran.lines)) == (code, 1), ran.err
    what = {130: "interrupted", 143: "terminated", 129: "hung up"}[code]
    assert ran.last == f"{what}: nothing was published, and what was written is removed"
    assert command.contents(store) == {}


def test_an_empty_path_is_not_the_current_directory(krr: Krr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (("convert", VALID, ""), ("convert", "", "store"), ("prune", "", "--keep", "1")):
        ran = krr(*arguments)
        assert (ran.code, "empty" in ran.last) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_a_sample_is_not_written_to_a_file_called_dash(
    krr: Krr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert krr("sample", "-", "--records", "1").code == 2
    assert list(tmp_path.iterdir()) == []


def test_an_older_report_stays_whole_where_the_new_one_cannot_be_written(krr: Krr, tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    ran = krr("validate", VALID, "--report", tmp_path / "report.json", "--workers", "0")
    assert ran.code == 4
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
