"""Measures krr-export beside its peers: ``python -m benchmarks.run``.

Tables go to standard output, progress to standard error, everything as JSON and a picture to ``benchmarks/results/``.
Exit code 0: all runs succeeded, however fast they were; 1: some failed, or wrote another number of rows than they
should; 2: wrong usage, or too little space.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.bench import BY_NAME, Bench, say
from benchmarks.contenders import ROOT
from benchmarks.inputs import lacking_space, octets_of
from benchmarks.machine import busy, machine, versions
from benchmarks.measure import MEMORY
from benchmarks.plan import make_plan
from benchmarks.plot import draw
from benchmarks.render import markdown, write_docs
from benchmarks.results import Results

_SIZES = [octets_of("0.5GB"), octets_of("2GB")]
_FULL = [*_SIZES, octets_of("8GB")]
_QUICK = [octets_of("1MB")]


def main() -> int:
    """Measure, keep, show."""
    parser = _parser()
    options = parser.parse_args()
    if options.show:
        results, stem = Results.from_json(options.show.read_text(encoding="utf-8")), options.show.with_suffix("")
    else:
        options.data.mkdir(parents=True, exist_ok=True)
        results = _measured(options, parser)
        options.results.mkdir(parents=True, exist_ok=True)
        stem = options.results / results.started.replace(":", "").replace("-", "")
        stem.with_suffix(".json").write_text(results.to_json(), encoding="utf-8")
        say(f"kept as {stem}.json")
    print(markdown(results))
    picture = _drawn(results, stem.with_suffix(".png"))
    if options.write_docs:
        _document(results, options.write_docs, picture)
    return 1 if results.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description="Measure krr-export beside its peers.",
        epilog="For figures that mean something, let nothing else run on the machine.",
    )
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--sizes", nargs="+", type=octets_of, default=_SIZES, metavar="SIZE", help="default: 0.5GB 2GB")
    sizes.add_argument("--full", dest="sizes", action="store_const", const=_FULL, help="0.5GB 2GB 8GB")
    sizes.add_argument("--quick", action="store_true", help="one round on 1 MB: shows that it works, measures nothing")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument("--only", nargs="+", choices=BY_NAME, metavar="NAME", help=f"of {', '.join(BY_NAME)}")
    parser.add_argument("--spark", action="store_true", help="with Spark, where java and pyspark are there")
    parser.add_argument(
        "--data", type=Path, default=ROOT / "benchmarks" / "data", metavar="DIR", help="where exports are made and kept"
    )
    parser.add_argument(
        "--results", type=Path, default=ROOT / "benchmarks" / "results", metavar="DIR", help="where JSON and picture go"
    )
    parser.add_argument("--show", type=Path, metavar="FILE.json", help="measure nothing: show what was measured before")
    parser.add_argument(
        "--write-docs",
        type=Path,
        nargs="?",
        const=ROOT / "docs/explanation/performance.md",
        metavar="FILE.md",
        help="put the figures between this document's markers, the picture beside it",
    )
    return parser  # fmt: skip


def _measured(options: argparse.Namespace, parser: argparse.ArgumentParser) -> Results:
    left_out = _left_out(options)
    plan = make_plan(_QUICK if options.quick else options.sizes, spark=options.spark)
    plan.keep_only(set(options.only or BY_NAME) - left_out.keys())
    if lacking := lacking_space(list(plan.inputs.values()), options.data):
        parser.error(lacking)
    rounds = 1 if options.quick else options.rounds
    started, remarks = datetime.now(UTC), _remarks(options)
    bench = Bench(plan, options.data)
    bench.make_inputs()
    bench.run(rounds)
    return Results(
        started=f"{started:%Y-%m-%dT%H:%M:%SZ}",
        remarks=remarks,
        rounds=rounds,
        memory=MEMORY,
        machine=machine(),
        versions=versions(),
        inputs={name: asdict(made) for name, made in bench.made.items()},
        roles={role: name for role, name in plan.roles.items() if name in bench.made},
        contenders={
            name: {"label": contender.label, "command": list(contender.command), "ours": contender.is_ours}
            for name, contender in BY_NAME.items()
        },
        left_out=left_out,
        failures=bench.failures,
        runs=bench.runs,
    )


def _left_out(options: argparse.Namespace) -> dict[str, str]:
    """Why some do not take part, by name."""
    left_out = {
        name: f"not installed: {', '.join(missing)}"
        for name, contender in BY_NAME.items()
        if (missing := contender.missing)
    }
    if not options.spark:
        left_out["spark"] = "takes part with --spark only"
    return left_out


def _remarks(options: argparse.Namespace) -> list[str]:
    remarks = ["tiny inputs, one round: these figures mean nothing"] if options.quick else []
    if why := busy():
        remarks.append(f"these figures are worth little: {why}")
    for remark in remarks:
        say(remark)
    return remarks


def _drawn(results: Results, path: Path) -> Path | None:
    """The picture's path, where it can be drawn."""
    try:
        draw(results, path)
    except ImportError:
        say("no picture: matplotlib is not installed")
        return None
    return path


def _document(results: Results, document: Path, picture: Path | None) -> None:
    beside = document.with_suffix(".png")
    if picture:
        shutil.copyfile(picture, beside)
    write_docs(document, results, beside.name if picture else None)


if __name__ == "__main__":
    sys.exit(main())
