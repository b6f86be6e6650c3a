"""What a shell is told to complete, by the program itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import command
import pytest

from krr_export import load_schema
from krr_export.rules.catalogue import RULES


def completed(*words: str) -> list[tuple[str, str]]:
    """What bash is told to complete in the last word: the kind of each answer, and the answer."""
    line = " ".join(["krr-export", *words])
    env = {"_KRR_EXPORT_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
    ran = command.run(env=env)
    assert (ran.code, ran.err) == (0, "")
    return [(kind, value) for kind, _, value in (line.partition(",") for line in ran.out.splitlines() if line)]


def test_rules_are_completed_by_their_codes() -> None:
    expected = [("plain", rule.code.name) for rule in RULES if rule.code.name.startswith("identifier")]
    assert len(expected) > 1
    assert completed("convert", "a", "b", "--strict", "identifier") == expected


def test_so_is_each_name_of_a_list_once() -> None:
    found = completed("convert", "a", "b", "--columns", "postkasseadresse,status,p")
    names = [name for name in load_schema("14-05").arrow.names if name.startswith("p") and name != "postkasseadresse"]
    assert len(names) > 1
    assert found == [("plain", f"postkasseadresse,status,{name}") for name in names]
    assert ("plain", "postkasseadresse") in completed("convert", "a", "b", "--drop", "p")


def test_what_makes_partitions_has_few_values() -> None:
    schema = load_schema("14-05")
    listed = [field.name for field in schema.fields if field.facets.enumeration]
    assert completed("run", "u", "i", "s", "--partition-by", "") == [("plain", name) for name in listed]
    assert "status" in listed


@pytest.mark.parametrize("schema", ["nowhere.xsd", "16-02"])
def test_the_columns_are_those_of_the_schema_that_was_named(schema: str) -> None:
    found = completed("convert", "a", "b", "--schema", schema, "--columns", "")
    names = [] if schema == "nowhere.xsd" else load_schema(schema).arrow.names
    assert found == [("plain", name) for name in names]


def test_paths_are_completed_by_the_shell() -> None:
    assert completed("convert", "sam") == [("file", "sam")]
    assert completed("convert", "a", "sto") == [("dir", "sto")]
    assert completed("verify", "store/ek") == [("file", "store/ek")]
    assert completed("convert", "a", "b", "--openlineage", "li") == [("file", "li")]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_takes_the_function_as_it_is() -> None:
    program = Path(sys.executable).parent / "krr-export"
    source = command.run(env={"_KRR_EXPORT_COMPLETE": "bash_source"}).out
    line = (
        f"{source}\nCOMP_WORDS=({program} convert a b --strict identifier-dup); COMP_CWORD=5\n"
        f'_krr_export_completion {program}; echo "${{COMPREPLY[*]}}"'
    )
    ran = subprocess.run(["bash", "-c", line], env=command.environment(), capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["identifier-duplicate"]
