"""A target that is none is refused with what to give instead, and so is one whose package is missing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import krr_export
from krr_export.errors import UsageError
from krr_export.input.objects.address import parse_address
from krr_export.input.objects.store import open_objects
from krr_export.warehouse.duckdb_file import write_views
from krr_export.warehouse.target import parse_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLACE = "s3://bucket/krr"
SECRET = "hemmelig-7"  # noqa: S105 - stands for a password


@pytest.mark.parametrize(
    ("given", "db_schema", "said"),
    [
        ("", "krr", "TARGET is empty; is a variable not set?"),
        (f"mysql://me:{SECRET}@host/base", "krr", "TARGET is no database .*; give postgresql://HOST/DATABASE, duckdb:"),
        (f"duckdb:md:base?token={SECRET}", "krr", "TARGET is no database that krr-export loads into"),
        ("duckdb:krr.duckdb", "mine", "--db-schema is of PostgreSQL; leave it out"),
        ("postgresql://host/base", "", "--db-schema is no name of a schema; give one such as krr"),
        ("postgresql://host/base", "pg_mine", "--db-schema is no name of a schema"),
        ("postgresql://host/base", "a" * 64, "--db-schema is no name of a schema"),
        ("postgresql://host/base", "a\nb", "--db-schema is no name of a schema"),
    ],
)
def test_what_is_no_target_is_refused(given: str, db_schema: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"^{said}") as caught:
        parse_target(given, db_schema)
    assert SECRET not in str(caught.value)


def test_a_password_in_a_target_is_not_shown_and_warned_of() -> None:
    target = parse_target(f"postgresql://me:{SECRET}@host/base")
    assert (target.shown, len(target.warnings)) == ("postgresql://host/base", 1)
    assert "~/.pgpass" in target.warnings[0]
    assert parse_target("postgresql://me@host/base").warnings == ()


NEEDED: dict[str, tuple[Callable[[Path], object], str]] = {
    "duckdb": (lambda home: parse_target(f"duckdb:{home / 'a.duckdb'}").database.__enter__(), "duckdb"),
    "duckdb of views": (lambda home: write_views(home / "a.duckdb", []), "duckdb"),
    "adbc_driver_postgresql": (lambda _: parse_target("postgresql://127.0.0.1/a").database.__enter__(), "postgres"),
    "obstore": (lambda _: open_objects(parse_address(PLACE)), "cloud"),
}


@pytest.mark.parametrize("package", NEEDED)
def test_a_package_that_is_missing_is_named_with_its_extra(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs, extra = NEEDED[package]
    name = package.partition(" ")[0]
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError) as caught:
        needs(tmp_path)
    assert str(caught.value).startswith(f"the package {name.replace('_', '-')} is missing; pip install")
    assert f"'krr-export[{extra}]'" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("target", "package", "extra"),
    [
        (f"delta:{PLACE}", "deltalake", "delta"),
        ("iceberg:lake/krr.person", "krr_export.warehouse.iceberg.table", "iceberg"),
    ],
)
def test_of_two_packages_that_a_table_needs_the_extra_that_has_both_is_named(
    target: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("obstore", package):
        monkeypatch.setitem(sys.modules, name, None)
    for asked in (lambda: krr_export.load(PLACE, target), lambda: krr_export.verify_load(target)):
        with pytest.raises(UsageError, match=rf"pip install 'krr-export\[{extra}\]'$"):
            asked()


def test_libraries_of_tables_are_loaded_only_where_they_are_used() -> None:
    script = "import sys, krr_export.cli.commands.load, krr_export.jobs.warehouse.load; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    loaded = {*ran.stdout.split()}
    assert {"krr_export.warehouse.iceberg.name", "krr_export.warehouse.delta.table"} <= loaded
    assert not {"pyiceberg", "deltalake"} & loaded
