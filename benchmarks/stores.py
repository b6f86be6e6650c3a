"""What an object store costs `convert`, what a table over it costs, and what `backfill` saves.

Each stands beside the same with files, or one by one.

The object store is a server on this machine, so the wire is not measured: ``PYTHONPATH=tests/support python -m
benchmarks.stores``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import sysconfig
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from obstore.store import S3Store
from servers import object_server

from benchmarks.measure import RunFailedError, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.measure import Cost

ROOT = Path(__file__).parents[1]
_KRR_EXPORT = str(Path(sysconfig.get_path("scripts")) / "krr-export")
_EXPORTS = 8
_FIRST = datetime(2026, 2, 1, 11, 22, 25, tzinfo=UTC)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make exports, measure in turn, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stores", description=__doc__)
    parser.add_argument("--records", type=int, default=300_000, metavar="N", help="of each of 8 exports; 300000")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default: 3")
    parser.add_argument("--data", type=Path, default=ROOT / "benchmarks" / "data" / "stores", metavar="DIR")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=ROOT / "benchmarks") as place:
        try:
            exports = _make(options.data / f"{options.records}", options.records)
            with object_server.served(Path(place)) as server:
                os.environ.update(server.variables)
                lake = {"URI": f"sqlite:///{place}/lake.db", "WAREHOUSE": "s3://krr/lake"}
                os.environ.update({f"PYICEBERG_CATALOG__LAKE__{name}": value for name, value in lake.items()})
                server.make_bucket("krr")
                contenders = _contenders(exports, options.records, options.data / "target")
                rounds = [{label: run() for label, run in contenders.items()} for _ in range(options.rounds)]
        except RunFailedError as error:
            print(error, file=sys.stderr)
            return 1
    size = exports[0].stat().st_size / 1e6
    print(f"{options.records} records an export, {size:.0f} MB; the median of {options.rounds}\n")
    print("| what | s | processor s | peak MB |\n| --- | ---: | ---: | ---: |")
    for label in contenders:
        costs = [costs[label] for costs in rounds]
        seconds, cpu = (
            median(values) for values in zip(*((one.seconds, one.cpu_seconds) for one in costs), strict=True)
        )
        print(f"| {label} | {seconds:.1f} | {cpu:.1f} | {max(one.peak_bytes for one in costs) / 1e6:.0f} |")
    return 0


def _make(directory: Path, records: int) -> list[Path]:
    directory.mkdir(parents=True, exist_ok=True)
    exports = [directory / f"{night}.xml" for night in range(_EXPORTS)]
    for night, export in enumerate(exports):
        if not export.exists():
            made = f"{_FIRST + timedelta(days=night):%Y-%m-%dT%H:%M:%SZ}"
            _run("sample", str(export), "--records", str(records), "--seed", str(night), "--exported", made)
    return exports


def _contenders(exports: list[Path], records: int, target: Path) -> dict[str, Callable[[], Cost]]:
    one, numbers = str(exports[0]), iter(range(1000))

    def to_files(source: str) -> Cost:
        _remove(target)
        return measure([_KRR_EXPORT, "convert", source, str(target)])

    def to_objects(source: str) -> Cost:
        return measure([_KRR_EXPORT, "convert", source, f"s3://krr/{next(numbers)}"])

    def into_a_table(target: Callable[[str], str]) -> Cost:
        """Load a snapshot of four files, as a national one has."""
        place = f"s3://krr/{next(numbers)}"
        _run("convert", one, place, "--rows-per-file", str(records // 4), "-q")
        return measure([_KRR_EXPORT, "load", place, target(place)])

    def in_a_row() -> Cost:
        _remove(target)
        script = 'for export in "$@"; do %s convert $export %s --workers 2 --no-guard -q || exit 1; done'
        return measure(["sh", "-c", script % (_KRR_EXPORT, target), "sh", *map(str, exports)])

    def at_once() -> Cost:
        _remove(target)
        words = ["--processes", "2", "--no-guard", "-q"]
        return measure([_KRR_EXPORT, "backfill", *map(str, exports), str(target), *words])

    _put(exports[0])
    return {
        "convert, file to directory": lambda: to_files(one),
        "convert, object to directory": lambda: to_files("s3://krr/in/export.xml"),
        "convert, file to object store": lambda: to_objects(one),
        "convert, object to object store": lambda: to_objects("s3://krr/in/export.xml"),
        "load into a Delta table": lambda: into_a_table(lambda place: f"delta:{place}"),
        "load into an Iceberg table": lambda: into_a_table(
            lambda place: f"iceberg:lake/krr.night{place.rpartition('/')[2]}"
        ),
        f"{_EXPORTS} converts in a row": in_a_row,
        f"backfill of {_EXPORTS}, 2 processes": at_once,
    }


def _put(export: Path) -> None:
    S3Store("krr").put("in/export.xml", export)


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)


def _run(*arguments: str) -> None:
    measure([_KRR_EXPORT, *arguments])


if __name__ == "__main__":
    raise SystemExit(main())
