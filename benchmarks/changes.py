"""What changed between two nights: `diff`, `convert --changes` and `apply`, beside a full join in DuckDB."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import RunFailedError, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.measure import Cost

ROOT = Path(__file__).parents[1]
_KRR_EXPORT = str(Path(sysconfig.get_path("scripts")) / "krr-export")
_AS_OF = "2026-02-27T12:22:25+01:00"
_CHANGE = "2%"
"""Persons who change in a night: the register's citizens confirm their addresses every 90 days."""

_JOIN = """
import sys, duckdb
old, new, target = sys.argv[1:]
names = [row[0] for row in duckdb.sql(f"DESCRIBE SELECT * FROM '{new}/person/**/*.parquet'").fetchall()]
values = [name for name in names if name not in ("radnummer", "personidentifikator")]
differs = " OR ".join(f"o.{name} IS DISTINCT FROM n.{name}" for name in values)
duckdb.sql(f'''COPY (SELECT n.*, o.personidentifikator AS before FROM '{old}/person/**/*.parquet' o
    FULL JOIN '{new}/person/**/*.parquet' n USING (personidentifikator)
    WHERE o.personidentifikator IS NULL OR n.personidentifikator IS NULL OR {differs}) TO '{target}' ''')
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make two nights, measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.changes", description=__doc__)
    parser.add_argument("--records", type=int, default=460_000, metavar="N", help="default: 460000, a tenth of all")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default: 3")
    parser.add_argument("--data", type=Path, default=ROOT / "benchmarks" / "data" / "changes", metavar="DIR")
    options = parser.parse_args(arguments)
    try:
        nights = _make(options.data / f"{options.records}", options.records)
        rows = {label: [run() for _ in range(options.rounds)] for label, run in _contenders(nights).items()}
    except RunFailedError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.records} persons a night, {_CHANGE} changed; the median of {options.rounds}\n")
    print("| what | s | processor s | peak MB |\n| --- | ---: | ---: | ---: |")
    for label, costs in rows.items():
        cost = sorted(costs, key=lambda one: one.seconds)[len(costs) // 2]
        print(f"| {label} | {cost.seconds:.1f} | {cost.cpu_seconds:.1f} | {cost.peak_bytes / 1e6:.0f} |")
    return 0


def _make(directory: Path, records: int) -> Path:
    """Make two nights, the pages between them, and a store of both; return where they are."""
    if (directory / "store" / "latest").exists():
        return directory
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    first, second = directory / "first.xml.gz", directory / "second.xml.gz"
    _run("sample", str(first), "--records", str(records), "--seed", "1")
    _run(
        "sample",
        str(second),
        "--from",
        str(first),
        "--change",
        _CHANGE,
        "--seed",
        "2",
        "--pages",
        str(directory / "pages"),
    )
    for export in (first, second):
        _run("convert", str(export), str(directory / "store"))
    return directory


def _contenders(nights: Path) -> dict[str, Callable[[], Cost]]:
    old, new = sorted((nights / "store").glob("eksport=*"))
    target = nights / "target"

    def into_a_store(*arguments: str) -> Cost:
        """Load the second night into a store of the first."""
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        shutil.copytree(old, target / old.name, copy_function=os.link)
        return measure([_KRR_EXPORT, *arguments])

    convert = ("convert", str(nights / "second.xml.gz"), str(target))
    changes = str(nights / "changes.parquet")
    return {
        "krr-export diff": lambda: measure([_KRR_EXPORT, "diff", str(old), str(new), "-o", changes]),
        "DuckDB, full join": lambda: measure([sys.executable, "-c", _JOIN, str(old), str(new), changes]),
        "krr-export convert": lambda: into_a_store(*convert),
        "krr-export convert --changes": lambda: into_a_store(*convert, "--changes"),
        "krr-export apply": lambda: into_a_store("apply", str(target), str(nights / "pages"), "--as-of", _AS_OF),
    }


def _run(*arguments: str) -> None:
    measure([_KRR_EXPORT, *arguments])


if __name__ == "__main__":
    raise SystemExit(main())
