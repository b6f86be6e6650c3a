"""The house stays one in which a newcomer finds the way: short chains of imports, small rooms, short files."""

from __future__ import annotations

import ast
import subprocess
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "krr_export"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}


@cache
def imported(name: str) -> frozenset[str]:
    """The modules of the package that a module imports when it is loaded."""
    found = set()
    for node in ast.parse(MODULES[name].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {one if one in MODULES else node.module for one in whole}
    return frozenset(found - {name})


@cache
def chain(name: str) -> tuple[str, ...]:
    """The longest chain of imports that begins with a module."""
    return (name, *max((chain(other) for other in imported(name)), key=len, default=()))


def test_no_chain_of_imports_passes_more_than_twelve_files_and_none_comes_back() -> None:
    TopologicalSorter({name: imported(name) for name in MODULES}).prepare()  # raises for a cycle
    longest = max(map(chain, MODULES), key=len)
    assert len(longest) <= 12, longest


def test_no_folder_has_more_than_twenty_files() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "krr_export", "tests", "docs", "benchmarks"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    held = Counter(str(Path(name).parent) for name in listed)
    assert [(folder, files) for folder, files in held.items() if files > 20] == []
    assert len(held) > 30


def test_no_file_of_the_package_is_longer_than_three_hundred_and_fifty_lines() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: lines for name, lines in lengths.items() if lines > 350} == {}


def test_at_the_packages_top_are_only_folders_and_four_files() -> None:
    files = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    assert files == {"__init__.py", "__main__.py", "errors.py", "version.py", "py.typed"}
