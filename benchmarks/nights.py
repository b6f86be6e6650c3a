"""What the commands of a night cost in a store of many nights: ``python -m benchmarks.nights``.

The nights hold a few persons, so what grows is what the number of nights costs, and no more: finding the newest, the
night before, and what is too old. Ten years are filled in some ten minutes. How long a night of many persons takes to
publish once it is converted, which a backfill does for one after the other, is measured apart.
"""

from __future__ import annotations

import argparse
import re
import sys
import sysconfig
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import krr_export
from benchmarks.measure import RunFailedError, measure
from krr_export.jobs.backfill.publishing import Publisher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.measure import Cost
    from krr_export.jobs.convert_result import ConvertResult

ROOT = Path(__file__).parents[1]
_KRR_EXPORT = str(Path(sysconfig.get_path("scripts")) / "krr-export")
_FIRST = datetime(2016, 11, 1, 11, 22, 25, tzinfo=UTC)
_PERSONS = 5
_CHANGE = "2%"
_TIME = re.compile(rb'(?<=eksportTidspunkt>)[^<]+|(?<=eksportTidspunkt=")[^"]+')


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill a store, measure each command at each number of nights, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nights", description=__doc__)
    parser.add_argument("--nights", type=int, nargs="+", default=[1, 365, 3650], metavar="N", help="1 365 3650")
    parser.add_argument("--records", type=int, default=1_000_000, metavar="N", help="of a night to publish; 1000000")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=ROOT / "benchmarks") as place:
        try:
            published = _seconds_to_publish(Path(place), options.records)
            measured = {nights: _measure(Path(place) / "store", nights) for nights in sorted(options.nights)}
        except RunFailedError as error:
            print(error, file=sys.stderr)
            return 1
    print("| nights | " + " | ".join(next(iter(measured.values()))) + " |")
    print("| ---: |" + " ---: |" * len(next(iter(measured.values()))))
    for nights, costs in measured.items():
        cells = [f"{cost.seconds:.2f} s, {cost.peak_bytes / 1e6:.0f} MB" for cost in costs.values()]
        print(f"| {nights} | " + " | ".join(cells) + " |")
    print(f"\nto publish a night of {options.records} persons that is converted: {published[False]:.2f} s")
    print(f"the same with what changed in {_CHANGE} of them: {published[True]:.2f} s")
    return 0


def _seconds_to_publish(place: Path, records: int) -> dict[bool, float]:
    """Return how long the second of two nights takes that a backfill has converted: without what changed, and with."""
    nights = [place / "first.xml.gz", place / "second.xml.gz"]
    measure([_KRR_EXPORT, "sample", str(nights[0]), "--records", str(records), "--seed", "1", "-q"])
    measure([_KRR_EXPORT, "sample", str(nights[1]), "--from", str(nights[0]), "--change", _CHANGE, "--seed", "2", "-q"])
    publish, seconds = Publisher._publish, []  # noqa: SLF001 - its time is asked for, and nobody else asks

    def timed(self: Publisher, *staged: Any) -> ConvertResult:  # noqa: ANN401 - handed on
        began = time.perf_counter()
        result = publish(self, *staged)
        seconds.append(time.perf_counter() - began)
        return result

    found = {}
    with patch.object(Publisher, "_publish", timed):
        for changes in (False, True):
            krr_export.backfill(nights, place / f"published-{changes}", changes=changes, processes=1)
            found[changes] = seconds[-1]
    return found


def _measure(store: Path, nights: int) -> dict[str, Cost]:
    """Measure each command in a store that holds so many nights before the one that is converted."""
    export = _fill(store, nights)
    commands = {
        "convert": ["convert", str(export), str(store), "--changes", "-q"],
        "convert, nothing new": ["convert", str(export), str(store), "--changes", "-q"],
        "history": ["history", str(store)],
        "check": ["check", str(store)],
        "prune, nothing old": ["prune", str(store), "--keep", "1000000", "-q"],
    }
    return {what: measure([_KRR_EXPORT, *words]) for what, words in commands.items()}


def _fill(store: Path, nights: int) -> Path:
    """Convert nights until the store holds that many; return the export of the night after."""
    sample = store.with_suffix(".xml")
    if not sample.exists():
        measure([_KRR_EXPORT, "sample", str(sample), "--records", str(_PERSONS), "--seed", "1", "-q"])
    document, export = sample.read_bytes(), store.with_suffix(".night.xml")
    for night in range(nights + 1):
        made = _FIRST + timedelta(days=night)
        text = f"{made:%Y-%m-%dT%H:%M:%S.000+00:00}".encode()
        if night < nights and (store / f"eksport={made:%Y%m%dT%H%M%SZ}").exists():
            continue
        export.write_bytes(_TIME.sub(text, document, count=1))
        if night < nights:
            krr_export.convert(export, store, krr_export.ConvertOptions(workers=0, changes=True))
    return export


if __name__ == "__main__":
    raise SystemExit(main())
