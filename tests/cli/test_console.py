"""A standard output that takes nothing is said in the last line, and what a shell completes is what commands know."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from krr_export.cli.completion import complete_columns, complete_partitions, complete_rules
from krr_export.cli.main import krr_export as group

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from command import Ran

VALID = Path(__file__).parents[2] / "samples/valid.xml"


def takes_nothing(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """From now on, let each write to standard output fail."""
    echo = click.echo

    def fail(message: object = None, *, err: bool = False, **options: Any) -> None:  # noqa: ANN401 - click's
        if not err:
            raise OSError(number, os.strerror(number))
        echo(message, err=err, **options)

    monkeypatch.setattr(click, "echo", fail)


def test_data_that_cannot_be_printed_is_an_error(krr: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    takes_nothing(monkeypatch, errno.ENOSPC)
    for words in (("schema",), ("inspect", VALID), ("rules",)):
        ran = krr(*words)
        assert (ran.code, ran.last, ran.out) == (4, "cannot write to standard output: No space left on device", "")


def test_a_result_that_cannot_be_printed_is_an_error_beside_what_was_done(
    krr: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    takes_nothing(monkeypatch, errno.ENOSPC)
    ran = krr("convert", VALID, tmp_path / "store", "--json")
    assert (ran.code, ran.last[:9]) == (4, "published")
    assert ran.last.endswith("; but standard output cannot be written: No space left on device")
    assert krr("convert", VALID, tmp_path / "store", "--columns", "status", "--json").code == 2, (
        "the first failure stays"
    )


def test_a_result_that_nobody_reads_is_no_error(
    krr: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    takes_nothing(monkeypatch, errno.EPIPE)
    ran = krr("convert", VALID, tmp_path / "store", "--json")
    assert (ran.code, ran.last[:9], "standard output" in ran.last) == (0, "published", False)


def complete(what: Callable[..., list[str]], typed: str, **params: str) -> list[str]:
    context = click.Context(group)
    context.params.update(params)
    return what(context, click.Argument(["names"]), typed)


def test_the_last_of_several_names_is_completed_and_none_twice() -> None:
    assert complete(complete_columns, "sta") == ["status"]
    assert complete(complete_columns, "status,reser") == ["status,reservasjon"]
    assert complete(complete_columns, "status,sta") == []
    assert {"status", "reservasjon"} <= set(complete(complete_partitions, ""))
    assert "epostadresse" not in complete(complete_partitions, "")
    rules = complete(complete_rules, "")
    assert f"{rules[0]},{rules[1]}" in complete(complete_rules, f"{rules[0]},")
    assert f"{rules[0]},{rules[0]}" not in complete(complete_rules, f"{rules[0]},")


def test_columns_are_those_of_the_schema_and_none_of_one_that_is_not_there() -> None:
    assert "varslingsstatus" in complete(complete_columns, "", schema="16-02")
    assert "varslingsstatus" not in complete(complete_columns, "", schema="14-05")
    for what in (complete_columns, complete_partitions):
        assert complete(what, "", schema="1-1") == []
