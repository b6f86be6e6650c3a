"""Flattened built-in schemas are kept, and never taken for what they no longer are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import krr_export
from krr_export import load_schema
from krr_export.schema.loader import flatten
from krr_export.schema.record_schema import BUILT_IN

pytestmark = pytest.mark.slow

PACKAGE = Path(krr_export.__file__).parent

LOADED = """
import sys
from krr_export import load_schema

schema = load_schema("14-05")
print(len(schema.fields), schema.fields[0].name, "xmlschema" in sys.modules)
"""


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the package that nobody has used yet."""
    ignored = shutil.ignore_patterns("__pycache__", "*.c")
    shutil.copytree(PACKAGE, tmp_path / "krr_export", ignore=ignored)
    return tmp_path / "krr_export"


def loaded(package: Path, **environment: str) -> str:
    """What a process of its own makes of the schema: columns, the first one's name, whether it was flattened anew."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(  # in whose directory Python looks first
        [sys.executable, "-c", LOADED],
        capture_output=True, text=True, check=True, env={**kept, **environment}, cwd=package.parent,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_is_kept_is_what_is_flattened(name: str) -> None:
    assert load_schema(name) == flatten(name, PACKAGE / "xsd" / f"kontaktregister-export-{name}.xsd")


def test_it_is_flattened_once_and_anew_where_something_changed(copied: Path) -> None:
    first = loaded(copied)
    columns = len(load_schema("14-05").fields)
    assert first == f"{columns} personidentifikator True"
    assert loaded(copied) == f"{columns} personidentifikator False"
    [kept] = (copied / "schema" / "__pycache__").glob("*.schema")
    whole = kept.read_bytes()
    for damaged in (b"", whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        kept.write_bytes(damaged)
        assert loaded(copied) == first, "what is damaged is made anew"
    assert loaded(copied) == f"{columns} personidentifikator False"
    for xsd in (copied / "xsd").glob("*.xsd"):
        xsd.write_text(xsd.read_text().replace("personidentifikator", "identifikator"))
    assert loaded(copied) == f"{columns} identifikator True"


def test_nothing_is_kept_where_python_keeps_nothing(copied: Path) -> None:
    for _ in range(2):
        assert loaded(copied, PYTHONDONTWRITEBYTECODE="1").endswith("True")
    assert not [*copied.rglob("*.schema")]
