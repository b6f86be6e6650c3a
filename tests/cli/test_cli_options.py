"""Options: under which headings the help shows them, what a slip of the pen meant, where a wrong value came from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click
import command
import pytest

from krr_export.cli.main import krr_export as group

if TYPE_CHECKING:
    from pathlib import Path

HEADINGS = {
    "convert": [
        *("Input", "Encrypted deliveries", "Judgement and limits", "Tuning"),
        *("Output", "Columns and privacy", "Guard", "General"),
    ],
    "validate": ["Input", "Encrypted deliveries", "Judgement and limits", "Tuning", "Output", "General"],
    "inspect": ["Input", "Encrypted deliveries", "General"],
    "load": ["What is loaded", "A database", "A store of CSV", "A script", "General"],
    "check": ["Options", "General"],
    "rules": ["General"],
}
OF_ALL = {"--quiet", "--log-format", "--verbose", "--config", "--progress", "--no-progress", "--json", "--help"}
SCREEN = 40
"""Lines that a terminal shows at once."""


@pytest.mark.parametrize("name", HEADINGS)
def test_help_shows_options_in_groups_that_fit_a_screen(name: str) -> None:
    ran = command.call(name, "--help")
    sections = re.split(r"^(\S.*):\n", ran.out, flags=re.MULTILINE)
    headings = [heading for heading in sections[1::2] if not heading.startswith("Usage")]
    assert headings == HEADINGS[name]
    assert max(section.count("\n") for section in sections) <= SCREEN


@pytest.mark.parametrize("name", group.list_commands(click.Context(group)))
def test_what_is_general_is_what_other_commands_have_too(name: str) -> None:
    _, _, general = command.call(name, "--help").out.partition("\nGeneral:\n")
    assert {*re.findall(r"(?<!\S)--[a-z-]+", general.partition("\n\n")[0])} <= OF_ALL


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["convrt"], "'convert'"),
        (["validate", "x.xml", "--max-reject", "1"], "'--max-rejects'"),
        (["convert", "x.xml", "store", "--format", "parqet"], "'parquet'"),
        (["schema", "--format", "sql-postgre"], "'sql-postgres'"),
    ],
)
def test_what_a_slip_of_the_pen_meant_is_named(arguments: list[str], meant: str) -> None:
    ran = command.call(*arguments)
    assert ran.code == 2
    assert re.search(rf"did you mean (?:one of: )?[^?]*{meant}", ran.last, re.IGNORECASE), ran.last


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("max-reject = 1", "'max-rejects'"),
        ("[convrt]\nreplace = true", "'convert'"),
        ("[convert]\nmod = 640", "'mode'"),
    ],
)
def test_so_it_is_in_the_configuration_file(text: str, meant: str, tmp_path: Path) -> None:
    config = tmp_path / "krr.toml"
    config.write_text(text)
    ran = command.call("--config", config, "convert", "x.xml", tmp_path / "store")
    assert ran.code == 2
    assert f"Did you mean {meant}?" in ran.last


def test_an_option_that_a_file_has_in_two_spellings_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "krr.toml"
    for text in ("max-rejects = 1\nmax_rejects = 2", "[convert]\nmax-rejects = 1\nmax_rejects = 2"):
        config.write_text(text)
        ran = command.call("--config", config, "convert", "x.xml", tmp_path / "store")
        assert (ran.code, "has max-rejects twice, once as max_rejects" in ran.last) == (2, True), ran.last


@pytest.mark.parametrize("value", ["many", "-1"])
def test_a_wrong_value_names_where_it_came_from(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "krr.toml"
    config.write_text(f'max-rejects = "{value}"\n[validate]\nworkers = "{value}"\n')
    source = "samples/valid.xml"
    for option in ("max-rejects", "workers"):
        given = command.call("validate", source, f"--{option}={value}")
        assert (given.code, "(from " in given.last) == (2, False), given.last
    from_file = command.call("--config", config, "validate", source)
    assert (from_file.code, f"in {config})" in from_file.last) == (2, True), from_file.last
    monkeypatch.setenv("KRR_EXPORT_VALIDATE_WORKERS", value)
    from_variable = command.call("validate", source)
    assert from_variable.code == 2
    assert "(from KRR_EXPORT_VALIDATE_WORKERS)" in from_variable.last
    monkeypatch.delenv("KRR_EXPORT_VALIDATE_WORKERS")
    monkeypatch.setenv("KRR_EXPORT_MAX_REJECTS", value)
    of_the_job = command.call("validate", source)
    assert (of_the_job.code, "(from KRR_EXPORT_MAX_REJECTS)" in of_the_job.last) == (2, True), of_the_job.last


@pytest.mark.parametrize(
    ("variable", "value"),
    [("KRR_EXPORT_SCHEMA", "15-01"), ("KRR_EXPORT_PARTITION_BY", "statsu"), ("KRR_EXPORT_DERIVE", "alder")],
)
def test_so_it_does_where_the_message_has_the_value_alone(
    variable: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    ran = command.call("convert", "samples/valid.xml", tmp_path / "store")
    assert (ran.code, ran.last.endswith(f"(from {variable})")) == (2, True), ran.last


def test_a_report_that_cannot_be_written_is_told_before_the_export_is_read(tmp_path: Path) -> None:
    ran = command.call("validate", "samples/valid.xml", "--report", tmp_path / "none" / "report.json")
    assert (ran.code, ran.err.count("\n")) == (4, 1), ran.err
    assert "No such file or directory; check the path" in ran.last


def test_help_lists_no_argument_among_the_options() -> None:
    ran = command.call("convert", "--help")
    assert not re.search("^  (SOURCE|STORE)", ran.out.split("Options", 1)[-1].split("Input:", 1)[-1], re.MULTILINE)


def test_a_variable_that_is_no_options_is_warned_of_and_its_value_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRR_EXPORT_MAX_REJECT", "a-secret")
    monkeypatch.setenv("KRR_EXPORT_PASSPHRASE", "a-secret")
    monkeypatch.setenv("KRR_EXPORT_CONVERT_FORMAT", "csv")  # another command's
    ran = command.call("validate", "samples/valid.xml")
    [warning] = [line for line in ran.err.splitlines() if "WARNING" in line]
    assert ran.code == 0
    assert "KRR_EXPORT_MAX_REJECT is no option's, and without effect. Did you mean 'KRR_EXPORT_MAX_REJECTS'?" in warning
    assert "a-secret" not in ran.err
    monkeypatch.setenv("KRR_EXPORT_NO_GUARD", "1")
    own = command.call("convert", "samples/valid.xml", tmp_path / "store")
    assert "KRR_EXPORT_NO_GUARD is no option's, and without effect. Did you mean 'KRR_EXPORT_" in own.err
    assert "KRR_EXPORT_RUN_GUARD" not in own.err
    quiet = command.call("validate", "samples/valid.xml", "-q")
    assert quiet.err.count("\n") == 1


def test_where_a_value_came_from_is_said_of_wrong_usage_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRR_EXPORT_MAX_AGE", "1h")
    ran = command.call("convert", "samples/valid.xml", tmp_path / "store")
    assert (ran.code, "--max-age" in ran.last, "(from " in ran.last) == (5, True, False)
