"""The results as Markdown: on the terminal, and between two markers of the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.contenders import REFERENCE
from benchmarks.targets import TARGETS
from krr_export.util.formatting import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.results import Results, Spread

BEGIN = "<!-- figures: written by `python -m benchmarks.run --write-docs`, not by hand -->"
END = "<!-- end of figures -->"

_TINY = 100_000
"""Bytes below which a rate says nothing."""


def markdown(results: Results) -> str:
    """All tables, with what one must know to read them."""
    parts = [
        _conditions(results),
        *(_input_section(results, name) for name in results.inputs),
        f"### Targets\n\n{_targets_table(results)}",
    ]
    return "\n\n".join(parts) + "\n"


def write_docs(path: Path, results: Results, plot: str | None) -> None:
    """Replace what lies between the markers.

    Args:
        path: of the document.
        results: what to show.
        plot: the picture's name beside the document, if there is one.

    Raises:
        ValueError: a marker is missing.
    """
    head, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} lacks the marker {END if begin else BEGIN}")
    picture = f"![MB/s of each tool; peak memory against the size of the export]({plot})\n\n" if plot else ""
    path.write_text(f"{head}{BEGIN}\n\n{picture}{markdown(results)}\n{END}{tail}", encoding="utf-8")


def _conditions(results: Results) -> str:
    found = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    lines = [
        f"- measured {results.started}, {results.rounds} round{'s' * (results.rounds != 1)}",
        f"- machine: {', '.join(results.machine.values())}",
        f"- versions: {found}",
        f"- memory: highest sum over the process tree of {results.memory}",
        *(f"- {remark}" for remark in results.remarks),
        *(f"- left out: {name}: {why}" for name, why in results.left_out.items()),
        *(f"- **failed**: {run}: {why}" for run, why in results.failures.items()),
    ]
    return "\n".join(lines)


def _input_section(results: Results, name: str) -> str:
    facts = results.inputs[name]
    rejected = f", {number(facts['rejected'])} of them to be rejected" if facts["rejected"] else ""
    size = f"{facts['octets'] / 1e6:.1f} MB of XML, {number(facts['records'])} records{rejected}"
    return f"### {name}: {facts['what']} ({size})\n\n{_table(_COLUMNS, _input_rows(results, name))}"


_COLUMNS = ("", "MB/s", "wall s", "CPU s", "peak MB", "krr-export is … as fast")


def _input_rows(results: Results, on: str) -> Iterator[tuple[str, ...]]:
    tiny = results.inputs[on]["octets"] < _TINY
    for name, contender in results.contenders.items():
        if not results.of(name, on):
            continue
        ratio = None if tiny or name == REFERENCE else results.speed_ratio((REFERENCE, on), (name, on))
        yield (
            contender["label"],
            "-" if tiny else _figure(results.rate(name, on), 0),
            _figure(results.seconds(name, on), 2),
            _figure(results.cpu_seconds(name, on), 2),
            _figure(results.peak(name, on), 0),
            _spread(ratio, "x"),
        )


def _targets_table(results: Results) -> str:
    rows = []
    for target in TARGETS:
        measured = target.figure(results)
        limit = f"{target.sense} {target.limit:g}{target.unit}"
        rows.append((target.what, limit, _spread(measured, target.unit), target.verdict(measured)))
    return _table(("target", "wanted", "measured: median (lowest to highest)", ""), rows)


def _figure(spread: Spread | None, digits: int) -> str:
    return "-" if spread is None else f"{spread.median:.{digits}f}"


def _spread(spread: Spread | None, unit: str) -> str:
    if spread is None:
        return "-"
    middle, low, high = (f"{value:.3g}" for value in spread)
    return f"{middle}{unit}" if low == high else f"{middle}{unit} ({low} to {high})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown, and aligned, so that it can be read as it is."""
    lines = [head, *rows]
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    rule = [f"{'-' * (width - 1)}{':' if n else '-'}" for n, width in enumerate(widths)]
    return "\n".join(
        f"| {' | '.join(map(_cell, line, widths, range(len(head))))} |" for line in (head, rule, *lines[1:])
    )


def _cell(text: str, width: int, column: int) -> str:
    return text.rjust(width) if column else text.ljust(width)
