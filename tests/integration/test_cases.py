"""Cases from the field, run as those who met them wrote them down: scripts in `shared/cases`, beside the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

import command
import pytest
from command import Ran

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"


def run_case(name: str, *arguments: str, python: str = sys.executable) -> str:
    """Run a case with this checkout's program.

    Args:
        name: its file.
        arguments: its own.
        python: the interpreter that it uses.

    Returns:
        What it printed on both streams, in the order of printing.
    """
    if not CASES.is_dir():
        pytest.skip("shared/cases is not at hand: it lies beside a developer's checkout")
    program = Path(sysconfig.get_path("scripts")) / "krr-export"
    interpreter = sys.executable if name.endswith(".py") else "sh"
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)  # some cases run the program as another user
        ran = subprocess.run(
            [interpreter, CASES / name, *arguments],
            env=command.environment(K=str(program), PY=python, TMPDIR=temporary),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=command.HANG, check=False,
        )  # fmt: skip
    return ran.stdout


def validated(name: str) -> Ran:
    """What is said of a case that is an export."""
    if not CASES.is_dir():
        pytest.skip("shared/cases is not at hand: it lies beside a developer's checkout")
    return command.run("validate", CASES / name)


def test_ascii_byte_0() -> None:
    ran = validated("ascii-byte-0.xml")
    assert ran.code == 3
    assert "not valid US-ASCII: byte 303 is not" in ran.last


def test_cdata_white_space() -> None:
    ran = validated("cdata-white-space.xml")
    assert ran.code == 0
    assert "1 record, 0 rejected" in ran.last


def test_config_toml_with_bom() -> None:
    printed = run_case("config-toml-with-bom.sh")
    assert printed.count("exit 0") == 2
    assert "published 5 records" in printed


def test_csv_is_for_a_warehouse_and_the_documents_say_what_excel_makes_of_it() -> None:
    printed = run_case("csv-for-excel.sh")
    assert printed.count(",=1+1@example.no\n") == 3, "the data as they are"
    assert "`=1+1@example.no`" in (Path(__file__).parents[2] / "docs/guides/querying.md").read_text()


def test_eboks_eight_digits() -> None:
    ran = validated("eboks-eight-digits.xml")
    assert ran.code == 0
    assert "mailbox-without-certificate" in ran.err
    assert "mailbox-address-form" not in ran.err


def test_fastparquet_by_status() -> None:
    said = run_case("fastparquet-by-status.sh")
    by = {line.split()[0]: line.partition(" ")[2] for line in said.splitlines() if " rows; with mobile " in line}
    assert by["pyarrow"] == by["fastparquet"]
    assert "mobile 0 " not in by["fastparquet"]


def test_gzip_zero_padding() -> None:
    printed = run_case("gzip-zero-padding.sh")
    assert "gzip -t: exit 0" in printed
    assert printed.endswith("exit 0\n")
    assert "valid: x.xml.gz holds 50 records, 0 rejected" in printed


@pytest.mark.parametrize("attributes", [10_000, 40_000, 700_000])
@pytest.mark.parametrize("what", ["validate", "inspect"])
def test_a_small_file_of_many_attributes_does_not_take_all_memory(what: str, attributes: int) -> None:
    printed = run_case("many-attributes-long-namespace.py", str(attributes), what)
    found = re.search(r"rc (\d+), .*peak (\d+) MB; (.*)", printed)
    assert found, printed
    assert found[1] == "3", printed
    assert int(found[2]) < 500, printed


def test_messages() -> None:
    printed = run_case("messages.sh")
    lines = {line.split(": ")[1]: line for line in printed.splitlines() if line.startswith("krr-export: ")}
    assert "white space stands before its XML declaration" in lines["blank.xml"]
    assert "something stands after the root's end" in lines["two.xml"]
    assert "an & begins no entity; itself it is written &amp;" in lines["amp.xml"]
    for name, said in (("x.zip", "a ZIP archive"), ("x.bz2", "bzip2"), ("x.xz", "xz")):
        assert said in lines[name]
        assert "unpack it first" in lines[name]
    assert "latest is a directory, not a symbolic link" in printed
    assert "attribute-unexpected" in printed
    assert "xsi:nil" in printed
    assert "open it in binary mode" in printed.splitlines()[-1]


def test_openblas_exits_with_1() -> None:
    ends = [line.split(": exit ")[1] for line in run_case("openblas-exits-with-1.sh").splitlines() if ": exit " in line]
    assert len(ends) == 9
    # C++ aborts (134) and the loader of libraries gives up (127) by themselves; how much is enough varies.
    right = ("4 krr-export: out of memory", "0 krr-export: published", "134 ", "127 ")
    assert [end for end in ends if not end.startswith(right)] == []


def test_partition_with_nulls_pandas_polars() -> None:
    said = run_case("partition-with-nulls-pandas-polars.sh")
    found = {tuple(line.split()[:2]): line.split(maxsplit=2)[2] for line in said.splitlines() if len(line.split()) > 2}
    for column, kinds in {"reservasjon": ("Categorical", "Enum"), "postkasseleverandoer_adresse": ("String",)}.items():
        assert found["pandas", column] in {"category", "object", "str"}
        assert found["duckdb", column] == "[('VARCHAR',)]"
        assert found["polars", column].startswith(kinds)


def test_plain_latin1_over_8mb() -> None:
    printed = run_case("plain-latin1-over-8MB.sh")
    assert printed.count(": exit 0") == 16
    assert printed.count("holds 100 000 records, 0 rejected") == 12


def test_all_of_a_snapshot_belongs_to_the_store_s_group() -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("running as other users takes root, and setpriv")
    printed = run_case("setgid-store.sh")
    assert "PAR1 analyst: exit 0" in printed
    made = [line.split() for line in printed.splitlines() if " 5001:" in line]
    assert {(mode, owner) for mode, owner, _ in made} == {("2750", "5001:6001"), ("640", "5001:6001")}


def test_spark_all_snapshots_partitioned() -> None:
    pytest.importorskip("pyspark", reason="pip install 'krr-export[spark]' to try Spark: 300 MB")
    said = run_case("spark-all-snapshots-partitioned.sh")
    exports = "eksport='20260221T110000Z', count=200", "eksport='20260222T110000Z', count=200"
    for store in ("flat ", "parts "):
        [line] = [line for line in said.splitlines() if line.startswith(store)]
        assert all(export in line for export in exports)


def test_startup_print_hangs_workers(tmp_path: Path) -> None:
    # The case puts a file into the interpreter's own packages, which other tests start at the same time.
    venv.create(tmp_path / "venv", symlinks=True)
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(tmp_path / "venv")}))
    (own / "lent.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    printed = run_case("startup-print-hangs-workers.sh", python=str(tmp_path / "venv" / "bin" / "python"))
    assert printed.count(": exit 0 ") == 3


def test_stderr_closed() -> None:
    printed = run_case("stderr-closed.sh")
    assert printed.count(": exit 0") == 3
    assert '{"exit_code": 0, ' in printed


def test_a_store_that_is_an_address_is_refused_and_makes_no_directory_of_that_name() -> None:
    printed = run_case("store-as-uri.sh")
    assert printed.count("exit 2") == 4
    assert "exit 0" not in printed
    listed = [line for line in printed.splitlines() if not line.startswith(("exit", "krr-export"))]
    assert listed == ["x.xml", "x.xml.expected.json"]


def test_prune_and_latest_heed_snapshots_only_and_leave_an_operators_copy_alone() -> None:
    printed = run_case("store-backup-copy.sh")
    assert "latest -> eksport=20260224T120000Z " in printed
    after_two, after_one = (line for line in printed.splitlines() if line.startswith("after prune"))
    assert "eksport=20260223T120000Z eksport=20260224T120000Z eksport=20260224T120000Z.bak" in after_two
    assert ": eksport=20260224T120000Z eksport=20260224T120000Z.bak" in after_one
    assert printed.endswith("history rc=0\n")


def test_a_store_without_symbolic_links_or_permissions_is_filled_and_pruned() -> None:
    if shutil.which("gcc") is None:
        pytest.skip("the file system is played by a library that gcc makes")
    printed = run_case("store-on-smb.sh")
    for error in (95, 1):
        for day in (1, 2):
            snapshots = "".join(f"eksport=2026022{before}T110000Z " for before in range(1, day + 1))
            assert f"symlink errno {error}, day {day}: exit 0; {snapshots}\n" in printed
    assert printed.count("prune: exit 0\n") == 2
    assert "chmod refused: exit 0\n" in printed
    assert printed.count("; without latest: the file system makes no symbolic links") == 4


def test_thread_limit_is_a_fault() -> None:
    printed = run_case("thread-limit-is-a-fault.sh")
    if "exit 126" in printed or "exit 127" in printed:
        pytest.skip("another user cannot run this interpreter: it lies in a home directory")
    ends = [line.split(": exit ")[1][:2] for line in printed.splitlines() if line.startswith("ulimit")]
    assert len(ends) == 7
    assert set(ends) <= {"0 ", "4 "}


def test_time_1895() -> None:
    ran = validated("time-1895.xml")
    assert ran.code == 0
    assert "time-before-2000" in ran.err
    assert "time-skipped" not in ran.err


def test_workers_and_cpu_quota() -> None:
    printed = run_case("workers-and-cpu-quota.sh")
    took = [line.split() for line in printed.splitlines() if line.startswith("workers ")]
    assert [words[1] for words in took] == ["0", "2", "8", "32"]
    # Threads share their memory: with worker processes 32 took 1351 MB.
    assert max(int(found) for found in re.findall(r"([0-9]+) MB", printed)) < 1000, printed


def test_every_case_is_run() -> None:
    if not CASES.is_dir():
        pytest.skip("shared/cases is not at hand: it lies beside a developer's checkout")
    run = re.findall(r"(?:run_case|validated)\(\"([^\"]+)\"", Path(__file__).read_text(encoding="utf-8"))
    assert sorted(set(run)) == sorted(path.name for path in CASES.iterdir())
