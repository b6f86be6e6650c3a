"""The benchmark measures what it says, and its contenders read the same rows: so each is an oracle for the others."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.measure import RunFailedError, _cpu_seconds, measure
from benchmarks.render import BEGIN, END, write_docs
from benchmarks.results import Results, Run, Spread
from benchmarks.targets import Target

ROOT = Path(__file__).parents[2]
XSD = ROOT / "xsd" / "kontaktregister-export-14-05.xsd"
PEERS = ROOT / "benchmarks" / "peers"
PNG = b"\x89PNG\r\n\x1a\n"
DOCUMENT = f"before\n{BEGIN}\nold figures\n{END}\nafter\n"


def require_bench() -> None:
    """Asks for the packages of the extra bench; where they are missing, tests that need them say so."""
    missing = [name for name in ("matplotlib", "xml2arrow") if importlib.util.find_spec(name) is None]
    if missing:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say(f"not installed: {', '.join(missing)}")


def bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.run", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


# --- the harness as a whole


def test_the_nights_between_which_changes_are_measured(tmp_path: Path) -> None:
    require_bench()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.changes", "--records", "300", "--rounds", "1", "--data", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for label in ("krr-export diff", "DuckDB, full join", "krr-export convert --changes", "krr-export apply"):
        assert re.search(rf"^\| {re.escape(label)} \| [0-9.]+ \| [0-9.]+ \| [0-9]+ \|$", done.stdout, re.MULTILINE)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which a quick run has been made, with those contenders that are not variants of another."""
    require_bench()
    directory = tmp_path_factory.mktemp("bench")
    document = directory / "performance.md"
    document.write_text(DOCUMENT)
    names = ["krr-export-2", "validate-2", "handwritten", "xml2arrow", "xmllint", "pandas", "xmlschema", "version"]
    done = bench(
        "--quick", "--data", directory / "data", "--results", directory / "results",
        "--write-docs", document, "--only", *names,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (directory / "stdout").write_text(done.stdout)
    return directory


def results_of(directory: Path) -> Path:
    [path] = (directory / "results").glob("*.json")
    return path


def test_a_quick_run_measures_everyone_and_checks_their_rows(quick: Path) -> None:
    results = Results.from_json(results_of(quick).read_text())
    assert results.failures == {}
    present = {"krr-export-2", "handwritten", "xml2arrow", "pandas", "xmlschema", "validate-2"}
    assert present <= {run.contender for run in results.runs if run.input == "1MB"}
    for run in results.runs:
        assert run.seconds > 0
        assert run.cpu_seconds > 0
        facts = results.inputs[run.input]
        assert run.rows in (None, facts["records"] - facts["rejected"])
    assert results.inputs["1MB-rejects"]["rejected"] > 0


def test_the_json_has_all_that_a_reader_of_figures_asks_for(quick: Path) -> None:
    document: dict[str, Any] = json.loads(results_of(quick).read_text())
    assert document["results_version"] == 1
    assert set(document["machine"]) == {"processor", "memory", "system"}
    assert {"python", "krr-export", "lxml", "libxml2 in lxml", "pyarrow", "xml2arrow"} <= set(document["versions"])
    assert set(document["roles"]) >= {"base", "main", "main, gzip", "rejects", "comments", "start"}
    assert set(document["runs"][0]) == {"round", "contender", "input", "seconds", "cpu_seconds", "peak_bytes", "rows"}
    assert "mean nothing" in " ".join(document["remarks"])
    assert document["left_out"]["spark"]


def test_the_picture_is_one(quick: Path) -> None:
    picture = results_of(quick).with_suffix(".png").read_bytes()
    assert picture.startswith(PNG)
    assert (quick / "performance.png").read_bytes() == picture


def test_figures_go_between_the_markers_and_nowhere_else(quick: Path) -> None:
    text = (quick / "performance.md").read_text()
    assert text.startswith(f"before\n{BEGIN}\n\n![")
    assert text.endswith(f"\n{END}\nafter\n")
    assert "old figures" not in text
    assert "| hand-written lxml script" in text
    assert (quick / "stdout").read_text().strip() in text


def test_results_can_be_shown_again(quick: Path) -> None:
    shown = bench("--show", results_of(quick))
    assert shown.stdout == (quick / "stdout").read_text()


def test_another_number_of_rows_is_a_failure(quick: Path, tmp_path: Path) -> None:
    shutil.copytree(quick / "data", tmp_path / "data")
    facts = tmp_path / "data" / "1MB.json"
    made = json.loads(facts.read_text())
    facts.write_text(json.dumps({**made, "records": made["records"] + 1}))
    done = bench("--quick", "--only", "xml2arrow", "--data", tmp_path / "data", "--results", tmp_path / "results")
    assert done.returncode == 1
    assert f"xml2arrow on 1MB: {made['records']} rows instead of {made['records'] + 1}" in done.stdout


def test_a_size_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    done = bench("--sizes", "huge", "--data", tmp_path)
    assert done.returncode == 2
    assert "huge" in done.stderr


def test_exports_that_would_not_fit_are_not_begun(tmp_path: Path) -> None:
    done = bench("--sizes", "900000GB", "--data", tmp_path)
    assert done.returncode == 2
    assert "GB free" in done.stderr
    assert not list(tmp_path.iterdir())


# --- the contenders' rows


@pytest.fixture(scope="module", params=["", "--prefix ns2 --compact", "--comments --certificates 0"])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "export.xml"
    run("-m", "krr_export", "sample", path, "--records", "1500", "--seed", "7", *request.param.split())
    return path


@pytest.fixture(scope="module")
def ours(source: Path) -> pa.Table:
    """What krr-export writes, without what only it has: types for few values, the record's number, metadata."""
    store = source.parent / "store"
    run("-m", "krr_export", "convert", source, store, "--workers", "0")
    table = pq.read_table(store / "latest" / "person" / "part-00000.parquet").drop_columns(["radnummer"])
    fields = [(name, pa.string() if pa.types.is_dictionary(field.type) else field.type)
              for name, field in zip(table.schema.names, table.schema, strict=True)]  # fmt: skip
    plain: pa.Table = table.cast(pa.schema(fields))
    return plain


def run(*arguments: str | Path) -> None:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def peers_table(script: str, source: Path) -> pa.Table:
    target = source.parent / script
    target.mkdir()
    run(PEERS / script, source, XSD, target)
    return pq.read_table(target / "person.parquet")


def typed(table: pa.Table, like: pa.Schema) -> pa.Table:
    """Strings as the types that they stand for."""
    columns = {
        field.name: pa.array([base64.b64decode(text.as_py()) if text.is_valid else None for text in column])
        if pa.types.is_binary(field.type)
        else column.cast(field.type)
        for field in like
        for column in [table[field.name]]
    }
    return pa.table(columns, schema=like)


def test_the_hand_written_script_gives_the_same_rows(source: Path, ours: pa.Table) -> None:
    theirs = peers_table("handwritten.py", source)
    assert theirs.select(ours.schema.names).cast(ours.schema).equals(ours)


def test_xml2arrow_gives_the_same_rows(source: Path, ours: pa.Table) -> None:
    require_bench()
    assert typed(peers_table("xml2arrow_parquet.py", source), ours.schema).equals(ours)


def test_pandas_gives_the_same_rows_but_for_the_times_it_cannot_tell_apart(source: Path, ours: pa.Table) -> None:
    theirs = peers_table("pandas_parquet.py", source).replace_schema_metadata(None)
    names = [
        name.lower().replace("leverandoera", "leverandoer_a").replace("x509s", "x509_s") for name in theirs.schema.names
    ]
    theirs = theirs.rename_columns(names)
    like = pa.schema([ours.schema.field(name) for name in names])
    assert typed(theirs, like).equals(ours.select(names))


# --- what is measured


def test_a_failed_command_is_told_with_its_last_words() -> None:
    with pytest.raises(RunFailedError, match="exit code 3: no good"):
        measure([sys.executable, "-c", "import sys; print('no good', file=sys.stderr); sys.exit(3)"])


def test_children_count_in_memory_and_processor_time() -> None:
    work = "x = b'x' * 200_000_000; sum(range(20_000_000))"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
    # In a process of its own, which is small: the kernel tells of no child less than its parent has. Whoever started it
    # is large. Nobody looks meanwhile: a look may come too late.
    script = f"""
import sys
from benchmarks import measure
measure._memory = lambda pid: 1
print(measure.measure([sys.executable, '-c', {parent!r}]))
"""
    start = f"subprocess.run([sys.executable, '-c', {script!r}], check=True)"
    large = f"import subprocess, sys; x = b'x' * 600_000_000; {start}"
    ran = subprocess.run([sys.executable, "-c", large], cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, cpu_seconds, peak_bytes = map(float, re.findall(r"=([0-9.e-]+)", ran.stdout))
    assert 200e6 < peak_bytes < 300e6
    assert cpu_seconds > 0.05
    assert seconds > 0.05


def test_processor_time_counts_also_of_children_that_nobody_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"

    def looked_at(pid: str) -> float:
        seconds = _cpu_seconds(pid)
        if seconds >= 0.5:
            seen.touch()
        return seconds

    monkeypatch.setattr("benchmarks.measure._cpu_seconds", looked_at)
    work = "import sys, time\nwhile time.process_time() < 0.6: pass\nsys.stdin.read()"
    start = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', {work!r}], stdin=subprocess.PIPE)
while not os.path.exists({str(seen)!r}): time.sleep(0.1)
"""
    assert measure([sys.executable, "-W", "ignore", "-c", start]).cpu_seconds >= 0.5


def results(*runs: tuple[int, str, float]) -> Results:
    made = {"what": "plain", "octets": 1_000_000, "records": 1, "rejected": 0}
    return Results(
        "", [], 3, "PSS", {}, {}, {"in": made}, {"main": "in"}, {}, {}, {},
        [Run(number, who, "in", seconds, 0.0, 1_000_000, None) for number, who, seconds in runs],
    )  # fmt: skip


def test_ratios_are_taken_within_a_round() -> None:
    # The machine is ten times slower in the second round; the ratio is not moved by it.
    drift = results((1, "a", 1), (1, "b", 2), (2, "a", 10), (2, "b", 30), (3, "a", 1), (3, "b", 4))
    assert drift.speed_ratio(("a", "main"), ("b", "main")) == Spread(3, 2, 4)


def test_a_round_that_one_of_two_missed_is_left_out_of_their_ratio() -> None:
    assert results((1, "a", 1), (1, "b", 2), (2, "a", 1)).speed_ratio(("a", "in"), ("b", "in")) == Spread(2, 2, 2)
    assert results((1, "a", 1)).speed_ratio(("a", "in"), ("b", "in")) is None


def test_results_come_back_from_json() -> None:
    some = results((1, "a", 1))
    assert Results.from_json(some.to_json()) == some


@pytest.mark.parametrize(
    ("sense", "measured", "verdict"),
    [
        ("at least", 2.0, "reached"),
        ("at least", 1.5, "missed by 25%"),
        ("at most", 2.0, "reached"),
        ("at most", 3.0, "missed by 50%"),
        ("at most", None, "not measured"),
    ],
)
def test_a_target_says_by_how_much_it_is_missed(sense: Any, measured: float | None, verdict: str) -> None:  # noqa: ANN401 - a literal
    target = Target("speed", sense, 2.0, "x", lambda _: None)
    assert target.verdict(None if measured is None else Spread(measured, measured, measured)) == verdict


def test_a_document_without_markers_is_left_alone(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(f"text\n{BEGIN}\n")
    with pytest.raises(ValueError, match="lacks the marker"):
        write_docs(document, results((1, "a", 1)), None)
    assert document.read_text() == f"text\n{BEGIN}\n"
